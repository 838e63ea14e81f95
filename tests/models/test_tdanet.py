"""TDANet's network: shapes, wiring of the paths, attention to words, parameter counts."""

import math

import pytest
import torch
import torch.nn.functional as F
from hydra.utils import instantiate

from inlay.checkpoints.meta_init import EmptyWeights
from inlay.errors import InlayError
from inlay.models import ResidualDiscriminator, TDANet
from inlay.models.layers import ResidualBlock, SelfAttention2d, attend, spectral
from inlay.models.tdanet import Noise
from inlay.models.tdanet.generator import Generator, ShortLongAttention
from inlay.models.tdanet.words import WordAttention, entropy, masked_max_pool, mean_word_weights
from inlay.ops import erase
from inlay.text import GRUEncoder
from inlay.types import Gaussian
from tests.models.model_tester import scene, text
from tests.training import configure

TINY = {
    "encoder_channels": (8, 8, 8, 8),
    "encoder_strides": (2, 1, 2, 2),
    "decoder_channels": (8, 8, 8),
    "text_dim": 8,
    "latent": 8,
    "fusion_blocks": 2,
    "fusion_width": 8,
}


def tiny(**options):
    torch.manual_seed(0)
    return TDANet(**(TINY | options))


def opened(net):
    """With gates that let attention through; they begin closed."""
    with torch.no_grad():
        net.generator.attention.gamma.fill_(0.7)
        net.generator.attention.alpha.fill_(0.7)
    return net


def draws(net, image):
    return Noise(*torch.randn(2, *net.noise_spec.shape(image), generator=torch.Generator().manual_seed(3)))


def count(*modules):
    return sum(p.numel() for module in modules for p in module.parameters())


class TestSizes:
    """1. Shapes."""

    def test_published_sizes_at_256(self):
        net, (image, mask) = TDANet(), scene((256, 256), batch=1)
        with torch.no_grad():
            low, high = net.encoder(image)
            paths = net.paths(image, mask, text(batch=1, dim=256))
        assert (low.shape, high.shape) == ((1, 256, 32, 32), (1, 256, 8, 8))
        for path in (paths.out, paths.rec):
            assert [picture.shape for picture in path.pictures] == [(1, 3, side, side) for side in (32, 64, 128, 256)]
            assert path.latent.mean.shape == (1, 256, 8, 8)

    @pytest.mark.parametrize(
        ("size", "batch"), [(128, 1), (128, 3), (64, 10), pytest.param(512, 1, marks=pytest.mark.slow)]
    )
    def test_other_sizes_and_batches(self, size, batch):
        image, mask = scene((size, size), batch)
        paths = tiny().paths(image, mask, text(batch))
        assert paths.out.raw.shape == paths.rec.raw.shape == image.shape
        assert [p.shape[-1] for p in paths.out.pictures] == [size // 4, size // 2, size]
        assert all(0 <= p.min() <= p.max() <= 1 for p in paths.out.pictures + paths.rec.pictures)

    def test_training_names_the_size_to_use(self):
        image, mask = scene((60, 64))
        with pytest.raises(InlayError, match=r"data.image_size must be a multiple of 8 .* Use 56 or 64\."):
            tiny().paths(image, mask, text())

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"encoder_channels": (8, 8)}, "as many numbers"),
            ({"encoder_strides": (3, 1, 2, 2)}, "1, 2, 4 or 8"),
            *(({"encoder_tap": tap}, "before the last") for tap in (3, -1)),
            ({"decoder_channels": (8, 8)}, "needs 3 numbers"),
            ({"decoder_channels": (9, 8, 8)}, "fill_low"),
            ({"upsample": "bicubic"}, "transposed"),
            ({"spectral_dim": "columns"}, "'outputs' or 'inputs'"),
            ({"spectral_dim": "inputs", "upsample": "nearest"}, r"spectral_dim must be 'outputs', got"),
            ({"mask_downsampling": "corners"}, "'area' or 'points'"),
            ({"min_std": -0.1}, "at least 0"),
            ({"merge_slope": 1.5}, "from 0 to 1"),
            ({"fusion_blocks": 0}, "at least 1"),
            ({"decoder_channels": (8, 0, 8)}, "at least 1"),
            ({"encoder_strides": (2, 2, 2, 1)}, "larger than v_h"),
        ],
    )
    def test_numbers_that_do_not_fit_are_named(self, options, complaint):
        with pytest.raises(InlayError, match=complaint):
            tiny(**options)

    @pytest.mark.parametrize(
        "options",
        [
            *({"upsample": "nearest"}, {"encoder_tap": 0}, {"spectral_dim": "inputs"}, {"scaled_attention": False}),
            *({"mask_as_input": True}, {"pool_rec": True}, {"fill_low": False}, {"refine_blocks": 1}),
            *({"latent_transform": True}, {"zero_outside_region": True, "pool_rec": True}),
        ],
    )
    def test_every_option_changes_the_answer(self, options):
        image, mask = scene()
        plain, changed = (opened(tiny(**given)).paths(image, mask, text()) for given in ({}, options))
        assert not torch.equal(plain.rec.raw, changed.rec.raw)


class TestPaths:
    """3, 4, 8. Wiring: what each path sees, and what it does not."""

    @pytest.mark.parametrize(
        ("changed", "reaches_out"), [("hidden", False), ("visible", True), ("posterior", False), ("noise", False)]
    )
    def test_all_reaches_the_auxiliary_path_and_the_visible_part_alone_the_other(self, changed, reaches_out):
        image, mask = scene()
        net = opened(tiny()).eval()
        noise = draws(net, image)
        before = net.paths(image, mask, text(), noise)
        if changed == "posterior":
            for parameter in net.posterior.parameters():
                torch.nn.init.normal_(parameter)
        elif changed == "noise":
            noise = noise._replace(rec=-noise.rec)
        else:
            image = torch.where((mask > 0) == (changed == "hidden"), torch.rand_like(image), image)
        after = net.paths(image, mask, text(), noise)
        one, other = ([*paths.out.pictures, paths.out.latent.mean] for paths in (before, after))
        assert all(torch.equal(*pair) != reaches_out for pair in zip(one, other, strict=True))
        assert not torch.equal(before.rec.raw, after.rec.raw)

    def test_hidden_words_reach_a_picture_through_the_latent_alone(self):
        """r' = P(h) + z': the words that were chosen by looking at the truth never enter P."""

        class Deaf(torch.nn.Module):
            def forward(self, h):
                return Gaussian(torch.full_like(h[:, :8], 0.3), torch.ones_like(h[:, :8]))

        net = opened(tiny()).eval()
        net.prior = net.posterior = Deaf()
        paths = net.paths(*scene(), text())
        torch.testing.assert_close(paths.out.raw, paths.rec.raw)

    def test_inference_is_the_inpainting_path_and_needs_no_posterior(self):
        image, mask = scene()
        net = opened(tiny()).eval()
        noise, masked = draws(net, image), erase(image, mask)
        expected = [net.paths(image, mask, text(), given).out.raw for given in (None, noise)]
        before = net(masked, mask, text())
        net.for_inference()
        assert torch.equal(net(masked, mask, text()), before)
        for drawn, raw in zip((None, noise.out), expected, strict=True):
            torch.testing.assert_close(net(masked, mask, text(), drawn), raw)
        assert not any(name.startswith("posterior") for name in net.state_dict())
        with pytest.raises(InlayError, match="without its auxiliary path"):
            net.paths(image, mask, text())

    def test_fusion_networks_share_nothing_and_all_else_is_passed_and_normalized_once(self):
        net, calls, norms = tiny(), [], []
        prior, posterior = ({p.data_ptr() for p in part.parameters()} for part in (net.prior, net.posterior))
        assert not prior & posterior
        for name in ("encoder", "generator", "project"):
            getattr(net, name).register_forward_hook(lambda *_, name=name: calls.append(name))
        for module in net.modules():
            for norm in getattr(module, "parametrizations", {}).values():
                norm[0].register_forward_hook(lambda module, *_: norms.append(id(module)))
        net.paths(*scene(), text())
        assert sorted(calls) == ["encoder", "generator", "project"]
        assert len(norms) == len(set(norms)) > 30

    def test_every_parameter_gets_a_gradient_with_and_without_checkpointing(self):
        image, mask = scene()
        gradients = []
        for again in (False, True):
            net = opened(tiny(gradient_checkpointing=again))
            paths = net.paths(image, mask, text(), draws(net, image))
            sum(p.square().mean() for path in (paths.out, paths.rec) for p in path.pictures).backward()
            gradients.append([p.grad for p in net.parameters()])
        assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients[0])
        assert all(torch.equal(*pair) for pair in zip(*gradients, strict=True))


class TestWords:
    """6, 7. Positive and negative attention, pooling, and what is left when nothing is."""

    @pytest.mark.parametrize(("negative", "sign"), [(False, 1), (True, -1)])
    def test_equals_the_formula(self, negative, sign):
        net, said = WordAttention(6, 8), text()
        features = torch.randn(2, 6, 3, 3)
        net.temperature.data.fill_(1.7)
        found = net(features, said, negative)
        for b in range(2):
            for place in range(9):
                query, words = net.project.weight.view(8, 6) @ features[b].view(6, 9)[:, place], said.words[b, :4]
                weights = torch.stack([sign * 1.7 * query @ word / 8**0.5 for word in words]).softmax(0)
                torch.testing.assert_close(found.weights[b, place], F.pad(weights, (0, 1)))  # word 4 is padding
                torch.testing.assert_close(found.context[b].view(8, 9)[:, place], (weights[:, None] * words).sum(0))

    def test_pooling_ignores_what_is_outside_the_region_unless_it_is_empty(self):
        context = torch.randn(2, 3, 4, 4) - 5  # all negative: a zero from outside would win
        region = torch.zeros(2, 1, 4, 4, dtype=torch.bool)
        assert torch.equal(masked_max_pool(context, region)[..., 0, 0], context.amax((2, 3)))
        region[:, :, :2] = True
        context[:, :, 2:] = 100
        assert torch.equal(masked_max_pool(context, region), context[:, :, :2].amax((2, 3), True).expand_as(context))

    def test_what_is_outside_may_count_as_zero(self):
        context = torch.tensor([-3.0, 2.0, -1.0, 5.0]).view(1, 1, 2, 2)
        region = torch.tensor([True, False, True, False]).view(1, 1, 2, 2)
        for given, most in ((region, 0), (torch.zeros_like(region), 0), (torch.ones_like(region), 5)):
            assert (masked_max_pool(context, given, zero_outside_region=True) == most).all()

    def test_shares_and_entropy_by_hand(self):
        weights = torch.tensor([[[1.0, 0.0], [0.25, 0.75], [0.75, 0.25]]])
        region = torch.tensor([[[[False, True, True]]]])
        assert mean_word_weights(weights, region).tolist() == [[0.5, 0.5]]
        assert mean_word_weights(weights, ~region).tolist() == [[1.0, 0.0]]
        assert entropy(weights, region).item() == pytest.approx(0.25 * math.log(4) + 0.75 * math.log(4 / 3))
        assert entropy(weights, ~region) == 0

    @pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
    @pytest.mark.parametrize("share", [0.0, 1.0], ids=["all visible", "all hole"])
    @pytest.mark.parametrize("caption", ["", "w1", "w1 " * 200, "never heard"])
    def test_finite_in_every_corner(self, dtype, share, caption):
        torch.manual_seed(0)
        reader, net = GRUEncoder(["w1", "w2"], dim=8, embedding=8), opened(tiny())
        image, mask = scene((16, 16))
        mask[:] = share
        with torch.autocast("cpu", dtype=dtype, enabled=dtype != torch.float32):
            paths = net.paths(image, mask, reader(reader.tokenizer([caption, "w2"])), draws(net, image))
        total = sum(p.float().square().mean() for p in paths.out.pictures + paths.rec.pictures)
        (total + paths.out.latent.std.mean() + paths.rec.latent.std.mean()).backward()
        gradients = [p.grad for p in [*net.parameters(), *reader.parameters()] if p.grad is not None]
        assert all(x.isfinite().all() for x in (paths.out.raw, paths.rec.raw, *gradients))


class TestCells:
    """What cells of features know of a mask, by hand."""

    def test_by_area_the_larger_part_decides(self):
        mask = torch.zeros(1, 1, 16, 16)
        mask[..., :8, :4] = mask[..., 8:, 8:13] = 1
        net = tiny()
        assert net._known(mask)[0, 0].tolist() == [[True, True], [True, False]]
        assert torch.equal(net._unknown(mask), ~net._known(mask))
        assert net._low(mask)[0, 0, 0].tolist() == [1, 0, 0, 0]

    def test_by_points_the_corners_are_looked_at(self):
        mask = torch.zeros(1, 1, 16, 16)
        mask[..., 0, 0] = mask[..., 4:9, 4:9] = 1  # the square lies between the points of the latent's grid
        mask[..., 15, 15] = 0.5
        net = tiny(mask_downsampling="points")
        assert net._known(mask)[0, 0].tolist() == [[False, True], [True, False]]
        assert net._unknown(mask)[0, 0].tolist() == [[True, False], [False, False]]  # half a hole is neither
        assert net._low(mask)[0, 0, 1].tolist() == [0, 1, 0, 0]  # sampled at 0, 5, 10 and 15

    def test_of_the_specification(self):
        """A centered half of 256 px hides 16 of 64 cells (section 1.1)."""
        mask = torch.zeros(1, 1, 256, 256)
        mask[..., 64:192, 64:192] = 1
        five = {"encoder_channels": (8,) * 5, "encoder_strides": (2,) * 5, "decoder_channels": (8,) * 5}
        net = tiny(**five, mask_downsampling="points")
        assert (net._known(mask).sum(), net._unknown(mask).sum()) == (48, 16)

    def test_the_floor_under_deviations(self):
        h = torch.randn(1, 24, 2, 2)
        (mean, std), (same, higher) = (tiny(min_std=floor).prior(h) for floor in (0.0, 0.25))
        assert torch.equal(mean, same)
        torch.testing.assert_close(higher, std + 0.25)


class TestLayers:
    @pytest.mark.parametrize("down", [1, 2, 4])
    @pytest.mark.parametrize("first", [True, False])
    def test_residual_block_and_its_gradient_are_what_it_says(self, down, first):
        """Independently: convolutions at full size, pooling behind both branches."""
        block = ResidualBlock(5, 7, hidden=6, down=down, activate_input=first).double().eval()
        x = torch.randn(2, 5, 16, 16, dtype=torch.float64)
        y = F.leaky_relu(x, 0.1) if first else x
        y = F.leaky_relu(F.conv2d(y, block.first.weight, block.first.bias, padding=1), 0.1)
        y = F.conv2d(y, block.second.weight, block.second.bias, padding=1)
        y = F.avg_pool2d(y + F.conv2d(x, block.shortcut.weight, block.shortcut.bias), down)
        found, parameters = block(x), [*block.parameters()]
        torch.testing.assert_close(found, y)
        torch.testing.assert_close(*(torch.autograd.grad(z.square().sum(), parameters) for z in (found, y)))

    def test_spectral_norm_is_one_and_still_in_eval_mode(self):
        block = ResidualBlock(8, 8)
        for _ in range(30):
            block(torch.randn(1, 8, 4, 4))
        norm = torch.linalg.matrix_norm(block.first.weight.flatten(1), 2)
        assert norm.item() == pytest.approx(1, abs=1e-3)
        block.eval()
        vectors = {k: v.clone() for k, v in block.state_dict().items()}
        block(torch.randn(1, 8, 4, 4))
        assert all(torch.equal(v, vectors[k]) for k, v in block.state_dict().items())

    @pytest.mark.parametrize(("dim", "axis"), [(None, 1), (0, 0)])
    def test_spectral_norm_of_transposed_convolutions_over_either_axis(self, dim, axis):
        conv = spectral(torch.nn.ConvTranspose2d(6, 3, 3), dim)
        conv.parametrizations.weight.original.data.normal_()
        for _ in range(100):
            matrix = conv.weight.movedim(axis, 0).flatten(1)  # an iteration
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, abs=1e-4)

    @pytest.mark.parametrize("side", [6, 48])
    def test_attention_by_hand_and_fused_agree(self, side):
        """36 positions are written out, 2304 go through the fused kernel."""
        query, values = torch.randn(1, 4, side, side), torch.randn(1, 8, side, side)
        flat = query[0].view(4, -1).double()
        expected = values[0].view(8, -1).double() @ (0.5 * flat.T @ flat).softmax(1).T
        torch.testing.assert_close(attend(query, values, 0.5)[0].view(8, -1), expected.float(), rtol=1e-4, atol=1e-5)

    def test_closed_gates_pass_features_through(self):
        attention = SelfAttention2d(8)
        x = torch.randn(2, 8, 4, 4)
        assert torch.equal(attention(x), x)

    def test_long_attention_copies_what_is_known(self):
        """What the merge is handed: known cells keep v_l, hidden cells get attended features."""
        attention, (x, low, mask) = self.half_attentive(fill=False)
        seen = []
        attention.merge.register_forward_pre_hook(lambda _, given: seen.extend(given[0].split(4, dim=1)))
        attention(x, low, mask)
        short, long = seen
        assert torch.equal(short, x)
        assert torch.equal(long[..., 1:, :], low[..., 1:, :])
        torch.testing.assert_close(long[..., 0, :], 2 * attend(attention.query(x), low, 1.0)[..., 0, :])

    def half_attentive(self, fill):
        """Attention with an open gate; features, ``v_l`` and a mask of its first row."""
        attention = ShortLongAttention(4, 4, fill=fill)
        attention.alpha.data.fill_(2.0)
        mask = torch.zeros(1, 1, 3, 3)
        mask[..., 0, :] = 1
        return attention, (*torch.randn(2, 1, 4, 3, 3), mask)

    def test_filling_keeps_meaningless_features_out(self):
        attention, (x, low, mask) = self.half_attentive(fill=True)
        torch.testing.assert_close(attention(x, low, mask), attention(x, low.masked_fill(mask > 0, 100), mask))

    def test_generator_hands_each_picture_to_the_next_block(self):
        generator = Generator(4, (8, 8, 8), attention=1, low_channels=8)
        assert [block.conv.weight.shape[1] for block in generator.blocks] == [4, 8, 11]
        assert len(generator.heads) == 2


class TestDiscriminator:
    def test_scores_are_patches_and_every_parameter_gets_a_gradient(self):
        judge = ResidualDiscriminator((8, 8), attention=1)
        judge.blocks[0].gamma.data.fill_(0.5)
        scores = judge(torch.rand(3, 3, 32, 32)).scores
        assert scores.shape == (3, 1, 6, 6)
        scores.square().mean().backward()
        assert [name for name, p in judge.named_parameters() if not p.grad.abs().sum() > 0] == []

    def test_pictures_and_numbers_that_do_not_fit_are_named(self):
        with pytest.raises(InlayError, match=r"discriminator\.channels: .* 12 px"):
            ResidualDiscriminator((8, 8), attention=1)(torch.rand(1, 3, 8, 8))
        with pytest.raises(InlayError, match="between 1 and 2, got 3"):
            ResidualDiscriminator((8, 8), attention=3)


def test_parameter_counts_are_those_of_the_specification():
    """18. Counted on the built modules, against table 7.1; the discriminator without its dead branch."""
    assert count(ResidualDiscriminator()) == 1_099_554 == 1_575_075 - 475_521
    with EmptyWeights():
        official, default = (instantiate(configure(f"model={name}", "data.root=none").model)
                             for name in ("tdanet_official5", "tdanet"))  # fmt: skip
    parts = official.encoder, official.words, official.refine, official.prior, official.posterior
    assert count(*parts) == 23_155_648
    assert count(official.project, official.transform, official.generator) == 10_257_696
    assert count(official.generator.attention) == 1_917_762
    for net, encoder, fusion in ((official, 3_028_416, 6_292_992), (default, 3_359_648, 8_196_352)):
        assert (count(net.encoder), count(net.prior), count(net.posterior)) == (encoder, fusion, fusion)
    assert count(default.project) == 2_556_672
    default.for_inference()
    assert 20.5e6 < count(default) < 20.7e6
