"""What a trusted step costs beside the step itself: the guard against what is not finite, and a checkpoint's safety.

    python benchmarks/training.py [--device cuda]

Prints JSON lines. Each figure is the least of several rounds, which other work on the machine disturbs least; ratios
are of one run.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from inlay.callbacks import AtomicCheckpointIO
from inlay.checkpoints.files import is_whole
from inlay.models import PConvUNet
from inlay.tasks.optimization import BufferSnapshot, clip_or_drop_gradients

ROUNDS, BATCH, SIZE = 7, 2, 256


def seconds(work: Callable[[], object], device: str) -> float:
    """Time of a call: of the processor, which other work does not slow; on a GPU by the clock, until it is done."""
    clock = time.perf_counter if device == "cuda" else time.process_time
    begun = clock()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return clock() - begun


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    device = parser.parse_args().device
    torch.manual_seed(0)
    net = PConvUNet().to(device)
    optimizer, buffers = torch.optim.Adam(net.parameters()), BufferSnapshot([net])
    image = torch.rand(BATCH, 3, SIZE, SIZE, device=device)
    mask = (torch.rand(BATCH, 1, SIZE, SIZE, device=device) > 0.8).float()

    def step() -> None:
        optimizer.zero_grad()
        (net(image * (1 - mask), mask) - image).abs().mean().backward()
        optimizer.step()

    def guard() -> None:
        buffers.take()
        clip_or_drop_gradients(optimizer, 1.0)

    times: dict[str, list[float]] = {"step": [], "guard": []}
    for _ in range(ROUNDS):
        for work in (step, guard):
            times[work.__name__].append(seconds(work, device))
    ratio = min(times["guard"]) / min(times["step"])
    print(json.dumps({"what": "guard and clipping over a step without", "ratio": round(ratio, 4), "device": device}))
    print(json.dumps({"what": "step", "seconds": round(min(times["step"]), 3), "device": device}))

    checkpoint = {"net": net.state_dict(), "optimizer": optimizer.state_dict()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "step.ckpt"
        plainly, safely, checked = [], [], []
        for _ in range(3):
            plainly.append(seconds(lambda: torch.save(checkpoint, path), "cpu"))
            path.unlink()
            safely.append(seconds(lambda: AtomicCheckpointIO().save_checkpoint(checkpoint, path), "cpu"))
            checked.append(seconds(lambda: is_whole(path), "cpu"))
        size = path.stat().st_size
    ratio = min(safely) / min(plainly)
    print(
        json.dumps(
            {"what": "checkpoint with sum and flush over torch.save", "ratio": round(ratio, 2), "MB": size // 10**6}
        )
    )
    print(json.dumps({"what": "safe checkpoint", "seconds": round(min(safely), 2)}))
    print(json.dumps({"what": "to verify it", "seconds": round(min(checked), 2)}))


if __name__ == "__main__":
    main()
