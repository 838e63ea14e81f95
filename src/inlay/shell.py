"""Settings and words as they are typed in a shell."""

import re
import shlex

_PLAIN = re.compile(r"[\w./@+:-]*", re.ASCII)


def setting(key: str, value: str) -> str:
    """A setting of a text for the command line, quoted for Hydra and for the shell where it needs to be."""
    return f"{key}={value}" if _PLAIN.fullmatch(value) else quoted(key, value)


def quoted(key: str, value: str) -> str:
    """A setting of a text for the command line, always quoted."""
    return shlex.quote(f"{key}={_for_hydra(value)}")


def listed(key: str, values: list[str]) -> str:
    """A setting of a list of texts for the command line."""
    items = (value if _PLAIN.fullmatch(value) else _for_hydra(value) for value in values)
    return shlex.quote(f"{key}=[{','.join(items)}]")


def _for_hydra(value: str) -> str:
    escaped = value.replace('"', '\\"').replace("${", "\\${")
    return f'"{escaped}"'
