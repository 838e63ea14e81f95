"""The general adversarial recipe: both sides' losses, two learning rates, R1, feature matching, an exact resume."""

from functools import partial

import pytest
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as bce

from inlay.errors import InlayError
from inlay.losses import CoarseL1, HoleL1, WeightedSum
from inlay.models import DeepFill, PConvUNet, ResidualDiscriminator
from inlay.tasks import GANTask
from inlay.text import GRUEncoder
from tests.kills import remains
from tests.training import metrics, train

RECIPE = [
    *("task=gan", "discriminator=residual", "discriminator.channels=[8,8]", "discriminator.attention=1"),
    *("optimizer@discriminator_optimizer=adam", "optimizer.lr=1e-3", "discriminator_optimizer.lr=1e-4"),
    *("task.adversarial=0.1", "task.feature_matching=10", "task.r1=0.01", "task.r1_every=2", "callbacks=averaged"),
]


def make_task(**options):
    torch.manual_seed(0)
    given = {
        "net": PConvUNet(levels=4, width=4),
        "loss": WeightedSum({"hole": {"weight": 6, "term": HoleL1}}),
        "optimizer": partial(torch.optim.Adam, lr=1e-3),
        "scheduler": partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        "config": {"seed": 0},
        "discriminator": partial(ResidualDiscriminator, (8, 8), attention=1),
    }
    return GANTask(**given | options)


def make_batch():
    image, mask = torch.rand(2, 3, 32, 32), torch.zeros(2, 1, 32, 32)
    mask[..., 8:24, 8:24] = 1
    return {"image": image, "mask": mask, "id": ["a", "b"]}


def gradients(task):
    return {name.partition(".")[0] for name, p in task.named_parameters() if p.grad is not None}


class TestLosses:
    def test_of_the_discriminator_by_hand(self):
        task, batch = make_task(labels="hole_nearest").eval(), make_batch()
        generated = task.generate(batch, 0)
        total, terms = task.discriminator_loss(batch, generated)
        (judge,) = task.discriminators
        real, fake = judge(batch["image"]).scores, judge(generated.raw).scores
        assert real.shape[2:] == (6, 6)
        labels = 1 - batch["mask"][..., [0, 5, 10, 16, 21, 26], :][..., [0, 5, 10, 16, 21, 26]]
        torch.testing.assert_close(total, bce(real, torch.ones_like(real)) + bce(fake, labels))
        assert set(terms) == {"d_loss", "d_real", "d_fake"}
        total.backward()
        assert gradients(task) == {"discriminators"}

    def test_of_the_generator_by_hand(self):
        task, batch = make_task(adversarial=0.1, feature_matching=10.0).eval(), make_batch()
        with task.frozen_discriminators():
            total, terms = task.generator_loss(batch, generated := task.generate(batch, 0))
            total.backward()
        (judge,) = task.discriminators
        fake, real = judge(generated.raw), judge(batch["image"])
        features = sum((f - r).square().mean() for f, r in zip(fake.features, real.features, strict=True)) / 4
        hole = (batch["mask"] * (generated.raw - batch["image"]).abs()).mean()
        expected = 6 * hole + 0.1 * bce(fake.scores, torch.ones_like(fake.scores)) + 10 * features
        torch.testing.assert_close(total, expected)
        assert set(terms) == {"loss", "hole", "adversarial", "features"}
        assert gradients(task) == {"net"}

    def test_of_the_holes_patches_alone(self):
        task, batch = make_task(hole_only=True, objective="least_squares").eval(), make_batch()
        batch["mask"][1, :, :16] = 0  # of which less is hole
        generated = task.generate(batch, 0)
        scores = task.discriminators[0](generated.raw).scores
        share = torch.nn.functional.adaptive_avg_pool2d(batch["mask"], scores.shape[-1])
        means = (share * (scores - 1) ** 2).sum((1, 2, 3)) / share.sum((1, 2, 3))
        expected = means.mean()
        torch.testing.assert_close(task.generator_loss(batch, generated).terms["adversarial"], expected.detach())

    def test_a_coarse_picture_reaches_the_loss(self):
        loss = WeightedSum({"coarse": {"weight": 2, "term": CoarseL1}})
        task, batch = make_task(net=DeepFill(width=2), loss=loss, adversarial=0.0), make_batch()
        generated = task.generate(batch, 0)
        (coarse,) = generated.stages
        total = task.generator_loss(batch, generated).total
        torch.testing.assert_close(total, 2 * (coarse - batch["image"]).abs().mean())

    def test_targets_are_real_and_composites_are_judged(self):
        task, batch = make_task(judged="composite", feature_matching=1.0), make_batch()
        batch["target"] = torch.where(batch["mask"] > 0, torch.rand(2, 3, 32, 32), batch["image"])
        seen = []
        task.discriminators[0].register_forward_pre_hook(lambda _, given: seen.append(given[0].clone()))
        generated = task.generate(batch, 0)
        task.discriminator_loss(batch, generated)
        task.generator_loss(batch, generated)
        composite = torch.where(batch["mask"] > 0, generated.raw, batch["image"])
        for image, expected in zip(seen, [batch["target"], composite, composite, batch["target"]], strict=True):
            assert torch.equal(image, expected)

    @pytest.mark.parametrize(("step", "weight"), [(0, 0.5 * 4), (3, 0), (4, 0.5 * 4)])
    def test_lazy_r1(self, step, weight):
        task, batch = make_task(r1=0.5, r1_every=4).eval(), make_batch()
        task.replayed = type("Replayed", (), {"step": step})
        image = batch["image"].requires_grad_()
        total, terms = task.discriminator_loss(batch, generated := task.generate(batch, 0))
        plain = make_task().eval().discriminator_loss(batch, generated).total
        (slope,) = torch.autograd.grad(task.discriminators[0](image).scores.sum(), image)
        torch.testing.assert_close(total, plain + weight * slope.square().sum() / 2)
        assert ("r1" in terms) == (weight > 0)

    def test_a_discriminator_that_declares_it_gets_the_mask(self):
        class Masked(ResidualDiscriminator):
            takes_mask = True

            def forward(self, image, mask):
                return super().forward(image * (1 - mask))

        task, batch = make_task(discriminator=partial(Masked, (8, 8), attention=1), r1=1.0), make_batch()
        assert task.discriminator_loss(batch, task.generate(batch, 0)).total.isfinite()

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ({"discriminator": None}, "discriminator=residual"),
            ({"text": GRUEncoder(["a"], dim=8)}, "text= does nothing: PConvUNet"),
            ({"objective": "wgan"}, "task.objective must be one of"),
            ({"labels": "box"}, "task.labels must be one of"),
            ({"judged": "both"}, "task.judged must be raw or composite"),
            ({"feature_matching": -1.0}, "task.feature_matching"),
            ({"r1_every": 0}, "task.r1_every"),
        ],
    )
    def test_mistakes_are_named(self, options, complaint):
        with pytest.raises(InlayError, match=complaint):
            make_task(**options)


class TestRuns:
    def test_resumed_runs_end_on_the_same_bits(self, noise, tmp_path):
        common = [*RECIPE, f"data.root={noise}", "validate_every=3"]
        common += ["scheduler@discriminator_scheduler=cosine", "discriminator_scheduler.T_max=5"]
        train(tmp_path / "whole", *common, "iterations=5")
        train(tmp_path / "halves", *common, "iterations=3")
        train(tmp_path / "halves", *common, "iterations=5", "resume=last")
        whole, halves = remains(tmp_path / "whole"), remains(tmp_path / "halves")
        assert whole["global_step"] == halves["global_step"]
        for part in ("state_dict", "optimizer_states", "lr_schedulers", "average"):
            assert whole[part] == halves[part]
        run = tmp_path / "whole"
        for term in ("loss", "hole", "adversarial", "features", "d_loss", "d_real", "d_fake", "grad_norm"):
            assert len(metrics(run, f"train/{term}")) == 5
        assert len(set(metrics(run, "train/r1"))) == 3  # of steps 0, 2 and 4; in between the last one is repeated
        assert metrics(run, "train/lr") == pytest.approx([1e-3] * 5)
        falling = metrics(run, "train/d_lr")
        assert falling[0] == pytest.approx(1e-4)
        assert falling == sorted(falling, reverse=True)
        assert falling[-1] < 0.5e-4

    def test_the_second_forward_pass_sees_the_same_draws(self, noise, tmp_path):
        """The generator has not moved in between, so that only running statistics notice."""
        common = [*RECIPE, f"data.root={noise}", "iterations=2", "validate_every=2"]
        for reuse in ("true", "false"):
            train(tmp_path / reuse, *common, f"task.reuse_generator_output={reuse}")
        for term in ("loss", "d_loss"):
            assert metrics(tmp_path / "true", f"train/{term}") == pytest.approx(
                metrics(tmp_path / "false", f"train/{term}"), rel=1e-5
            )
