"""Whether a picture shows what its caption says."""

from pathlib import Path

import torch
from torch import Tensor
from typing_extensions import override

from inlay.errors import InlayError, Missing
from inlay.metrics.base import FillResult, Metric, MetricSpec
from inlay.pretrained.transformers import Source

_KEY = "weights.clip"
_REMEDY = (
    "Put config.json, model.safetensors, preprocessor_config.json and the tokenizer's files of "
    f"https://huggingface.co/openai/clip-vit-base-patch32, for one, into a folder and name it: {_KEY}=FOLDER."
)


class CLIPScore(Metric):
    """Agreement of pictures with their captions, as CLIP sees it (Hessel et al. 2021).

    ===================  ===============================================================================================
    name                 formula
    ===================  ===============================================================================================
    ``clip_score``       ``100 max(cos(picture, caption), 0)`` of CLIP's two embeddings (the paper's 2.5 as 100); in
                         ``[0, 100]``, in practice 20 to 35, higher is better. The mean over pictures with a caption
    ``clip_score_hole``  that of the smallest box around all of the picture's hole, cut out of the filled picture
    ===================  ===============================================================================================

    Pictures are rounded to 8 bits and resized to the network's square whole, not cropped to it: an oblong one is
    distorted, and none loses a part of its hole. A caption longer than the network reads is cut off. Numbers of two
    networks do not compare; and a model that was trained with the same CLIP has seen the exam.

    Args:
        model: a folder with a CLIP, its image processor and its tokenizer, as ``save_pretrained`` of transformers
            writes them.
        device: where to compute.

    Raises:
        Missing: ``model`` is None.
        InlayError: ``model`` is no folder, or a part of it is missing, damaged or another network's.
    """

    needs_truth = False
    specs = (
        MetricSpec(
            "clip_score", "higher", weight="captioned", about="Agreement of picture and caption by CLIP, in hundredths."
        ),
        MetricSpec(
            "clip_score_hole", "higher", weight="captioned_holes", about="That of the box around the hole, by CLIP."
        ),
    )

    def __init__(self, model: str | None, device: torch.device | str = "cpu") -> None:
        if model is None:
            raise Missing(f"no CLIP. {_REMEDY}")
        if not Path(model).is_dir():
            raise InlayError(f"{_KEY}={model}: no such folder. {_REMEDY}")
        source = Source(model, _KEY, f"To measure without it: {_KEY}=null.")
        config = source.config()
        if config.model_type != "clip":
            raise InlayError(f"{source}: must be clip, with both towers, got {config.model_type}. {_REMEDY}")
        self._tokenizer = source.tokenizer(config.text_config.vocab_size)
        self._processor = source.image_processor()
        self.net = source.network(config, pretrained=True).to(device)
        self.device = device

    @torch.no_grad()
    @override
    def __call__(self, result: FillResult) -> dict[str, Tensor]:
        if not result.captions:
            return {}
        rows = [self._scores(*each) for each in zip(result.filled, result.mask, result.captions, strict=True)]
        whole, in_hole = torch.tensor(rows, dtype=result.filled.dtype, device=result.filled.device).unbind(1)
        weights = {"captioned": whole, "captioned_holes": in_hole}
        return {"clip_score": whole, "clip_score_hole": in_hole} | {
            name: scores.isfinite().to(scores.dtype) for name, scores in weights.items()
        }

    def _scores(self, picture: Tensor, mask: Tensor, caption: str) -> tuple[float, float]:
        """Scores of the picture and of its hole; NaN without a caption, or without a hole."""
        if not caption.strip():
            return torch.nan, torch.nan
        text = self._encode_text(caption)
        hole = mask[0] > 0.5  # (H, W)
        rows, columns = hole.any(1).nonzero(), hole.any(0).nonzero()
        if not len(rows):
            return self._agreement(picture, text), torch.nan
        box = picture[:, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return self._agreement(picture, text), self._agreement(box, text)

    def _agreement(self, picture: Tensor, text: Tensor) -> float:
        cosine = torch.cosine_similarity(self._encode_image(picture), text)
        return 100 * max(cosine.item(), 0.0)

    def _encode_image(self, picture: Tensor) -> Tensor:
        """``(3, H, W)`` in ``[0, 1]`` to ``(1, D)``."""
        side = self.net.config.vision_config.image_size
        pixels = (picture.clamp(0, 1) * 255).round().to(self.device, torch.uint8)
        seen = self._processor(
            pixels,
            size={"height": side, "width": side},
            do_center_crop=False,
            input_data_format="channels_first",  # else it guesses, wrongly where a box is 3 pixels wide
            return_tensors="pt",
        )
        features: Tensor = self.net.get_image_features(seen["pixel_values"].to(self.device)).pooler_output
        return features

    def _encode_text(self, caption: str) -> Tensor:
        """A caption to ``(1, D)``."""
        tokens = self._tokenizer(
            caption,
            truncation=True,
            max_length=self.net.config.text_config.max_position_embeddings,
            split_special_tokens=True,  # an "<|endoftext|>" in a caption is text
            return_tensors="pt",
        ).to(self.device)
        features: Tensor = self.net.get_text_features(tokens["input_ids"], tokens["attention_mask"]).pooler_output
        return features
