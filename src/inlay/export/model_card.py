"""The model card of an exported network, as the Hugging Face hub wants it; what is not known says so."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from inlay.checkpoints.pretrained_folder import FORMAT, TEXT_MODEL
from inlay.export.card_metrics import MetricsTable
from inlay.printing import code, markdown

UNKNOWN = "unknown"


@dataclass(frozen=True)
class Card:
    """The contents of a card; ``str`` of it is the Markdown.

    Attributes:
        name: of the model.
        family: class of the network, ``PConvUNet``.
        parameters: number of weights.
        fills_holes: whether it is a network that ``inlay predict`` can use.
        takes_text: whether the network takes a text.
        metadata: version, git, packages and step of the checkpoint.
        config: settings that may be published.
        averaged: whether the weights are a moving average.
        source: digest of the exported file.
        started_from: weights that the training started from.
        license: of the weights; None where none was given.
        tables: of metrics.
    """

    name: str
    family: str
    parameters: int
    fills_holes: bool
    takes_text: bool
    metadata: Mapping[str, Any]
    config: Mapping[str, Any]
    averaged: bool
    source: str
    started_from: str = UNKNOWN
    license: str | None = None
    tables: list[MetricsTable] = field(default_factory=list)

    def __str__(self) -> str:
        parts = _head(self), _what(self), _use(self), _training(self), _measured(self), _origin(self), _limits(self)
        return "\n\n".join(parts) + "\n"

    @property
    def size(self) -> int | None:
        """Side of the training crops in pixels."""
        return (self.config.get("data") or {}).get("image_size")


def _head(card: Card) -> str:
    from huggingface_hub import ModelCardData

    data = ModelCardData(
        license=card.license,
        library_name="inlay",
        pipeline_tag="image-to-image" if card.fills_holes else None,
        tags=[*["inpainting"] * card.fills_holes, card.family.lower(), *["text-guided"] * card.takes_text],
    )
    return f"---\n{data.to_yaml()}\n---\n\n# {markdown(card.name)}"


def _what(card: Card) -> str:
    crops = markdown(f"{card.size} x {card.size} pixels") if card.size else f"a size that is {UNKNOWN}"
    purpose = f"Fills holes in photographs{', with what a text asks for' if card.takes_text else ''}."
    lines = [
        purpose if card.fills_holes else "A network of one picture, which fills no holes.",
        "",
        f"- Network: `{card.family}` of Inlay, {card.parameters / 1e6:.2f} M parameters",
        f"- Trained on crops of {crops}; takes pictures of any size",
        f"- License of the weights: {card.license or 'not stated. Ask who made them before you use them'}",
    ]
    if model := (card.config.get("text") or {}).get("model"):
        lines.append(
            f"- **Not complete by itself:** its text encoder reads with {code(model)}, which is not part of this "
            "folder. Put that network's `config.json`, `model.safetensors` and tokenizer files into a folder "
            f"`{TEXT_MODEL}` here."
        )
    return "\n".join(lines)


def _use(card: Card) -> str:
    if not card.fills_holes:
        return """## Use

```python
from inlay.checkpoints import build_network

net = build_network("FOLDER")  # this folder; (B, 3, H, W) RGB in [0, 1]
```"""
    option, argument = (' --text "a red bird"', ', text="a red bird"') if card.takes_text else ("", "")
    return f"""## Use

`FOLDER` is this folder, or its name on the Hugging Face hub.

```
inlay predict --image photo.jpg --mask mask.png --model FOLDER --output filled.png{option}
```

```python
import inlay

model = inlay.load("FOLDER")
filled = model.fill("photo.jpg", "mask.png"{argument})
```

White in the mask is filled; every other pixel stays exactly as it is."""


def _training(card: Card) -> str:
    data, iterations = card.config.get("data") or {}, card.metadata.get("step", card.config.get("iterations", UNKNOWN))
    lines = {
        "Pictures": _described(data.get("listing")) or _kind(data),
        "Crops": _settings({name: data.get(name) for name in ("image_size", "crop_scale", "object_crop_scale")}),
        "Changed at random": _settings(
            {name: data.get(name) for name in ("hflip_prob", "color_jitter", "caption_dropout")}
        ),
        "Holes": _described(card.config.get("masks")),
        "Recipe": _kind(card.config.get("task")),
        "Loss": _described(card.config.get("loss")),
        "Optimizer": _described(card.config.get("optimizer")),
        "Length": markdown(f"{iterations} iterations of {data.get('batch_size', UNKNOWN)} pictures a device"),
        "Started from": card.started_from,
    }
    items = "\n".join(f"- {name}: {value or UNKNOWN}" for name, value in lines.items())
    return f"## Training\n\n{items}\n\nAll settings are in `config.json`."


def _measured(card: Card) -> str:
    tables = "\n\n".join(map(str, card.tables))
    return "## Measured\n\n" + (tables or f"How good it is is {UNKNOWN}: no figures came with the checkpoint.")


def _origin(card: Card) -> str:
    metadata, packages = card.metadata, card.metadata.get("packages") or {}
    lines = {
        "Exported from": f"`{card.source}`" + (", the moving average of its weights" if card.averaged else ""),
        "Inlay": markdown(f"{metadata.get('version', UNKNOWN)}, revision {metadata.get('git') or UNKNOWN}"),
        "Packages": markdown(", ".join(f"{name} {version}" for name, version in packages.items())) or UNKNOWN,
        "Format": f"{FORMAT}: safetensors and JSON, nothing that could run",
    }
    if imported := metadata.get("imported"):
        lines["Imported from"] = _settings(imported)
    return "## Origin\n\n" + "\n".join(f"- {name}: {value}" for name, value in lines.items())


def _limits(card: Card) -> str:
    if not card.fills_holes:
        return "## Limits\n\nWhom and what its training pictures leave out was not looked at."
    far = f" Pictures much larger than {markdown(card.size)} px, and holes" if card.size else " Holes"
    text = (
        " Words that it was not trained on tell it nothing." if "vocabulary" in (card.config.get("text") or {}) else ""
    )
    return (
        "## Limits\n\nWhat it paints is invented, not recovered: it says nothing of what was there, and is no evidence."
        f"{far} of another kind than those it was trained on, are filled worse.{text} Whom and what its training "
        "pictures leave out was not looked at."
    )


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
