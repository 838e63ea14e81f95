"""TDANet: the text tells the hole what to become (Zhang, Chen, Hu and Jiang, ACM MM 2020)."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import override

from inlay.errors import InlayError
from inlay.models.base import InpaintingNetwork, NoiseSpec
from inlay.models.layers import LEAK, ResidualBlock, checkpointed, refuse_to_compile
from inlay.models.tdanet.encoder import EncoderFeatures, Fusion, ImageEncoder
from inlay.models.tdanet.generator import IMAGE_CHANNELS, Generator, SpectralDim, Upsample
from inlay.models.tdanet.words import WordAttention, entropy, fallback_to_full, masked_max_pool, mean_word_weights
from inlay.ops import erase
from inlay.types import Gaussian, PathOutput, TextFeatures

MaskDownsampling = Literal["area", "points"]


class Noise(NamedTuple):
    """Standard normal draws for the inpainting and the auxiliary path, of the shape that ``noise_spec`` gives."""

    out: Tensor
    rec: Tensor


class TwoPathOutput(NamedTuple):
    """Outputs of both paths, and which words they attended to."""

    out: PathOutput
    """The inpainting path, which sees the visible part alone: what users get."""
    rec: PathOutput
    """The auxiliary path, which sees what is under the mask: training only, never shown as a result."""
    out_words: Tensor
    """``(B, T)`` how much of each word negative attention took, over visible positions; rows sum to 1."""
    rec_words: Tensor
    """``(B, T)`` how much of each word positive attention took, over hidden positions; rows sum to 1."""
    out_entropy: Tensor
    rec_entropy: Tensor
    """Mean entropies of these attentions in nats."""


class TDANet(InpaintingNetwork):
    """Two paths through one encoder, one word attention and one generator; fusion networks of their own.

    The inpainting path looks at the visible part, asks with *negative* attention which words it does not show, and
    draws ``z`` from the prior ``F(h)``. The auxiliary path, in training, looks at the hidden part with *positive*
    attention and draws ``z'`` from the posterior ``F'(h')``. Both paint from ``P(h) + z``, with the visible part's
    ``v_l``, so that of the hidden part only ``z'`` reaches a picture.

    Args:
        encoder_channels: after each layer of the image encoder.
        encoder_strides: of each layer.
        encoder_tap: the layer that gives ``v_l``; -2 is the last but one.
        decoder_channels: after each doubling; as many as the encoder halves.
        text_dim: of words and sentences.
        latent: channels of the latent.
        fusion_blocks: residual blocks of ``F``, and of ``F'``.
        fusion_width: channels between them.
        refine_blocks: residual blocks on the visible part's ``v_h`` before it enters ``h``.
        latent_transform: one more residual block on ``z``.
        scaled_attention: divide attention's logits by the root of their width, and learn the temperature of word
            attention; false for the bare products of the official code.
        fill_low: let decoded features stand for ``v_l`` under the hole, where it means nothing.
        pool_rec: pool the auxiliary path's words over the hidden region, too; by default its map is kept.
        mask_as_input: show the encoder the mask as a fourth channel; by default a hole is known by its zeros.
        upsample: ``transposed`` or ``nearest``, see :class:`~inlay.models.tdanet.generator.Up`.
        spectral_dim: ``outputs`` or ``inputs``, see there.
        mask_downsampling: how the mask gets the size of features: ``area``, the share of each cell that is hole, and at
            the latent's grid the larger part decides; or ``points``, as in the official code: the mask is sampled
            between four pixels, from corner to corner, and a cell that is both visible and hidden counts as neither.
        zero_outside_region: words of positions outside a path's region enter the maximum as zeros, as in the official
            code.
        min_std: added to the latent's standard deviations.
        merge_slope: below zero, of the activations in the block that merges short- and long-term attention; 0.01 in the
            official code, whose other activations have 0.1, as all of ours.
        gradient_checkpointing: compute activations again in the backward pass instead of keeping them; see
            :func:`~inlay.models.layers.checkpointed`. Does not go with :meth:`compile`.

    Raises:
        InlayError: numbers that do not fit each other; the message names them.
    """

    takes_text = True
    noise_spec: NoiseSpec

    def __init__(
        self,
        encoder_channels: Sequence[int] = (32, 32, 128, 128, 256, 256, 256),
        encoder_strides: Sequence[int] = (2, 1, 2, 1, 2, 1, 4),
        encoder_tap: int = -2,
        decoder_channels: Sequence[int] = (256, 256, 128, 64, 32),
        text_dim: int = 256,
        latent: int = 256,
        fusion_blocks: int = 5,
        fusion_width: int = 256,
        refine_blocks: int = 0,
        latent_transform: bool = False,
        scaled_attention: bool = True,
        fill_low: bool = True,
        pool_rec: bool = False,
        mask_as_input: bool = False,
        upsample: Upsample = "transposed",
        gradient_checkpointing: bool = False,
        spectral_dim: SpectralDim = "outputs",
        mask_downsampling: MaskDownsampling = "area",
        zero_outside_region: bool = False,
        min_std: float = 1e-3,
        merge_slope: float = LEAK,
    ) -> None:
        super().__init__()
        lists = [*encoder_channels, *decoder_channels]
        if min([*lists, text_dim, latent, fusion_blocks, fusion_width]) < 1 or refine_blocks < 0:
            raise InlayError(
                "model: channels, text_dim, latent, fusion_blocks and fusion_width must be at least 1, refine_blocks "
                f"at least 0, got {lists}, {text_dim}, {latent}, {fusion_blocks}, {fusion_width} and {refine_blocks}."
            )
        _check_choice("upsample", upsample, ("transposed", "nearest"))
        # A convolution after nearest neighbors has one norm only.
        _check_choice("spectral_dim", spectral_dim, ("outputs", "inputs") if upsample == "transposed" else ("outputs",))
        _check_choice("mask_downsampling", mask_downsampling, ("area", "points"))
        if not min_std >= 0:
            raise InlayError(f"model.min_std must be at least 0 (0.001 as a rule), got {min_std}.")
        if not 0 <= merge_slope <= 1:
            raise InlayError(f"model.merge_slope must be from 0 to 1 (0.1 as a rule), got {merge_slope}.")
        self.text_dim, self.latent = text_dim, latent
        self.pool_rec, self.mask_as_input = pool_rec, mask_as_input
        self.gradient_checkpointing = gradient_checkpointing
        self.mask_downsampling, self.zero_outside_region = mask_downsampling, zero_outside_region
        inputs = IMAGE_CHANNELS + mask_as_input
        self.encoder = ImageEncoder(inputs, encoder_channels, encoder_strides, encoder_tap)
        self.stride = self.size_multiple = self.encoder.stride
        self.smallest_size = 2 * self.stride  # a norm over one position has nothing to average
        self.noise_spec = NoiseSpec(latent, self.stride, least=2)
        high = self.encoder.high_channels
        fused = high + 2 * text_dim
        self.words = WordAttention(high, text_dim, scaled_attention)
        self.refine = nn.Sequential(*(ResidualBlock(high, high) for _ in range(refine_blocks)))
        self.prior = Fusion(fused, latent, fusion_blocks, fusion_width, min_std)
        self.posterior: Fusion | None = Fusion(fused, latent, fusion_blocks, fusion_width, min_std)
        self.project = ResidualBlock(fused, latent, hidden=latent)
        self.transform = ResidualBlock(latent, latent) if latent_transform else nn.Identity()
        self.generator = Generator(
            latent,
            decoder_channels,
            _attended_block(self.encoder, decoder_channels, fill_low),
            self.encoder.low_channels,
            upsample,
            scaled_attention,
            fill_low,
            spectral_dim,
            gradient_checkpointing,
            merge_slope,
        )
        self.to(memory_format=torch.channels_last)

    @override
    def forward(self, masked: Tensor, mask: Tensor, text: TextFeatures, noise: Tensor | None = None) -> Tensor:
        features = self._call(self.encoder, self._shown(masked, 1 - mask))
        h, _ = self._visible(features, mask, text)
        drawn = _drawn(self._call(self.prior, h), noise)
        latent = self._call(self.project, h) + self._call(self.transform, drawn)
        pictures = self.generator(latent, features.low, self._low(mask))
        return (pictures[-1] + 1) / 2  # type: ignore[no-any-return]

    def paths(self, image: Tensor, mask: Tensor, text: TextFeatures, noise: Noise | None = None) -> TwoPathOutput:
        """Both paths, for training: the one place where a network is shown what is under the mask.

        Args:
            image: ``(B, 3, H, W)`` RGB in ``[0, 1]``, whole.
            mask: ``(B, 1, H, W)``, 1 = hole.
            text: features of the caption.
            noise: draws for both latents; None for their means.

        Raises:
            InlayError: the size does not fit, or the network was stripped of its auxiliary path.
        """
        self.check_size(*image.shape[-2:])
        if self.posterior is None:
            raise InlayError("this network was made for inference, without its auxiliary path. Load it from a run.")
        # Both pictures, and later both latents, go through shared layers as one batch, so that spectral norm iterates
        # once per step and every weight is normalized once.
        shown = [self._shown(erase(image, mask), 1 - mask), self._shown(erase(image, 1 - mask), mask)]
        low, high = self._call(self.encoder, torch.cat(shown))
        visible, hidden = (EncoderFeatures(*both) for both in zip(low.chunk(2), high.chunk(2), strict=True))
        h, lacking_words = self._visible(visible, mask, text)
        h_hidden, hidden_words = self._hidden(hidden, mask, text)
        prior, posterior = self._call(self.prior, h), self._call(self.posterior, h_hidden)
        # P(h) and v_l are the visible part's in both paths: of what is hidden, the latent alone may reach a picture, or
        # the auxiliary path would learn to copy and the prior would have nothing to learn from it.
        base, hole = self._call(self.project, h), self._low(mask)
        # Without noise a path draws its mean. Each path has draws of its own: only the distributions shall agree.
        drawn = torch.cat([_drawn(prior, noise and noise.out), _drawn(posterior, noise and noise.rec)])
        latents = torch.cat([base] * 2) + self._call(self.transform, drawn)
        painted = self.generator(latents, torch.cat([visible.low] * 2), torch.cat([hole] * 2))
        pairs = [((picture + 1) / 2).chunk(2) for picture in painted]
        known, unknown = self._known(mask), self._unknown(mask)
        return TwoPathOutput(
            out=PathOutput([out for out, _ in pairs], prior),
            rec=PathOutput([rec for _, rec in pairs], posterior),
            out_words=mean_word_weights(lacking_words, known),
            rec_words=mean_word_weights(hidden_words, unknown),
            out_entropy=entropy(lacking_words, known),
            rec_entropy=entropy(hidden_words, unknown),
        )

    @override
    def for_inference(self) -> None:
        self.posterior = None

    @override
    def compile(self, *args: Any, **kwargs: Any) -> None:
        refuse_to_compile(self.gradient_checkpointing)
        # The parts rather than the whole, since both paths run through them.
        for part in (self.encoder, self.words, self.refine, self.prior, self.posterior, self.project, self.generator):
            if part is not None:
                part.compile(*args, **kwargs)

    def gates(self) -> dict[str, Tensor]:
        """How far short- and long-term attention are open; both begin at 0."""
        attention = self.generator.attention
        return {"gamma": attention.gamma.detach(), "alpha": attention.alpha.detach()}

    def _call(self, part: nn.Module, *args: Tensor) -> Any:
        """A part's output, with gradient checkpointing where it is on; the generator checkpoints its own blocks."""
        return checkpointed(part, *args, enabled=self.gradient_checkpointing)

    def _shown(self, picture: Tensor, region: Tensor) -> Tensor:
        """A picture as the encoder takes it: ``[-1, 1]`` in its region, 0 elsewhere."""
        shown = (picture * 2 - 1) * region
        return torch.cat([shown, region], dim=1) if self.mask_as_input else shown

    def _visible(self, features: EncoderFeatures, mask: Tensor, text: TextFeatures) -> tuple[Tensor, Tensor]:
        """``h``, of the visible part and the words it does not show, and the attention to all words."""
        words = self.words(features.high, text, negative=True)
        context = masked_max_pool(words.context, self._known(mask), self.zero_outside_region)
        return _fuse(self._call(self.refine, features.high), text, context), words.weights

    def _hidden(self, features: EncoderFeatures, mask: Tensor, text: TextFeatures) -> tuple[Tensor, Tensor]:
        """``h'``, of the hidden part and the words it shows, and the attention to all words."""
        words = self.words(features.high, text, negative=False)
        hidden = self._unknown(mask)
        if self.pool_rec:
            context = masked_max_pool(words.context, hidden, self.zero_outside_region)
        else:
            context = words.context * fallback_to_full(hidden)
        return _fuse(features.high, text, context), words.weights

    def _known(self, mask: Tensor) -> Tensor:
        """Cells of the latent's grid that count as visible, ``(B, 1, h, w)`` bool; of the area, half is enough."""
        if self.mask_downsampling == "points":
            return _points(1 - mask, self.stride) == 1
        return F.avg_pool2d(mask, self.stride) <= 0.5

    def _unknown(self, mask: Tensor) -> Tensor:
        """Cells of the latent's grid that count as hidden, ``(B, 1, h, w)`` bool; of the area, more than half."""
        return _points(mask, self.stride) == 1 if self.mask_downsampling == "points" else ~self._known(mask)

    def _low(self, mask: Tensor) -> Tensor:
        """How far each cell of ``v_l`` is hole, in ``[0, 1]``."""
        stride = self.encoder.low_stride
        return _points(mask, stride) if self.mask_downsampling == "points" else F.avg_pool2d(mask, stride)


def _drawn(latent: Gaussian, noise: Tensor | None) -> Tensor:
    return latent.mean if noise is None else latent.mean + latent.std * noise


def _points(region: Tensor, stride: int) -> Tensor:
    """A region sampled at one point a cell, between four pixels, the outermost points in the picture's corners."""
    height, width = region.shape[-2:]
    size = height // stride, width // stride
    return F.interpolate(region.float(), size, mode="bilinear", align_corners=True)


def _check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    if value not in choices:
        raise InlayError(f"model.{name} must be {' or '.join(map(repr, choices))}, got {value!r}.")


def _fuse(high: Tensor, text: TextFeatures, context: Tensor) -> Tensor:
    """``[v ; s ; t_e]``: image features, the sentence at every position, and the attended words."""
    sentence = text.sentence[..., None, None].expand(-1, -1, *high.shape[-2:])
    return torch.cat([high, sentence.to(high.dtype), context.to(high.dtype)], dim=1)


def _attended_block(encoder: ImageEncoder, decoder_channels: Sequence[int], fill_low: bool) -> int:
    """Which doubling reaches the size of ``v_l``."""
    doublings = encoder.stride.bit_length() - 1
    if len(decoder_channels) != doublings:
        raise InlayError(
            f"model.decoder_channels needs {doublings} numbers, one for each halving of the encoder, got "
            f"{len(decoder_channels)}."
        )
    block = doublings - encoder.low_stride.bit_length()
    if block < 0:
        raise InlayError("model.encoder_tap: v_l must be larger than v_h. Name an earlier layer.")
    if fill_low and decoder_channels[block] != encoder.low_channels:
        raise InlayError(
            f"model.fill_low needs as many channels in v_l ({encoder.low_channels}) as in model.decoder_channels"
            f"[{block}] ({decoder_channels[block]})."
        )
    return block
