"""What a look at one part of an installation found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]
"""All is well; something that Inlay offers will not work, or not as it could; Inlay does not work."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        subject: what was looked at.
        found: what is the matter with it, in one line.
        state: how bad that is.
        remedy: what to do, in one line; empty where nothing is to be done.
    """

    subject: str
    found: str
    state: State = "ok"
    remedy: str = ""


def worst(findings: list[Finding]) -> State:
    """The state of all of them together."""
    states = {finding.state for finding in findings}
    return "problem" if "problem" in states else "warning" if "warning" in states else "ok"
