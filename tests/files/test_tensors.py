"""Small files that would fill the memory, refused by what they say before anything is laid out."""

import functools
import io
import struct
import zipfile

import pytest
import torch

from inlay.convert.files import opened
from inlay.errors import BadFile, InlayError
from inlay.files import tensors
from inlay.files.tensors import load_plain
from inlay.pretrained.weights import TorchvisionWeights, WeightsFile

pytestmark = [pytest.mark.stranger("A.2"), pytest.mark.filterwarnings("ignore:Validating sparse")]

SMALL = {"a": torch.arange(3.0), "b": {"c": [torch.ones(2, 2), "text", 5, None]}, "d": (1.5, True)}
HUGE = torch.zeros(1).expand(200_000, 200_000)
SPARSE = torch.sparse_coo_tensor(torch.zeros(2, 1), torch.ones(1), (10**6, 10**6), check_invariants=True)
PICKLE = b"\x80\x02c__builtin__\nbytearray\nJ\x00\x00\x00\x40\x85q\x01."  # named, and called by nobody


def saved(content, zipped=True):
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=zipped)
    return buffer.getvalue()


def rewritten(archive, how=zipfile.ZIP_STORED, **changed):
    entries, buffer = zipfile.ZipFile(io.BytesIO(archive)), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as made:
        for name in entries.namelist():
            made.writestr(name, changed.get(name.rpartition("/")[2].partition(".")[0], entries.read(name)))
    return buffer.getvalue()


def two_lists():
    """An archive with two lists of entries: where its last record says, and where readers look that doubt it."""
    first, second = saved(SMALL), rewritten(saved(SMALL))
    place, end = struct.unpack("<I", second[-6:-2])[0], len(second) - 22
    return first[:-22] + second[place:end] + first[-22:-10] + struct.pack("<II", end - place, place) + first[-2:]


def twice():
    buffer = io.BytesIO(saved(SMALL))
    with zipfile.ZipFile(buffer, "a") as made:
        made.writestr(made.namelist()[0].upper(), b"other")
    return buffer.getvalue()


DEEP = functools.reduce(lambda held, _: [held] * 10, range(10), 0)  # ten of ten of ten ..., ten billion numbers
ENDLESS = []
ENDLESS.append(ENDLESS)


STRANGE = {
    "stride 0": (saved({"text.x": HUGE}), "text.x is"),
    "stride 0, deep": (saved({"states": [{"exp": HUGE}]}), "exp is"),
    "stride 0, old": (saved({"x": HUGE}, zipped=False), "x is"),
    "one memory, many names": (saved(dict.fromkeys(map(str, range(3000)), torch.zeros(4096))), "more memory"),
    "sparse": (saved({"x": SPARSE}), "no plain tensor"),
    "meta": (saved({"x": torch.empty(10**6, 10**6, device="meta")}), "no plain tensor"),
    "lists of lists": (saved(DEEP), "more memory"),
    "a list of itself": (saved(ENDLESS), "more memory"),
    "packed": (rewritten(saved(SMALL), zipfile.ZIP_DEFLATED), "is packed"),
    "packed, huge": (rewritten(saved(SMALL), zipfile.ZIP_DEFLATED, data=bytes(10**7)), "is packed"),
    "memory by a number": (rewritten(saved(SMALL), data=PICKLE), "asks for memory by a number"),
    "memory by a number, old": (saved(SMALL, zipped=False) + PICKLE, "asks for memory by a number"),
    "two lists of entries": (two_lists(), "lie in each other"),
    "two entries of a name": (twice(), "lie in each other"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_what_would_become_larger_than_its_file(kind, tmp_path, monkeypatch):
    content, said = STRANGE[kind]
    assert len(content) < 2**20
    (tmp_path / "a.pth").write_bytes(content)
    if "packed" in kind or "number" in kind:  # is refused unread
        monkeypatch.setattr(tensors.torch, "load", None)
    with pytest.raises(BadFile, match=said):
        load_plain(tmp_path / "a.pth")


@pytest.mark.parametrize("zipped", [True, False])
def test_what_is_plain_is_what_was_saved(zipped, tmp_path):
    tied = torch.rand(300, 300)
    (tmp_path / "a.pth").write_bytes(saved(SMALL | {"x": tied, "y": tied, "z": tied.T[:5]}, zipped))
    found = load_plain(tmp_path / "a.pth")
    assert torch.equal(found["x"], found["y"])
    assert found["b"]["c"][1:] == ["text", 5, None]


READERS = {
    "foreign": opened,
    "a metric's": lambda path: WeightsFile(str(path), "weights.lpips", "AlexNet", "https://x/y.pth").state(),
    "a loss's": lambda path: TorchvisionWeights(str(path), "loss.extractors.vgg.weights", "VGG16", "").state(None),
}


@pytest.mark.parametrize("kind", ["stride 0, old", "packed, huge"])
@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_everybody_who_opens_weights_refuses_them(read, kind, tmp_path):
    content, said = STRANGE[kind]
    (tmp_path / "a.pth").write_bytes(content)
    with pytest.raises(InlayError, match=said):
        read(tmp_path / "a.pth")
