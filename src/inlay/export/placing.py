"""Files that are there whole or not at all."""

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from inlay.files import flush_names, flushed, held, partly, remove_leftovers


def place(contents: Mapping[Path, bytes]) -> list[Path]:
    """Write files that belong together: all are complete before the first one takes its name.

    Args:
        contents: what each file shall hold; folders are made.

    Returns:
        Their paths, in order.

    Raises:
        InlayError: another process writes there, or nobody may.
        OSError: there is no room; nothing is left behind then.
    """
    first = next(iter(contents))
    with held(first.parent, "inlay export", part=first.name):
        parts = {path: partly(path) for path in contents}
        try:
            for path, content in contents.items():
                path.parent.mkdir(parents=True, exist_ok=True)
                remove_leftovers(path.parent, path.name)
                with flushed(parts[path]) as file:
                    file.write(content)
            for path, part in parts.items():
                part.replace(path)
        finally:
            for part in parts.values():
                with suppress(OSError):
                    part.unlink(missing_ok=True)
        flush_names(first.parent)
    return [*contents]
