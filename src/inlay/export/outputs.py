"""Exported files that are there whole or not at all."""

from collections.abc import Mapping
from pathlib import Path

from inlay.files import held, remove_leftovers, replacing_all


def write_outputs(contents: Mapping[Path, bytes]) -> list[Path]:
    """Write files that belong together: all are complete before the first one takes its name.

    Returns:
        Their paths, in order.

    Raises:
        InlayError: another process writes there, or nobody may.
        OSError: there is no room; nothing is left behind then.
    """
    first = next(iter(contents))
    with held(first.parent, "inlay export", part=first.name):
        for path in contents:
            remove_leftovers(path.parent, path.name)
        with replacing_all(*contents) as files:
            for file, content in zip(files, contents.values(), strict=True):
                file.write(content)
    return [*contents]
