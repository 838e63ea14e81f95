"""The groups of a run's configuration: which classes a file may name in each, and what of it matters to whom.

This table is the only such list. A new group of ``conf/`` is one more entry here. The order of those with an
``argument`` is the order in which their weights are drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from inlay.configs import find_class
from inlay.errors import InlayError

Settings = bool | tuple[str, ...]
"""All settings of a group, none, or those with these names."""


@dataclass(frozen=True, kw_only=True)
class ConfigGroup:
    """One group of the configuration.

    Attributes:
        packages: packages of the classes that a file may name in this group, at any depth; without any, nothing is ever
            built of what a file says of the group.
        base: class that all of them derive from.
        argument: argument of the task's class that takes what the group builds; None where a setting of the task does.
        weights: attribute of the task whose weights fill holes: they are exported, and rebuilt from a file alone.
        noun: what messages call a network with such weights.
        optional: recipes without a setting of this name have no use for the group.
        state: settings that weights, optimizers and schedules depend on, so that a resumed run must have the same ones.
        free: settings that may change all the same, at any depth.
        published: settings that an exported folder states.
        sized: numbers in it are numbers of channels, layers, words, which files could ask too many of.
    """

    packages: tuple[str, ...] = ()
    base: type = nn.Module
    argument: str | None = None
    weights: str | None = None
    noun: str = ""
    optional: bool = False
    state: Settings = False
    free: tuple[str, ...] = ()
    published: Settings = False
    sized: bool = True


_NETWORKS = ("inlay.models", "inlay.text")
_OPTIMIZER = ConfigGroup(packages=("torch.optim",), base=Optimizer, state=True, published=True, sized=False)
_SCHEDULER = replace(_OPTIMIZER, packages=("torch.optim.lr_scheduler", "inlay.schedules"), base=LRScheduler)

GROUPS: Mapping[str, ConfigGroup] = {
    "model": ConfigGroup(
        packages=_NETWORKS,
        argument="net",
        weights="net",
        noun="network",
        state=True,
        free=("gradient_checkpointing",),
        published=True,
    ),
    "text": ConfigGroup(
        packages=("inlay.text",), weights="text", noun="text encoder", optional=True, state=True, published=True
    ),
    "discriminator": ConfigGroup(packages=("inlay.models",), optional=True, state=True),
    "text_image": ConfigGroup(packages=("inlay.text_image",), optional=True),
    "loss": ConfigGroup(
        packages=("inlay.losses", "inlay.checkpoints.teacher"), base=object, argument="loss", published=True
    ),
    "optimizer": replace(_OPTIMIZER, argument="optimizer"),
    "scheduler": replace(_SCHEDULER, argument="scheduler"),
    "discriminator_optimizer": replace(_OPTIMIZER, optional=True),
    "discriminator_scheduler": replace(_SCHEDULER, optional=True),
    "task": ConfigGroup(
        packages=("inlay.tasks", *_NETWORKS, "inlay.text_image", "inlay.metrics"),
        state=("_target_", "discriminator_mode"),
        published=(
            *(
                "_target_",
                "discriminator_mode",
                "judged",
                "objective",
                "labels",
                "hole_only",
                "adversarial",
                "feature_matching",
            ),
            *("r1", "r1_every", "reuse_generator_output", "gradient_clip", "accumulate"),
        ),
    ),
    "masks": ConfigGroup(published=True),
    "sample": ConfigGroup(published=True),
    "data": ConfigGroup(
        published=(
            *("_target_", "listing", "train_split", "image_size", "batch_size", "crop_scale", "object_crop_scale"),
            *("hflip_prob", "color_jitter", "caption_dropout"),
        )
    ),
}

ARGUMENTS = {name: group.argument for name, group in GROUPS.items() if group.argument}
"""Groups that a task's class takes, and the argument of each."""

PARTS = {name: group.weights for name, group in GROUPS.items() if group.weights}
"""Groups of networks that fill holes, and where a task keeps each."""

BUILT = tuple(name for name, group in GROUPS.items() if group.packages)
"""Groups of which something is built, of a file's configuration, too."""

OPTIONAL = tuple(name for name, group in GROUPS.items() if group.optional)
"""Groups that some recipes have no use for."""


def admitted(target: Any, group: str) -> type | None:
    """The class that a file's ``_target_`` names, where its group admits it; None for anything else."""
    known = GROUPS.get(group, ConfigGroup())
    found = find_class(target, known.packages)
    return found if found is not None and issubclass(found, known.base) else None


def check_rebuildable(config: Any, group: str) -> None:
    """Refuse settings of a network whose checkpoints nobody could open, before it is trained.

    Raises:
        InlayError: a ``_target_``, at any depth, is none that the group admits.
    """
    if isinstance(config, dict) and "_target_" in config and admitted(config["_target_"], group) is None:
        places = " or ".join(GROUPS[group].packages)
        raise InlayError(
            f"{group}: {config['_target_']} is no class of {places}, and only their checkpoints can be opened. Correct "
            "the name, or move its file there."
        )
    if isinstance(config, dict | list):
        for item in config.values() if isinstance(config, dict) else config:
            check_rebuildable(item, group)


def fixed_by_state(key: str) -> bool:
    """Whether a resumed run must keep a setting, such as ``model.width``: its checkpoint's state depends on it."""
    name, _, rest = key.partition(".")
    group = GROUPS.get(name, ConfigGroup())
    if isinstance(group.state, bool):
        return group.state and rest.rpartition(".")[2] not in group.free
    return rest.split(".")[0] in group.state


def without_copies(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration as checkpoints keep it: what the task takes from a group stands in that group alone."""
    task = config.get("task") or {}
    copies = {key for key in OPTIONAL if task.get(key) is not None and task[key] == config.get(key)}
    return {**config, "task": {key: value for key, value in task.items() if key not in copies}}


def published(config: Mapping[str, Any]) -> dict[str, Any]:
    """Those groups of a configuration, and of some those settings, that an exported folder states."""
    kept = {}
    for name, group in GROUPS.items():
        settings = config.get(name)
        if isinstance(group.published, tuple):
            settings = {key: settings[key] for key in group.published if key in settings} if settings else None
        if settings and group.published:
            kept[name] = settings
    return kept
