"""Facts about the machine and the backend that matter for training."""

import os
import platform
import statistics
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from skpneumo._machine import installed_versions, processor, total_memory

__all__ = [
    "BackendFacts",
    "MachineFacts",
    "backend_facts",
    "cache_facts",
    "machine_facts",
    "remarks",
    "versions",
]

_PACKAGES = (
    "skpneumo", "keras", "tensorflow", "jax", "torch", "scikit-learn", "imbalanced-learn",
    "scikeras", "numpy", "pillow", "lmdb", "distributed",
)  # fmt: skip
_WITHOUT_NEWS = {"jax", "torch", "lmdb", "distributed"}  # optional, so not listed as missing

# Flags of /proc/cpuinfo that decide how fast a network is, and their usual names.
_INSTRUCTIONS = {
    "avx2": "AVX2",
    "avx512f": "AVX-512",
    "avx_vnni": "AVX-VNNI",
    "avx512_vnni": "AVX512-VNNI",
    "avx512_bf16": "AVX512-BF16",
    "amx_bf16": "AMX-BF16",
}
# With any of these, TensorFlow uses oneDNN's convolutions by default.
_ONEDNN_BY_DEFAULT = {"AVX-VNNI", "AVX512-VNNI", "AVX512-BF16", "AMX-BF16"}
_FEW_CORES = 4
_CLEARLY = 1.15  # times faster; runs of the same code differ by less


@dataclass(frozen=True)
class MachineFacts:
    """Facts about the processor, the memory and the image decoders."""

    processor: str
    cores: int
    load: float
    gibibytes: float
    instructions: tuple[str, ...]
    turbo_jpeg: bool
    disk_cache: bool
    nvidia_driver: bool

    def lines(self) -> dict[str, str]:
        """Format the facts for reading."""
        return {
            "processor": f"{self.processor}, {', '.join(self.instructions) or 'no known flags'}",
            "usable cores": str(self.cores),
            "load": f"{self.load:.1f} running",
            "memory": f"{self.gibibytes:.1f} GiB",
            "JPEG decoder": "libjpeg-turbo" if self.turbo_jpeg else "not libjpeg-turbo",
            "Nvidia driver": "yes" if self.nvidia_driver else "no",
        }


@dataclass(frozen=True)
class BackendFacts:
    """Facts about the backend and its devices."""

    name: str
    devices: tuple[str, ...]
    has_gpu: bool
    memory_growth: str
    takes_all_memory: bool
    chosen: str
    bfloat16_speed: float | None  # how many times as fast as float32

    def lines(self) -> dict[str, str]:
        """Format the facts for reading."""
        speed = "not supported by this backend"
        if self.bfloat16_speed is not None:
            speed = f"{self.bfloat16_speed:.2f} times as fast as float32, in one convolution"
        return {
            "name": self.name,
            "devices": ", ".join(self.devices),
            "device memory": self.memory_growth,
            "bfloat16": speed,
            'precision="auto"': self.chosen,
        }


def versions() -> dict[str, str]:
    """Return the versions of the packages that affect results."""
    found = installed_versions(_PACKAGES)
    return {"Python": platform.python_version()} | {
        package: found.get(package, "not installed")
        for package in _PACKAGES
        if package in found or package not in _WITHOUT_NEWS
    }


def machine_facts() -> MachineFacts:
    """Collect facts about the machine, without starting a backend."""
    import joblib
    import psutil
    from PIL import features

    name, flags = processor()
    return MachineFacts(
        processor=name,
        cores=joblib.cpu_count(),  # by affinity and the quota of a container
        load=psutil.getloadavg()[0],
        gibibytes=total_memory() / 2**30,
        instructions=tuple(name for flag, name in _INSTRUCTIONS.items() if flag in flags),
        turbo_jpeg=bool(features.check_feature("libjpeg_turbo")),
        disk_cache=find_spec("lmdb") is not None and find_spec("filelock") is not None,
        nvidia_driver=Path("/proc/driver/nvidia/version").exists(),
    )


def backend_facts() -> BackendFacts:
    """Start the backend, and collect facts about it."""
    from skpneumo.classifiers.engine import (
        backend_name,
        device_memory_grows,
        device_names,
        dtype_policy,
    )

    devices = device_names()
    has_gpu = any(kind in device.lower() for device in devices for kind in ("gpu", "cuda"))
    takes_all = has_gpu and not device_memory_grows()
    memory = "all allocated by the first process" if takes_all else "grows as needed"
    return BackendFacts(
        name=backend_name(),
        devices=devices,
        has_gpu=has_gpu,
        memory_growth=memory if has_gpu else "no device with memory of its own",
        takes_all_memory=takes_all,
        chosen=dtype_policy("auto").replace("mixed_", ""),
        bfloat16_speed=_bfloat16_speed(),
    )


def cache_facts(folder: Path) -> tuple[dict[str, str], bool]:
    """Describe a cache of decoded images, and whether it can be used."""
    from skpneumo.loading import DecodeCache, DecodeCacheError

    if not folder.exists():
        return {"folder": f"{folder} does not exist yet; the first loader creates it"}, True
    try:
        info = DecodeCache(folder).info()
    except (DecodeCacheError, ImportError) as error:
        return {"folder": str(folder), "fault": str(error)}, False
    asked = info.decoded + info.served
    return {
        "folder": str(folder),
        "images": f"{info.entries:,} in {info.bytes_on_disk / 2**20:,.1f} MiB",
        "found in it": f"{info.served / asked:.0%} of {asked:,}" if asked else "nothing asked yet",
    }, True


def remarks(machine: MachineFacts, backend: BackendFacts) -> list[str]:
    """List what slows training down on this machine, each with a remedy."""
    found = [] if backend.has_gpu else _remarks_on_processor(machine, backend)
    if backend.takes_all_memory:
        found.append(
            "The first process allocates all memory of the GPU, so a second one fails. To search "
            "with n_jobs > 1 in Python, set device_slots, or let memory grow."
        )
    found += _remarks_on_precision(backend)
    if not machine.turbo_jpeg:
        found.append(
            "Pillow was built without libjpeg-turbo, so JPEGs are decoded slowly. Install Pillow "
            "from its wheel."
        )
    if not machine.disk_cache:
        found.append(
            "Decoded images cannot be cached between runs: pip install "
            '"skpneumo[cache]", then use ImageLoader(cache=DIR) in Python.'
        )
    return found


def _remarks_on_processor(machine: MachineFacts, backend: BackendFacts) -> list[str]:
    """List what slows training down where there is no GPU."""
    found = []
    if machine.nvidia_driver:
        found.append(
            f"There is an Nvidia driver, but {backend.name} finds no GPU, so networks are "
            f"trained on the processor. Install {backend.name} with CUDA, and check that "
            "CUDA_VISIBLE_DEVICES does not hide the device."
        )
    if machine.cores < _FEW_CORES:
        found.append(
            f"Only {machine.cores} cores decode images and train. Use smaller images "
            "(--size), and in Python ImageLoader(cache=DIR), which decodes each file once, "
            "and ResumableHalvingGridSearchCV instead of a full grid."
        )
    if machine.load > 1.5 * machine.cores:
        found.append(
            f"Other programs are running: {machine.load:.1f} processes on {machine.cores} "
            "cores. Times measured now are too long. Stop them, or wait."
        )
    if backend.name != "tensorflow":
        found.append(
            f"On a processor {backend.name} trains more slowly than TensorFlow, and does not "
            "fuse batch normalisation. Set KERAS_BACKEND=tensorflow; saved models load with "
            "either backend."
        )
    if backend.name == "tensorflow":
        found += _remarks_on_onednn(machine)
    if machine.instructions and "AVX2" not in machine.instructions:
        found.append("The processor has no AVX2, so convolutions are slow. Use another machine.")
    return found


def _remarks_on_onednn(machine: MachineFacts) -> list[str]:
    asked = os.environ.get("TF_ENABLE_ONEDNN_OPTS")
    if asked == "0":
        return ["TF_ENABLE_ONEDNN_OPTS=0 turns TensorFlow's fast convolutions off. Unset it."]
    known = set(machine.instructions)
    if asked is None and "AVX2" in known and not _ONEDNN_BY_DEFAULT & known:
        return [
            "TensorFlow does not use oneDNN's convolutions on this processor, although they may "
            "shorten a training step by a third to a half. Set TF_ENABLE_ONEDNN_OPTS=1 in the "
            "environment; results differ by rounding."
        ]
    return []


def _remarks_on_precision(backend: BackendFacts) -> list[str]:
    speed = backend.bfloat16_speed
    if speed is None:
        return []
    if backend.chosen == "float32" and speed > _CLEARLY:
        return [
            f'precision="auto" is float32 here, but bfloat16 is {speed:.1f} times as fast in a '
            'convolution. Try precision="bfloat16" in Python, and compare the scores.'
        ]
    if backend.chosen == "bfloat16" and speed < 1 / _CLEARLY:
        return [
            f'precision="auto" is bfloat16 here, which was {speed:.2f} times as fast as float32 '
            'in a convolution. If no other program was running, set precision="float32" in Python.'
        ]
    return []


def _bfloat16_speed() -> float | None:
    """Time one convolution in both precisions, alternating; None without bfloat16."""
    import keras
    import numpy as np

    rng = np.random.default_rng(0)
    images = rng.normal(size=(16, 64, 64, 32)).astype("float32")
    kernel = rng.normal(size=(3, 3, 32, 32)).astype("float32")
    seconds: dict[str, list[float]] = {"float32": [], "bfloat16": []}
    try:
        arrays = {
            dtype: [
                keras.ops.cast(keras.ops.convert_to_tensor(array), dtype)
                for array in (images, kernel)
            ]
            for dtype in seconds
        }
        for _ in range(8):
            for dtype, (x, weights) in arrays.items():
                start = time.perf_counter()
                result = keras.ops.conv(x, weights, padding="same")
                keras.ops.convert_to_numpy(keras.ops.cast(result[:1, :1, :1], "float32"))
                seconds[dtype].append(time.perf_counter() - start)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        return None
    # The first two runs compile.
    plain, half = (statistics.median(times[2:]) for times in seconds.values())
    return plain / half
