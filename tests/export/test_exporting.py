import pytest
import torch

from inlay.export import graphs
from inlay.fillers import load_filler
from inlay.models import ResidualDiscriminator
from tests.export.examples import named, scene, write


def test_a_folder_fills_as_its_checkpoint_does(inlay, checkpoint, tmp_path):
    out = tmp_path / "out"
    printed = inlay("export", checkpoint, "--to", out, "--license", "mit", "--name", "Tiny").out
    assert printed == f"{out}/model.safetensors\n{out}/config.json\n{out}/README.md\n"
    assert torch.equal(load_filler(str(out)).fill(*scene()), load_filler(checkpoint).fill(*scene()))
    assert "\n# Tiny\n" in (out / "README.md").read_text()
    inlay("export", out, "--to", tmp_path / "again")
    for name in ("model.safetensors", "config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes()


@pytest.mark.parametrize(
    ("target", "written"),
    [("onnx", "checkpoints/best.onnx"), ("torch", "checkpoints/best.pt2"), ("{}/x.onnx",) * 2, ("{}/x.pt2",) * 2],
)
def test_other_forms_are_asked_of_those_who_write_them(inlay, checkpoint, run, monkeypatch, target, written):
    target, written, asked = target.format(run), run / written.format(run), []
    writer = "export_onnx" if written.suffix == ".onnx" else "export_program"
    monkeypatch.setattr(graphs, writer, lambda path, to: asked.append((path, to)) or [to])
    assert inlay("export", checkpoint, "--to", target).out == f"{written}\n"
    assert asked == [(checkpoint, written)]
    said = inlay("export", checkpoint, "--to", target, "--license", "mit", "--name", "x").err
    assert "--license and --name would do nothing" in said
    assert len(asked) == 1


def test_a_network_that_fills_no_holes_has_a_card_that_says_so(inlay, tmp_path):
    path, shape = tmp_path / "odd.ckpt", {"channels": [8, 8], "attention": 1}
    assert "odd.ckpt: no such checkpoint" in inlay("export", path, "--to", tmp_path / "out").err
    config = {"model": {"_target_": "inlay.models.ResidualDiscriminator", **shape}}
    write(path, named(net=ResidualDiscriminator(**shape)), config)
    inlay("export", path, "--to", tmp_path / "out")
    card = (tmp_path / "out/README.md").read_text()
    assert "fills no holes" in card
    assert "inlay predict" not in card
