import json
import shutil
import struct

import pytest
import torch
from safetensors.torch import load_file, save_file

from inlay import checkpoints
from inlay.checkpoints import META_KEY
from inlay.checkpoints.pretrained_folder import backbone
from inlay.errors import InlayError
from inlay.export.folder import write_folder
from inlay.fillers import load_filler
from inlay.models import TDANet
from inlay.text import BERTEncoder
from tests.export.examples import CONFIG, SHAPE, named, scene, write, write_pconv, write_tdanet
from tests.text.conftest import bert_folder as bert  # noqa: F401 -- a fixture

TENSOR = {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    root = tmp_path_factory.mktemp("exported")
    checkpoint = checkpoints.read(write_pconv(root / "tiny.ckpt"))
    write_folder(root / "tiny", checkpoint, "# tiny")
    return root / "tiny"


@pytest.fixture
def folder(exported, tmp_path):
    return shutil.copytree(exported, tmp_path / "tiny")


def change(folder, **told):
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | told))


def set_model(folder, **arguments):
    config = json.loads((folder / "config.json").read_text())["config"]
    config["model"] |= arguments
    change(folder, config=config)


def write_header(folder, header, data=b"", length=None):
    header = header if isinstance(header, bytes) else json.dumps(header).encode()
    length = len(header) if length is None else length
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", length) + header + data)


def test_a_folder_is_read_as_the_checkpoint_was(exported):
    read, given = checkpoints.read(exported), checkpoints.read(exported.with_suffix(".ckpt"))
    assert read["state_dict"].keys() == given["state_dict"].keys()
    assert all(torch.equal(value, given["state_dict"][key]) for key, value in read["state_dict"].items())
    for key in ("version", "git", "packages", "step"):
        assert read[META_KEY][key] == given[META_KEY][key]
    assert read[META_KEY]["config"].items() >= {"model": CONFIG["model"], "iterations": 20}.items()
    assert checkpoints.training_size(exported) == 32


def test_predictions_with_a_text_are_the_checkpoints(tmp_path):
    path = write_tdanet(tmp_path / "text.ckpt")
    write_folder(tmp_path / "text", checkpoints.read(path), "")
    fillers = load_filler(path), load_filler(tmp_path / "text")
    assert torch.equal(*(filler.fill(*scene(), text=["a red bird"], seed=3) for filler in fillers))


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_links_do_not_lead_out_of_a_folder_and_files_that_are_missing_are_named(folder, exported, name):
    (folder / name).unlink()
    with pytest.raises(InlayError, match=f"without {name}"):
        checkpoints.read(folder)
    (folder / name).symlink_to(exported / name)
    with pytest.raises(InlayError, match=f"{name} is a link that leads out of the folder"):
        checkpoints.read(folder)


def test_other_folders_are_told_what_to_name(tmp_path, folder):
    (tmp_path / "run/checkpoints").mkdir(parents=True)
    with pytest.raises(InlayError, match=r"run: a folder\. Name a checkpoint .*run/checkpoints/best\.ckpt"):
        checkpoints.read(tmp_path / "run")
    with pytest.raises(InlayError, match=r"weights alone do not say .* Name the folder: .*tiny"):
        checkpoints.read(folder / "model.safetensors")


@pytest.mark.parametrize(
    ("header", "data", "length", "said"),
    [
        (b"", b"", 2**60, "its header claims 1,152,921,504,606,846,976 bytes"),
        (b"{}", b"", 200 * 10**6, "its header claims 200,000,000 bytes"),
        (b"{", b"", None, "JSONDecodeError"),
        (b"\xff\xfe", b"", None, "UnicodeDecodeError"),
        (b"[" * 10**5, b"", None, "RecursionError"),
        ({"net.a": {**TENSOR, "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 8, None, "not fully covered"),
        ({"net.a": {**TENSOR, "shape": [2**40]}}, b"\0" * 4, None, "invalid shape"),
        ({"net.a": {**TENSOR, "shape": [2**62, 2**62]}}, b"\0" * 4, None, "overflow"),
        ({"net.a": {**TENSOR, "dtype": "F99"}}, b"\0" * 4, None, "F99"),
        ({"net.a": TENSOR, "net.b": TENSOR}, b"\0" * 4, None, "invalid offset"),
        (b'{"net.a": %s, "net.a": %s}' % ((json.dumps(TENSOR).encode(),) * 2), b"\0" * 4, None, "stands there twice"),
        ({"discriminators.a": TENSOR}, b"\0" * 4, None, "does not belong there"),
    ],
)
def test_weights_that_are_damaged_are_refused_in_a_line(folder, header, data, length, said):
    write_header(folder, header, data, length)
    with pytest.raises(InlayError, match=rf"^{folder}/model\.safetensors.*{said}.*\Z"):  # . is no end of a line
        checkpoints.read(folder)


def test_weights_of_another_shape_or_kind_are_refused(folder):
    held = load_file(folder / "model.safetensors")
    key = "net.encoder.0.conv.weight"
    wrong = (held[key][:1].clone(), "size mismatch"), (held[key].long(), "is torch.int64, not torch.float32")
    for value, said in (*wrong, (None, "Missing key")):
        state = {name: value if name == key else own for name, own in held.items() if value is not None or name != key}
        save_file(state, folder / "model.safetensors")
        with pytest.raises(InlayError, match="the weights do not fit the network it describes") as refused:
            checkpoints.build_network(folder)
        assert "encoder.0.conv" in str(refused.value)
        assert said in str(refused.value)
    set_model(folder, width=10**6)  # which would fill the memory
    with pytest.raises(InlayError, match="do not fit"):
        checkpoints.build_network(folder)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "damaged"),
        ('{"library": "inlay", "library": "inlay"}', "stands there twice"),
        ('"inlay"', "not the settings of a network of Inlay"),
        ('{"model_type": "bert"}', "not the settings of a network of Inlay"),
        ('{"library": "inlay", "config": []}', "not the settings of a network of Inlay"),
        ('{"library": "inlay", "format": 2, "config": {}}', "format 2, and this version of Inlay reads format 1"),
        (" " * (2**24 + 1), "not the settings of a network of Inlay"),
    ],
    ids=lambda value: value[:40],
)
def test_settings_that_are_none_are_refused(folder, text, said):
    (folder / "config.json").write_text(text)
    with pytest.raises(InlayError, match=said):
        checkpoints.read(folder)


@pytest.mark.parametrize("place", ["/etc/hostname", "../tiny/config.json", "~/x.pth", "C:\\x", "weights.pth"])
def test_settings_name_no_files(folder, place):
    set_model(folder, weights=place)
    with pytest.raises(InlayError, match="could be a file elsewhere"):
        checkpoints.read(folder)


def test_links_of_the_hubs_cache_are_followed(exported, tmp_path):
    blobs, snapshot = tmp_path / "models--a--b/blobs", tmp_path / "models--a--b/snapshots/abc"
    snapshot.mkdir(parents=True)
    shutil.copytree(exported, blobs)
    for name in ("model.safetensors", "config.json"):
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    checkpoints.build_network(snapshot)
    (snapshot / "config.json").unlink()
    (snapshot / "config.json").symlink_to("../../../elsewhere.json")
    (tmp_path / "elsewhere.json").write_bytes((exported / "config.json").read_bytes())
    with pytest.raises(InlayError, match="leads out of the folder"):
        checkpoints.read(snapshot)


@pytest.mark.slow
def test_a_backbone_is_asked_for_where_it_is_missing_and_used_where_it_lies(bert, tmp_path, monkeypatch):  # noqa: F811
    """A text encoder that reads with a frozen network, which no checkpoint holds."""
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "false")
    torch.manual_seed(0)
    parts = {"net": TDANet(**SHAPE), "text": BERTEncoder(str(bert), dim=8, max_length=8)}
    config = {
        "model": {"_target_": "inlay.models.TDANet", **SHAPE},
        "text": {"_target_": "inlay.text.BERTEncoder", "model": str(bert), "dim": 8, "max_length": 8},
    }
    path, folder = write(tmp_path / "bert.ckpt", named(**parts), config), tmp_path / "bert"
    write_folder(folder, checkpoints.read(path), "")
    assert checkpoints.read(folder)[META_KEY]["config"]["text"]["model"] == bert.name  # and not where it lay here
    with pytest.raises(InlayError, match=rf"reads with {bert.name}, .* of {bert.name} into .*/bert/text_model"):
        load_filler(folder)
    shutil.copytree(bert, folder / "text_model")
    fillers = load_filler(path), load_filler(folder)
    assert torch.equal(*(filler.fill(*scene(), text=["a red bird"]) for filler in fillers))


def test_a_backbone_lies_in_the_folder_or_has_a_name_on_the_hub(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    for place in ("/etc", "../bert", "a/b/c", "text_model/../..", "~", "here", 7):
        with pytest.raises(InlayError, match=rf"text\.model={place} is no name on the .* into {tmp_path}/x/text_model"):
            backbone(tmp_path / "x", place)
    name, held = "openai/clip-vit-base-patch32", tmp_path / "text_model"
    assert backbone(tmp_path, name) == name
    held.mkdir()
    assert backbone(tmp_path, name) == str(held)
    held.rmdir()
    held.symlink_to(tmp_path.parent)
    with pytest.raises(InlayError, match="leads out of the folder"):
        backbone(tmp_path, name)
