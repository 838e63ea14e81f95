import json

import pytest
import torch

from inlay.checkpoints import build_network
from inlay.convert import import_naoto0804
from inlay.errors import InlayError
from inlay.ops import erase
from tests.convert import layouts, originals


def test_layout_is_the_published_one(shared_data):
    described = json.loads((shared_data.parent / "specs/foreign_checkpoints/naoto0804.json").read_text())
    assert {k: list(v.shape) for k, v in layouts.naoto0804(scale=1).items()} == described["state"]["model"]


@pytest.mark.parametrize(("scale", "size"), [(16, 128), pytest.param(1, 256, marks=pytest.mark.slow)])
def test_computes_what_the_original_computes(tmp_path, naoto0804_file, scale, size):
    state, path = layouts.naoto0804(scale), tmp_path / "ours.ckpt"
    torch.save(import_naoto0804(naoto0804_file(state)).checkpoint, path)
    net = build_network(path)
    image, hole = layouts.scenes(size, size)
    with torch.inference_mode():
        raw = net(erase(image, hole), hole)
    torch.testing.assert_close(raw.double(), originals.naoto0804(state, image, hole), rtol=0, atol=1e-5)
    assert 0.1 < raw.std() < 10
    assert scale > 1 or round(sum(p.numel() for p in net.parameters()) / 1e6, 3) == 25.780


def test_every_key_is_mentioned(naoto0804_file):
    state = layouts.naoto0804()
    lines = import_naoto0804(naoto0804_file()).report.splitlines()
    for key in [*state, "optimizer", "n_iter"]:
        assert sum(line.startswith(f"{key} ") for line in lines) == 1
    assert "enc_2.conv.input_conv.weight (8, 4, 5, 5) -> encoder.1.conv.weight: divided by 100" in lines
    assert "enc_2.conv.mask_conv.weight (8, 4, 5, 5) left out: ones" in lines
    # 14 weights, a bias, 12 norms of five; 14 kernels of ones and two entries of the training
    assert lines[-1] == "91 keys: 75 carried over, 16 left out"


def test_weights_of_data_parallel(naoto0804_file):
    wrapped = {f"module.{key}": value for key, value in layouts.naoto0804().items()}
    plain, found = (import_naoto0804(naoto0804_file(state)).checkpoint["state_dict"] for state in (None, wrapped))
    assert plain.keys() == found.keys()
    assert all(torch.equal(plain[key], found[key]) for key in plain)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda s: s.pop("dec_3.bn.bias"), r"1 keys are missing: dec_3\.bn\.bias\. Give"),
        (lambda s: s.update({"enc_9.weight": torch.ones(1)}), r"1 keys are not known: enc_9\.weight\."),
        (lambda s: s.update({"dec_2.bn.bias": torch.ones(5)}), r"other shapes: dec_2\.bn\.bias \(5,\) for \(4,\)"),
        (lambda s: s["enc_3.conv.mask_conv.weight"].mul_(2), r"enc_3\.conv\.mask_conv\.weight is not all ones"),
        (lambda s: s.pop("enc_1.conv.input_conv.weight"), r"without 'enc_1\.conv\.input_conv\.weight'"),
        (lambda s: s.update({"enc_1.conv.input_conv.weight": torch.ones(3)}), "not of this family"),
        (lambda s: [s.pop(key) for key in list(s) if key[:3] == "enc" and key[4] > "3"], "an encoder of 3 stages"),
        (lambda s: s.update(note="text"), "where a state dict was expected"),
    ],
)
def test_what_does_not_fit_is_named(naoto0804_file, change, complaint):
    state = layouts.naoto0804()
    change(state)
    with pytest.raises(InlayError, match=complaint):
        import_naoto0804(naoto0804_file(state))
