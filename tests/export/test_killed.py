import signal
from contextlib import nullcontext

import pytest

from inlay import checkpoints
from inlay.errors import InlayError
from inlay.export.folder import write_folder
from inlay.export.graphs import write_outputs
from tests.export.examples import write_pconv
from tests.kills import dying
from tests.processes import GROUP, run

pytestmark = [GROUP, pytest.mark.stranger("B.19")]


def export_folder(folder):
    """What `inlay export` and `inlay import` end with, for a FOLDER; it may have been killed behind its last step."""
    with pytest.raises(InlayError, match="is there already") if (folder / "out").exists() else nullcontext():
        write_folder(folder / "out", checkpoints.read(folder / "a.ckpt"), "# A card")


def export_files(folder):
    """What `inlay export` ends with for .onnx and .pt2."""
    write_outputs({folder / "out.onnx": b"1" * 1000, folder / "out.text.onnx": b"2"})


def left(folder):
    return {path.relative_to(folder): path.is_file() and path.read_bytes() for path in folder.rglob("*")}


@pytest.mark.parametrize("export", [export_folder, export_files])
def test_end_with_the_same_bytes_and_nothing_else(export, tmp_path):
    def started(name, fatal):
        (tmp_path / name).mkdir()
        write_pconv(tmp_path / name / "a.ckpt")
        return run(tmp_path / "log", dying, tmp_path / "moments", fatal, export, tmp_path / name)

    assert started("whole", None) == 0
    whole, moments = left(tmp_path / "whole"), (tmp_path / "moments").read_text().splitlines()
    assert len(moments) >= 8
    for fatal in range(len(moments)):
        assert started(f"{fatal}", fatal) == -signal.SIGKILL
        export(tmp_path / f"{fatal}")
        assert left(tmp_path / f"{fatal}") == whole, moments[fatal]
