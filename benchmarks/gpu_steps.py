"""Measure the training steps per second on JAX, and how often they are compiled.

    python benchmarks/gpu_steps.py

Three ways to train the same network with the same augmentation on the same random images, each in
a process of its own: the loop as it was, which grew from 1 to 8 steps and waited for the learning
rate; the loop of the package; and `lax.scan` written by hand over the same layers, all steps of
an epoch in one program. Each fits three times, as folds of other sizes: the first fit tells what
compiling costs, the last how fast a step is.

It needs a GPU that JAX can use. `--without-gpu` runs it on the processor, only to try the script:
there, XLA runs convolutions in a loop on one core, so its timings mean nothing.

    python benchmarks/gpu_steps.py --without-gpu --images 200 --size 32 --epochs 2
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

BATCH = 32
FOLDS = (0, 5, 11)  # images to leave out, so that each fold has another number


def network(epochs: int) -> Any:
    from skpneumo import CNNClassifier, ImageAugmenter

    return CNNClassifier(
        (16, 32, 64),
        batch_norm=True,
        batch_size=BATCH,
        epochs=epochs,
        ema_momentum=0.99,
        augmentation=ImageAugmenter(rotation=10, zoom=0.1, brightness=0.2, contrast=0.2),
        random_state=0,
    )


def count_compilations() -> list[str]:
    import jax

    seen: list[str] = []

    def listen(event: str, seconds: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration" and seconds > 0.1:
            seen.append(event)  # without the tiny programs of single operations

    jax.monitoring.register_event_duration_secs_listener(listen)
    return seen


def use_loops(loop: Any) -> None:
    """Have the package take its steps by this loop, with images on the device, on any device."""
    from skpneumo.classifiers.engine import _compiled, _devices

    _compiled.steps_of = loop
    if not gpu_seen():
        _devices.free_device_memory = lambda: 2**33


def ours(X: Any, y: Any, epochs: int) -> list[float]:
    from skpneumo.classifiers.engine._multi_step import JaxMultiStep

    use_loops(JaxMultiStep)
    return fit_and_predict(X, y, epochs)


def as_it_was(X: Any, y: Any, epochs: int) -> list[float]:
    from keras import ops

    from skpneumo.classifiers.engine._multi_step import JaxMultiStep, MultiStep
    from skpneumo.networks._layers import FusedBatchNormalization

    class Growing(JaxMultiStep):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments)
            self._length = 1

        def _next_steps_at_once(self, batches: Any, seconds: float) -> int:
            return MultiStep._next_steps_at_once(self, batches, seconds)

        def _train(self, batches: Any, rates: Any) -> Any:
            if rates is None:
                rates = [float(self.model.optimizer.learning_rate.numpy())] * len(batches)
            return super()._train(batches, rates)

        def _run(self, batches: Any, rates: Any) -> Any:
            self._length = self.max_steps_of_rows = max(self._length, len(batches))
            return super()._run(batches, rates)

    def in_two_passes(layer: Any, x: Any) -> Any:
        return ops.moments(x, axes=list(range(len(x.shape) - 1)))

    FusedBatchNormalization._moments = in_two_passes
    use_loops(Growing)
    return fit_and_predict(X, y, epochs)


def fit_and_predict(X: Any, y: Any, epochs: int) -> list[float]:
    times = []
    for left_out in FOLDS:
        n = len(X) - left_out
        begin = time.perf_counter()
        classifier = network(epochs).fit(X[:n], y[:n])
        times.append(time.perf_counter() - begin)
        classifier.predict_proba(X[: n // 3])
    return times


def by_hand(X: Any, y: Any, epochs: int) -> list[float]:
    """Scan over all steps of an epoch, with the layers, the loss and the optimizer of a fit."""
    import jax
    from jax import numpy as jnp

    from skpneumo.classifiers.engine import _compiled

    network(1).fit(X[:BATCH], y[:BATCH])  # builds them
    program = _compiled.training_programs._idle[-1][1]
    model, optimizer = program.model, program.optimizer

    def loss_of(trained: Any, others: Any, inputs: Any, targets: Any) -> Any:
        logits, others = model.stateless_call(trained, others, inputs, training=True)
        return model.loss(targets, logits.astype("float32")), others

    def step(state: Any, batch: Any) -> Any:
        trained, others, moments = state
        rows, targets, *changes = batch
        inputs = [images[rows].astype("float32"), *changes]
        (loss, others), slopes = jax.value_and_grad(loss_of, has_aux=True)(
            trained, others, inputs, targets
        )
        trained, moments = optimizer.stateless_apply(moments, slopes, trained)
        return (trained, others, moments), loss

    images = jax.device_put(X)
    epoch_of = jax.jit(lambda state, batches: jax.lax.scan(step, state, batches), donate_argnums=0)
    times = []
    for left_out in FOLDS:
        n = len(X) - left_out
        begin = time.perf_counter()
        groups = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        state = tuple([jnp.copy(each.value) for each in group] for group in groups)
        rng, augmenter = np.random.default_rng(0), network(1).augmentation
        for _ in range(epochs):
            order = np.resize(rng.permutation(n), steps_of(len(X), 1) * BATCH)
            params = augmenter.sample_params(len(order), X.shape[1:], rng)
            flat = (order, np.float32(y[order])[:, None], params.affine, params.intensity)
            batches = tuple(each.reshape(-1, BATCH, *each.shape[1:]) for each in flat)
            state, losses = epoch_of(state, batches)
        losses.block_until_ready()
        times.append(time.perf_counter() - begin)
    return times


def steps_of(n_images: int, epochs: int) -> int:
    return epochs * -(-n_images // BATCH)


def gpu_seen() -> bool:
    import jax

    return jax.default_backend() == "gpu"


WAYS: dict[str, Callable[..., list[float]]] = {
    "as it was": as_it_was,
    "skpneumo": ours,
    "lax.scan by hand": by_hand,
}


def run_one(options: argparse.Namespace) -> None:
    compiled = count_compilations()
    rng = np.random.default_rng(0)
    y = np.arange(options.images) % 2
    X = rng.integers(0, 256, (options.images, options.size, options.size, 1), dtype=np.uint8)
    times = WAYS[options.way](X, y, options.epochs)
    n_steps = steps_of(options.images - FOLDS[-1], options.epochs)
    print("\n" + json.dumps({"times": times, "steps": n_steps, "compiled": len(compiled)}))


def compare(options: argparse.Namespace) -> None:
    print("| loop | compiled | first fit, s | last fit, s | steps a second |")
    print("| --- | --- | --- | --- | --- |")
    for way in WAYS:
        command = [sys.executable, __file__, "--way", way, *sys.argv[1:]]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"{way}: {done.stderr[-3000:]}")
        found = json.loads(done.stdout.splitlines()[-1])
        first, *_, last = found["times"]
        print(
            f"| {way} | {found['compiled']} | {first:.2f} | {last:.2f} "
            f"| {found['steps'] / last:.1f} |",
            flush=True,
        )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=4000)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--without-gpu", action="store_true")
    parser.add_argument("--way", choices=list(WAYS), help=argparse.SUPPRESS)
    options = parser.parse_args()
    os.environ.setdefault("KERAS_BACKEND", "jax")
    if not options.without_gpu and not gpu_seen():
        sys.exit("JAX sees no GPU here. Try the script with --without-gpu.")
    if options.way:
        run_one(options)
    else:
        compare(options)
