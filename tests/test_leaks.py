"""Nothing grows while a run goes on."""

import os
from pathlib import Path

import pytest

from inlay.callbacks import NonFiniteGuard
from tests.processes import GROUP, run
from tests.training import TINY, train

STEPS, SETTLED = 5000, 1500  # caches and pools fill in the beginning
PAGE = os.sysconf("SC_PAGE_SIZE")


def watched(run_dir, settings):
    """Train, and write down memory, open files and shared memory every 100 steps."""
    inner, seen = NonFiniteGuard.on_train_batch_end, []

    def look(self, trainer, *arguments):
        inner(self, trainer, *arguments)
        if trainer.global_step % 100 == 0:
            resident = int(Path("/proc/self/statm").read_text().split()[1]) * PAGE
            files = len(list(Path("/proc/self/fd").iterdir()))
            maps = Path("/proc/self/maps").read_text().splitlines()
            shared = sum("/dev/shm" in line or "torch_" in line for line in maps)
            seen.append((trainer.global_step, resident, files, shared))

    NonFiniteGuard.on_train_batch_end = look
    train(run_dir, *settings, tiny=TINY)
    (Path(run_dir) / "seen.txt").write_text("\n".join(" ".join(map(str, row)) for row in seen))


@GROUP
@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.filterwarnings("ignore:This DataLoader will create")
def test_memory_and_open_files_stay_flat_over_5000_steps(picture_folder, tmp_path):
    settings = [
        f"data.root={picture_folder}", f"iterations={STEPS}", "validate_every=250", "checkpoint_every=100",
        "data.num_workers=2", "trainer.log_every_n_steps=20", "callbacks=averaged",
    ]  # fmt: skip
    assert run(tmp_path / "log", watched, tmp_path / "run", settings, seconds=1700) == 0, (tmp_path / "log").read_text()
    rows = [tuple(map(int, line.split())) for line in (tmp_path / "run/seen.txt").read_text().splitlines()]
    assert len(rows) == STEPS // 100
    settled = [row for row in rows if row[0] >= SETTLED]
    first, last = settled[: len(settled) // 4], settled[-len(settled) // 4 :]
    for name, column, allowed in (("bytes resident", 1, 8 * 2**20), ("open files", 2, 2), ("shared maps", 3, 2)):
        before, after = (sorted(row[column] for row in part)[len(part) // 2] for part in (first, last))
        print(f"{name}: {before} -> {after}")
        assert after - before <= allowed, f"{name} grew from {before} to {after}"
