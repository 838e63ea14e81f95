"""A pipeline of latent diffusion with random weights, as small as one can be: what runs offline, to try a path."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch

from inlay.pretrained.pipelines import require_diffusers

_WORDS_END = "</w>"
_SPECIAL = ("<|startoftext|>", "<|endoftext|>")
_LONGEST = 77  # tokens of a caption, as in CLIP
_WIDTH = 32


def write_tiny_pipeline(folder: str | Path, channels: int = 9, prediction_type: str = "epsilon", seed: int = 0) -> Path:
    """Write a random inpainting pipeline of diffusers: 1.3 M weights, pictures 8 times as large as latents.

    Args:
        folder: where to; its parents are made.
        channels: that the UNet takes: 9 (noisy latents, mask, latents of the masked picture), or 4.
        prediction_type: what the UNet predicts, ``epsilon`` or ``v_prediction``.
        seed: of the weights.

    Returns:
        ``folder``.
    """
    diffusers = require_diffusers()

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        vae, unet = _autoencoder(), _unet(channels)
        text_encoder, tokenizer = _text(folder / "tokenizer")
    scheduler = diffusers.DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        timestep_spacing="trailing",
        prediction_type=prediction_type,
    )
    pipeline = diffusers.StableDiffusionInpaintPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)
    return folder


def _autoencoder() -> Any:
    return require_diffusers().AutoencoderKL(
        block_out_channels=(16, 16, 32, 32),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=8,
        sample_size=64,
    )


def _unet(channels: int) -> Any:
    return require_diffusers().UNet2DConditionModel(
        in_channels=channels,
        out_channels=4,
        block_out_channels=(_WIDTH, 2 * _WIDTH),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=_WIDTH,
        attention_head_dim=8,
        norm_num_groups=8,
        sample_size=8,
    )


def _text(folder: Path) -> tuple[torch.nn.Module, object]:
    """CLIP's text tower, and a tokenizer that spells: its vocabulary are the bytes, within and at the end of a word."""
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    vocabulary = [*_letters(), *(letter + _WORDS_END for letter in _letters()), *_SPECIAL]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(vocabulary)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = CLIPTokenizer.from_pretrained(folder, model_max_length=_LONGEST)
    config = CLIPTextConfig(
        vocab_size=len(vocabulary),
        hidden_size=_WIDTH,
        intermediate_size=2 * _WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=_LONGEST,
        bos_token_id=len(vocabulary) - 2,
        eos_token_id=len(vocabulary) - 1,
        pad_token_id=len(vocabulary) - 1,
    )
    return CLIPTextModel(config), tokenizer


def _letters() -> Iterable[str]:
    """The 256 letters that byte-level encodings write bytes as: printable ones as they are, others from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = itertools.count(256)
    return [chr(byte if byte in printable else next(others)) for byte in range(256)]
