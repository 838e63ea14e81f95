"""From a checkpoint to a folder with a model card, as the Hugging Face hub wants it; what is not known says so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inlay.checkpoints import AVERAGE, META_KEY, build_network, build_text_encoder, read
from inlay.checkpoints.files import digest, resolved
from inlay.checkpoints.pretrained_folder import FORMAT, TEXT_MODEL
from inlay.errors import InlayError
from inlay.export.card_metrics import evaluation_table, validation_table
from inlay.export.folder import config_to_publish, is_address, origin_of, without_places, write_folder
from inlay.fillers import short_name
from inlay.models.base import InpaintingNetwork
from inlay.printing import code, markdown

UNKNOWN = "unknown"
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
    return write_folder(folder, checkpoint := read(path), model_card(path, checkpoint, fields))


def model_card(path: Path, checkpoint: dict[str, Any], fields: CardFields) -> str:
    """The card of a checkpoint in Markdown.

    Raises:
        InlayError: its network cannot be rebuilt, or the evaluation is not of it.
    """
    from huggingface_hub import ModelCardData

    origin, settings, net = origin_of(checkpoint), checkpoint[META_KEY]["config"], build_network(path)
    fills_holes = isinstance(net, InpaintingNetwork)
    takes_text = isinstance(net, InpaintingNetwork) and net.takes_text
    if isinstance(net, InpaintingNetwork):
        if takes_text and net.own_text_encoder() is None:
            build_text_encoder(path)  # what cannot be read back is refused now
        net.for_inference()
    family = type(net).__name__
    config = config_to_publish(settings)
    head = ModelCardData(
        license=fields.license,
        library_name="inlay",
        pipeline_tag="image-to-image" if fills_holes else None,
        tags=[*["inpainting"] * fills_holes, family.lower(), *["text-guided"] * takes_text],
    )
    parts = [
        f"---\n{head.to_yaml()}\n---",
        "# " + markdown(fields.name or _line(settings.get("run_name")) or short_name(str(path))),
        _purpose(fills_holes, takes_text),
        _facts(family, sum(parameter.numel() for parameter in net.parameters()), config, fields.license),
        "## Use",
        _use(takes_text) if fills_holes else _USE_OF_OTHERS,
        "## Training",
        _training(config, origin, _start(settings)),
        "All settings are in `config.json`.",
        "## Measured",
        *_measured(path, origin.get("step"), fields.results),
        "## Origin",
        _origin(origin, digest(path), averaged=bool(checkpoint.get(AVERAGE) or origin.get("averaged"))),
        "## Limits",
        (_limits(config) if fills_holes else "") + "Whom and what its training pictures leave out was not looked at.",
    ]
    return "\n\n".join(parts) + "\n"


def _purpose(fills_holes: bool, takes_text: bool) -> str:
    if not fills_holes:
        return "A network of one picture, which fills no holes."
    return f"Fills holes in photographs{', with what a text asks for' if takes_text else ''}."


def _facts(family: str, parameters: int, config: Mapping[str, Any], license: str | None) -> str:
    size = _size(config)
    crops = markdown(f"{size} x {size} pixels") if size else f"a size that is {UNKNOWN}"
    lines = [
        f"- Network: `{family}` of Inlay, {parameters / 1e6:.2f} M parameters",
        f"- Trained on crops of {crops}; takes pictures of any size",
        f"- License of the weights: {license or 'not stated. Ask who made them before you use them'}",
    ]
    if model := (config.get("text") or {}).get("model"):
        lines.append(
            f"- **Not complete by itself:** its text encoder reads with {code(model)}, which is not part of this "
            "folder. Put that network's `config.json`, `model.safetensors` and tokenizer files into a folder "
            f"`{TEXT_MODEL}` here."
        )
    return "\n".join(lines)


_USE_OF_OTHERS = """```python
from inlay.checkpoints import build_network

net = build_network("FOLDER")  # this folder; (B, 3, H, W) RGB in [0, 1]
```"""


def _use(takes_text: bool) -> str:
    option, argument = (' --text "a red bird"', ', text="a red bird"') if takes_text else ("", "")
    return f"""`FOLDER` is this folder, or its name on the Hugging Face hub.

```
inlay predict --image photo.jpg --mask mask.png --model FOLDER --output filled.png{option}
```

```python
import inlay

model = inlay.load("FOLDER")
filled = model.fill("photo.jpg", "mask.png"{argument})
```

White in the mask is filled; every other pixel stays exactly as it is."""


def _training(config: Mapping[str, Any], origin: Mapping[str, Any], start: str) -> str:
    data, iterations = config.get("data") or {}, origin.get("step", config.get("iterations", UNKNOWN))
    changes = {name: data.get(name) for name in ("hflip_prob", "color_jitter", "caption_dropout")}
    lines = {
        "Pictures": _described(data.get("listing")) or _kind(data),
        "Crops": _settings({name: data.get(name) for name in ("image_size", "crop_scale", "object_crop_scale")}),
        "Changed at random": _settings(changes),
        "Holes": _described(config.get("masks")),
        "Recipe": _kind(config.get("task")),
        "Loss": _described(config.get("loss")),
        "Optimizer": _described(config.get("optimizer")),
        "Length": markdown(f"{iterations} iterations of {data.get('batch_size', UNKNOWN)} pictures a device"),
        "Started from": start,
    }
    return "\n".join(f"- {name}: {value or UNKNOWN}" for name, value in lines.items())


def _start(settings: Mapping[str, Any]) -> str:
    if "init_from" not in settings:
        return UNKNOWN
    if not (given := settings["init_from"]):
        return "random weights"
    return f"the weights of {code(_line(given) if is_address(str(given)) else short_name(str(given)))}"


def _measured(path: Path, step: int | None, results: Path | None) -> list[str]:
    tables = [evaluation_table(results, digest(path)) if results else None, validation_table(path, step)]
    known = [table for table in tables if table]
    return known or [f"How good it is is {UNKNOWN}: no figures came with the checkpoint."]


def _origin(origin: Mapping[str, Any], source: str, averaged: bool) -> str:
    packages = origin.get("packages") or {}
    lines = {
        "Exported from": f"`{source}`" + (", the moving average of its weights" if averaged else ""),
        "Inlay": markdown(f"{origin.get('version', UNKNOWN)}, revision {origin.get('git') or UNKNOWN}"),
        "Packages": markdown(", ".join(f"{name} {version}" for name, version in packages.items())) or UNKNOWN,
        "Format": f"{FORMAT}: safetensors and JSON, nothing that could run",
    }
    if imported := origin.get("imported"):
        lines["Imported from"] = _settings(imported)
    return "\n".join(f"- {name}: {value}" for name, value in lines.items())


def _limits(config: Mapping[str, Any]) -> str:
    size = _size(config)
    far = f"Pictures much larger than {markdown(size)} px, and holes" if size else "Holes"
    text = " Words that it was not trained on tell it nothing." if "vocabulary" in (config.get("text") or {}) else ""
    return (
        "What it paints is invented, not recovered: it says nothing of what was there, and is no evidence. "
        f"{far} of another kind than those it was trained on, are filled worse.{text} "
    )


def _size(config: Mapping[str, Any]) -> Any:
    """Side of the training crops in pixels; None where it is not known."""
    return (config.get("data") or {}).get("image_size")


def _line(text: Any) -> str:
    return " ".join(without_places(text).split()) if isinstance(text, str) else ""


def _kind(value: Any) -> str:
    """Name of the class that settings build."""
    target = value.get("_target_") if isinstance(value, Mapping) else None
    return code(target.rpartition(".")[2]) if isinstance(target, str) else ""


def _described(value: Any) -> str:
    """The class and its settings."""
    kind = _kind(value)
    settings = _settings({name: item for name, item in value.items() if not name.startswith("_")}) if kind else ""
    return f"{kind} ({settings})" if settings else kind


def _settings(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{markdown(name)} {_short(value)}" for name, value in values.items() if value is not None)


def _short(value: Any) -> str:
    """A number or list as it is; of parts with weights the weights, of other parts their classes."""
    if isinstance(value, list):
        return "[" + ", ".join(f'"{_short(item)}"' if isinstance(item, str) else _short(item) for item in value) + "]"
    if not isinstance(value, Mapping):
        return markdown(value)
    if "weight" in value:
        return markdown(value["weight"])
    inner = {name: _kind(item) or _short(item) for name, item in value.items() if not name.startswith("_")}
    return "[" + ", ".join(f"{markdown(name)} {item}" for name, item in inner.items()) + "]" if inner else _kind(value)
