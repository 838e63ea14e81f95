"""Training a network that fills a hole with what a text asks for: two paths, and discriminators for both."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrize import cached

from inlay.errors import InlayError
from inlay.losses import Scores, TwoPathLoss, discriminator_loss, r1_penalty
from inlay.metrics import HoleErrors, MetricSpec
from inlay.models import TDANet
from inlay.models.layers import power_iterations_paused
from inlay.models.tdanet import Noise, TwoPathOutput
from inlay.ops import composite, erase
from inlay.randomness import RngStream, torch_seed
from inlay.tasks.adversarial import AdversarialTask
from inlay.tasks.base import MakeOptimizer, MakeScheduler
from inlay.tasks.inpainting import predicted
from inlay.tasks.optimization import Loss
from inlay.text import TextEncoder, Tokenizer
from inlay.text_image import Matcher
from inlay.types import Batch, Prediction, TextFeatures

DiscriminatorMode = Literal["shared", "dual", "official"]
Judged = Literal["raw", "composite"]


class DiscriminatorRole(NamedTuple):
    """What a discriminator is for, by paths."""

    learns: tuple[str, ...]
    """Whose pictures it learns to tell from photographs."""
    fooled: tuple[str, ...]
    """Whose pictures shall fool it."""
    matched: tuple[str, ...]
    """Whose pictures shall be scored like the photograph."""


_BOTH = ("out", "rec")
ROLES: dict[DiscriminatorMode, tuple[DiscriminatorRole, ...]] = {
    "shared": (DiscriminatorRole(_BOTH, _BOTH, _BOTH),),
    "dual": (DiscriminatorRole(("out",), ("out",), ("out",)), DiscriminatorRole(("rec",), ("rec",), ("rec",))),
    "official": (DiscriminatorRole(("rec",), _BOTH, ()), DiscriminatorRole(("rec",), (), _BOTH)),
}


class Answers(NamedTuple):
    """Both paths, and their pictures as the discriminators see them."""

    paths: TwoPathOutput
    judged: dict[str, Tensor]
    """By path, ``(B, 3, H, W)``."""


class TDANetTask(AdversarialTask[Answers]):
    """TDANet's recipe: two paths, KL, multi-scale L1, an adversarial game, and perhaps a text-image matcher.

    Only the inpainting path is ever shown as a result. The auxiliary path, ``rec``, has seen the truth; how far it is
    ahead (``val/rec_*``) says how much the latent could still tell.

    Args:
        net: as for :class:`AdversarialTask`.
        loss: likewise.
        optimizer: likewise.
        scheduler: likewise.
        config: likewise.
        text: reads captions; trained with the network as far as it is not frozen.
        discriminator: makes a discriminator (a Hydra partial).
        discriminator_mode: ``shared``: one discriminator for both paths; ``dual``: one for each path; ``official``: two
            that both learn from the auxiliary path, as in the official code. Both paths have to fool the first of them,
            and to match the second one's scores of the photograph.
        judged: what discriminators see: ``raw`` outputs, or the ``composite`` with its known pixels put back.
        matcher: compares pictures with captions; None for none.
        r1: weight of the gradient penalty on photographs, 0 for none; they are in ``[0, 1]``, where it is a quarter of
            what it is in ``[-1, 1]``.
        r1_every: steps between penalties; each weighs so many times more.
        samples: of the latent, shown in each row of a grid.
        compile: as for :class:`AdversarialTask`.
        gradient_clip: likewise.
        accumulate: likewise.

    Raises:
        InlayError: a part is missing, or a number is out of range.
    """

    scores: ClassVar[Sequence[MetricSpec]] = (
        *AdversarialTask.scores,
        MetricSpec("rec_psnr_hole", "higher"),
        MetricSpec("rec_l1_hole", "lower"),
        MetricSpec("caption_gap", "higher"),
    )
    net: TDANet
    loss: TwoPathLoss

    def __init__(
        self,
        net: TDANet,
        loss: TwoPathLoss,
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler,
        config: dict[str, Any],
        text: TextEncoder | None,
        discriminator: Callable[[], nn.Module] | None,
        discriminator_mode: DiscriminatorMode = "shared",
        judged: Judged = "raw",
        matcher: Matcher | None = None,
        r1: float = 0.0,
        r1_every: int = 16,
        samples: int = 3,
        compile: bool = False,
        gradient_clip: float | None = None,
        accumulate: int = 1,
    ) -> None:
        if discriminator_mode not in ROLES:
            raise InlayError(f"task.discriminator_mode must be one of {', '.join(ROLES)}, got {discriminator_mode!r}.")
        if judged not in get_args(Judged):
            raise InlayError(f"task.judged must be raw or composite, got {judged!r}.")
        if not (isinstance(net, TDANet) and isinstance(loss, TwoPathLoss)):
            given = f"{type(net).__name__} and {type(loss).__name__}"
            raise InlayError(f"task=tdanet needs model=tdanet and loss=tdanet, got {given}.")
        if text is None or discriminator is None:
            raise InlayError("task=tdanet needs text=gru (or lstm, clip, bert) and discriminator=residual.")
        if text.dim != net.text_dim:
            raise InlayError(
                f"model.text_dim={net.text_dim} and text.dim={text.dim} must be the same. Set one of them."
            )
        if r1 < 0 or r1_every < 1 or samples < 0:
            raise InlayError(
                f"task.r1 and task.samples must be at least 0 and task.r1_every at least 1, got {r1}, {samples} and "
                f"{r1_every}."
            )
        discriminators = [discriminator() for _ in ROLES[discriminator_mode]]
        super().__init__(net, discriminators, loss, optimizer, scheduler, config, compile, gradient_clip, accumulate)
        self.text = text
        self.roles = ROLES[discriminator_mode]
        self.judged = judged
        self.matcher = matcher
        self.r1, self.r1_every = r1, r1_every
        self.samples = samples
        self.rec_errors, self.own_errors, self.swapped_errors = HoleErrors(), HoleErrors(), HoleErrors()

    def averaged_modules(self) -> Mapping[str, nn.Module]:
        """The network and the text encoder."""
        return {"net": self.net, "text": self.text}

    def generator_modules(self) -> list[nn.Module]:
        """The same."""
        return [self.net, self.text]

    def tokenizers(self) -> dict[str, Tokenizer]:
        """The encoder's, and the matcher's."""
        matching = {} if self.matcher is None else {"match_tokens": self.matcher.tokenizer}
        return {"tokens": self.text.tokenizer} | matching

    def fill(self, batch: Batch) -> Prediction:
        """Fill the holes of a batch from the latent's mean; what is under the mask is never read."""
        return predicted(self._filled(batch, self.read(batch)), batch)

    def read(self, batch: Batch) -> TextFeatures:
        """Features of the captions of a batch."""
        features: TextFeatures = self.text(batch["tokens"])
        return features

    def answer(self, batch: Batch, part: int) -> Answers:
        """Both paths, from draws of this step."""
        image, mask = batch["image"], batch["mask"]
        noise = self._noise(self.net.latent_shape(image), part)
        paths = self.net.paths(image, mask, self.read(batch), noise)
        judged = {"out": paths.out.raw, "rec": paths.rec.raw}
        if self.judged == "composite":
            judged = {name: composite(raw, image, mask) for name, raw in judged.items()}
        return Answers(paths, judged)

    def discriminator_loss(self, batch: Batch, answer: Answers) -> Loss:
        """Photographs against fillings, all in one pass of each discriminator."""
        image = batch["image"]
        losses, said = [], list[tuple[str, Tensor]]()
        for judge, role in zip(self.discriminators, self.roles, strict=True):
            pictures = torch.cat([image, *(answer.judged[name].detach() for name in role.learns)])
            real, *fakes = judge(pictures).chunk(len(role.learns) + 1)
            losses.append(discriminator_loss(self.loss.adversarial, real, fakes))
            said += zip(("d_real", *(f"d_{name}" for name in role.learns)), (real, *fakes), strict=True)
        total = torch.stack(losses).sum()
        names = dict.fromkeys(name for name, _ in said)
        terms = {name: torch.stack([s.detach().mean() for n, s in said if n == name]).mean() for name in names}
        terms["d_loss"] = total.detach()
        if self.r1 > 0 and self.step % self.r1_every == 0:
            penalty = self._r1_penalty(image)
            terms["r1"] = penalty.detach()
            total = total + self.r1 * self.r1_every * penalty
        return Loss(total, terms)

    def generator_loss(self, batch: Batch, answer: Answers) -> Loss:
        """Every term of both paths."""
        matching = None
        if self.matcher is not None:
            found = self.matcher({"out": answer.paths.out.raw, "rec": answer.paths.rec.raw}, *_matched(batch))
            matching = {f"{term}_{name}": value for name, terms in found.items() for term, value in terms.items()}
        out, rec = answer.paths.out, answer.paths.rec
        total, terms = self.loss(out, rec, self._scores(batch, answer), batch["image"], batch["mask"], matching)
        elements = out.latent.mean[0].numel()
        state = {
            "loss": total.detach(),
            "kl_out_nats": terms["kl_out"] * elements,
            "kl_rec_nats": terms["kl_rec"] * elements,
            "entropy_out": answer.paths.out_entropy,
            "entropy_rec": answer.paths.rec_entropy,
            **{name: gate.mean() for name, gate in self.net.gates().items()},
        }
        return Loss(total, terms | state)

    def validation_step(self, batch: Batch, batch_idx: int) -> Prediction:  # type: ignore[override]  # as in the base
        """Fill a batch; measure the auxiliary path beside it, and the loss of filling it by each other's captions."""
        image, mask = batch["image"], batch["mask"]
        text = self.read(batch)
        paths = self.net.paths(image, mask, text)
        prediction = predicted(paths.out.raw, batch)
        self.metrics.update(prediction.composite, image, mask)
        self.rec_errors.update(paths.rec.raw, image, mask)
        swapped = self._filled(batch, TextFeatures(*(feature.roll(1, 0) for feature in text)))
        others = _of_others(batch)
        self.own_errors.update(prediction.raw[others], image[others], mask[others])
        self.swapped_errors.update(swapped[others], image[others], mask[others])
        return prediction

    def on_validation_epoch_end(self) -> None:
        """Log the metrics, the auxiliary path's, and by how much captions of other pictures are worse."""
        super().on_validation_epoch_end()
        self.log_dict({f"val/rec_{name}": value for name, value in self.rec_errors.compute().items()})
        own, swapped = self.own_errors.compute()["l1_hole"], self.swapped_errors.compute()["l1_hole"]
        self.log("val/caption_gap", swapped - own)
        for errors in (self.rec_errors, self.own_errors, self.swapped_errors):
            errors.reset()

    def grid_columns(self, batch: Batch, prediction: Prediction) -> dict[str, Tensor]:
        """Masked, out (the mean of the latent), samples of it, original."""
        image, mask = batch["image"], batch["mask"]
        text = self.read(batch)
        samples = {f"sample {k + 1}": self._sample(batch, text, k) for k in range(self.samples)}
        return {"masked": erase(image, mask), "out": prediction.composite, **samples, "original": image}

    def grid_captions(self, batch: Batch, words: bool) -> list[str]:
        """Captions, and if asked for the words that each path looks at most, with their shares."""
        captions = batch["caption"]
        if not words:
            return captions
        paths = self.net.paths(batch["image"], batch["mask"], self.read(batch))
        return [
            f"{caption} | out: {_most(self.text.tokenizer.pieces(caption), out)}"
            f" | rec: {_most(self.text.tokenizer.pieces(caption), rec)}"
            for caption, out, rec in zip(captions, paths.out_words, paths.rec_words, strict=True)
        ]

    def _filled(self, batch: Batch, text: TextFeatures, noise: Tensor | None = None) -> Tensor:
        raw: Tensor = self.net(erase(batch["image"], batch["mask"]), batch["mask"], text, noise)
        return raw

    def _sample(self, batch: Batch, text: TextFeatures, number: int) -> Tensor:
        noise = _normal(torch_seed(number, RngStream.LATENT), self.net.latent_shape(batch["image"]), self.device)
        return predicted(self._filled(batch, text, noise), batch).composite

    def _noise(self, shape: tuple[int, ...], part: int) -> Noise:
        """Draws of this step for both paths, by the sample's place in the whole batch.

        All processes and parts draw for all, so that their number changes nothing.
        """
        rank, world = self.rank_and_world
        seed = torch_seed(self.seed, RngStream.LATENT, epoch=self.step + 1)  # 0: grids
        everyone = _normal(seed, (2, self.accumulate * shape[0] * world, *shape[1:]), self.device)
        return Noise(*everyone[:, rank::world][:, part * shape[0] : (part + 1) * shape[0]])

    def _scores(self, batch: Batch, answer: Answers) -> Scores:
        """What the discriminators say; the photograph's scores are without gradient."""
        found: dict[str, Tensor] = {}
        with cached():  # a discriminator's weights are normalized once for all that it judges
            for judge, role in zip(self.discriminators, self.roles, strict=True):
                names = dict.fromkeys(role.fooled + role.matched)
                scores = judge(torch.cat([answer.judged[name] for name in names])).chunk(len(names))
                by_path = dict(zip(names, scores, strict=True))
                found |= {f"fool_{name}": by_path[name] for name in role.fooled}
                found |= {f"match_{name}": by_path[name] for name in role.matched}
                if role.matched:
                    with torch.no_grad():
                        real = judge(batch["image"])
                    found |= {f"real_{name}": real for name in role.matched}
        return Scores(**found)

    def _r1_penalty(self, image: Tensor) -> Tensor:
        real = image.detach().requires_grad_()
        # neither compiled code nor fused attention has a second derivative
        with (
            torch.compiler.set_stance("force_eager"),
            sdpa_kernel(SDPBackend.MATH),
            power_iterations_paused(self.discriminators),
        ):
            return torch.stack([r1_penalty(judge(real), real) for judge in self.discriminators]).sum()


def _matched(batch: Batch) -> tuple[Any, Tensor | None]:
    return batch["match_tokens"], batch.get("label")


def _of_others(batch: Batch) -> Tensor:
    """Which pictures have a neighbor with another caption and of another class, ``(B,)`` bool."""
    captions = batch["caption"]
    differs = torch.tensor([own != other for own, other in zip(captions, captions[-1:] + captions[:-1], strict=True)])
    label = batch.get("label")
    return differs if label is None else differs & (label != label.roll(1, 0)).cpu()


def _normal(seed: int, shape: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def _most(pieces: list[str], weights: Tensor, count: int = 4) -> str:
    """The words with the largest weights, with their shares."""
    if not pieces:
        return "(no text)"
    shares, places = weights[: len(pieces)].topk(min(count, len(pieces)))
    named = zip(places.tolist(), shares.tolist(), strict=True)
    return ", ".join(f"{pieces[place]} {share:.0%}" for place, share in named)
