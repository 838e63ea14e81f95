"""From a checkpoint to a folder with a card."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inlay.checkpoints import AVERAGE, META_KEY, build_network, build_text_encoder, read
from inlay.checkpoints.files import digest, resolved
from inlay.errors import InlayError
from inlay.export.card_metrics import evaluation_table, validation_table
from inlay.export.folder import config_to_publish, is_address, origin_of, without_places, write_folder
from inlay.export.model_card import UNKNOWN, Card
from inlay.fillers import short_name
from inlay.models.base import InpaintingNetwork
from inlay.printing import code

_LICENSE = re.compile(r"[a-z0-9][a-z0-9.+-]*")


@dataclass(frozen=True)
class CardFields:
    """Fields of a model card that the user gives, as the checkpoint does not know them.

    Raises:
        InlayError: the license is no identifier.
    """

    license: str | None = None
    """Of the weights, as the Hugging Face hub writes it: ``apache-2.0``, ``cc-by-nc-4.0``, ``other``."""
    name: str | None = None
    """Of the model; without it that of the run."""
    results: Path | None = None
    """``results.json`` of an evaluation of the checkpoint."""

    def __post_init__(self) -> None:
        if self.license is not None and not _LICENSE.fullmatch(self.license):
            raise InlayError(
                f"--license {self.license}: must be an identifier such as apache-2.0, cc-by-nc-4.0 or other, in small "
                "letters."
            )
        if self.name is not None and (not self.name.strip() or "\n" in self.name):
            raise InlayError(f"--name must be a line with a name in it, got {self.name!r}.")


def export_folder(path: Path, folder: Path, fields: CardFields) -> list[Path]:
    """Write the network of a checkpoint as a folder that is opened wherever a checkpoint is, and the hub takes.

    Returns:
        The files that were written.

    Raises:
        InlayError: the checkpoint cannot be used, or the folder not be written.
    """
    path = resolved(path).resolve()  # best.ckpt, which a training may move on while it is read
    return write_folder(folder, checkpoint := read(path), str(describe(path, checkpoint, fields)))


def describe(path: Path, checkpoint: dict[str, Any], fields: CardFields) -> Card:
    """The card of a checkpoint.

    Raises:
        InlayError: its network cannot be rebuilt, or the evaluation is not of it.
    """
    metadata, config, net = origin_of(checkpoint), checkpoint[META_KEY]["config"], build_network(path)
    fills_holes = isinstance(net, InpaintingNetwork)
    takes_text = isinstance(net, InpaintingNetwork) and net.takes_text
    if isinstance(net, InpaintingNetwork):
        if takes_text and net.own_text_encoder() is None:
            build_text_encoder(path)  # what cannot be read back is refused now
        net.for_inference()
    tables = [validation_table(path, metadata.get("step"))]
    if fields.results:
        tables.insert(0, evaluation_table(fields.results, digest(path)))
    return Card(
        name=fields.name or _line(config.get("run_name")) or short_name(str(path)),
        family=type(net).__name__,
        parameters=sum(parameter.numel() for parameter in net.parameters()),
        fills_holes=fills_holes,
        takes_text=takes_text,
        metadata=metadata,
        config=config_to_publish(config),
        averaged=bool(checkpoint.get(AVERAGE) or metadata.get("averaged")),
        source=digest(path),
        started_from=_start(config),
        license=fields.license,
        tables=[table for table in tables if table],
    )


def _line(text: Any) -> str:
    return " ".join(without_places(text).split()) if isinstance(text, str) else ""


def _start(config: dict[str, Any]) -> str:
    if "init_from" not in config:
        return UNKNOWN
    if not (given := config["init_from"]):
        return "random weights"
    return f"the weights of {code(_line(given) if is_address(str(given)) else short_name(str(given)))}"
