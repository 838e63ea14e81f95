"""What a new run starts from: weights of other runs, and the words of its text encoder."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from inlay.checkpoints import load_matching_weights, load_text, read, settings, weights
from inlay.data.datamodule import InpaintingData
from inlay.errors import InlayError
from inlay.printing import say
from inlay.tasks.base import Task
from inlay.text import vocabulary as words


def init_weights(task: Task, init_from: str | None, text_from: str | None) -> None:
    """Give a fresh run weights to start from, and print what became of each of the network's.

    Raises:
        InlayError: a checkpoint cannot be used, or the run reads no text.
    """
    if init_from:
        say(f"init_from={init_from}\n{load_matching_weights(init_from, task.net)}")
        discriminators = getattr(task, "discriminators", None)
        if discriminators is not None and weights(read(init_from), "discriminators"):
            say(f"discriminators\n{load_matching_weights(init_from, discriminators, 'discriminators')}")
        if remembered := weights(read(init_from), "optimizers"):
            count = len({key.rpartition(".")[0] for key in remembered})
            say(
                f"optimizers\n{task.start_optimizers(remembered)} of {count} parameters go on with Adam's running means"
            )
    if text_from:
        text = getattr(task, "text", None)
        if text is None:
            raise InlayError("text_from=CHECKPOINT is for recipes that read: task=tdanet or task=text_image.")
        load_text(text_from, text)


def resolve_vocabulary(config: Mapping[str, Any], data: InpaintingData, resume: Path | None) -> list[str] | None:
    """The words of a run's text encoder: those of the checkpoint it goes on from, else of a file, else of the data.

    None where no encoder with a vocabulary of its own is configured.

    Args:
        config: of the run; ``text.vocabulary`` is a path, or settings to build one from the training captions.
        data: whose captions those are.
        resume: the checkpoint to go on from.

    Raises:
        InlayError: the run has no text encoder for ``text_from``, or a frozen encoder has no weights to keep.
    """
    text = config.get("text") or {}
    if config["text_from"] and not text:
        raise InlayError(
            "text_from=CHECKPOINT needs a text encoder to bring to. Choose the checkpoint's: text=lstm, say."
        )
    if "vocabulary" not in text:
        return None
    if text["frozen"] and not (resume or config["text_from"]):
        raise InlayError("text.frozen=true keeps the weights of text_from=CHECKPOINT, which is not given.")
    if config["text_from"] and isinstance(text["vocabulary"], str):
        raise InlayError("text_from=CHECKPOINT brings its own words. Leave text.vocabulary=FILE out.")
    if source := resume or config["text_from"]:
        return words.checked(settings(source, read(source), "text").get("vocabulary"), f"{source}: its vocabulary")
    wanted = text["vocabulary"]
    if isinstance(wanted, str):
        return words.read(wanted)
    data.prepare_data()
    return words.build(data.captions(), **wanted)
