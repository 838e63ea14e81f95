"""What is measured on, and what with."""

import platform
from pathlib import Path

import torch
from torch import Tensor


def scene(batch: int, size: int = 256, device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Random pictures with one rectangular hole each, a quarter of the area."""
    image = torch.rand(batch, 3, size, size, device=device)
    mask = torch.zeros(batch, 1, size, size, device=device)
    mask[..., size // 4 : 3 * size // 4, size // 4 : 3 * size // 4] = 1
    return image, mask


def cpu_facts() -> str:
    """What Linux says of the processor; empty elsewhere."""
    path = Path("/proc/cpuinfo")
    return path.read_text(encoding="utf-8") if path.exists() else ""


def cpu_name() -> str:
    """The processor's name and whether it multiplies bfloat16 matrices."""
    lines = (line.partition(":")[2].strip() for line in cpu_facts().splitlines() if line.startswith("model name"))
    return f"{next(lines, platform.processor())}, {'with' if multiplies_bf16() else 'without'} AMX"


def multiplies_bf16() -> bool:
    """Whether the processor has AMX: without, bfloat16 is emulated, ten times slower than float32."""
    return "amx_bf16" in cpu_facts()


def precisions() -> tuple[str, ...]:
    """Those in which a training step is measured."""
    return ("fp32", "bf16") if multiplies_bf16() else ("fp32",)
