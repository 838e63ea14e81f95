"""The name of a run where names must be unique: on dashboards."""

import re
import uuid
from pathlib import Path

from inlay.checkpoints import META_KEY, read
from inlay.errors import InlayError


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
