"""Datasets on disk for tests: pictures, and indexes that name them."""

import json
import multiprocessing

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("INLAY_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def on_rank(monkeypatch):

    def on_rank(rank, world):
        for module in ("loader", "datamodule"):
            monkeypatch.setattr(f"inlay.data.{module}.rank_and_world", lambda: (rank, world))

    return on_rank


@pytest.fixture
def write_index(tmp_path):
    """An index of rows; what is text already becomes a line as it is."""

    def write(rows, path="index.jsonl"):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows))
        return file

    return write


@pytest.fixture
def save(tmp_path):
    """A picture file below the test's folder: of given pixels, or of a size and its own noise."""

    def save(path, pixels=(40, 50), **options):
        if isinstance(pixels, tuple):
            noise = np.random.default_rng(len(list(tmp_path.rglob("*"))))
            pixels = noise.integers(0, 256, (*pixels, 3)).astype(np.uint8)
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(file, **options)
        return file

    return save


@pytest.fixture
def two_at_once():
    """Runs a function in two processes, which meet at a barrier that it is given first, with the arguments of each."""

    def two_at_once(function, *arguments):
        forked = multiprocessing.get_context("fork")
        together = forked.Barrier(2)
        both = [forked.Process(target=function, args=(together.wait, *given)) for given in arguments]
        for process in both:
            process.start()
        for process in both:
            process.join(60)
        assert [process.exitcode for process in both] == [0, 0]

    return two_at_once
