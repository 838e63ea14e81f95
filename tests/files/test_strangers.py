"""Whoever opens a stranger's file waits for no pipe and reads no endless device."""

import os
from pathlib import Path

import pytest

from inlay import checkpoints
from inlay.checkpoints.files import digest, is_whole, sidecar
from inlay.convert.damsm import read_words
from inlay.errors import InlayError
from inlay.evaluation.write_results import read as read_results
from inlay.export.card_metrics import evaluation_table
from inlay.fillers.onnx_file import _read as read_onnx
from inlay.images import read_picture
from inlay.prediction.pairing import caption_of
from inlay.pretrained.weights import WeightsFile
from inlay.text import vocabulary

pytestmark = pytest.mark.stranger("A.11")


def read_caption(image):
    if fault := caption_of(image)[2]:  # of which its picture fails, and no other
        raise InlayError(fault)


READERS = {
    "a.ckpt": checkpoints.read,
    "a.onnx": read_onnx,
    "a.pth": lambda path: WeightsFile(str(path), "weights.x", "x", "https://x/x.pth").state(),
    "a.png": read_picture,
    "a.txt": lambda path: read_caption(path.with_suffix(".png")),
    "words.txt": read_words,
    "vocabulary.json": vocabulary.read,
    "results.json": lambda path: read_results(path.parent),
    "figures.json": lambda path: evaluation_table(path, "x"),
    "whole.ckpt": digest,
}


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_no_regular_file_is_refused(name, kind, tmp_path):
    make = os.mkfifo if kind == "pipe" else lambda path: Path(path).symlink_to("/dev/zero")
    make(tmp_path / name)
    with pytest.raises(InlayError, match=r"no regular file|neither a file"):
        READERS[name](tmp_path / name)


@pytest.mark.parametrize("which", [lambda path: path, sidecar])
def test_a_checkpoint_beside_a_pipe_or_that_is_one_is_not_whole(which, tmp_path):
    path = tmp_path / "a.ckpt"
    path.write_bytes(b"x")
    which(path).unlink(missing_ok=True)
    os.mkfifo(which(path))
    assert not is_whole(path)
