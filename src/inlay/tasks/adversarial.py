"""Training a generator against discriminators: the whole step, top to bottom."""

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Generic, Literal, TypeVar, Unpack, cast, get_args

import torch
import torch.nn.functional as F
from pytorch_lightning.strategies import ParallelStrategy
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.utils.parametrize import cached
from torch.optim import Optimizer
from typing_extensions import override

from inlay.distributed import average_gradients
from inlay.errors import InlayError
from inlay.losses import feature_matching, patch_labels, r1_penalty
from inlay.losses.adversarial import ObjectiveName, objective_by_name
from inlay.losses.patch_labels import PatchLabels
from inlay.models.base import InpaintingNetwork
from inlay.models.discriminators import Discriminator, DiscriminatorOutput
from inlay.models.layers import power_iterations_paused
from inlay.ops import composite, target_of
from inlay.tasks.base import MakeOptimizer, MakeScheduler, TaskSettings
from inlay.tasks.inpainting import InpaintingTask
from inlay.tasks.optimization import Loss, add_terms, parameters_of, propagate_nonfinite, split, trainable
from inlay.text import TextEncoder
from inlay.types import Batch, Prediction

Generated = TypeVar("Generated")
Judged = Literal["raw", "composite"]


class AdversarialSettings(TaskSettings, total=False):
    """Keyword arguments of :class:`AdversarialTask` that its subclasses pass on."""

    text: TextEncoder | None
    discriminator_optimizer: MakeOptimizer | None
    discriminator_scheduler: MakeScheduler | None
    judged: Judged
    r1: float
    r1_every: int
    reuse_generator_output: bool


class AdversarialTask(InpaintingTask, Generic[Generated]):
    """A generator and discriminators, each side with an optimizer and a schedule of its own.

    In each step the discriminators are updated first, on generated images without gradient, then the generator, by
    what the discriminators have become. A recipe says what is generated (:meth:`generate`) and both losses; this class
    steps: gradients reach one side at a time, and are clipped, averaged over processes, and dropped if not finite. One
    batch is one step of the run, although two optimizers step.

    Args:
        net: the generator.
        discriminators: one or more; one optimizer is for all of them.
        loss: of the generator, see the recipe.
        discriminator_optimizer: makes the discriminators' optimizer; None for the generator's settings.
        discriminator_scheduler: makes their schedule; None for the generator's settings.
        judged: which images discriminators see: the ``raw`` outputs, or the ``composite`` with known pixels put back.
        r1: weight of the gradient penalty on real images (:func:`~inlay.losses.r1_penalty`), 0 for none. They are in
            ``[0, 1]``, where the penalty is a quarter of what it is in ``[-1, 1]``.
        r1_every: steps between penalties, each of which weighs ``r1_every`` times as much.
        reuse_generator_output: whether both sides learn from one forward pass of the generator. If not, the generator's
            loss takes a second one, with equal draws, after the discriminators' step. So it does with ``accumulate``.
        settings: see :class:`InpaintingTask`; ``compile`` and ``gradient_clip`` are for both sides.

    Raises:
        InlayError: a setting is out of range.
    """

    def __init__(
        self,
        net: InpaintingNetwork,
        discriminators: Sequence[Discriminator],
        loss: nn.Module,
        *,
        discriminator_optimizer: MakeOptimizer | None = None,
        discriminator_scheduler: MakeScheduler | None = None,
        judged: Judged = "raw",
        r1: float = 0.0,
        r1_every: int = 16,
        reuse_generator_output: bool = True,
        **settings: Any,
    ) -> None:
        if judged not in get_args(Judged):
            raise InlayError(f"task.judged must be raw or composite, got {judged!r}.")
        if r1 < 0 or r1_every < 1:
            raise InlayError(f"task.r1 must be at least 0 and task.r1_every at least 1, got {r1} and {r1_every}.")
        super().__init__(net, loss, **settings)
        self.automatic_optimization = False
        self.discriminators = nn.ModuleList(discriminators)
        self.judged: Judged = judged
        self.r1, self.r1_every = r1, r1_every
        self.reuse_generator_output = reuse_generator_output
        self._discriminator_optimizer = discriminator_optimizer or self._optimizer
        self._discriminator_scheduler = discriminator_scheduler or self._scheduler
        if settings.get("compile"):
            for discriminator in self.discriminators:
                discriminator.compile(dynamic=False)  # there are few batch sizes, the same in every step

    @abstractmethod
    def generate(self, batch: Batch, part: int) -> Generated:
        """The generator's output for a batch, or the part of it with that number.

        Random draws may depend on nothing but the step and the part, as both passes must agree.
        """

    @abstractmethod
    def discriminator_loss(self, batch: Batch, generated: Generated) -> Loss:
        """The discriminators' loss; none of its gradient may reach the generator."""

    @abstractmethod
    def generator_loss(self, batch: Batch, generated: Generated) -> Loss:
        """The generator's loss, with frozen discriminators."""

    @override
    def training_step(self, batch: Batch, batch_idx: int) -> None:
        parts = split(batch, self.accumulate)
        # One output serves both sides, unless the batch has parts: their graphs together are what parts are to save.
        kept = self.generate(batch, 0) if self.reuse_generator_output and len(parts) == 1 else None
        discriminator_optimizer, generator_optimizer = cast(list[Optimizer], self.optimizers(use_pl_optimizer=False))

        def generated(number: int, gradient: bool) -> Generated:
            if kept is not None:
                return kept
            self.seed_draws(number)  # equal draws for both sides
            with torch.set_grad_enabled(gradient):
                return self.generate(parts[number], number)

        terms = self._update(
            discriminator_optimizer,
            lambda number: self.discriminator_loss(parts[number], generated(number, gradient=False)),
            len(parts),
        )
        # A second forward pass of the same step must not normalize with vectors that have moved on.
        second_pass = self.averaged_modules().values() if kept is None else []
        with self.frozen_discriminators(), power_iterations_paused(second_pass):
            terms |= self._update(
                generator_optimizer,
                lambda number: self.generator_loss(parts[number], generated(number, gradient=True)),
                len(parts),
            )
        self.log_terms(terms, prog_bar=("loss", "d_loss"))
        for schedule in cast(list[Any], self.lr_schedulers()):
            schedule.step()

    def _update(self, optimizer: Optimizer, loss: Callable[[int], Loss], parts: int) -> dict[str, Tensor]:
        """One optimizer's step, on the mean loss of all parts, which are called by number; returns the mean terms."""
        optimizer.zero_grad()
        mean: dict[str, Tensor] = {}
        strategy = self.trainer.strategy
        # DDP's reducer would wait for every parameter in each backward pass, and each reaches one side alone.
        with strategy.block_backward_sync() if isinstance(strategy, ParallelStrategy) else nullcontext():
            for number in range(parts):
                # Parts of a batch are one forward pass to spectral norm: it iterates in the first of them only.
                with power_iterations_paused([self] if number else []):
                    total, terms = loss(number)
                    self.manual_backward(propagate_nonfinite(total) / parts)
                add_terms(mean, terms, parts)
        average_gradients(parameters_of(optimizer))
        self._terms = mean
        wrapped = cast(list[Any], self.optimizers())[-1]
        if optimizer is wrapped.optimizer:
            wrapped.step()  # Lightning counts this as the step of the run; the discriminators' would be another one
        else:
            strategy.optimizer_step(optimizer, closure=lambda: None)
        return mean

    def judged_image(self, raw: Tensor, batch: Batch) -> Tensor:
        """What discriminators see of a generated image ``(B, 3, H, W)``."""
        return raw if self.judged == "raw" else composite(raw, batch["image"], batch["mask"])

    def discriminate(self, discriminator: nn.Module, image: Tensor, mask: Tensor) -> DiscriminatorOutput:
        """A discriminator's output for images, and for their holes if it takes masks."""
        takes_mask = cast(Discriminator, discriminator).takes_mask
        return cast(DiscriminatorOutput, discriminator(image, mask) if takes_mask else discriminator(image))

    def r1_term(self, image: Tensor, mask: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The R1 penalty of all discriminators on real images, weighted, and before its weight as ``r1``.

        It is computed in float32, from a forward pass of its own, on every ``r1_every``-th step; otherwise zero.
        """
        if self.r1 == 0 or self.step % self.r1_every:
            return image.new_zeros(()), {}
        real = image.detach().float().requires_grad_()
        # neither compiled code nor fused attention has a second derivative
        with (
            torch.autocast(real.device.type, enabled=False),
            torch.compiler.set_stance("force_eager"),
            sdpa_kernel(SDPBackend.MATH),
            power_iterations_paused(self.discriminators),
        ):
            scores = [self.discriminate(discriminator, real, mask).scores for discriminator in self.discriminators]
            penalty = torch.stack([r1_penalty(each, real) for each in scores]).sum()
        return self.r1 * self.r1_every * penalty, {"r1": penalty.detach()}

    @override
    def losses(self, batch: Batch, part: int = 0) -> Iterator[Loss]:
        generated = self.generate(batch, part)
        yield self.discriminator_loss(batch, generated)
        with self.frozen_discriminators():
            yield self.generator_loss(batch, generated)

    @override
    def modules_of_optimizer(self, number: int) -> Iterable[nn.Module]:
        return self.averaged_modules().values() if number else [self.discriminators]

    @override
    def optimizer_prefix(self, number: int) -> str:
        return "" if number else "d_"

    @override
    def configure_optimizers(self) -> Any:
        d = self.optimizer_of(
            trainable(self.discriminators),
            self._discriminator_optimizer,
            self._discriminator_scheduler,
            "discriminator_" if self._discriminator_optimizer is not self._optimizer else "",
        )
        parameters = [parameter for module in self.averaged_modules().values() for parameter in trainable(module)]
        g = self.optimizer_of(parameters, self._optimizer, self._scheduler)
        return [d[0], g[0]], [d[1], g[1]]

    @contextmanager
    def frozen_discriminators(self) -> Iterator[None]:
        """Discriminators whose parameters get no gradient."""
        parameters = trainable(self.discriminators)
        for parameter in parameters:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in parameters:
                parameter.requires_grad_(True)


class GANTask(AdversarialTask[Prediction]):
    """Any inpainting network against one discriminator: reconstruction, adversarial and feature-matching terms, R1.

    The generator minimizes ``loss + adversarial * L_adversarial + feature_matching * L_features``, where ``loss`` is a
    weighted sum of terms on its output, as for :class:`ReconstructionTask`. The discriminator minimizes the objective
    on real images, all real, plus that on generated ones, whose patches are real or fake by ``labels``, plus R1.

    Args:
        net: the generator.
        loss: reconstruction terms.
        discriminator: makes the discriminator (a Hydra partial).
        objective: ``non_saturating``, ``hinge``, ``least_squares``, or ``least_squares_aot`` (as AOT-GAN was released).
        labels: which patches of a generated image the discriminator learns as fake, see
            :func:`~inlay.losses.patch_labels`.
        hole_only: whether the generator's adversarial term is a mean over the patches of each picture's hole, as in
            AOT-GAN, rather than over all patches.
        adversarial: weight of the generator's adversarial term.
        feature_matching: weight of :func:`~inlay.losses.feature_matching`; 0 saves its forward pass.
        settings: see :class:`AdversarialTask`.

    Raises:
        InlayError: the discriminator is missing, or a setting is out of range.
    """

    def __init__(
        self,
        net: InpaintingNetwork,
        loss: nn.Module,
        *,
        discriminator: Callable[[], Discriminator] | None,
        objective: ObjectiveName = "non_saturating",
        labels: PatchLabels = "hole_max",
        hole_only: bool = False,
        adversarial: float = 1.0,
        feature_matching: float = 0.0,
        **settings: Unpack[AdversarialSettings],
    ) -> None:
        if discriminator is None:
            raise InlayError("task=gan needs a discriminator. Choose one: discriminator=residual.")
        if labels not in get_args(PatchLabels):
            raise InlayError(f"task.labels must be one of {', '.join(get_args(PatchLabels))}, got {labels!r}.")
        if adversarial < 0 or feature_matching < 0:
            raise InlayError(
                "task.adversarial and task.feature_matching must be at least 0, "
                f"got {adversarial} and {feature_matching}."
            )
        super().__init__(net, [discriminator()], loss, **settings)
        self.objective = objective_by_name(objective, "task.objective")
        self.labels: PatchLabels = labels
        self.hole_only = hole_only
        self.adversarial, self.feature_matching = adversarial, feature_matching

    @override
    def generate(self, batch: Batch, part: int) -> Prediction:
        return self.fill(batch)

    def _weights_of_patches(self, scores: Tensor, mask: Tensor) -> Tensor | None:
        """What a score counts in the generator's term: with ``hole_only``, its patch's share of the picture's hole."""
        if not self.hole_only:
            return None
        share = F.adaptive_avg_pool2d(mask, (scores.shape[2], scores.shape[3]))
        return share / share.sum(dim=(2, 3), keepdim=True).clamp(min=torch.finfo(share.dtype).tiny)

    @override
    def discriminator_loss(self, batch: Batch, generated: Prediction) -> Loss:
        target, mask = target_of(batch), batch["mask"]
        (discriminator,) = self.discriminators
        # two passes: batch norm sees real and generated images apart, as when it is trained with LaMa
        real = self.discriminate(discriminator, target, mask).scores
        fake = self.discriminate(discriminator, self.judged_image(generated.raw, batch).detach(), mask).scores
        grid = cast(Discriminator, discriminator).patch_grid
        labels = patch_labels(self.labels, mask, (real.shape[2], real.shape[3]), grid)
        total = self.objective.discriminator(real, 1.0) + self.objective.discriminator(fake, labels)
        penalty, r1 = self.r1_term(target, mask)
        terms = {"d_loss": total.detach(), "d_real": real.detach().mean(), "d_fake": fake.detach().mean()}
        return Loss(total + penalty, terms | r1)

    @override
    def generator_loss(self, batch: Batch, generated: Prediction) -> Loss:
        target, mask = target_of(batch), batch["mask"]
        total, terms = self.loss_of(generated, batch)
        (discriminator,) = self.discriminators
        with cached():  # spectral norm is computed once for both passes
            fake = self.discriminate(discriminator, self.judged_image(generated.raw, batch), mask)
            adversarial = self.objective.generator(fake.scores, self._weights_of_patches(fake.scores, mask))
            total, terms = total + self.adversarial * adversarial, terms | {"adversarial": adversarial.detach()}
            if self.feature_matching > 0:
                with torch.no_grad():  # real images are what features are matched to, and no variable
                    real = self.discriminate(discriminator, target, mask)
                matching = feature_matching(fake.features, real.features)
                total, terms = total + self.feature_matching * matching, terms | {"features": matching.detach()}
        return Loss(total, {"loss": total.detach()} | terms)
