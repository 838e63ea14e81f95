"""Inpainting pipelines of diffusers as fillers."""

import inspect
import logging
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import override

from inlay.checkpoints.files import digest
from inlay.device import choose_device
from inlay.errors import InlayError, one_line
from inlay.files import at_home
from inlay.fillers.base import Filler, Seed
from inlay.fillers.classical import CLASSICAL
from inlay.fillers.colors import match_ring
from inlay.ops import pad_to_multiple
from inlay.precision import InferencePrecision
from inlay.pretrained.pipelines import load_pipeline, pipeline_folder, require_diffusers
from inlay.randomness import RngStream, torch_seed

log = logging.getLogger(__name__)

Offload = Literal["model", "sequential"]
GREY = "grey"
_PREFILLS = (GREY, *CLASSICAL)
_DTYPES = {"32": torch.float32, "bf16": torch.bfloat16, "16": torch.float16}
_ALL_NOISE = 0.9999  # strength: begin at the noisiest step, with noise around the given picture
_GIVEN = {"prompt", "image", "mask_image", "height", "width", "generator", "output_type"}
_GROWS = 2  # times a hole may grow on the grid of the latents before that is said


class DiffusersFiller(Filler):
    """An inpainting pipeline of diffusers, of Stable Diffusion, XL, 3, Flux, Qwen-Image, Z-Image.

    The pipeline gets the picture with its hole filled by ``prefill``, so that nothing that lay under the mask can leak
    into the answer, as it does in diffusers with a strength below 1 or a network of four channels; and a mask of whole
    cells of its latents, as it would miss thin strokes otherwise. Pictures are filled one after the other.

    Args:
        path: a folder with ``model_index.json``, or a name on the Hugging Face hub.
        allow_download: whether a pipeline of the hub may be downloaded; else it must be in the hub's cache.
        prompt: used for a picture without a text.
        steps: of the sampler; null: as many as the pipeline's default.
        guidance: how strongly the text guides, 1 for not at all, at half the cost; null: the pipeline's default.
        strength: how much noise the sampler starts from, above 0 to 1; below 1 it starts from noise around the prefill.
            null: 1, or 0.9999 for pipelines whose default is below 1.
        prefill: what the hole holds at the start: ``grey``, ``mean``, ``telea``, ``navier_stokes``, ``biharmonic``;
            null: grey for a network that sees the masked picture at strength 1, else telea.
        match_ring: whether to fit the colors to the known pixels around the hole, as autoencoders shift them.
        offload: keep on the GPU what computes alone: ``model``, or ``sequential``, which is slow and takes least
            memory. null: all of it.
        vae_tiling: decode large pictures in tiles, with less memory.
        device: where it computes; pictures are moved there and back.
        precision: of the weights: ``32``, or ``bf16`` or ``16``, which take half the memory.

    Raises:
        InlayError: see :func:`~inlay.pretrained.pipelines.pipeline_folder` and
            :func:`~inlay.pretrained.pipelines.load_pipeline`; or the pipeline does not inpaint, or a setting is out of
            range.
    """

    takes_text = True
    takes_seed = True
    runs_with = frozenset({"device", "precision"})

    def __init__(
        self,
        path: str | Path,
        *,
        allow_download: bool = False,
        prompt: str = "",
        steps: int | None = None,
        guidance: float | None = None,
        strength: float | None = None,
        prefill: str | None = None,
        match_ring: bool = False,
        offload: Offload | None = None,
        vae_tiling: bool = False,
        device: torch.device | str = "cpu",
        precision: InferencePrecision = "32",
    ) -> None:
        _check("steps", steps, steps is None or steps >= 1, "at least 1")
        _check("guidance", guidance, guidance is None or guidance >= 0, "at least 0")
        _check("strength", strength, strength is None or 0 < strength <= 1, "above 0 and at most 1")
        _check("prefill", prefill, prefill is None or prefill in _PREFILLS, f"null or one of {', '.join(_PREFILLS)}")
        _check("offload", offload, offload is None or offload in get_args(Offload), "null, model or sequential")
        self.device, self.prompt, self.match_ring = choose_device(str(device)), prompt, match_ring
        if offload is not None and self.device.type == "cpu":
            raise InlayError(f"offload={offload} is for a GPU, and this computes on {self.device}. Leave it out.")
        self.folder = pipeline_folder(at_home(path), allow_download)
        self.pipeline = inpainting(load_pipeline(self.folder, _DTYPES[str(precision)]))
        self.accepted = inspect.signature(type(self.pipeline).__call__).parameters
        if strength is None and "strength" in self.accepted:
            strength = 1.0 if self.accepted["strength"].default == 1 else _ALL_NOISE
        is_blank = strength in (1.0, None) and self.sees_masked
        if is_blank and prefill not in (None, GREY):
            raise InlayError(
                f"prefill={prefill} does nothing: {type(self.pipeline).__name__} blanks the hole itself. Leave it out, "
                f"or set strength={_ALL_NOISE}."
            )
        self.prefill = prefill or (GREY if is_blank else "telea")
        self.options = self._options(steps, guidance, strength)
        self.multiple = int(self.pipeline.image_processor.config.vae_scale_factor)
        self.cell = int(getattr(self.pipeline, "vae_scale_factor", self.multiple))
        self.warned = False
        """Whether it was said that a hole is thin."""
        self._place(offload, vae_tiling)

    @property
    def sees_masked(self) -> bool:
        """Whether the network is shown the masked picture beside the noisy one; others only ever see the noisy one."""
        config = self._denoiser.config
        ways_in, ways_out = config.in_channels, getattr(config, "out_channels", None)
        return ways_out is not None and ways_in > ways_out * getattr(config, "patch_size", 1) ** 2

    @property
    @override
    def size(self) -> int | None:  # type: ignore[override]  # read from the network
        side = getattr(self._denoiser.config, "sample_size", None)
        return side * self.cell if isinstance(side, int) else None

    @property
    def _denoiser(self) -> Any:
        return getattr(self.pipeline, "unet", None) or self.pipeline.transformer

    @property
    @override
    def described(self) -> str:
        checker = ", with a safety checker" if getattr(self.pipeline, "safety_checker", None) is not None else ""
        return f"{type(self.pipeline).__name__} of {self.folder.name}{checker}, on {self.device}"

    @cached_property
    def identity(self) -> str:  # type: ignore[override]  # a large folder takes a while, and not everybody asks
        """The digest of the folder, the settings of the filling, and the release of diffusers."""
        settings = ", ".join(f"{key} {value}" for key, value in self.options.items())
        release = f"diffusers {require_diffusers().__version__}"
        return f"{digest(self.folder)}, {settings}, prefill {self.prefill}, match_ring {self.match_ring}, {release}"

    @override
    @torch.inference_mode()
    def predict(
        self, masked: Tensor, mask: Tensor, *, text: Sequence[str], reference: Tensor | None, seed: Seed
    ) -> Tensor:
        given = self._prefilled(masked, mask)
        pictures = []
        for number, said in enumerate(text):
            one = slice(number, number + 1)
            drawn = self._draw(given[one], mask[one], said or self.prompt, _seed_of(seed, number))
            pictures.append(match_ring(drawn, masked[one], mask[one]) if self.match_ring else drawn)
        return torch.cat(pictures)

    def _prefilled(self, masked: Tensor, mask: Tensor) -> Tensor:
        """The pictures without what lay under the mask, ``(B, 3, H, W)``."""
        if self.prefill == GREY:  # 0 where pictures are in [-1, 1]: what these networks learned as an empty hole
            return masked + 0.5 * mask
        filler: Filler = CLASSICAL[self.prefill]()
        return filler.fill(masked, mask)

    def _draw(self, image: Tensor, mask: Tensor, prompt: str, seed: int) -> Tensor:
        """Run the pipeline on one picture: ``(1, 3, H, W)``, on the CPU."""
        height, width = image.shape[-2:]
        image, mask = padded(image, self.multiple), pad_to_multiple(mask, self.multiple)
        snapped = snap(mask, self.cell)
        if snapped.sum() > _GROWS * mask.sum() and not self.warned:
            log.warning(
                "Strokes of the hole are thinner than a cell of %d px: the model sees a larger hole.", self.cell
            )
            self.warned = True
        try:
            made = self.pipeline(
                prompt=prompt,
                image=image,
                mask_image=snapped,
                height=image.shape[-2],
                width=image.shape[-1],
                generator=torch.Generator().manual_seed(seed),
                output_type="pt",
                **self.options,
            )
        except torch.OutOfMemoryError:
            raise
        except (TypeError, ValueError, RuntimeError) as error:
            raise InlayError(f"{self.described}: does not fill this picture ({one_line(error)}).") from error
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            log.warning("The pipeline's safety checker made a picture black.")
        filled: Tensor = made.images[..., :height, :width].float().cpu()
        return filled

    def _options(self, steps: int | None, guidance: float | None, strength: float | None) -> dict[str, Any]:
        wanted = {"num_inference_steps": steps, "strength": strength}
        if guidance is not None:  # some have guidance that the network learned, and the usual one beside it
            wanted["true_cfg_scale" if self.accepted["guidance_scale"].default is None else "guidance_scale"] = guidance
        given = {key: value for key, value in wanted.items() if value is not None}
        if unknown := [key for key in given if key not in self.accepted]:
            raise InlayError(f"{type(self.pipeline).__name__} takes no {unknown[0]}. Leave it null.")
        return given

    def _place(self, offload: Offload | None, vae_tiling: bool) -> None:
        if vae_tiling:
            self.pipeline.vae.enable_tiling()
        if offload == "model":
            self.pipeline.enable_model_cpu_offload(device=self.device)
        elif offload == "sequential":
            self.pipeline.enable_sequential_cpu_offload(device=self.device)
        else:
            self.pipeline.to(self.device)
        self.pipeline.set_progress_bar_config(leave=False, disable=None)  # None: where there is no terminal


def inpainting(pipeline: Any) -> Any:
    """The pipeline itself if it inpaints, else the one of the same family that does, with the same networks.

    Raises:
        InlayError: there is none.
    """
    if inpaints(type(pipeline)):
        return pipeline
    try:
        sibling = require_diffusers().AutoPipelineForInpainting.from_pipe(pipeline)
    except (ValueError, TypeError, AttributeError) as error:
        raise InlayError(
            f"{type(pipeline).__name__} does not inpaint ({one_line(error)}). Use one that does."
        ) from None
    if not inpaints(type(sibling)):
        raise InlayError(f"{type(sibling).__name__} needs more than a picture, a mask and a text. Use another one.")
    return sibling


def inpaints(kind: Any) -> bool:
    """Whether a class of pipelines fills holes of pictures of any size from picture, mask and text alone."""
    parameters = inspect.signature(kind.__call__).parameters
    required = {
        name for name, each in parameters.items() if each.default is each.empty and each.kind != each.VAR_KEYWORD
    }
    parts = inspect.signature(kind.__init__).parameters
    is_sufficient = required - {"self"} <= _GIVEN and "control_image" not in parameters
    return parameters.keys() >= _GIVEN and is_sufficient and "vae" in parts


def snap(mask: Tensor, cell: int) -> Tensor:
    """Grow a ``(B, 1, H, W)`` mask, of a multiple of cells, to whole cells: a cell that has hole is hole."""
    return F.max_pool2d(mask, cell).repeat_interleave(cell, -2).repeat_interleave(cell, -1)


def padded(image: Tensor, multiple: int) -> Tensor:
    """Repeat the last row and column of ``(B, 3, H, W)`` pictures until both sides are multiples."""
    height, width = image.shape[-2:]
    return F.pad(image, (0, -width % multiple, 0, -height % multiple), mode="replicate")


def _seed_of(seed: Seed, number: int) -> int:
    """The generator's seed for a picture of a batch; of none it is that of seed 0."""
    if isinstance(seed, Sequence):
        return torch_seed(seed[number], RngStream.LATENT)
    return torch_seed(seed or 0, RngStream.LATENT, index=number if seed is not None else 0)


def _check(key: str, value: object, holds: bool, wanted: str) -> None:
    if not holds:
        raise InlayError(f"{key} must be {wanted}, got {value!r}.")
