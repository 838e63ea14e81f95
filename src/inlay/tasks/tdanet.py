"""TDANet's recipe: two paths, and discriminators for both."""

from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, NamedTuple, Unpack

import torch
from torch import Tensor
from torch.nn.utils.parametrize import cached
from typing_extensions import override

from inlay.errors import InlayError
from inlay.losses import PatchScores, TwoPathLoss
from inlay.metrics import HoleErrors, MetricSpec
from inlay.models import TDANet
from inlay.models.discriminators import Discriminator
from inlay.models.tdanet import Noise, TwoPathOutput
from inlay.ops import erase, target_of
from inlay.randomness import RngStream, torch_seed
from inlay.tasks.adversarial import AdversarialSettings, AdversarialTask
from inlay.tasks.inpainting import predicted
from inlay.tasks.optimization import Loss
from inlay.text import Tokenizer
from inlay.text_image import TextImageModel
from inlay.types import Batch, Prediction, TextFeatures

DiscriminatorMode = Literal["shared", "dual", "official"]


class DiscriminatorRole(NamedTuple):
    """The paths whose images a discriminator is used for."""

    learned: tuple[str, ...]  # it learns to tell their images from real ones
    adversarial: tuple[str, ...]  # their images should look real to it
    matched: tuple[str, ...]  # their images should get the real image's scores


_BOTH = ("out", "rec")
ROLES: dict[DiscriminatorMode, tuple[DiscriminatorRole, ...]] = {
    "shared": (DiscriminatorRole(_BOTH, _BOTH, _BOTH),),
    "dual": (DiscriminatorRole(("out",), ("out",), ("out",)), DiscriminatorRole(("rec",), ("rec",), ("rec",))),
    "official": (DiscriminatorRole(("rec",), _BOTH, ()), DiscriminatorRole(("rec",), (), _BOTH)),
}


class Generated(NamedTuple):
    """Both paths, and by path their images, ``(B, 3, H, W)``, as the discriminators see them."""

    paths: TwoPathOutput
    judged: dict[str, Tensor]


class TDANetTask(AdversarialTask[Generated]):
    """TDANet's recipe: two paths, KL, multi-scale L1, adversarial terms, and perhaps a text-image model.

    Only the inpainting path is ever shown as a result. The auxiliary path, ``rec``, has seen the target; how far it is
    ahead (``val/rec_*``) says how much the latent could still tell.

    Args:
        net: the network.
        loss: of both paths.
        discriminator: makes a discriminator (a Hydra partial).
        discriminator_mode: ``shared``: one discriminator for both paths; ``dual``: one for each path; ``official``: two
            that both learn from the auxiliary path, as in the official code. Images of both paths should look real to
            the first of them, and get the second one's scores of the real image.
        text_image: compares images with captions; None for none.
        samples: number of samples of the latent in each row of a grid.
        settings: see :class:`AdversarialTask`.

    Raises:
        InlayError: a part is missing, or a setting is out of range.
    """

    scores: ClassVar[Sequence[MetricSpec]] = (
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
        *,
        discriminator: Callable[[], Discriminator] | None,
        discriminator_mode: DiscriminatorMode = "shared",
        text_image: TextImageModel | None = None,
        samples: int = 3,
        **settings: Unpack[AdversarialSettings],
    ) -> None:
        if discriminator_mode not in ROLES:
            raise InlayError(f"task.discriminator_mode must be one of {', '.join(ROLES)}, got {discriminator_mode!r}.")
        if not (isinstance(net, TDANet) and isinstance(loss, TwoPathLoss)):
            given = f"{type(net).__name__} and {type(loss).__name__}"
            raise InlayError(f"task=tdanet needs model=tdanet and loss=tdanet, got {given}.")
        text = settings.get("text")
        if text is None or discriminator is None:
            raise InlayError("task=tdanet needs text=gru (or lstm, clip, bert) and discriminator=residual.")
        if text.dim != net.text_dim:
            raise InlayError(f"model.text_dim={net.text_dim} and text.dim={text.dim} must be equal. Set one of them.")
        if samples < 0:
            raise InlayError(f"task.samples must be at least 0, got {samples}.")
        super().__init__(net, [discriminator() for _ in ROLES[discriminator_mode]], loss, **settings)
        self.roles = ROLES[discriminator_mode]
        self.text_image = text_image
        self.samples = samples
        self.rec_errors, self.own_errors, self.swapped_errors = HoleErrors(), HoleErrors(), HoleErrors()

    @override
    def tokenizers(self) -> dict[str, Tokenizer]:
        named = super().tokenizers()
        return named if self.text_image is None else named | {"text_image_tokens": self.text_image.tokenizer}

    @override
    def fill(self, batch: Batch) -> Prediction:
        return predicted(self._filled(batch, self.read(batch)), batch)

    @override
    def generate(self, batch: Batch, part: int) -> Generated:
        noise = self._noise(self.net.noise_spec.shape(batch["image"]), part)
        paths = self.net.paths(target_of(batch), batch["mask"], self.read(batch), noise)
        raw = {"out": paths.out.raw, "rec": paths.rec.raw}
        return Generated(paths, {name: self.judged_image(image, batch) for name, image in raw.items()})

    @override
    def discriminator_loss(self, batch: Batch, generated: Generated) -> Loss:
        """Real images against generated ones, all in one pass of each discriminator."""
        target, objective = target_of(batch), self.loss.adversarial.discriminator
        losses, scores = [], list[tuple[str, Tensor]]()
        for discriminator, role in zip(self.discriminators, self.roles, strict=True):
            images = torch.cat([target, *(generated.judged[name].detach() for name in role.learned)])
            real, *fakes = discriminator(images).scores.chunk(len(role.learned) + 1)
            fake_loss = torch.stack([objective(fake, 0.0) for fake in fakes]).mean()
            losses.append((objective(real, 1.0) + fake_loss) / 2)
            scores += zip(("d_real", *(f"d_{name}" for name in role.learned)), (real, *fakes), strict=True)
        total = torch.stack(losses).sum()
        names = dict.fromkeys(name for name, _ in scores)
        terms = {name: torch.stack([s.detach().mean() for n, s in scores if n == name]).mean() for name in names}
        penalty, r1 = self.r1_term(target, batch["mask"])
        return Loss(total + penalty, terms | {"d_loss": total.detach()} | r1)

    @override
    def generator_loss(self, batch: Batch, generated: Generated) -> Loss:
        out, rec = generated.paths.out, generated.paths.rec
        matching = None
        if self.text_image is not None:
            found = self.text_image({"out": out.raw, "rec": rec.raw}, batch["text_image_tokens"], batch.get("label"))
            matching = {f"{term}_{name}": value for name, terms in found.items() for term, value in terms.items()}
        scores = self._scores(target_of(batch), generated.judged)
        total, terms = self.loss(out, rec, scores, target_of(batch), batch["mask"], matching)
        elements = out.latent.mean[0].numel()
        state = {
            "loss": total.detach(),
            "kl_out_nats": terms["kl_out"] * elements,
            "kl_rec_nats": terms["kl_rec"] * elements,
            "entropy_out": generated.paths.out_entropy,
            "entropy_rec": generated.paths.rec_entropy,
            **{name: gate.mean() for name, gate in self.net.gates().items()},
        }
        return Loss(total, terms | state)

    @override
    def validation_step(self, batch: Batch, batch_idx: int) -> Prediction:  # type: ignore[override]  # as in the base
        target, mask = target_of(batch), batch["mask"]
        text = self.read(batch)
        paths = self.net.paths(target, mask, text)
        prediction = predicted(paths.out.raw, batch)
        self.update_metrics(batch, prediction)
        self.rec_errors.update(paths.rec.raw, target, mask)
        # How much captions matter: holes filled by those of other pictures should be worse.
        swapped = self._filled(batch, TextFeatures(*(feature.roll(1, 0) for feature in text)))
        others = _of_others(batch)
        self.own_errors.update(prediction.raw[others], target[others], mask[others])
        self.swapped_errors.update(swapped[others], target[others], mask[others])
        return prediction

    @override
    def on_validation_epoch_end(self) -> None:
        super().on_validation_epoch_end()
        self.log_dict({f"val/rec_{name}": value for name, value in self.rec_errors.compute().items()})
        own, swapped = self.own_errors.compute()["l1_hole"], self.swapped_errors.compute()["l1_hole"]
        self.log("val/caption_gap", swapped - own)
        for errors in (self.rec_errors, self.own_errors, self.swapped_errors):
            errors.reset()

    @override
    def grid_columns(self, batch: Batch, prediction: Prediction) -> dict[str, Tensor]:
        image, mask = batch["image"], batch["mask"]
        text = self.read(batch)
        samples = {}
        for k in range(self.samples):
            noise = _normal(torch_seed(k, RngStream.LATENT), self.net.noise_spec.shape(image), self.device)
            samples[f"sample {k + 1}"] = predicted(self._filled(batch, text, noise), batch).composite
        return {"masked": erase(image, mask), "out": prediction.composite, **samples, "original": target_of(batch)}

    @override
    def grid_captions(self, batch: Batch, words: bool) -> list[str]:
        captions = batch["caption"]
        if not words:
            return captions
        paths = self.net.paths(target_of(batch), batch["mask"], self.read(batch))
        pieces = [self.tokenizers()["tokens"].pieces(caption) for caption in captions]
        return [
            f"{caption} | out: {_top_words(own, out)} | rec: {_top_words(own, rec)}"
            for caption, own, out, rec in zip(captions, pieces, paths.out_words, paths.rec_words, strict=True)
        ]

    def _filled(self, batch: Batch, text: TextFeatures, noise: Tensor | None = None) -> Tensor:
        return self.net.inpaint(batch["image"], batch["mask"], text=text, noise=noise)

    def _noise(self, shape: tuple[int, ...], part: int) -> Noise:
        """Draws of this step for both paths, by the sample's place in the whole batch.

        All processes and parts draw for all, so that their number changes nothing.
        """
        rank, world = self.rank_and_world
        seed = torch_seed(self.seed, RngStream.LATENT, epoch=self.step + 1)  # 0: grids
        everyone = _normal(seed, (2, self.accumulate * shape[0] * world, *shape[1:]), self.device)
        return Noise(*everyone[:, rank::world][:, part * shape[0] : (part + 1) * shape[0]])

    def _scores(self, target: Tensor, judged: dict[str, Tensor]) -> PatchScores:
        """The discriminators' scores; those of the real images are without gradient."""
        found: dict[str, Tensor] = {}
        with cached():  # a discriminator's weights are normalized once for all its passes
            for discriminator, role in zip(self.discriminators, self.roles, strict=True):
                names = dict.fromkeys(role.adversarial + role.matched)
                scores = discriminator(torch.cat([judged[name] for name in names])).scores.chunk(len(names))
                by_path = dict(zip(names, scores, strict=True))
                found |= {f"gen_{name}": by_path[name] for name in role.adversarial}
                found |= {f"match_{name}": by_path[name] for name in role.matched}
                if role.matched:
                    with torch.no_grad():
                        real = discriminator(target).scores
                    found |= {f"real_{name}": real for name in role.matched}
        return PatchScores(**found)


def _of_others(batch: Batch) -> Tensor:
    """Which pictures have a neighbor with another caption and of another class, ``(B,)`` bool."""
    captions = batch["caption"]
    differs = torch.tensor([own != other for own, other in zip(captions, captions[-1:] + captions[:-1], strict=True)])
    label = batch.get("label")
    return differs if label is None else differs & (label != label.roll(1, 0)).cpu()


def _normal(seed: int, shape: tuple[int, ...], device: torch.device) -> Tensor:
    return torch.randn(shape, generator=torch.Generator(device).manual_seed(seed), device=device)


def _top_words(pieces: list[str], weights: Tensor, count: int = 4) -> str:
    """The words with the largest attention weights, and these."""
    if not pieces:
        return "(no text)"
    shares, places = weights[: len(pieces)].topk(min(count, len(pieces)))
    named = zip(places.tolist(), shares.tolist(), strict=True)
    return ", ".join(f"{pieces[place]} {share:.0%}" for place, share in named)
