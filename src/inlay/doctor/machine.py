"""Processor, memory and GPUs; and whether there is room for runs, for caches, for what passes between processes."""

import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from inlay.cache import cache_dir
from inlay.doctor import Finding
from inlay.errors import MORE_SHARED_MEMORY
from inlay.parallel import cores

GIB = 2**30
_GET_TORCH = "https://pytorch.org/get-started/locally"
_LITTLE, _NONE = 5 * GIB, GIB // 10  # free on a disk
_SHARED = Path("/dev/shm")
_WORKERS, _AHEAD, _LOADERS = 4, 2, 2  # data.num_workers, batches that each has ready, training and validation
_BATCH, _SIDE, _BYTES = 16, 512, 4  # pictures of three bytes a pixel, and their masks


def machine() -> Iterator[Finding]:
    """The processor, its memory, and GPUs."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("processor", f"{cores()} cores, {memory / GIB:.0f} GiB of memory")
    yield from gpus()


def gpus() -> Iterator[Finding]:
    """Every GPU that PyTorch can use; without one, the reason where it is known."""
    import torch  # here: without it the processor and the disks are still told

    with warnings.catch_warnings(record=True) as messages:  # of drivers that are too old
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    for number in range(torch.cuda.device_count() if found else 0):
        card = torch.cuda.get_device_properties(number)
        with torch.cuda.device(number):
            bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
        numbers = "computes in bfloat16" if bf16 else "no bfloat16, so runs are in float32"
        memory = f"{card.total_memory / GIB:.0f} GiB"
        yield Finding(f"GPU {number}", f"{card.name}, {memory}, driver {driver() or 'unknown'}, {numbers}")
    if not found:
        if torch.backends.mps.is_available():
            yield Finding("GPU", "Apple's (mps)")
        else:
            yield _no_gpu(driver(), torch.version.cuda, " ".join(str(each.message) for each in messages))


def driver() -> str | None:
    """The version of NVIDIA's driver; None where there is none, or it does not answer."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        version = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(version.split()), None)


def _no_gpu(version: str | None, cuda: str | None, warning: str) -> Finding:
    if version is None:
        remedy = "Fill pictures and train small networks here; train large ones where there is an NVIDIA GPU."
        return Finding("GPU", "none: everything is computed by the processor", "absent", remedy)
    if cuda is None:
        found = f"NVIDIA's driver {version} is here, but this PyTorch knows no CUDA"
        return Finding("GPU", found, "warning", f"Install a PyTorch with CUDA: {_GET_TORCH}")
    reason = f" ({' '.join(warning.split())})" if warning else ""
    found = f"driver {version} does not serve this PyTorch's CUDA {cuda}{reason}"
    return Finding("GPU", found, "warning", f"Update the driver, or install a PyTorch for its CUDA: {_GET_TORCH}")


def space() -> Iterator[Finding]:
    """The disk at each place that Inlay writes to, and the memory that loader workers share."""
    yield disk("outputs", Path("outputs"), "run_dir=PATH (training), --output PATH (filling)")
    yield disk("cache", cache_dir(), "INLAY_CACHE=PATH")
    yield disk("temporary files", Path(tempfile.gettempdir()), "TMPDIR=PATH")
    if _SHARED.is_dir():
        yield shared_memory(shutil.disk_usage(_SHARED).total)


def disk(subject: str, folder: Path, elsewhere: str) -> Finding:
    """Whether a folder, or the one that it would be made in, can be written to and has room."""
    place = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    if not os.access(place, os.W_OK):
        return Finding(subject, f"{place} cannot be written to", "problem", f"Choose another place: {elsewhere}")
    free = shutil.disk_usage(place).free
    found = f"{_format_bytes(free)} free at {folder}"
    if free >= _LITTLE:
        return Finding(subject, found)
    remedy = f"Make room, or choose another place: {elsewhere}"
    return Finding(subject, found, "problem" if free < _NONE else "warning", remedy)


def shared_memory(size: int) -> Finding:
    """Whether the batches that workers have ready fit into memory of a size in bytes."""
    needed = _WORKERS * _AHEAD * _LOADERS * _BATCH * _SIDE**2 * _BYTES
    what = f"{_WORKERS} workers with batches of {_BATCH} at {_SIDE} px take {_format_bytes(needed)}"
    if size >= needed:
        return Finding("shared memory", f"{_format_bytes(size)} in {_SHARED}; {what}")
    found = f"only {_format_bytes(size)} in {_SHARED}, and {what}"
    return Finding("shared memory", found, "warning", MORE_SHARED_MEMORY)


def _format_bytes(count: float) -> str:
    return f"{count / GIB:.1f} GiB" if count >= GIB else f"{count / 2**20:.0f} MiB"
