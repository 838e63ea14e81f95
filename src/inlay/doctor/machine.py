"""Processor, memory and GPUs."""

import os
import shutil
import subprocess
import warnings
from collections.abc import Iterator

from inlay.doctor.finding import Finding

GIB = 2**30
_SECONDS = 10
_GET_TORCH = "https://pytorch.org/get-started/locally"


def machine() -> Iterator[Finding]:
    """The processor, its memory, and GPUs."""
    from inlay.parallel import cores

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    yield Finding("processor", f"{cores()} cores, {memory / GIB:.0f} GiB of memory")
    yield from gpus()


def gpus() -> Iterator[Finding]:
    """Every GPU that PyTorch can use; without one, the reason where it is known."""
    import torch

    with warnings.catch_warnings(record=True) as messages:  # of drivers that are too old
        warnings.simplefilter("always")
        found = torch.cuda.is_available()
    if found:
        yield from (_gpu(number) for number in range(torch.cuda.device_count()))
    elif torch.backends.mps.is_available():
        yield Finding("GPU", "Apple's (mps)")
    else:
        yield _no_gpu(driver(), torch.version.cuda, " ".join(str(each.message) for each in messages))


def driver() -> str | None:
    """The version of NVIDIA's driver; None where there is none, or it does not answer."""
    if shutil.which("nvidia-smi") is None:
        return None
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        version = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    return next(iter(version.split()), None)


def _gpu(number: int) -> Finding:
    import torch

    card = torch.cuda.get_device_properties(number)
    with torch.cuda.device(number):
        bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    numbers = "computes in bfloat16" if bf16 else "no bfloat16, so runs are in float32"
    found = f"{card.name}, {card.total_memory / GIB:.0f} GiB, driver {driver() or 'unknown'}, {numbers}"
    return Finding(f"GPU {number}", found)


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
