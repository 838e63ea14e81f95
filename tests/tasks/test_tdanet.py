"""TDANet's training: whose turn it is, what a text does, and that a run is the same however it is cut."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from inlay.callbacks import EMA
from inlay.data.loader import Collate
from inlay.errors import InlayError
from inlay.fillers import NetworkFiller, load_filler
from inlay.images import Picture, read_picture, write_picture
from inlay.losses import TwoPathLoss
from inlay.losses.two_paths import WEIGHTS
from inlay.metrics import InpaintingMetrics
from inlay.models import ResidualDiscriminator, TDANet
from inlay.runs.start import resolve_vocabulary
from inlay.tasks import TDANetTask
from inlay.tasks.adversarial import split
from inlay.text import GRUEncoder
from inlay.text_image import TextImageModel
from inlay.types import Batch
from tests.kills import remains
from tests.models.test_tdanet import TINY
from tests.training import TDANET, TINY_TEXT, configure, metrics, train, weights

PUBLISHED = dict(configure("loss=tdanet", "data.root=none").loss.weights)
DESCENT = ["optimizer._target_=torch.optim.SGD", "~optimizer.betas", "optimizer.lr=0.01"]
RED, BLUE = (0.9, 0.1, 0.1), (0.1, 0.1, 0.9)


def make_task(**options):
    torch.manual_seed(0)
    given = {
        "net": TDANet(**TINY),
        "loss": TwoPathLoss(PUBLISHED),
        "optimizer": partial(torch.optim.Adam, lr=2e-3, betas=(0.0, 0.999)),
        "scheduler": partial(torch.optim.lr_scheduler.ConstantLR, factor=1.0),
        "config": {"seed": 0},
        "metrics": InpaintingMetrics(),
        "text": GRUEncoder(["red", "blue", "bird", "a", "the"], dim=8, embedding=8, dropout=0.0),
        "discriminator": partial(ResidualDiscriminator, (8, 8), attention=1),
    }
    return TDANetTask(**(given | options))


def make_batch(task, images=None, captions=("a red bird", "the blue bird"), hole=slice(8, 24)):
    image = torch.rand(len(captions), 3, 32, 32) if images is None else images
    mask = torch.zeros(len(captions), 1, *image.shape[2:])
    mask[..., hole, hole] = 1
    said = {"id": list(captions), "caption": list(captions), "tokens": task.text.tokenizer(captions)}
    return Batch(image=image, mask=mask, label=torch.arange(len(captions)), **said)


def painted(*colors):
    """Gray pictures, each with a square of another color in the middle: the same but for the hole."""
    images = torch.full((len(colors), 3, 32, 32), 0.5)
    images[:, :, 8:24, 8:24] = torch.tensor(colors)[..., None, None]
    return images


def backward(task, batch):
    with task.frozen_discriminators():
        total, terms = task.generator_loss(batch, task.generate(batch, 0))
        total.backward()
    return terms


def fit(task, batch, steps):
    """Training by hand, with the task's own losses; the curve of every term."""
    (judge, make), _ = task.configure_optimizers()
    curve = []
    for _ in range(steps):
        answer = task.generate(batch, 0)
        judge.zero_grad()
        task.discriminator_loss(batch, answer).total.backward()
        judge.step()
        make.zero_grad()
        with task.frozen_discriminators():
            total, terms = task.generator_loss(batch, answer)
            total.backward()
        make.step()
        curve.append({name: value.item() for name, value in terms.items()})
    return curve


def hole_errors(task, batch, captions):
    """Differences in the hole of each picture, ``(B, N)``, filled by given captions."""
    with torch.no_grad():
        raw = task.eval().fill(batch | {"tokens": task.text.tokenizer(captions)}).raw
    task.train()
    return (raw - batch["image"])[(batch["mask"] > 0).expand_as(raw)].view(len(raw), -1)


class TestSides:
    """10. Gradients reach one side at a time, and nothing else."""

    def gradients(self, task):
        return {name for name, p in task.named_parameters() if p.grad is not None}

    @pytest.mark.parametrize("mode", ["shared", "dual", "official"])
    def test_each_side_alone_gets_gradients(self, mode):
        task = make_task(discriminator_mode=mode)
        batch = make_batch(task)
        task.discriminator_loss(batch, task.generate(batch, 0)).total.backward()
        discriminators = {n for n, _ in task.named_parameters() if n.startswith("discriminators")}
        assert self.gradients(task) == discriminators
        task.zero_grad()
        backward(task, batch)
        assert self.gradients(task) == {n for n, _ in task.named_parameters()} - discriminators
        assert all(p.requires_grad for p in task.discriminators.parameters())

    def test_a_text_image_model_gets_no_gradient_and_pictures_do(self):
        task = make_task(text_image=Colorist())
        batch = make_batch(task) | {"text_image_tokens": task.text.tokenizer(["red", "blue"])}
        assert {"words_out", "words_rec", "sentence_out", "sentence_rec"} <= backward(task, batch).keys()
        assert not any(name.startswith("text_image") for name in self.gradients(task))
        assert not any(name.startswith("text_image") for name in task.state_dict())
        assert set(task.tokenizers()) == {"tokens", "text_image_tokens"}

    @pytest.mark.parametrize(
        ("term", "reached", "spared"),
        [
            ("kl_rec", {"posterior", "words", "encoder"}, {"prior", "project", "generator"}),
            ("kl_out", {"prior", "words", "encoder"}, {"posterior", "project", "generator"}),
            ("l1_rec", {"posterior", "project", "generator", "encoder"}, {"prior"}),
            ("l1_out", {"prior", "project", "generator", "encoder", "words"}, {"posterior"}),
            ("gan_rec", {"posterior", "project", "generator"}, {"prior"}),
            ("gan_out", {"prior", "project", "generator"}, {"posterior"}),
            ("score_rec", {"posterior", "generator"}, {"prior"}),
            ("score_out", {"prior", "generator"}, {"posterior"}),
        ],
    )
    def test_each_term_reaches_what_the_specification_says(self, term, reached, spared):
        """Table 3.5."""
        task = make_task(loss=TwoPathLoss(dict.fromkeys(WEIGHTS, 0.0) | {term: 1.0}))
        backward(task, make_batch(task))
        moved = {n.split(".")[0] for n, p in task.net.named_parameters() if p.grad is not None and p.grad.any()}
        assert moved & (reached | spared) == reached

    @pytest.mark.parametrize(
        ("discriminator_mode", "learned", "judging"),
        [("shared", "out rec", [4, 2]), ("dual", "out rec", [2, 2, 2, 2]), ("official", "rec", [4, 4, 2])],
    )
    def test_which_fillings_discriminators_learn_from_and_judge(self, discriminator_mode, learned, judging):
        """D2: officially no discriminator ever sees what users get. Photographs and fillings pass together."""
        task, passes = make_task(discriminator_mode=discriminator_mode), []
        generated = task.generate(batch := make_batch(task), 0)
        for judge in task.discriminators:
            judge.register_forward_pre_hook(lambda _, given: passes.append(len(given[0])))
        terms = task.discriminator_loss(batch, generated).terms
        assert {name.removeprefix("d_") for name in terms} - {"real", "loss"} == {*learned.split()}
        assert passes == {"shared": [6], "dual": [4, 4], "official": [4, 4]}[discriminator_mode]
        passes.clear()
        task.generator_loss(batch, generated)
        assert passes == judging

    def test_gradient_penalty_where_attention_is_fused(self):
        """More than 2048 positions; the fused kernels know no second derivative."""
        task = make_task(r1=1.0)
        image = torch.rand(1, 3, 96, 96)
        terms = task.discriminator_loss(batch := make_batch(task, image, ["red"]), task.generate(batch, 0)).terms
        assert terms["r1"] > 0

    def test_batches_are_cut_into_equal_parts(self):
        batch = make_batch(make_task(), captions=["a red bird", "the blue bird", "", "red"])
        parts = split(batch, 2)
        assert [part["caption"] for part in parts] == [["a red bird", "the blue bird"], ["", "red"]]
        assert torch.equal(parts[1]["tokens"]["input_ids"], batch["tokens"]["input_ids"][2:])


class Colorist(TextImageModel):
    """A text-image model that knows the mean color of a picture."""

    tokenizer = GRUEncoder(["red"], dim=8).tokenizer

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(3, 1)
        self.freeze()

    def encode_image(self, image):
        return (self.layer(image.mean((2, 3))),)

    def encode_text(self, tokens):
        return (tokens["words"].float(),)

    def terms(self, image, text, duplicates, captioned):
        return {"words": image[0].square().mean(), "sentence": image[0].abs().mean()}


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"discriminator_mode": "both"}, "task.discriminator_mode must be one of shared, dual, official"),
        ({"text": None}, "needs text=gru"),
        ({"net": torch.nn.Linear(1, 1)}, "needs model=tdanet and loss=tdanet, got Linear"),
        ({"loss": torch.nn.L1Loss()}, "needs model=tdanet and loss=tdanet, got TDANet and L1Loss"),
        ({"discriminator": None}, "discriminator=residual"),
        ({"text": GRUEncoder(["a"], dim=4)}, "model.text_dim=8 and text.dim=4"),
        ({"samples": -1}, "task.samples"),
        ({"gradient_clip": 0.0}, "task.gradient_clip"),
        ({"accumulate": 0}, "task.accumulate"),
    ],
)
def test_mistakes_are_named(options, complaint):
    with pytest.raises(InlayError, match=complaint):
        make_task(**options)


class TestLearning:
    @pytest.mark.slow
    def test_overfits_eight_pictures(self):
        """12."""
        task = make_task()
        images = torch.nn.functional.interpolate(torch.rand(8, 3, 4, 4), size=16, mode="bilinear")
        batch = make_batch(task, images, captions=["red"] * 8, hole=slice(4, 12))
        before = hole_errors(task, batch, batch["caption"]).square().mean()
        curve = fit(task, batch, 80)
        assert curve[-1]["l1_out"] < 0.5 * curve[0]["l1_out"]
        assert hole_errors(task, batch, batch["caption"]).square().mean() < 0.5 * before  # 3 dB

    @pytest.mark.slow
    def test_captions_decide_what_the_rest_of_the_picture_cannot(self):
        """13. Two pictures that are equal outside the hole: each caption gives its own color."""
        task = make_task()
        batch = make_batch(task, painted(RED, BLUE), captions=["a red bird", "a blue bird"])
        fit(task, batch, 200)
        own, swapped = (hole_errors(task, batch, c).abs().mean(1) for c in (batch["caption"], batch["caption"][::-1]))
        assert (own < 0.25 * swapped).all(), (own, swapped)


@torch.no_grad()
def test_the_mean_is_deterministic_and_the_same_in_validation():
    """14."""
    batch = make_batch(task := make_task().eval())
    first = task.fill(batch).composite
    assert torch.equal(task.fill(batch).composite, first)
    torch.testing.assert_close(task.validation_step(batch, 0).composite, first)
    filled = NetworkFiller(task.net, task.text).fill(batch["image"], batch["mask"], text=batch["caption"])
    torch.testing.assert_close(filled, first)


@pytest.fixture(scope="module")
def birds(tmp_path_factory):
    root, rng = tmp_path_factory.mktemp("birds"), np.random.default_rng(0)
    for name in ("train/0", "train/1", "train/2", "train/3", "val/0", "val/1", "val/2"):
        write_picture(root / f"{name}.png", Picture(np.full((40, 40, 3), rng.integers(0, 256, 3), np.uint8)))
        (root / f"{name}.txt").write_text(f"a red bird number {name[-1]}\na blue bird number {name[-1]}")
    return root


def run(run_dir, birds, *more):
    return train(run_dir, *TDANET, f"data.root={birds}", "masks=center", *more, tiny=TINY_TEXT)


@pytest.fixture(scope="module")
def finished(birds, tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("run")
    run(run_dir, birds, "callbacks.grids.words=true")
    return run_dir


class TestRuns:
    def test_leave_what_was_promised(self, finished):
        present = {path.name for path in finished.rglob("*") if path.is_file()}
        assert {"vocabulary.json", "config.yaml", "metrics.csv", "best.ckpt", "last.ckpt", "step_000004.png"} <= present
        columns_and_gaps = 4 * 128 + 3 * 4
        assert read_picture(finished / "grids/step_000004.png").size[1] == columns_and_gaps
        losses = [*WEIGHTS[:8], "loss", "d_loss", "d_real", "d_out", "d_rec", "lr"]
        state = ["kl_out_nats", "kl_rec_nats", "gamma", "alpha", "entropy_out", "entropy_rec"]
        assert {len(metrics(finished, f"train/{name}")) for name in losses + state} == {4}
        measured = ("psnr_hole", "ssim", "rec_psnr_hole", "rec_l1_hole", "caption_gap")
        assert {len(metrics(finished, f"val/{name}")) for name in measured} == {2}

    def test_checkpoints_hold_words_and_average_and_no_configuration_of_others(self, finished):
        checkpoint, name = weights(finished), "words.temperature"
        assert "bird" in checkpoint["inlay"]["config"]["text"]["vocabulary"]
        assert {key.split(".")[0] for key in checkpoint["state_dict"]} == {"net", "text", "discriminators"}
        assert {key.split(".")[0] for key in checkpoint["average"]} == {"net", "text"}
        filler = load_filler(finished / "checkpoints/last.ckpt")
        assert filler.net.posterior is None
        assert torch.equal(filler.net.state_dict()[name], checkpoint["average"][f"net.{name}"])

    @pytest.mark.slow  # test_resume kills such a run, too
    @pytest.mark.parametrize("workers", [0, 2])
    def test_resumed_runs_end_on_the_same_bits(self, birds, tmp_path, workers):
        """Also where the first half was cut short, and validated at its end for that alone."""
        common = ["validate_every=250", f"data.num_workers={workers}", "data.caption_dropout=0.3", "text.dropout=0.5"]
        run(tmp_path / "whole", birds, *common, "iterations=6")
        run(tmp_path / "halves", birds, *common, "iterations=3")
        run(tmp_path / "halves", birds, *common, "iterations=6", "resume=last")
        whole, halves = remains(tmp_path / "whole"), remains(tmp_path / "halves")
        assert all(whole[part] == halves[part] for part in ("state_dict", "average", "optimizer_states"))
        for name in ("l1_out", "d_loss", "lr"):
            assert metrics(tmp_path / "whole", f"train/{name}") == metrics(tmp_path / "halves", f"train/{name}")
        for found, steps in ((whole, "0123455"), (halves, "01223455")):  # the last row is the validation
            assert "".join(row.split(",")[0] for row in found["metrics"].splitlines()[1:]) == steps

    @pytest.mark.slow
    def test_clipping_and_parts_and_half_precision_train(self, birds, tmp_path):
        dual = "task.discriminator_mode=dual"
        run(tmp_path / "start", birds, "optimizer.lr=0", "iterations=1", dual)
        clipped = ["task.gradient_clip=0.001", "task.accumulate=2", "trainer.precision=bf16-mixed", "task.r1=1"]
        run(tmp_path / "run", birds, *clipped, dual, "iterations=2", *DESCENT, "optimizer.lr=1.0")
        start, moved = (weights(tmp_path / name)["state_dict"] for name in ("start", "run"))
        learned = [key for key in start if "original" in key or "temperature" in key]
        for player in ("net", "discriminators"):
            change = sum((moved[k] - start[k]).square().sum() for k in learned if k.startswith(player))
            assert 0 < change.sqrt() <= 2 * 0.001 + 1e-4  # two steps of at most so much
        assert len(metrics(tmp_path / "run", "train/loss")) == 2

    @pytest.mark.stranger("17.C.3")
    def test_parts_make_the_same_step(self, birds, tmp_path):
        """Latents are drawn for the whole batch, spectral norm iterates once a batch, the penalty comes along."""
        common = ["iterations=2", "text.dropout=0", "data.batch_size=4", "model.latent_transform=true", *DESCENT]
        common += ["model.gradient_checkpointing=true", "task.discriminator_mode=dual", "task.r1=1", "task.r1_every=1"]
        for parts in (1, 2):
            run(tmp_path / f"{parts}", birds, *common, f"task.accumulate={parts}")
        one, two = (weights(tmp_path / f"{parts}")["state_dict"] for parts in (1, 2))
        for key, value in one.items():
            torch.testing.assert_close(two[key], value, rtol=1e-4, atol=5e-6, msg=lambda m, key=key: f"{key}: {m}")
        for term in ("loss", "d_loss", "kl_rec"):
            assert metrics(tmp_path / "1", f"train/{term}") == pytest.approx(
                metrics(tmp_path / "2", f"train/{term}"), rel=1e-4
            )

    def test_a_pretrained_text_encoder_brings_its_words(self, finished, birds, tmp_path):
        start = finished / "checkpoints/last.ckpt"
        run(tmp_path, birds, f"text_from={start}", "text.frozen=true", "iterations=1")
        before, after = weights(finished), weights(tmp_path)
        assert after["inlay"]["config"]["text"]["vocabulary"] == before["inlay"]["config"]["text"]["vocabulary"]
        held = before["state_dict"] | before["average"]
        assert all(torch.equal(v, held[k]) for k, v in after["state_dict"].items() if k.startswith("text.ahead"))

    def test_settings_that_make_no_reader_are_refused(self, birds, tmp_path):
        for wrong, complaint in (
            ("data.listing.captions=null", "reads captions, and the data has none"),
            ("text.frozen=true", r"text\.frozen=true keeps the weights of text_from"),
        ):
            with pytest.raises(InlayError, match=complaint):
                run(tmp_path, birds, wrong)
        for wrong, complaint in (
            ([], "needs a text encoder to bring to"),
            (["text=gru", "text.vocabulary=x.json"], "brings its own words"),
        ):
            with pytest.raises(InlayError, match=complaint):
                resolve_vocabulary(configure("data.root=none", "text_from=last.ckpt", *wrong), None, None)

    def test_vocabulary_of_an_earlier_run(self, finished, birds, tmp_path):
        run(tmp_path, birds, f"text.vocabulary={finished / 'vocabulary.json'}", "iterations=1")
        assert (tmp_path / "vocabulary.json").read_text() == (finished / "vocabulary.json").read_text()


class TestAverage:
    def test_by_hand_and_of_the_generator_alone(self):
        task, average = make_task(), EMA(decay=0.9)
        weight = task.net.words.temperature
        average.on_fit_start(None, task)
        expected = weight.item()
        for step in range(1, 30):
            weight.data.fill_(step)
            average.on_train_batch_end(SimpleNamespace(global_step=step), task)
            decay = min(0.9, (1 + step) / (10 + step))
            expected = decay * expected + (1 - decay) * step
        average.on_save_checkpoint(None, task, checkpoint := {})
        assert checkpoint["average"]["net.words.temperature"].item() == pytest.approx(expected, rel=1e-5)
        assert not any(key.startswith("discriminators") for key in checkpoint["average"])

    def test_stands_in_for_the_weights_during_validation(self):
        task, average = make_task(), EMA()
        weight = task.net.words.temperature
        average.on_fit_start(None, task)
        weight.data.fill_(5)
        average.on_validation_start(None, task)
        assert weight.item() == 1
        average.on_validation_end(None, task)
        assert weight.item() == 5


def test_tokens_are_made_where_batches_are():
    task = make_task()
    sample = {"image": np.zeros((4, 4, 3), np.uint8), "mask": np.zeros((4, 4), bool), "id": "x", "skipped": []}
    batch = Collate({"tokens": task.text.tokenizer})([sample | {"caption": c} for c in ("a red bird", "", "red")])
    assert batch["tokens"]["input_ids"].shape == (3, 3)
    assert batch["tokens"]["words"].sum(1).tolist() == [3, 0, 1]
