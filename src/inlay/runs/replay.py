"""A step that was skipped, computed again: which term, which gradient, which layer is not finite."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table
from torch import Tensor, nn

from inlay.checkpoints import META_KEY, read
from inlay.checkpoints.building import MISFITS, FileBuilder
from inlay.checkpoints.groups import ARGUMENTS, BUILT, GROUPS, OPTIONAL
from inlay.checkpoints.meta_init import WeightLimit
from inlay.errors import InlayError, one_line
from inlay.models.layers import power_iterations_paused
from inlay.pretrained.transformers import local_only
from inlay.printing import console, say
from inlay.tasks.base import Replayed, Task
from inlay.tasks.optimization import not_finite, propagate_nonfinite, split

_SHOWN = 10
_LARGEST = 10**7  # of channels, layers, words: a list of this length still fits into memory


def task_config(path: str | Path) -> dict[str, Any]:
    """The settings of a replay file that its task is built from.

    Raises:
        InlayError: it is no replay file.
    """
    content = read(path)
    if "batch" not in content:
        raise InlayError(f"{path}: no replay file. Runs write theirs to faults/ in their folder.")
    return {name: value for name, value in content[META_KEY]["config"].items() if name in (*BUILT, "seed")}


def build_task(path: str | Path, config: dict[str, Any]) -> Any:
    """Build the task of a replay file, of the classes that its groups admit.

    Nothing is downloaded, and no more memory taken than the file can be about.

    Raises:
        InlayError: the settings are not to be trusted, or make no task.
    """
    files = [path, config["teacher"]] if config.get("teacher") else [path]
    numbers = sum(value.numel() for file in files for value in read(file)["state_dict"].values())

    def built(group: str) -> Any:
        return FileBuilder(path, group, _LARGEST if GROUPS[group].sized else None).build(config[group])

    try:
        with local_only(), WeightLimit(numbers):
            task = built("task")
            given = {argument: built(group) for group, argument in ARGUMENTS.items()}
            given |= {group: built(group) for group in OPTIONAL if config.get(group) is not None}
            return task(config=config, **given)
    except MISFITS as error:
        raise InlayError(
            f"{path}: its settings make no task ({one_line(error)}). Was it written by this version?"
        ) from error


def run(path: str | Path, task: Task) -> None:
    """Compute a skipped step again on the CPU in float32, and print what is not finite.

    Raises:
        InlayError: everything is finite here.
    """
    content = read(path)
    try:
        task.load_state_dict(content["state_dict"])
        task.replayed = Replayed(*(content[META_KEY][name] for name in Replayed._fields))
        batch = content["batch"]
        names = ", ".join(batch["id"])
    except MISFITS as error:
        raise InlayError(f"{path}: damaged, or of another version ({one_line(error)}). Make it again.") from error
    say(f"step {task.step + 1}, pictures: {names}")
    task.train()
    found = False
    for number, part in enumerate(split(batch, task.accumulate)):
        task.seed_draws(number)
        with first_not_finite(task) as layers, power_iterations_paused([task] if number else []):
            for loss in task.losses(part, number):
                found |= _report(loss.terms | {"loss": loss.total.detach()}, task, loss.total)
        if layers:
            say(f"first module with an output that is not finite: {layers[0]}")
    if not found:
        raise InlayError(
            f"{path}: every term and gradient is finite here, on the CPU in float32. "
            "The precision or the device of the run is to blame."
        )
    print("reproduced")


def _report(terms: Mapping[str, Tensor], task: Task, total: Tensor) -> bool:
    """Print a loss and its gradients; return whether something is not finite."""
    task.zero_grad()
    propagate_nonfinite(total).backward()  # type: ignore[no-untyped-call]
    bad = set(not_finite(terms))
    table = Table("term", "value")
    for name, value in terms.items():
        table.add_row(name, f"{float(value):.6g}", style="bold red" if name in bad else None)
    console().print(table)
    spoiled = [name for name, p in task.named_parameters() if p.grad is not None and not p.grad.isfinite().all()]
    if spoiled:
        more = f" and {len(spoiled) - _SHOWN} more" if len(spoiled) > _SHOWN else ""
        say(f"gradient not finite: {', '.join(spoiled[:_SHOWN])}{more}")
    return bool(bad or spoiled)


@contextmanager
def first_not_finite(module: nn.Module) -> Iterator[list[str]]:
    """Names of the modules whose outputs were not finite, in the order of their calls."""
    names: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and output.is_floating_point() and not output.isfinite().all():
                names.append(name)

        return hook

    hooks = [part.register_forward_hook(look(name)) for name, part in module.named_modules() if name]
    try:
        yield names
    finally:
        for hook in hooks:
            hook.remove()
