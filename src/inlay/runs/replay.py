"""A step that was skipped, computed again: which term, which gradient, which layer is not finite."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table
from torch import Tensor, nn

from inlay.checkpoints import META_KEY, Bounded, check_trusted, read
from inlay.errors import InlayError, one_line
from inlay.models.layers import power_iterations_paused
from inlay.printing import console, say
from inlay.tasks.base import Replayed, Task
from inlay.tasks.optimization import not_finite, propagate_nonfinite, split

_SHOWN = 10
_FROZEN = 2**25  # numbers: of Inception, and of what few a test has
_PARTS = ("model", "loss", "task", "text", "discriminator", "matcher", "optimizer", "scheduler", "seed")


def config(path: str | Path) -> dict[str, Any]:
    """What the configuration of the run that wrote a replay file says of its task.

    Raises:
        InlayError: it is no replay file, or not to be trusted.
    """
    content = read(path)
    if "batch" not in content:
        raise InlayError(f"{path}: no replay file. Runs write theirs to faults/ in their folder.")
    parts = {name: value for name, value in content[META_KEY]["config"].items() if name in _PARTS}
    check_trusted(path, parts)
    return parts


def bounded(path: str | Path) -> Bounded:
    """For building what a replay file describes: weights as many as its own, and those of frozen networks."""
    numbers = sum(value.numel() for value in read(path)["state_dict"].values())
    return Bounded(2 * numbers + _FROZEN)


def run(path: str | Path, task: Task) -> None:
    """Compute the step again on the CPU in float32, and print what is not finite.

    Args:
        path: of the replay file.
        task: as the run configured it.

    Raises:
        InlayError: everything is finite here.
    """
    content = read(path)
    try:
        task.load_state_dict(content["state_dict"])
        task.replay(Replayed(*(content[META_KEY][name] for name in Replayed._fields)))
        batch = content["batch"]
        names = ", ".join(batch["id"])
    except (RuntimeError, KeyError, TypeError, AttributeError) as error:
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
            say(f"first module with an answer that is not finite: {layers[0]}")
    if not found:
        raise InlayError(
            f"{path}: every term and gradient is finite here, on the CPU in float32. "
            "The precision or the device of the run is to blame."
        )
    print("reproduced")


def _report(terms: Mapping[str, Tensor], task: Task, total: Tensor) -> bool:
    """Print a loss and its gradients; say whether something is not finite."""
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
    """Names of the modules whose answers were not finite, in the order of their calls."""
    names: list[str] = []

    def look(name: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, answer: Any) -> None:
            if isinstance(answer, Tensor) and answer.is_floating_point() and not answer.isfinite().all():
                names.append(name)

        return hook

    hooks = [part.register_forward_hook(look(name)) for name, part in module.named_modules() if name]
    try:
        yield names
    finally:
        for hook in hooks:
            hook.remove()
