"""Samples to a batch: bytes where workers put it together, float32 on the device that trains."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import default_collate

from inlay.data.samples import RawSample
from inlay.types import Batch, Tokens


@dataclass(frozen=True)
class Collate:
    """Samples to a batch of bytes; the skipped samples of all of them become one list.

    Attributes:
        tokenizers: functions from captions to tokens, by the batch key that the tokens get.
    """

    tokenizers: Mapping[str, Callable[[Sequence[str]], Tokens]]

    def __call__(self, samples: Sequence[RawSample]) -> dict[str, Any]:
        """Put a batch together."""
        values = [{key: value for key, value in sample.items() if key != "skipped"} for sample in samples]
        batch: dict[str, Any] = default_collate(values)
        batch |= {name: tokenize(batch["caption"]) for name, tokenize in self.tokenizers.items()}
        return batch | {"skipped": [one for sample in samples for one in sample["skipped"]]}


def to_batch(collated: Mapping[str, Any]) -> Batch:
    """Turn collated bytes into a :class:`~inlay.types.Batch`.

    Args:
        collated: ``image`` ``(B, H, W, 3)`` uint8, ``id``, and other keys: further pictures as uint8, masks as
            ``(B, H, W)`` bool; anything else is passed on.
    """
    batch = {key: _to_float(value) if isinstance(value, Tensor) else value for key, value in collated.items()}
    if "mask" not in batch:  # samples without a hole
        batch["mask"] = torch.zeros_like(batch["image"][:, :1])
    return cast(Batch, batch)


def _to_float(value: Tensor) -> Tensor:
    if value.dtype == torch.uint8:
        return value.permute(0, 3, 1, 2).float().div_(np.iinfo(np.uint8).max)  # channels_last without a copy
    return value.unsqueeze(1).float() if value.dtype == torch.bool else value
