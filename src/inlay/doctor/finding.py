"""What a look at one part of an installation found."""

from dataclasses import dataclass
from typing import Literal

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


def worst(findings: list[Finding]) -> State:
    """The state of all of them together; what is absent is no fault."""
    states = {finding.state for finding in findings}
    return "problem" if "problem" in states else "warning" if "warning" in states else "ok"
