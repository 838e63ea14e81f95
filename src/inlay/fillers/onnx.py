"""Fillers from ONNX files that Inlay exported, computed by onnxruntime."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from typing_extensions import override

from inlay.device import choose_device
from inlay.errors import BadFile, InlayError
from inlay.files import at_home
from inlay.fillers.base import Filler, Seed
from inlay.fillers.onnx_file import Model
from inlay.models.base import NoiseSpec

if TYPE_CHECKING:
    from inlay.text import Tokenizer

PICTURE = ["image", "mask"]
FEATURES = ["features", "sentence", "word_mask"]
REFERENCE, NOISE = "reference", "noise"
TOKENS = ["input_ids", "attention_mask", "words"]
FILLED = "filled"
_LARGEST_NOISE, _PER_PIXEL = 2**22, 64  # numbers: for the smallest picture, and for each pixel


class OnnxFiller(Filler):
    """A graph that ``inlay export`` wrote; it takes what the network did that it was made of.

    Inputs are ``image`` and ``mask``, then as far as they are taken the features of a text, a reference picture and
    noise; the output is ``filled``. Of a graph that takes text, ``NAME.text.onnx`` beside ``NAME.onnx`` makes the
    features. A file can name other files to be read, or operators that a library brings: both are refused before
    onnxruntime sees it.

    Args:
        path: ends in ``.onnx``.
        device: ``cpu``, or ``cuda`` with onnxruntime-gpu.

    Raises:
        Missing: onnx or onnxruntime is not installed, or onnxruntime has no part for the device.
        BadFile: the file is missing, damaged, not to be trusted, or not one that ``inlay export`` wrote.
    """

    runs_with = frozenset({"device"})

    def __init__(self, path: str | Path, device: torch.device | str = "cpu") -> None:
        device = choose_device("auto") if device == "auto" else torch.device(device)
        self.model = model = Model(Path(at_home(path)), device)
        self.takes_text, self.takes_reference = FEATURES[0] in model.inputs, REFERENCE in model.inputs
        self.takes_seed = NOISE in model.inputs
        wanted = inputs_of(self.takes_text, self.takes_reference, self.takes_seed)
        if ([*model.inputs], model.outputs) != (wanted, [FILLED]):
            raise BadFile(model.path, "fills no holes. Give the file without .text in its name.")
        self.identity, self.size = model.identity, model.facts.get("image_size")
        if self.size is not None and not _counts(self.size):
            raise BadFile(model.path, f"image_size is {self.size!r}, no positive whole number. Export the model again.")
        self.noise_spec = _noise_spec(model) if self.takes_seed else None
        if self.takes_text:
            self.reader = _text_encoder(model)
            self.tokenizer = _tokenizer(self.reader)

    @property
    @override
    def described(self) -> str:
        trained = f"trained at {self.size} px" if self.size else "size of training unknown"
        return f"ONNX, {trained}, on {self.model.device}"

    @override
    def predict(
        self, masked: Tensor, mask: Tensor, *, text: Sequence[str], reference: Tensor | None, seed: Seed
    ) -> Tensor:
        given = [masked, mask]
        if self.tokenizer is not None:
            tokens: dict[str, Any] = {**self.tokenizer(text)}
            given += self.reader(*(tokens[name] for name in TOKENS))
        if self.takes_reference:
            if reference is None:
                raise InlayError(f"reference: {self.model.path} fills from a reference picture. Give it one.")
            given.append(reference)
        if self.noise_spec is not None:  # zeros are the mean, which is the output without a seed
            spec = self.noise_spec
            given.append(torch.zeros(spec.shape(masked)) if seed is None else spec.draw(masked, seed))
        (raw,) = self.model(*given)
        if raw.shape != masked.shape:
            raise BadFile(self.model.path, f"returns {tuple(raw.shape)} for {tuple(masked.shape)}. Do not use it.")
        return raw


def inputs_of(text: bool, reference: bool, noise: bool) -> list[str]:
    """Names of the inputs of a graph that fills, in order, by what it takes."""
    return [*PICTURE, *(FEATURES if text else []), *([REFERENCE] if reference else []), *([NOISE] if noise else [])]


def _noise_spec(model: "Model") -> NoiseSpec:
    facts = model.facts.get("noise")
    sizes = facts if isinstance(facts, dict) else {}
    numbers = *model.inputs[NOISE][1:2], sizes.get("stride"), sizes.get("least")
    if len(numbers) < 3 or not all(map(_counts, numbers)):
        raise BadFile(
            model.path, "does not say in positive whole numbers of which shape its noise is. Export the model again."
        )
    spec = NoiseSpec(*numbers)
    if spec.channels > min(_PER_PIXEL * spec.stride**2, _LARGEST_NOISE / spec.least**2):
        raise BadFile(model.path, f"wants noise of {numbers}, larger than any of ours. It is not to be trusted.")
    return spec


def _text_encoder(model: "Model") -> "Model":
    reader = Model(model.path.with_suffix(".text.onnx"), model.device)
    same = reader.facts.get("source") == model.facts.get("source")
    if not same or ([*reader.inputs], reader.outputs) != (TOKENS, FEATURES):
        raise BadFile(reader.path, f"not the text encoder of {model.path.name}. Export the model again.")
    return reader


def _tokenizer(reader: Model) -> "Tokenizer":
    from inlay.text.serialization import tokenizer_from_dict

    kept = reader.facts.get("tokenizer")
    if not isinstance(kept, dict):
        raise BadFile(reader.path, "does not say how it reads a text. Export the model again.")
    try:
        return tokenizer_from_dict(kept)
    except InlayError as error:
        raise BadFile(reader.path, str(error)) from error


def _counts(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0
