"""Resuming a run: from which checkpoint, and what changed since."""

import logging
import re
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from inlay.checkpoints import META_KEY, other_version, read
from inlay.checkpoints.files import is_whole, resolved, step_files
from inlay.checkpoints.groups import fixed_by_state, without_copies
from inlay.errors import InlayError
from inlay.printing import say

log = logging.getLogger(__name__)

_NOT_OF_THE_RUN = ("resume", "run_dir", "run_id", "init_from", "text_from")


def find(run_dir: str, resume: str | None) -> Path | None:
    """The checkpoint to resume from, checked to be whole.

    Args:
        run_dir: the run's folder.
        resume: None for a fresh run; ``last`` or ``best`` of the folder; ``auto``: ``last`` if there is one, else a
            fresh run; or the path of a checkpoint.

    Raises:
        InlayError: there is no such checkpoint, or it is damaged. Only ``last`` has one before it to fall back on.
    """
    folder = Path(run_dir) / "checkpoints"
    if resume is None:
        return None
    if resume in ("last", "auto"):
        return _newest(folder, resume)
    path = folder / "best.ckpt" if resume == "best" else Path(resume)
    if not resolved(path).is_file():
        raise InlayError(
            f"resume={resume}: no checkpoint at {path}. Give run_dir=... of the run, or the checkpoint's path; "
            "without resume= a fresh run starts."
        )
    if not is_whole(path):
        raise InlayError(f"resume={resume}: {path} is damaged. Try resume=last, or another checkpoint of the folder.")
    return resolved(path).resolve()


def _newest(folder: Path, resume: str) -> Path | None:
    files = step_files(folder)
    candidates = [files[step] for step in sorted(files, reverse=True)]
    last = folder / "last.ckpt"
    if last.is_file() and resolved(last) == last:  # copied from elsewhere
        candidates.insert(0, last)
    for path in candidates:
        if is_whole(path):
            return path
        log.warning("%s is damaged; the checkpoint before it is used.", path)
    if candidates:
        raise InlayError(f"resume={resume}: all {len(candidates)} checkpoints in {folder} are damaged. Start afresh.")
    if resume == "auto":
        return None
    raise InlayError(
        f"resume=last: no checkpoint at {last}. Give run_dir=... of the run, or the checkpoint's path; "
        "without resume= a fresh run starts, with resume=auto where there is none."
    )


def resolve_run_id(given: str | None, checkpoint: Path | None) -> str:
    """The id of a run: given, that of the resumed run, or a random one.

    Raises:
        InlayError: that of the checkpoint is not safe: dashboards use it in file names and queries.
    """
    if given:
        return given
    known = read(checkpoint)[META_KEY]["config"].get("run_id") if checkpoint else None
    if known and not re.fullmatch(r"\w[\w. -]{0,127}", str(known)):
        raise InlayError(f"resume: {checkpoint} calls its run {known!r}. Give it another name: run_id=NAME.")
    return str(known or uuid.uuid4().hex[:8])


def report(path: Path, config: Any, pictures: Mapping[str, int]) -> None:
    """Print where a run is resumed, and what changed since.

    Raises:
        InlayError: see :func:`compare`.
    """
    changed, checkpoint = compare(path, config), read(path)
    steps, told = checkpoint["global_step"], checkpoint[META_KEY]
    say(f"resume: {path}, after {steps} iterations")
    if steps >= config["iterations"]:
        say(f"resume: iterations={config['iterations']} are done; nothing is left to train")
    if changed:
        say("\n  ".join([f"resume: {len(changed)} settings changed since", *changed]))
    for split, now in pictures.items():
        if (then := told.get(f"{split}_pictures")) not in (None, now):  # earlier versions did not write it down
            say(f"resume: the data changed since, {then} -> {now} pictures to {split} on")


def compare(path: Path, config: Mapping[str, Any]) -> list[str]:
    """What changed in the configuration since a checkpoint was written, a line for each key.

    Raises:
        InlayError: a change that the checkpoint's state would contradict.
    """
    if not {"global_step", "loops", "optimizer_states"} <= read(path).keys():
        raise InlayError(f"resume: {path} holds weights and no run. A run can start from it: init_from=.")
    if versions := other_version(read(path)):
        raise InlayError(
            f"resume: {path} is of another version.{versions} Go on with that one, or begin a new run with "
            "its weights: init_from=."
        )
    before, now = _flat(read(path)[META_KEY]["config"]), _flat(without_copies(config))
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    lines = {key: f"{key}: {before.get(key, '(not set)')} -> {now.get(key, '(not set)')}" for key in changed}
    # a key that an earlier version did not have is no change of what it made
    broken = [lines[key] for key in changed if key in before and fixed_by_state(key)]
    if broken:
        raise InlayError(
            f"resume: {path} holds a state made with other settings ({'; '.join(broken)}). Give the old ones, or begin "
            "a new run with init_from= and its weights."
        )
    return list(lines.values())


def _flat(config: Mapping[str, Any]) -> dict[str, Any]:
    run_dir = str(config.get("run_dir", ""))
    return {
        key: value.replace(run_dir, "RUN") if isinstance(value, str) and run_dir else value
        for key, value in leaves(config)
        if key.split(".")[0] not in _NOT_OF_THE_RUN
    }


def leaves(value: Any, joint: str = ".", key: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings one by one, under their names from the outermost inward."""
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from leaves(item, joint, f"{key}{joint}{name}" if key else str(name))
    else:
        yield key, value
