"""Weights of AOT-GAN and DeepFillv2, by networks that are written here from their description."""

import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from inlay.checkpoints import build_network
from inlay.convert import import_aot, import_deepfillv2
from inlay.errors import InlayError
from inlay.models import AOTGenerator, DeepFill
from inlay.ops import erase
from tests.convert import layouts

KEYS = Path(__file__).parent / "keys"


def drawn(name, shrink=1):
    """Random tensors for the keys of a family, in its published sizes, or thinner ones."""
    draw = torch.Generator().manual_seed(0)
    described = json.loads((KEYS / f"{name}.json").read_text())

    def size(number):
        return number if number in (1, 3, 4, 5, 7) else max(number // shrink, 1)

    return {key: torch.randn([size(n) for n in shape], generator=draw) * 0.1 for key, shape in described.items()}


def conv(state, key, x, pad=0, mode="constant", **options):
    return F.conv2d(F.pad(x, (pad,) * 4, mode=mode), state[f"{key}.weight"], state[f"{key}.bias"], **options)


def aot(state, masked, mask):
    """AOT-GAN by its description, functionally."""
    x = torch.cat([torch.where(mask > 0, torch.ones(()), 2 * masked - 1), mask], dim=1)
    x = conv(state, "encoder.1", x, 3, "reflect").relu()
    for layer in ("encoder.3", "encoder.5"):
        x = conv(state, layer, x, 1, stride=2).relu()
    for block in range(8):
        key = f"middle.{block}"
        found = torch.cat(
            [
                conv(state, f"{key}.block0{i}.1", x, rate, "reflect", dilation=rate).relu()
                for i, rate in enumerate((1, 2, 4, 8))
            ],
            1,
        )
        found, gate = conv(state, f"{key}.fuse.1", found, 1, "reflect"), conv(state, f"{key}.gate.1", x, 1, "reflect")
        mean, std = gate.mean((2, 3), keepdim=True), gate.std((2, 3), keepdim=True) + 1e-9
        gate = torch.sigmoid(5 * (2 * (gate - mean) / std - 1))
        x = x * (1 - gate) + found * gate
    for layer in ("decoder.0.conv", "decoder.2.conv"):
        up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        x = conv(state, layer, up(x), 1).relu()
    return (torch.tanh(conv(state, "decoder.4", x, 1)) + 1) / 2


def answer(imported, path, masked, mask):
    torch.save(imported.checkpoint, path)
    with torch.inference_mode():
        return build_network(path).double()(masked, mask)


def test_aot_computes_what_the_original_computes(tmp_path):
    state = drawn("aot", shrink=8)
    torch.save(state, tmp_path / "G0000000.pt")
    image, mask = (x.double() for x in layouts.scenes(64, 72))
    found = answer(import_aot(tmp_path / "G0000000.pt"), tmp_path / "ours.ckpt", erase(image, mask), mask)
    state = {key: value.double() for key, value in state.items()}  # norms amplify what float32 rounds
    torch.testing.assert_close(found, aot(state, erase(image, mask), mask), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("name", "give", "build"), [("aot", import_aot, AOTGenerator), ("deepfillv2", import_deepfillv2, DeepFill)]
)
def test_every_key_of_the_published_size_has_its_place(tmp_path, name, give, build):
    torch.save({key: value.half() for key, value in drawn(name).items()}, tmp_path / "file.pt")
    imported = give(tmp_path / "file.pt")
    with torch.device("meta"):
        expected = {f"net.{key}": value.shape for key, value in build().state_dict().items()}
    assert {key: value.shape for key, value in imported.checkpoint["state_dict"].items()} == expected
    assert imported.report.endswith(f"{name == 'deepfillv2':d} left out")


def test_deepfillv2_has_its_layers_in_their_order(tmp_path):
    """Each layer is found by a weight that no other has; shapes alone would let many be exchanged."""
    state = drawn("deepfillv2", shrink=6)
    for number, key in enumerate(state):
        state[key] = torch.full_like(state[key], number)
    torch.save({"G": state, "n_iter": 3}, tmp_path / "file.pth")
    imported = import_deepfillv2(tmp_path / "file.pth")
    held = imported.checkpoint["state_dict"]
    for ours, theirs in {
        **{"coarse.3": "stage1.down_block2.conv1_downsample", "coarse.9": "stage1.conv_bn5"},
        **{"coarse.12": "stage1.up_block1.conv1_upsample.conv", "far.5": "stage2.conv_conv_bn1"},
        **{"near.5": "stage2.ca_conv_bn1", "attended.1": "stage2.ca_conv_bn5", "fine.5": "stage2.up_block2.conv2"},
    }.items():
        assert held[f"net.{ours}.conv.bias"][0] == list(state).index(f"{theirs}.conv.bias")
    assert held["net.fine.6.bias"][0] == list(state).index("stage2.conv_to_rgb.conv.bias")
    assert "n_iter left out" in imported.report
    assert imported.checkpoint["inlay"]["config"]["model"] == {
        "_target_": "inlay.models.DeepFill", "width": 4, "zero_excluded": True
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "give", "key", "said"),
    [
        ("aot", import_aot, "decoder.4.bias", r"1 keys are missing: decoder\.4\.bias"),
        ("aot", import_aot, "encoder.1.weight", r"without 'encoder\.1\.weight'"),
        (
            "deepfillv2",
            import_deepfillv2,
            "stage2.conv_conv_bn5.conv.bias",
            r"1 keys are missing: stage2\.conv_conv_bn5",
        ),
        ("deepfillv2", import_deepfillv2, "stage1.conv1.conv.weight", r"without 'stage1\.conv1\.conv\.weight'"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, name, give, key, said):
    state = drawn(name, shrink=6)
    del state[key]
    torch.save(state, tmp_path / "file.pt")
    with pytest.raises(InlayError, match=said):
        give(tmp_path / "file.pt")


def test_weights_of_tensorflow_are_refused(tmp_path):
    torch.save({"G": {"conv2_downsample.conv.weight": torch.ones(1)}}, tmp_path / "file.pth")
    with pytest.raises(InlayError, match="converted from TensorFlow"):
        import_deepfillv2(tmp_path / "file.pth")
