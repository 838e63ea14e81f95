"""``inlay doctor``: is everything here that Inlay needs, does it work, and if not, what is to be done?

Each section is a function that yields a :class:`Finding` for each thing it looks at. Its module is imported when its
turn comes: what cannot even be imported is a finding, too.
"""

import pkgutil
from collections.abc import Iterator

from inlay.doctor.finding import Finding, State, worst
from inlay.errors import one_line

__all__ = ["SECTIONS", "Finding", "State", "examine", "worst"]

SECTIONS = {
    "software": "inlay.doctor.versions:software",
    "machine": "inlay.doctor.machine:machine",
    "space": "inlay.doctor.space:space",
    "pictures": "inlay.doctor.codecs:codecs",
    "extras": "inlay.doctor.versions:extras",
    "weights": "inlay.doctor.weights:weights",
    "self-test": "inlay.doctor.trial:trial",
}
REPAIR = "Install it anew: make install (in a checkout), or pip install --force-reinstall inlay"


def examine() -> Iterator[tuple[str, list[Finding]]]:
    """Look at everything, section by section."""
    for section, place in SECTIONS.items():
        yield section, list(_looked_at(section, place))


def _looked_at(section: str, place: str) -> Iterator[Finding]:
    try:
        yield from pkgutil.resolve_name(place)()
    except Exception as error:  # whatever it is that is broken, the other sections may tell more
        yield Finding(section, one_line(error), "problem", REPAIR)
