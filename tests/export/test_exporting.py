"""``inlay export`` as it is typed."""

import sys
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from inlay.cli import main
from inlay.export import exported_program, onnx
from inlay.fillers import load_filler
from inlay.models import ResidualDiscriminator
from tests.export.examples import named, scene, write


@pytest.fixture
def inlay(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["inlay", *map(str, words)])
        with suppress(SystemExit):  # what it says is looked at
            main()
        return capsys.readouterr()

    return run


def test_a_folder_fills_as_its_checkpoint_does(inlay, checkpoint, tmp_path):
    out = tmp_path / "out"
    printed = inlay("export", checkpoint, "--to", out, "--license", "mit", "--name", "Tiny").out
    assert printed == f"{out}/model.safetensors\n{out}/config.json\n{out}/README.md\n"
    assert torch.equal(load_filler(str(out)).fill(*scene()), load_filler(checkpoint).fill(*scene()))
    assert "\n# Tiny\n" in (out / "README.md").read_text()
    again = tmp_path / "again"
    inlay("export", out, "--to", again)
    assert (again / "model.safetensors").read_bytes() == (out / "model.safetensors").read_bytes()
    assert (again / "config.json").read_bytes() == (out / "config.json").read_bytes()


@pytest.mark.parametrize(
    ("target", "module", "name", "written"),
    [
        ("onnx", onnx, "export_onnx", "{run}/checkpoints/best.onnx"),
        ("torch", exported_program, "export_program", "{run}/checkpoints/best.pt2"),
        ("{run}/x.onnx", onnx, "export_onnx", "{run}/x.onnx"),
        ("{run}/x.pt2", exported_program, "export_program", "{run}/x.pt2"),
    ],
)
def test_other_forms_are_asked_of_those_who_write_them(
    inlay, checkpoint, run, monkeypatch, target, module, name, written
):
    written, asked = written.format(run=run), []
    monkeypatch.setattr(module, name, lambda path, to: asked.append((path, to)) or [to])
    assert inlay("export", checkpoint, "--to", target.format(run=run)).out == f"{written}\n"
    assert asked == [(checkpoint, Path(written))]
    said = inlay("export", checkpoint, "--to", target.format(run=run), "--license", "mit", "--name", "x").err
    assert "has no card, and --license and --name would do nothing. Leave it out." in said
    assert len(asked) == 1


def test_a_network_that_fills_no_holes_has_a_card_that_says_so(inlay, tmp_path):
    net = ResidualDiscriminator(channels=[8, 8], attention=1)
    config = {"model": {"_target_": "inlay.models.ResidualDiscriminator", "channels": [8, 8], "attention": 1}}
    path = write(tmp_path / "odd.ckpt", named(net=net), config)
    inlay("export", path, "--to", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "fills no holes" in card
    assert "inlay predict" not in card


def test_a_checkpoint_that_is_not_there_is_one_line(inlay, tmp_path):
    said = inlay("export", tmp_path / "no.ckpt", "--to", tmp_path / "out").err.splitlines()
    assert len(said) == 1
    assert "no.ckpt: no such checkpoint" in said[0]
