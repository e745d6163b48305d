"""Compare the time to augment an image with other implementations.

Each implementation applies rotation, shifts, zoom, a flip, brightness and contrast to the same
stack of grey images. They run in turns and are timed per image, without the first run, which
compiles. They are: this package's compiled program on the batch, as in training; the sampler step,
from NumPy to NumPy; the op of Keras for the same maps, with the same intensities; Keras's stack of
random layers, each with its own interpolation (TensorFlow only); SciPy and Pillow image by image
on one thread. The output is milliseconds per image, as median and range over the runs, and the
ratio to the time of the compiled program in each run.

    python benchmarks/augmentation.py
    KERAS_BACKEND=torch python benchmarks/augmentation.py
"""

import argparse
import os
import platform
import time
from collections.abc import Callable

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers, ops
from PIL import Image, ImageEnhance
from scipy import ndimage

from skpneumo import ImageAugmenter
from skpneumo.augmentation._apply import _change_intensity, compiled_augment

SIZES = (64, 128, 224)
AUGMENTER = ImageAugmenter(
    rotation=15,
    width_shift=0.1,
    height_shift=0.1,
    zoom=0.1,
    horizontal_flip=True,
    brightness=0.2,
    contrast=0.2,
    random_state=0,
)


def scipy_one_by_one(images, affine, intensity):
    augmented = np.empty(images.shape, dtype=np.float32)
    for image, (a0, a1, a2, b0, b1, b2, *_), (brightness, contrast, _), out in zip(
        images, affine, intensity, augmented, strict=True
    ):
        out[..., 0] = ndimage.affine_transform(
            image[..., 0],
            [[b1, b0], [a1, a0]],
            offset=[b2, a2],
            order=1,
            mode="nearest",
            output=np.float32,
        )
        out += (contrast - 1) * (out - out.mean())
        np.clip(out * brightness, 0, 255, out=out)
    return augmented


def pillow_one_by_one(images, affine, intensity):
    """Augment with Pillow, with black borders, because Pillow has no other fill."""
    augmented = np.empty_like(images)
    for image, maps, (brightness, contrast, _), out in zip(
        images, affine, intensity, augmented, strict=True
    ):
        warped = Image.fromarray(image[..., 0]).transform(
            image.shape[1::-1],
            Image.Transform.AFFINE,
            tuple(map(float, maps[:6])),
            Image.Resampling.BILINEAR,
        )
        warped = ImageEnhance.Contrast(warped).enhance(float(contrast))
        out[..., 0] = ImageEnhance.Brightness(warped).enhance(float(brightness))
    return augmented


def as_graph(function: Callable) -> Callable:
    """Compile with the backend, if it compiles, as in training."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False)
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    return function


def keras_op(images, affine, intensity):
    moved = ops.image.affine_transform(
        ops.cast(images, "float32"),
        ops.copy(affine),  # on torch the op overwrites its maps
        interpolation="bilinear",
        fill_mode="nearest",
        data_format="channels_last",
    )
    return _change_intensity(moved, intensity, (0.0, 255.0), detail=False, covers=False)


def keras_layers() -> Callable:
    turn = AUGMENTER.rotation / 360
    stack = [
        layers.RandomFlip("horizontal", seed=0),
        layers.RandomRotation(turn, fill_mode="nearest", seed=0),
        layers.RandomTranslation(0.1, 0.1, fill_mode="nearest", seed=0),
        layers.RandomZoom(0.1, fill_mode="nearest", seed=0),
        layers.RandomBrightness(0.2, seed=0),
        layers.RandomContrast(0.2, seed=0),
    ]

    def apply(images, affine, intensity):
        images = ops.cast(images, "float32")
        for layer in stack:
            images = layer(images, training=True)
        return images

    return apply


def seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def report(n_images: int, n_runs: int) -> None:
    backend = keras.backend.backend()
    print(
        f"{n_images} images a batch, {n_runs} alternating runs, {os.cpu_count()} cores, "
        f"{platform.machine()}, {platform.system()}, Keras {keras.__version__} on {backend}"
    )
    print(f"{'px':>4} {'way':28} {'ms/image':>9} {'range':>15} {'times ours':>11} {'range':>13}")
    for size in SIZES:
        shape = (size, size, 1)
        images = np.random.default_rng(0).integers(0, 256, (n_images, *shape), dtype=np.uint8)
        affine, intensity = AUGMENTER.sample_params(n_images, shape, np.random.default_rng(0))
        batch = [ops.convert_to_tensor(a) for a in (images, affine, intensity)]
        program = compiled_augment(shape, "nearest", 0.0, (0.0, 255.0), detail=False, covers=False)
        on_tensors = {
            "compiled program": program,
            "keras.ops affine_transform": as_graph(keras_op),
        }
        if backend == "tensorflow":
            on_tensors["keras.layers.Random*"] = as_graph(keras_layers())

        def finished(apply, batch=batch):
            return lambda: ops.convert_to_numpy(ops.sum(apply(*batch)))

        ways = {name: finished(apply) for name, apply in on_tensors.items()}
        ways |= {
            "sampler step": lambda images=images: AUGMENTER.augment_images(images),
            "scipy.ndimage": lambda a=(images, affine, intensity): scipy_one_by_one(*a),
            "Pillow": lambda a=(images, affine, intensity): pillow_one_by_one(*a),
        }
        for way in ways.values():
            way()
        times = np.array([[seconds(way) for way in ways.values()] for _ in range(n_runs)])
        times *= 1000 / n_images
        ratios = times / times[:, :1]
        for name, own, ratio in zip(ways, times.T, ratios.T, strict=True):
            print(
                f"{size:4} {name:28} {np.median(own):9.3f} {own.min():7.3f}-{own.max():.3f}"
                f" {np.median(ratio):11.1f} {ratio.min():6.1f}-{ratio.max():.1f}"
            )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--images", type=int, default=64, help="images in a batch")
    parser.add_argument("--runs", type=int, default=15, help="alternating runs of each way")
    arguments = parser.parse_args()
    report(arguments.images, arguments.runs)
