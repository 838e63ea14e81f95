"""What loading data costs, as JSON lines: ``python benchmarks/data.py [--only loader|masks|index] [--rows N]``.

``data.loader_ratio``
    images per CPU-second from JPEG file to batch item at 256 px, over the bare decode-and-resize of the same files.
``masks.<family>.<256|512>``
    masks per CPU-second for a hole ratio of 20 to 30 %; ``masks.<family>.512.<bucket>`` for the other buckets.
``index.start_s``, ``index.memory_mb``
    time to open a cached index of eight million rows, and what it adds to the memory of eight workers and their parent.

CPU seconds of one process on one core; the two sides of a ratio take turns.
"""

import argparse
import contextlib
import io
import json
import math
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch

ROUNDS = 7
SIZE = 256
SIDES = {"256x256": (256, 256), "500x375": (375, 500), "2000x1500": (1500, 2000)}


def report(name: str, value: float, **more: object) -> None:
    print(json.dumps({"name": name, "value": round(value, 3)} | more), flush=True)


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def photographs(folder: Path, side: tuple[int, int], count: int = 24) -> list[Path]:
    """JPEG files of quality 90, crops of the photographs inside scikit-image."""
    from inlay.data.demo import TRAINING, photograph

    rng, paths = np.random.default_rng(0), []
    for number in range(count):
        picture = photograph(TRAINING[number % len(TRAINING)])
        tall, wide = (int(length * rng.uniform(0.7, 1.0)) for length in picture.shape[:2])
        crop = cv2.resize(picture[:tall, :wide], (side[1], side[0]), interpolation=cv2.INTER_CUBIC)
        paths.append(folder / f"{number:03d}.jpg")
        cv2.imwrite(str(paths[-1]), cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 90])
    return paths


def loader() -> None:
    """The training loader, default strokes and crops, against OpenCV at the same reduced scale."""
    for name, side in SIDES.items():
        with tempfile.TemporaryDirectory() as folder:
            os.environ["INLAY_CACHE"] = f"{folder}/.cache"
            paths = photographs(Path(folder), side)
            compare(name, training_reader(folder), bare_reader(paths, side))


def compare(name: str, ours: Callable[[int], None], bare: Callable[[int], None], count: int = 96) -> None:
    """CPU seconds of two readers that take turns at going first."""
    times: dict[Callable[[int], None], list[float]] = {ours: [], bare: []}
    for turn in range(ROUNDS):
        for reader in (ours, bare)[:: 1 if turn % 2 else -1]:
            times[reader].append(cpu_seconds(partial(reader, count)))
    per_second = {reader: count / statistics.median(seconds) for reader, seconds in times.items()}
    report(
        "data.loader_ratio", per_second[ours] / per_second[bare], files=name, goal=0.7,
        images_per_cpu_s=round(per_second[ours]), bare=round(per_second[bare]),
    )  # fmt: skip


def training_reader(folder: str, batch_size: int = 8) -> Callable[[int], None]:
    from inlay.data.datamodule import IndexedData
    from inlay.data.datasets import Folder
    from inlay.data.parts import DrawMask
    from inlay.masks import Strokes

    sample = {"mask": DrawMask(Strokes(ratio=(0.1, 0.4)))}
    data = IndexedData(folder, listing=Folder(), sample=sample, image_size=SIZE, batch_size=batch_size, num_workers=0)
    with contextlib.redirect_stdout(io.StringIO()):  # the report on its index
        data.prepare_data()
    batches = iter(data.train_dataloader())

    def read(count: int) -> None:
        for _ in range(count // batch_size):
            next(batches)

    return read


def bare_reader(paths: list[Path], side: tuple[int, int]) -> Callable[[int], None]:
    min_short_side = math.ceil(SIZE / math.sqrt(0.5))  # of the default crops, as the loader asks for it
    scales = {8: cv2.IMREAD_REDUCED_COLOR_8, 4: cv2.IMREAD_REDUCED_COLOR_4, 2: cv2.IMREAD_REDUCED_COLOR_2}
    flag = next((flag for scale, flag in scales.items() if min(side) // scale >= min_short_side), cv2.IMREAD_COLOR)

    def read(count: int) -> None:
        for number in range(count):
            pixels = cv2.imread(str(paths[number % len(paths)]), flag)
            cv2.resize(pixels, (SIZE, SIZE), interpolation=cv2.INTER_AREA)

    return read


def masks() -> None:
    """Every generated family, the generator at the mask's address included."""
    from inlay.masks import Boxes, Shapes, Strokes
    from inlay.masks.export import BUCKETS
    from inlay.randomness import RngStream, generator

    def draw(family: Callable[..., object], size: int, count: int = 300) -> float:
        def work() -> None:
            for index in range(count):
                family(size, size, generator(0, RngStream.GENERATE, index=index))

        work()
        return count / statistics.median(cpu_seconds(work) for _ in range(ROUNDS))

    for family in (Strokes, Shapes, Boxes):
        name = family.__name__.lower()
        for size in (256, 512):
            goal = {"goal": 5000} if size == 512 and family is not Boxes else {}
            report(f"masks.{name}.{size}", draw(family(ratio=(0.2, 0.3)), size), bucket="20-30", **goal)
        for low, high in BUCKETS:
            report(f"masks.{name}.512.{100 * low:02.0f}-{100 * high:.0f}", draw(family(ratio=(low, high)), 512))


def index(rows: int, workers: int = 8) -> None:
    """A synthetic index: written, converted once, then opened and read by workers as training does."""
    from torch.utils.data import DataLoader

    from inlay.data.index import open_split

    warnings.filterwarnings("ignore", message="This DataLoader will create")  # more workers than cores, on purpose
    with tempfile.TemporaryDirectory() as folder:
        os.environ["INLAY_CACHE"] = f"{folder}/cache"
        for count in (rows, 1000):
            write_index(Path(folder) / f"{count}.jsonl", count)
        start = time.perf_counter()
        open_split(Path(folder) / f"{rows}.jsonl", "train")
        report("index.convert_s", time.perf_counter() - start, rows=rows)
        open_split(Path(folder) / "1000.jsonl", "train")

        memory = {}
        for count in (1000, rows):
            start = time.perf_counter()
            opened = open_split(Path(folder) / f"{count}.jsonl", "train")
            ids = Ids(opened)
            order = np.random.default_rng(0).permutation(len(opened))
            stream = iter(DataLoader(ids, batch_size=64, sampler=order, num_workers=workers, collate_fn=len))
            next(stream)
            seconds = time.perf_counter() - start
            for _ in range(min(1000, len(opened) // 64 - 1 - 2 * workers)):
                next(stream)
            memory[count] = sum(resident_mb(worker.pid) for worker in stream._workers) + resident_mb(os.getpid())
            del stream
        report("index.start_s", seconds, rows=rows, workers=workers, goal=5)
        report("index.memory_mb", memory[rows] - memory[1000], rows=rows, workers=workers, goal=1024)


class Ids:
    """Rows of an index, as a dataset."""

    def __init__(self, rows: object) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, place: int) -> str:
        return self.rows.value(int(place), "id") + self.rows.value(int(place), "image")


def write_index(path: Path, rows: int) -> None:
    """Rows as Places2 has them: category/number, a size and a checksum."""
    with path.open("w") as file:
        for start in range(0, rows, 10_000):
            file.write("".join(_rows(range(start, min(rows, start + 10_000)))))


def _rows(numbers: range) -> Iterator[str]:
    for number in numbers:
        image = f"data_256/c/category_{number % 365:03d}/{number:08d}.jpg"
        yield (
            f'{{"id": "{image}", "image": "{image}", "split": "train", "label": "category_{number % 365:03d}", '
            f'"size": [256, 256], "sha256": "{number:064x}"}}\n'
        )


def resident_mb(pid: int) -> float:
    """The memory of a process, shared pages divided among those that share them."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("Pss:")).split()[1]) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("loader", "masks", "index"))
    parser.add_argument("--rows", type=int, default=8_000_000, help="of the synthetic index")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)  # as in the workers of a DataLoader
    for name, work in {"loader": loader, "masks": masks, "index": lambda: index(args.rows)}.items():
        if args.only in (None, name):
            work()


if __name__ == "__main__":
    main()
