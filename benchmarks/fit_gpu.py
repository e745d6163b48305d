"""Compare the time to fit a network on a GPU with Keras and a loop written by hand.

    KERAS_BACKEND=jax python benchmarks/fit_gpu.py chest_xray

It needs a GPU that the backend of Keras can use, and ends with a message if there is none. All fit
the same layers on the same images and epochs: CNNClassifier with its defaults; Keras in float32
with ``model.fit`` on the array; and, with JAX, a compiled loop that keeps all images on the
device, shuffles them there and computes in bfloat16. Each run is a separate process that fits
twice, and only the second fit counts, without seconds of compilation.

`--without-gpu` runs it on the processor, only to try the script: there, XLA runs convolutions in a
loop, like the one by hand, on one core.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from typing import Any

from fit import DENSE, FILTERS, keras_network
from side_by_side import Row, in_turns, main, ratio, run, sample_of_patients, seconds

BATCH = 32


def gpu_seen() -> str | None:
    """Name the backend if it can use a GPU."""
    import keras

    backend = keras.backend.backend()
    if backend == "jax":
        import jax

        seen = jax.default_backend() == "gpu"
    elif backend == "torch":
        import torch

        seen = torch.cuda.is_available()
    else:
        import tensorflow as tf

        seen = bool(tf.config.list_physical_devices("GPU"))
    return backend if seen else None


def ours(folder: str, epochs: int) -> float:
    from skpneumo import CNNClassifier

    def fit(X: Any, y: Any) -> None:
        CNNClassifier(
            FILTERS,
            dense_units=(DENSE,),
            batch_norm=True,
            batch_size=BATCH,
            epochs=epochs,
            random_state=0,
        ).fit(X, y)

    return second_fit(fit, folder)


def keras_alone(folder: str, epochs: int) -> float:
    import keras

    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    models: list[Any] = []

    def fit(X: Any, y: Any) -> None:
        if not models:
            models.append(keras_network(X.shape[1:]))
            models[0].compile("adam", loss)
        models[0].fit(X, y, batch_size=BATCH, epochs=epochs, verbose=0)

    return second_fit(fit, folder)


def jax_loop(folder: str, epochs: int) -> float:
    import jax
    import keras
    from jax import lax, random
    from jax import numpy as jnp

    keras.config.set_dtype_policy("mixed_bfloat16")
    loss_of = keras.losses.BinaryCrossentropy(from_logits=True)

    def compiled(shape: Any) -> tuple[Callable[..., Any], Any]:
        model, optimizer = keras_network(shape), keras.optimizers.Adam()
        optimizer.build(model.trainable_variables)

        def loss(trained: Any, others: Any, x: Any, y: Any) -> Any:
            logits, others = model.stateless_call(trained, others, x, training=True)
            return loss_of(y, logits[:, 0].astype("float32")), others

        def step(state: Any, batch: Any) -> Any:
            trained, others, moments = state
            (value, others), slopes = jax.value_and_grad(loss, has_aux=True)(
                trained, others, *batch
            )
            trained, moments = optimizer.stateless_apply(moments, slopes, trained)
            return (trained, others, moments), value

        def epoch(state: Any, key: Any, X: Any, y: Any) -> Any:
            steps = len(y) // BATCH
            rows = random.permutation(key, len(y))[: steps * BATCH].reshape(steps, BATCH)
            return lax.scan(lambda state, row: step(state, (X[row], y[row])), state, rows)

        variables = (model.trainable_variables, model.non_trainable_variables, optimizer.variables)
        start = tuple([variable.value for variable in each] for each in variables)
        return jax.jit(epoch), start

    programs: list[Any] = []

    def fit(X: Any, y: Any) -> None:
        if not programs:
            programs.append(compiled(X.shape[1:]))
        epoch, state = programs[0]
        X, y = jax.device_put(X), jnp.asarray(y, "float32")
        for i in range(epochs):
            state, losses = epoch(state, random.key(i), X, y)
        losses.block_until_ready()

    return second_fit(fit, folder)


def second_fit(fit: Callable[[Any, Any], None], folder: str) -> float:
    import numpy as np

    X, y = np.load(f"{folder}/X.npy"), np.load(f"{folder}/y.npy")
    fit(X, y)
    begin = time.perf_counter()
    fit(X, y)
    return time.perf_counter() - begin


def measure(options: argparse.Namespace) -> list[Row]:
    import numpy as np

    from skpneumo import ImageLoader

    what, to_reach = "fit on one GPU", {"Keras": "≥ 3", "loop in JAX": "≥ .8"}
    backend = run(gpu_seen)
    if backend is None and not options.without_gpu:
        return [
            Row(what, "not measured", f"{peer}: the backend sees no GPU here", "", reach)
            for peer, reach in to_reach.items()
        ]
    names, labels = sample_of_patients(options.data, options.patients)
    with tempfile.TemporaryDirectory() as folder:
        np.save(f"{folder}/X.npy", ImageLoader(size=options.size, n_jobs=-1).transform(names))
        np.save(f"{folder}/y.npy", np.array(labels))
        job = {"folder": folder, "epochs": options.epochs}
        contestants = {
            "skpneumo": lambda _: run(ours, **job),
            "Keras": lambda _: run(keras_alone, **job),
        }
        if backend == "jax" or options.without_gpu:
            contestants["loop in JAX"] = lambda _: run(jax_loop, **job)
        times = in_turns(options.repeat, contestants)
    data = f"{len(names)} images of {options.size} px, {options.epochs} epochs"
    return [
        Row(
            f"{what} ({backend or 'without one'}), {data}",
            seconds(times["skpneumo"]),
            f"{peer}: {seconds(times[peer])}",
            ratio(times[peer], times["skpneumo"]),
            reach,
        )
        for peer, reach in to_reach.items()
        if peer in times
    ]


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("data", help="folder with train/ (and val/)")
    arguments.add_argument("--patients", type=int, default=4000, help="drawn at random")
    arguments.add_argument("--size", type=int, default=128)
    arguments.add_argument("--epochs", type=int, default=10)
    arguments.add_argument("--without-gpu", action="store_true")
    main(__doc__, measure, (ours, keras_alone, jax_loop, gpu_seen), arguments, repeat=5)
