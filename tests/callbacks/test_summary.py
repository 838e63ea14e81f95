"""A run ends with what came of it, and with commands that work as they are printed."""

import re
import shlex
import sys

import pytest

from inlay.callbacks import Summary
from inlay.cli.predict import parse, to_request
from inlay.errors import InlayError
from inlay.fillers import Telea
from inlay.images import read_picture
from inlay.prediction import predict
from tests.training import metrics, train


@pytest.mark.stranger("B.4")
def test_a_run_ends_with_its_metrics_beside_telea_and_the_next_commands(tmp_path, noise, capsys, monkeypatch):
    filled = []
    monkeypatch.setattr(Telea, "fill", lambda self, image, mask, **_: filled.append(1) or image)
    run = tmp_path / "a run"
    train(run, f"data.root={noise}", "monitor=val/l1_hole", "optimizer.lr=0", "validate_every=1")
    said = capsys.readouterr().out
    (row,) = re.findall(r"│ +(\S+) │ +1 │ +(\S+) │ +(\S+) │ +(\S+) │\n│ +all ", said)
    values = metrics(run, "val/l1_hole")
    assert row[1:] == (f"{min(values):.4g}", f"{values[-1]:.4g}", "0")
    assert "val/l1_hole by hole ratio (holes in percent of the picture), lower is better" in said
    assert f"after {1 + values.index(min(values))} ┃ after 4 " in said
    assert "filled 1 of the 1 validation pictures" in said
    assert filled == [1]
    assert f"{run / 'checkpoints'}: best.ckpt, last.ckpt; 3 files of 0." in said

    filling, measuring, exporting = said.split("Next:\n")[1].splitlines()
    monkeypatch.setattr(sys, "argv", shlex.split(filling)[1:])
    (path,) = predict(to_request(parse()))
    assert read_picture(path).size == (32, 32)
    assert f"data=folder data.root={noise} " in measuring
    assert shlex.split(measuring)[-2] == f'fillers=["model:{run / "checkpoints/best.ckpt"}",telea]'
    assert shlex.split(exporting)[-4:] == ["export", str(run / "checkpoints/best.ckpt"), "--to", str(run / "exported")]


@pytest.mark.stranger("17.B.1")
def test_a_run_on_the_photographs_of_the_demo_is_evaluated_on_them(tmp_path, capsys):
    train(tmp_path / "run", "data=demo", "iterations=1", "callbacks.summary.telea=0")
    assert " evaluate protocol=pconv_buckets_v2 data=demo " in capsys.readouterr().out


def test_telea_fills_so_many_at_most(tmp_path, picture_folder, capsys):
    train(tmp_path / "run", f"data.root={picture_folder}", "iterations=1", "callbacks.summary.telea=1")
    assert "filled 1 of the 2 validation pictures" in capsys.readouterr().out
    with pytest.raises(InlayError, match=r"callbacks\.summary\.telea must be at least 0, got -1"):
        Summary(str(tmp_path), telea=-1)
