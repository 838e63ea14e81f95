"""Timing that other work on the machine disturbs little: CPU seconds, interleaved, minima; and lines of JSON."""

import json
import time
from collections.abc import Callable, Mapping

import torch

Step = Callable[[], object]


def seconds(step: Step, device: str = "cpu") -> float:
    """Duration of one step: CPU seconds of the process, or seconds on the GPU."""
    if device == "cpu":
        start = time.process_time()
        step()
        return time.process_time() - start
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    begin.record()
    step()
    end.record()
    torch.cuda.synchronize()
    return begin.elapsed_time(end) / 1000


def fastest(steps: Mapping[str, Step], repeats: int, device: str = "cpu") -> dict[str, float]:
    """The shortest duration of each step over interleaved repeats, after one round of warming up.

    The order turns from round to round: whoever runs second finds the allocator as the other left it.
    """
    shortest = dict.fromkeys(steps, float("inf"))
    for number in range(repeats + 1):
        for name in steps if number % 2 else reversed(steps):
            duration = seconds(steps[name], device)
            if number > 0:
                shortest[name] = min(shortest[name], duration)
    return shortest


def report(name: str, value: float, unit: str, goal: float | None = None) -> None:
    """Print one line."""
    print(json.dumps({"name": name, "value": round(value, 4), "unit": unit, "goal": goal}), flush=True)
