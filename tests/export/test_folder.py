import json
import stat

import pytest
import torch
from safetensors.torch import load_file

from inlay import checkpoints
from inlay.checkpoints import AVERAGE, META_KEY
from inlay.errors import InlayError
from inlay.export import folder as writing
from inlay.export.exporting import CardFields, model_card
from inlay.export.folder import origin_of, write_folder
from tests.export.examples import CONFIG, named, pconv, write_pconv


@pytest.fixture
def read(tmp_path):
    return checkpoints.read(write_pconv(tmp_path / "tiny.ckpt"))


def test_three_files_that_everybody_may_read_and_what_is_there_is_not_written_over(read, tmp_path):
    out, own = tmp_path / "new/out", tmp_path / "file"
    out.mkdir(parents=True)  # an empty one is as good as none
    files = write_folder(out, read, "mine")
    assert files == [out / name for name in ("model.safetensors", "config.json", "README.md")]
    assert {*out.parent.rglob("*")} == {out, *files}
    assert len({stat.S_IMODE(file.stat().st_mode) for file in files}) == 1
    own.write_text("mine")
    for place in (out, own):
        with pytest.raises(InlayError, match="is there already, and is not written over"):
            write_folder(place, read, "second")
    assert files[2].read_text() == own.read_text() == "mine"


def test_averages_stand_for_their_weights_and_what_fills_no_hole_stays_out(read, tmp_path):
    other = named(net=pconv(seed=1))
    key = "net.encoder.1.norm.running_mean"
    read |= {AVERAGE: {name: value for name, value in other.items() if name != key}, "optimizer_states": [{"a": 1}]}
    read["state_dict"] |= {"discriminators.0.weight": torch.ones(3), key: torch.full((8,), 7.0)}
    write_folder(tmp_path / "out", read, "")
    held = load_file(tmp_path / "out/model.safetensors")
    assert (held.keys(), held[key].tolist()) == (other.keys(), [7.0] * 8)
    assert all(torch.equal(value, other[name]) for name, value in held.items() if name != key)
    assert json.loads((tmp_path / "out/config.json").read_text())["averaged"] is True


def test_discriminators_are_written_if_asked_and_read_with_the_rest(read, tmp_path):
    read["state_dict"] |= {"discriminators.0.weight": torch.arange(3.0)}
    files = write_folder(tmp_path / "out", read, "", training=True)
    assert files[-1].name == "training.safetensors"
    found = checkpoints.weights(checkpoints.read(tmp_path / "out"), "discriminators")
    assert {key: value.tolist() for key, value in found.items()} == {"0.weight": [0, 1, 2]}


def test_tensors_may_share_memory_and_have_any_strides(read, tmp_path):
    shared = torch.arange(6.0)
    last = torch.arange(24.0).view(1, 2, 3, 4).to(memory_format=torch.channels_last)
    read["state_dict"] = {"net.a": shared, "net.b": shared, "net.c": shared[1:3], "net.d": last}
    read["state_dict"] |= {"net.e": torch.arange(6.0).view(2, 3).T, "text.f": torch.tensor(5)}
    write_folder(tmp_path / "out", read, "")
    held = load_file(tmp_path / "out/model.safetensors")
    assert held.keys() == read["state_dict"].keys()
    assert all(torch.equal(value, held[key]) for key, value in read["state_dict"].items())


def test_settings_tell_how_and_not_where(read, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "weights/clip").mkdir(parents=True)
    read[META_KEY]["config"] = CONFIG | {
        "text": {"_target_": "inlay.text.CLIPEncoder", "model": "weights/clip"},
        "loss": {"vgg": "C:\\Users\\ann\\vgg.pth", "clip": "openai/clip-vit", "more": ["~/a.pth", "../b/c.pth", 0.5]},
    }
    read[META_KEY]["imported"] = {"from": "/home/ann/old.pth"}
    write_folder(tmp_path / "out", read, "")
    told = json.loads((tmp_path / "out/config.json").read_text())
    assert "ann" not in json.dumps(told)
    assert told["imported"] == {"from": "old.pth"}
    assert {"library": "inlay", "format": 1, "version": "0.1.0", "git": "abc123", "step": 20}.items() <= told.items()
    assert told["config"] == {
        "model": CONFIG["model"],
        "text": {"_target_": "inlay.text.CLIPEncoder", "model": "clip"},
        "masks": CONFIG["masks"] | {"root": "masks"},
        "loss": {"vgg": "vgg.pth", "clip": "openai/clip-vit", "more": ["a.pth", "c.pth", 0.5]},
        "iterations": 20,
        "data": {key: value for key, value in CONFIG["data"].items() if key not in ("root", "index")},
        "task": {"_target_": "inlay.tasks.ReconstructionTask"},
    }


def test_a_disk_that_refuses_leaves_nothing(read, tmp_path, monkeypatch):
    def full(path, data):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writing, "write_bytes", full)
    with pytest.raises(InlayError, match=r"out: cannot be written \(No space left on device\)"):
        write_folder(tmp_path / "here/out", read, "")
    assert [*(tmp_path / "here").iterdir()] == []


def test_a_checkpoint_that_does_not_say_what_it_holds_is_not_written(tmp_path):
    read = checkpoints.read(write_pconv(tmp_path / "odd.ckpt", config={"data": {}}))
    with pytest.raises(InlayError, match="does not say which network it holds"):
        write_folder(tmp_path / "out", read, "")
    assert not (tmp_path / "out").exists()


STRANGE = {
    "version": "0.1\x1b[31m",
    "git": "https://ann:secret@example.org/repo.git",
    "packages": {"torch": "2.15.0", "numpy": "/home/ann/.venv", "<img onerror=alert(1)>": "1"},
    "step": "many",
    "imported": {"from": "tdanet", "1_net_E.pth": "sha256:0123456789abcdef", "x": "s3://ann:secret@store/x?token=1"},
    "host": "ann-laptop.example.org",
}


@pytest.mark.stranger("A.4")
def test_what_a_foreign_checkpoint_says_of_itself_is_checked_or_dropped(tmp_path):
    config = CONFIG | {
        "run_name": "https://ann:secret@example.org/tiny",
        "init_from": "https://ann:secret@example.org/old.ckpt?token=1",
        "masks": {"root": "ann:secret@nas:/masks", "other": "data/private/masks", "model": "openai/clip"},
    }
    path = write_pconv(tmp_path / "a.ckpt", config=config)
    read = checkpoints.read(path)
    read[META_KEY] |= STRANGE
    told = origin_of(read)
    assert told == {"packages": {"torch": "2.15.0"}, "imported": STRANGE["imported"] | {"x": "x"}}
    card = model_card(path, read, CardFields())
    write_folder(tmp_path / "out", read, card)
    for text in (card, (tmp_path / "out/config.json").read_text()):
        assert not any(word in text for word in ("secret", "token", "example.org", "private", "nas", "onerror", "\x1b"))
    config = json.loads((tmp_path / "out/config.json").read_text())["config"]
    assert config["masks"] == {"root": "masks", "other": "masks", "model": "openai/clip"}
    assert "the weights of `old.ckpt`" in card
