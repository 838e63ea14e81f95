"""Files that are there whole or not at all."""

import os
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4


def place(contents: Mapping[Path, bytes]) -> list[Path]:
    """Write files that belong together: all are complete before the first one takes its name.

    Args:
        contents: what each file shall hold; folders are made.

    Returns:
        Their paths, in order.

    Raises:
        OSError: there is no room, or no permission; nothing is left behind then.
    """
    beside = {path: path.with_name(f".{path.name}.{uuid4().hex[:8]}") for path in contents}
    try:
        for path, content in contents.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            with beside[path].open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        for path, temporary in beside.items():
            temporary.replace(path)
    finally:
        for temporary in beside.values():
            temporary.unlink(missing_ok=True)
    return [*contents]
