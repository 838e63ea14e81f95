"""What the published network has, and what no earlier implementation had right (spec, section 2)."""

import pytest
import torch
from torch import nn

from inlay.errors import InlayError
from inlay.models import PConvUNet
from inlay.ops import erase
from tests.models.model_tester import scene


@pytest.mark.parametrize(("levels", "millions"), [(7, 25.780), (8, 32.860)])
def test_parameter_count_is_the_published_one(levels, millions):
    with torch.device("meta"):
        net = PConvUNet(levels)
    assert round(sum(p.numel() for p in net.parameters()) / 1e6, 3) == millions


def test_stages_are_those_of_the_paper():
    with torch.device("meta"):
        net = PConvUNet(8)
    encoder, decoder = ([s.conv for s in stages] for stages in (net.encoder, net.decoder))
    rows = [(c.in_channels, c.out_channels, c.kernel_size[0], c.stride[0]) for c in encoder]
    assert rows[:4] == [(3, 64, 7, 2), (64, 128, 5, 2), (128, 256, 5, 2), (256, 512, 3, 2)]
    assert rows[4:] == [(512, 512, 3, 2)] * 4
    assert [(c.in_channels, c.out_channels) for c in decoder] == [
        *[(1024, 512)] * 4, (768, 256), (384, 128), (192, 64), (67, 3)
    ]  # fmt: skip
    assert {(c.kernel_size[0], c.stride[0]) for c in decoder} == {(3, 1)}


def test_norms_biases_and_what_a_checkpoint_holds():
    """S1: a norm that is built and never used. G2, N2: ones stored as weights."""
    net = PConvUNet(levels=5, width=4)
    assert [s.norm is not None for s in net.encoder] == [False, True, True, True, True]
    assert [s.norm is not None for s in net.decoder] == [True, True, True, True, False]
    image, mask = scene((32, 32))
    net(erase(image, mask), mask)
    assert all(m.num_batches_tracked == 1 for m in net.modules() if isinstance(m, nn.BatchNorm2d))
    with_bias = [name for name, m in net.named_modules() if isinstance(m, nn.Conv2d) and m.bias is not None]
    assert with_bias == ["decoder.4.conv"]
    kept = {"weight", "bias", "running_mean", "running_var", "num_batches_tracked"}
    assert {key.rsplit(".", 1)[1] for key in net.state_dict()} == kept


def test_padding_counts_as_hole():
    image, mask = scene((40, 56), batch=1)
    net = PConvUNet(levels=4, width=4).eval()
    padded_image, padded_mask = torch.rand(1, 3, 48, 64), torch.ones(1, 1, 48, 64)
    padded_image[..., :40, :56], padded_mask[..., :40, :56] = image, mask
    expected = net(erase(padded_image, padded_mask), padded_mask)[..., :40, :56]
    torch.testing.assert_close(net.inpaint(image, mask), expected)


def test_hole_stays_zero_between_stages():
    """Batch norm shifts holes away from zero; the next convolution must not see that."""
    net = PConvUNet(levels=4, width=4)
    for stage in net.encoder:
        if stage.norm is not None:
            nn.init.ones_(stage.norm.bias)
    valid = torch.zeros(1, 1, 64, 64)
    valid[..., :8, :8] = 1
    x = torch.rand(1, 3, 64, 64) * valid
    for stage, window in zip(net.encoder, net.plan(valid)[0], strict=True):
        x = stage(x, window)
        assert (x * (1 - window.valid) == 0).all()


def test_activations_keep_their_scale_at_initialisation():
    """N1: features that shrink by C * k * k a layer."""
    image, mask = scene(batch=4)
    assert 0.1 < PConvUNet(levels=5, width=16)(erase(image, mask), mask).std() < 10


def test_masks_are_computed_before_the_first_feature():
    net = PConvUNet(levels=4, width=4)
    order = []
    net.encoder[0].register_forward_hook(lambda *_: order.append("feature"))
    plan, net.plan = net.plan, lambda valid: order.append("masks") or plan(valid)
    image, mask = scene()
    net(erase(image, mask), mask)
    assert order == ["masks", "feature"]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"mean": [0.5, 0.5]}, r"model\.mean must be 3 numbers, got \[0\.5, 0\.5\]"),
        ({"mean": [float("nan")] * 3}, r"model\.mean"),
        ({"std": [0.5, 0.0, 0.5]}, r"model\.std must be 3 numbers above 0"),
        *(({"levels": levels}, r"model\.levels must") for levels in (3, 11)),
        ({"width": 0}, r"model\.width must"),
    ],
)
def test_impossible_numbers_are_refused(options, complaint):
    with pytest.raises(InlayError, match=complaint):
        PConvUNet(**{"levels": 4, "width": 4} | options)


class TestFrozenEncoder:
    def test_encoder_norms_stay_in_eval_mode_and_others_train(self):
        net = PConvUNet(levels=4, width=4, freeze_encoder_bn=True)
        for _ in range(2):  # from the beginning, and after it is asked for
            assert not any(s.norm.training for s in net.encoder if s.norm)
            assert all(s.norm.training for s in net.decoder if s.norm)
            net.train()

    def test_a_training_step_moves_neither_statistics_nor_parameters(self):
        net = PConvUNet(levels=4, width=4, freeze_encoder_bn=True).train()
        before = {k: v.clone() for k, v in net.state_dict().items() if "encoder" in k and "norm" in k}
        optimizer = torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=1.0)
        image, mask = scene()
        net(erase(image, mask), mask).square().mean().backward()
        optimizer.step()
        assert all(torch.equal(value, net.state_dict()[key]) for key, value in before.items())

    def test_gives_what_a_network_in_eval_mode_gives(self):
        """The jump of the loss that users report when the second phase begins."""
        first, second = PConvUNet(levels=4, width=4), PConvUNet(levels=4, width=4, freeze_encoder_bn=True)
        second.load_state_dict(first.state_dict())
        image, mask = scene()
        masked = erase(image, mask)
        second.train().decoder.eval()
        assert torch.equal(first.eval()(masked, mask), second(masked, mask))


class TestNormalization:
    def test_half_and_half_is_what_stages_of_minus_one_to_one_see(self):
        """Bit for bit what the network computed before it could be told otherwise."""
        net, (image, mask) = PConvUNet(levels=4, width=4).eval(), scene()
        seen = []
        net.encoder[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        net.decoder[-1].register_forward_hook(lambda _, given, answer: seen.append(answer))
        raw = net(erase(image, mask), mask)
        assert torch.equal(seen[0], (erase(image, mask) * 2 - 1) * (1 - mask))
        assert torch.equal(raw, seen[1] * 0.5 + 0.5)

    def test_other_numbers_are_taken_off_before_and_put_back_behind(self):
        mean, std = [0.5, 0.4, 0.3], [0.2, 0.3, 0.4]
        plain, other = PConvUNet(4, 4).eval(), PConvUNet(4, 4, mean=mean, std=std).eval()
        other.load_state_dict(plain.state_dict())
        m, s = torch.tensor(mean).view(3, 1, 1), torch.tensor(std).view(3, 1, 1)
        image, mask = scene()
        shown = (image - m) / s * 0.5 + 0.5  # what the plain one turns into the same numbers
        expected = (plain(erase(shown, mask), mask) * 2 - 1) * s + m
        torch.testing.assert_close(other(erase(image, mask), mask), expected, rtol=0, atol=1e-5)
