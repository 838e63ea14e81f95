"""Training a network that fills a hole with what a text asks for: two paths, and discriminators for both."""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import cached

from inlay.distributed import rank_and_world
from inlay.errors import InlayError
from inlay.losses import Scores, TwoPathLoss, discriminator_loss, r1_penalty
from inlay.matchers import Matcher
from inlay.metrics import HoleErrors
from inlay.models import TDANet
from inlay.models.tdanet import Noise, Paths
from inlay.ops import composite, erase
from inlay.randomness import Stream, torch_seed
from inlay.tasks.adversarial import AdversarialTask, Loss
from inlay.tasks.base import MakeOptimizer, MakeScheduler
from inlay.tasks.inpainting import predicted
from inlay.text import TextEncoder, Tokenizer
from inlay.types import Batch, Prediction, TextFeatures

Judges = Literal["shared", "dual", "official"]
_FAKES: dict[Judges, tuple[tuple[str, ...], ...]] = {
    "shared": (("out", "rec"),),
    "dual": (("out",), ("rec",)),
    "official": (("rec",), ("rec",)),
}
"""Which answers each discriminator learns from: the first is to be fooled, the last one's scores to be matched."""


class Answers(NamedTuple):
    """Both paths, and their pictures as the discriminators see them."""

    paths: Paths
    judged: dict[str, Tensor]
    """By path, ``(B, 3, H, W)``."""


class TextGuidedTask(AdversarialTask[Answers]):
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
        judges: ``shared``: one discriminator learns from both paths; ``dual``: one each; ``official``: two, which both
            learn from the auxiliary path, as in the official code.
        judge_composite: judge pictures with their known pixels put back, rather than raw answers.
        matcher: compares pictures with captions; None for none.
        r1: weight of the gradient penalty on photographs, 0 for none.
        r1_every: steps between penalties; each weighs so many times more.
        samples: of the latent, shown in each row of a grid.
        compile: as for :class:`AdversarialTask`.
        gradient_clip: likewise.
        accumulate: likewise.

    Raises:
        InlayError: a part is missing, or a number is out of range.
    """

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
        judges: Judges = "shared",
        judge_composite: bool = False,
        matcher: Matcher | None = None,
        r1: float = 0.0,
        r1_every: int = 16,
        samples: int = 3,
        compile: bool = False,
        gradient_clip: float | None = None,
        accumulate: int = 1,
    ) -> None:
        if judges not in _FAKES:
            raise InlayError(f"task.judges must be one of {', '.join(_FAKES)}, got {judges!r}.")
        if text is None or discriminator is None:
            raise InlayError("task=text_guided needs text=gru (or lstm, clip, bert) and discriminator=residual.")
        if text.dim != net.text_dim:
            raise InlayError(
                f"model.text_dim={net.text_dim} and text.dim={text.dim} must be the same. Set one of them."
            )
        if r1 < 0 or r1_every < 1 or samples < 0:
            raise InlayError(
                f"task.r1 and task.samples must be at least 0 and task.r1_every at least 1, got {r1}, {samples} and "
                f"{r1_every}."
            )
        discriminators = [discriminator() for _ in _FAKES[judges]]
        super().__init__(net, discriminators, loss, optimizer, scheduler, config, compile, gradient_clip, accumulate)
        self.text = text
        self.judges: Judges = judges
        self.judge_composite = judge_composite
        self.matcher = matcher
        self.r1, self.r1_every = r1, r1_every
        self.samples = samples
        self.rec_errors, self.own_errors, self.swapped_errors = HoleErrors(), HoleErrors(), HoleErrors()

    def averaged(self) -> Mapping[str, nn.Module]:
        """The network and the text encoder."""
        return {"net": self.net, "text": self.text}

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
        if self.judge_composite:
            judged = {name: composite(raw, image, mask) for name, raw in judged.items()}
        return Answers(paths, judged)

    def discriminator_loss(self, batch: Batch, answer: Answers) -> Loss:
        """Photographs against fillings, all in one pass of each discriminator."""
        image = batch["image"]
        losses, terms = [], dict[str, Tensor]()
        for judge, names in zip(self.discriminators, _FAKES[self.judges], strict=True):
            pictures = torch.cat([image, *(answer.judged[name].detach() for name in names)])
            real, *fakes = judge(pictures).chunk(len(names) + 1)
            losses.append(discriminator_loss(self.loss.adversarial, real, fakes))
            terms.setdefault("d_real", real.detach().mean())
            terms |= {f"d_{name}": fake.detach().mean() for name, fake in zip(names, fakes, strict=True)}
        total = torch.stack(losses).sum()
        terms["d_loss"] = total.detach()
        if self.r1 > 0 and self.global_step % self.r1_every == 0:
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
        if len(image) > 1:
            swapped = self._filled(batch, TextFeatures(*(feature.roll(1, 0) for feature in text)))
            self.own_errors.update(prediction.raw, image, mask)
            self.swapped_errors.update(swapped, image, mask)
        return prediction

    def on_validation_epoch_end(self) -> None:
        """Log the metrics, the auxiliary path's, and by how much captions of other pictures are worse."""
        super().on_validation_epoch_end()
        self.log_dict({f"val/rec_{name}": value for name, value in self.rec_errors.compute().items()})
        own, swapped = self.own_errors.compute()["l1_hole"], self.swapped_errors.compute()["l1_hole"]
        self.log("val/caption_gap", swapped - own)
        for errors in (self.rec_errors, self.own_errors, self.swapped_errors):
            errors.reset()

    def columns(self, batch: Batch, prediction: Prediction) -> dict[str, Tensor]:
        """Masked, out (the mean of the latent), samples of it, original."""
        image, mask = batch["image"], batch["mask"]
        text = self.read(batch)
        samples = {f"sample {k + 1}": self._sample(batch, text, k) for k in range(self.samples)}
        return {"masked": erase(image, mask), "out": prediction.composite, **samples, "original": image}

    def remarks(self, batch: Batch, words: bool) -> list[str]:
        """Captions, and if asked for the words that each path looks at most, with their shares."""
        captions = batch["caption"]
        if not words:
            return captions
        paths = self.net.paths(batch["image"], batch["mask"], self.read(batch))
        looked_at = paths.out_words.mean(dim=1), paths.rec_words.mean(dim=1)  # (B, T) each
        return [
            f"{caption} | out: {_most(self.text.tokenizer.pieces(caption), out)}"
            f" | rec: {_most(self.text.tokenizer.pieces(caption), rec)}"
            for caption, out, rec in zip(captions, *looked_at, strict=True)
        ]

    def _filled(self, batch: Batch, text: TextFeatures, noise: Tensor | None = None) -> Tensor:
        raw: Tensor = self.net(erase(batch["image"], batch["mask"]), batch["mask"], text, noise)
        return raw

    def _sample(self, batch: Batch, text: TextFeatures, number: int) -> Tensor:
        noise = _normal(torch_seed(number, Stream.LATENT), self.net.latent_shape(batch["image"]), self.device)
        return predicted(self._filled(batch, text, noise), batch).composite

    def _noise(self, shape: tuple[int, ...], part: int) -> Noise:
        """Draws of this step for both paths. All processes draw for all, so that their number changes nothing."""
        rank, world = rank_and_world()
        seed = torch_seed(self.seed, Stream.LATENT, epoch=self.global_step + 1, index=part)
        everyone = _normal(seed, (2, shape[0] * world, *shape[1:]), self.device)
        return Noise(*everyone[:, rank::world])

    def _scores(self, batch: Batch, answer: Answers) -> Scores:
        """What the discriminators say; the photograph's scores are without gradient."""
        fooled, matched = self.discriminators[0], self.discriminators[-1]
        pictures = torch.cat([answer.judged["out"], answer.judged["rec"]])
        with cached():  # a discriminator's weights are normalized once for all that it judges
            with torch.no_grad():
                real = matched(batch["image"])
            fool = fooled(pictures).chunk(2)
            match = fool if matched is fooled else matched(pictures).chunk(2)
        return Scores(fool[0], fool[1], match[0], match[1], real)

    def _r1_penalty(self, image: Tensor) -> Tensor:
        real = image.detach().requires_grad_()
        with torch.compiler.set_stance("force_eager"):  # compiled code has no second derivative
            return torch.stack([r1_penalty(judge(real), real) for judge in self.discriminators]).sum()


def _matched(batch: Batch) -> tuple[Any, Tensor | None]:
    return batch["match_tokens"], batch.get("label")


def _normal(seed: int, shape: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def _most(pieces: list[str], weights: Tensor, count: int = 4) -> str:
    """The words with the largest weights, with their shares."""
    if not pieces:
        return "(no text)"
    shares, places = weights[: len(pieces)].topk(min(count, len(pieces)))
    named = zip(places.tolist(), shares.tolist(), strict=True)
    return ", ".join(f"{pieces[place]} {share:.0%}" for place, share in named)
