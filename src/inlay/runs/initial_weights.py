"""The weights that a new run starts from."""

from typing import cast

from torch import nn

from inlay.checkpoints import load_matching_weights, load_text, read, weights
from inlay.errors import InlayError
from inlay.printing import say


def init_weights(task: nn.Module, init_from: str | None, text_from: str | None) -> None:
    """Give a fresh run weights to start from, and print what became of each of the network's.

    Raises:
        InlayError: a checkpoint cannot be used, or the run reads no text.
    """
    if init_from:
        say(f"init_from={init_from}\n{load_matching_weights(init_from, cast(nn.Module, task.net))}")
        discriminators = getattr(task, "discriminators", None)
        if discriminators is not None and weights(read(init_from), "discriminators"):
            say(f"discriminators\n{load_matching_weights(init_from, discriminators, 'discriminators')}")
    if text_from:
        text = getattr(task, "text", None)
        if text is None:
            raise InlayError("text_from=CHECKPOINT is for recipes that read: task=tdanet or task=text_image.")
        load_text(text_from, text)
