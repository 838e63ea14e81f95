"""``inlay doctor``: is everything here that Inlay needs, does it work, and if not, what is to be done?

Each section is a function that yields a :class:`Finding` for each thing it looks at. Its module is imported when its
turn comes: what cannot even be imported is a finding, too.
"""

import pkgutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from inlay.errors import one_line

__all__ = ["SECTIONS", "Finding", "State", "examine", "worst"]

SECTIONS = {
    "software": "inlay.doctor.versions:software",
    "machine": "inlay.doctor.machine:machine",
    "space": "inlay.doctor.machine:space",
    "pictures": "inlay.doctor.codecs:codecs",
    "extras": "inlay.doctor.versions:extras",
    "weights": "inlay.doctor.weights:weights",
    "self-test": "inlay.doctor.trial:trial",
}
REPAIR = "Install it anew: make install (in a checkout), or pip install --force-reinstall inlay"
State = Literal["ok", "absent", "warning", "problem"]
"""All is well; what only some need is not here; something will not work as it should; Inlay does not work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at.
        found: what is the matter with it, in one line.
        state: how bad that is.
        remedy: what to do, in one line; empty where nothing is to be done.
        use: of what is absent, in a word or two: what needs it.
    """

    subject: str
    found: str
    state: State = "ok"
    remedy: str = ""
    use: str = ""


def worst(findings: Iterable[Finding]) -> State:
    """The state of all of them together; what is absent is no fault."""
    states = {finding.state for finding in findings}
    return "problem" if "problem" in states else "warning" if "warning" in states else "ok"


def examine() -> Iterator[tuple[str, list[Finding]]]:
    """Look at everything, section by section."""
    for section, place in SECTIONS.items():
        findings: list[Finding] = []
        try:
            findings.extend(pkgutil.resolve_name(place)())
        except Exception as error:  # whatever it is that is broken, the other sections may tell more
            findings.append(Finding(section, one_line(error), "problem", REPAIR))
        yield section, findings
