"""What filling a picture costs, as JSON lines: ``python benchmarks/predict.py [--only time|memory] [--sizes 1 4 40]``.

``predict.first_picture_s``
    CPU seconds of ``predict.py``, started from the shell, for one picture of 512 px.
``predict.<interpreter|torch|imports|read|load|forward|fill|write>_s``
    its parts, in the order in which they come: Python itself, importing PyTorch, importing the rest, reading picture
    and mask, loading the model, the network's own forward pass, what is around that, and writing.
``predict.own_s``
    the sum of the parts but importing PyTorch and the forward pass; ``predict.own_ratio`` to importing PyTorch.
``predict.rest_s``
    what of the whole process no part accounts for.
``predict.memory.<strategy>.<size>``
    peak memory in MiB above the loaded model, from the picture's file to the filled one's; and in pictures (of a byte a
    channel).

Models of random weights: the published U-Net (25.8 million weights) for the times and, with ``--weights small``, one
that has 0.3 % of them. Every process is measured on one thread, and the fastest of several counts. The first
one, which compiles sources, does not; the others find them compiled, as users do.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SHAPES: dict[str, dict[str, int]] = {"published": {}, "small": {"levels": 5, "width": 8}}
TRAINED_ON = 256  # pixels, of the crops
OWN_GOAL, OWN_SIDE, ROUNDS = 0.5, 512, 5
MEMORY_GOAL = 2048  # MiB, for 40 megapixels
STRATEGIES = ("auto", "crop", "tile", "resize", "whole")
WHOLE_UP_TO = 4  # megapixels; beyond, memory grows with the picture, as it must


def report(name: str, value: float, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(value, 3)} | more), flush=True)


def write_model(path: Path, shape: dict[str, int]) -> None:
    """A checkpoint of random weights, as ``train.py`` would write it."""
    import torch

    from inlay.checkpoints.provenance import provenance
    from inlay.models import PConvUNet

    torch.manual_seed(0)
    held = {f"net.{name}": value for name, value in PConvUNet(**shape).state_dict().items()}
    config = {"model": {"_target_": "inlay.models.PConvUNet", **shape}, "data": {"image_size": TRAINED_ON}}
    torch.save({"inlay": provenance(config), "state_dict": held}, path)


def write_scene(folder: Path, height: int, width: int, suffix: str) -> tuple[Path, Path]:
    """Smooth noise, and three strokes of a tenth of its side as the mask."""
    import cv2
    import numpy as np

    from inlay.images import Picture, write_picture

    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (16, 16, 3), np.uint8)
    pixels = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    mask, side = np.zeros((height, width), np.uint8), min(height, width)
    for x, y in ((0.2, 0.3), (0.6, 0.5), (0.4, 0.8)):
        start = int(x * width), int(y * height)
        cv2.line(mask, start, (start[0] + side // 10, start[1] + side // 20), 255, max(side // 100, 5))
    image, hole = folder / f"image{suffix}", folder / f"mask{suffix}"
    write_picture(image, Picture(pixels))
    write_picture(hole, Picture(mask[..., None]))
    return image, hole


def alone(function: str, *arguments: object) -> dict[str, Any]:
    """What one of the functions below answers in a process of its own, on one thread."""
    command = [sys.executable, __file__, "--inside", function, *map(str, arguments)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    answer: dict[str, Any] = json.loads(run.stdout.splitlines()[-1])
    return answer


def parts(image: str, mask: str, model: str, output: str) -> dict[str, float]:
    """What ``predict.py`` does, and the CPU seconds of each part."""
    last = time.process_time()
    took = {"interpreter": last}

    def lap(part: str) -> None:
        nonlocal last
        now = time.process_time()
        took[part], last = now - last, now

    import torch

    lap("torch")
    from inlay.pipeline import fill_pictures
    from inlay.prediction import Request
    from inlay.prediction.pairing import find_items
    from inlay.prediction.reading import read, write
    from inlay.prediction.run import _load

    request = Request([image], model, Path(output), mask, device="cpu")
    lap("imports")
    item = find_items(request).items[0]
    jobs = read(request, item)
    lap("read")
    inpainter = _load(request)
    lap("load")
    forward = forward_seconds(torch)
    filled = fill_pictures(inpainter.filler, jobs, request.options)
    lap("fill")
    took["fill"] -= forward[0]
    took["forward"] = forward[0]
    write(item, jobs, filled)
    lap("write")
    return took


def forward_seconds(torch: Any) -> list[float]:
    """CPU seconds of every outermost call of a network from now on, as a list of one."""
    total, starts = [0.0], []
    module = torch.nn.modules.module
    module.register_module_forward_pre_hook(lambda *_: starts.append(time.process_time()))

    def ended(*_: object) -> None:
        start = starts.pop()
        if not starts:
            total[0] += time.process_time() - start

    module.register_module_forward_hook(ended)
    return total


def peak(image: str, mask: str, model: str, output: str, strategy: str) -> dict[str, float]:
    """MiB that the process grew by, from the loaded model on."""
    import torch

    import inlay
    from inlay.images import read_picture, write_picture
    from inlay.pipeline import Job, fill_picture
    from inlay.pipeline.masks import to_mask

    filler, options = inlay.load(model, "cpu").filler, inlay.FillOptions(strategy=strategy)  # type: ignore[arg-type]
    side = torch.zeros(1, 3, TRAINED_ON, TRAINED_ON)
    filler.fill(side, torch.ones_like(side[:, :1]))  # what the first pass alone needs belongs to the model
    Path("/proc/self/clear_refs").write_text("5")  # the peak so far, of imports, is forgotten
    before = kibibytes("VmRSS")
    picture = read_picture(image)
    filled = fill_picture(filler, Job(picture, to_mask(mask, picture.size).mask), options)
    write_picture(output, filled.picture)
    grown = (kibibytes("VmHWM") - before) / 1024
    return {"mebibytes": grown, "strategy": filled.strategy, "windows": filled.windows}  # type: ignore[dict-item]


def kibibytes(kind: str) -> int:
    """Memory of this process, by the kernel's name for it: resident now, or at its peak (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def shell_seconds(*command: object) -> float:
    """CPU seconds of a command of Python's."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *map(str, command)], check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def measure_time(folder: Path, shape: str) -> None:
    """The whole and its parts, by turns."""
    model, output = folder / "model.ckpt", folder / "filled.png"
    write_model(model, SHAPES[shape])
    image, mask = write_scene(folder, OWN_SIDE, OWN_SIDE, ".png")
    named = ("--image", image, "--mask", mask, "--model", model, "--output", output, "--device", "cpu")
    wholes, runs = [], []
    for _ in range(ROUNDS + 1):
        wholes.append(shell_seconds(ROOT / "predict.py", *named))
        runs.append(alone("parts", image, mask, model, output))
    whole = min(wholes[1:])
    fastest = {part: min(run[part] for run in runs[1:]) for part in runs[0]}
    report("predict.first_picture_s", whole, weights=shape)
    for part, seconds in fastest.items():
        report(f"predict.{part}_s", seconds, weights=shape)
    own = sum(seconds for part, seconds in fastest.items() if part not in ("torch", "forward"))
    report("predict.own_s", own, weights=shape, goal=OWN_GOAL)
    report("predict.rest_s", whole - sum(fastest.values()), weights=shape)
    report("predict.own_ratio", own / fastest["torch"], weights=shape, to="importing PyTorch")


def measure_memory(folder: Path, megapixels: list[float]) -> None:
    """A picture of each size by each strategy."""
    model, output = folder / "small.ckpt", folder / "filled.bmp"
    write_model(model, SHAPES["small"])
    for size in megapixels:
        height, width = (round((size * 1e6 * share) ** 0.5) for share in (2 / 3, 3 / 2))
        image, mask = write_scene(folder, height, width, ".bmp")
        for strategy in STRATEGIES:
            if strategy == "whole" and size > WHOLE_UP_TO:
                continue
            found = alone("peak", image, mask, model, output, strategy)
            goal = {"goal": MEMORY_GOAL} if strategy != "whole" else {}
            report(
                f"predict.memory.{strategy}.{size:g}mp", found["mebibytes"], unit="MiB", chosen=found["strategy"],
                windows=found["windows"], pictures=round(found["mebibytes"] * 2**20 / (3 * height * width), 1), **goal,
            )  # fmt: skip


INSIDE: dict[str, Callable[..., dict[str, float]]] = {"parts": parts, "peak": peak}


def main() -> None:
    """Measure and print."""
    if sys.argv[1:2] == ["--inside"]:
        print(json.dumps(INSIDE[sys.argv[2]](*sys.argv[3:])))
        return
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("time", "memory"))
    parser.add_argument(
        "--weights", choices=tuple(SHAPES), default="published", help="of the times (default published)"
    )
    parser.add_argument("--sizes", type=float, nargs="+", default=[1, 4, 40], help="megapixels (default 1 4 40)")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"OMP_NUM_THREADS": "1", "PYTHONPYCACHEPREFIX": f"{folder}/compiled"}
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        if args.only != "memory":
            measure_time(Path(folder), args.weights)
        if args.only != "time":
            measure_memory(Path(folder), args.sizes)


if __name__ == "__main__":
    main()
