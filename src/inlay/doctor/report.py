"""Findings, for a person and for a program."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from textwrap import wrap

from rich.text import Text

from inlay.doctor import Finding, State, worst
from inlay.printing import console

_COLORS: dict[State, str] = {"ok": "green", "absent": "cyan", "warning": "yellow", "problem": "bold red"}


def show(sections: Iterable[tuple[str, list[Finding]]], each: bool = False) -> State:
    """Print each section as soon as it was looked at, and a verdict; gives the state of everything.

    With ``each`` all of what is absent has its own line, instead of one in each section.
    """
    screen, everything = console(), list[Finding]()
    for section, findings in sections:
        screen.print(Text(section, "bold"))
        for finding in findings if each else _absent_together(section, findings):
            screen.print(_row(finding, screen.width), soft_wrap=True)  # addresses stay whole, however long
        screen.print()
        everything += findings
    states, state = [finding.state for finding in everything], worst(everything)
    numbers: dict[str, int] = {"problem": states.count("problem"), "warning": states.count("warning")}
    counts = ", ".join(f"{count} {name}{'s' * (count > 1)}" for name, count in numbers.items() if count)
    verdict = "Inlay does not work as it should" if state == "problem" else "Inlay works"
    screen.print(f"{verdict}: {counts}, see the arrows." if counts else f"{verdict}.", soft_wrap=True)
    return state


def as_json(sections: Iterable[tuple[str, list[Finding]]]) -> tuple[str, State]:
    """Everything as ``{"state": ..., "findings": [{"section": ..., ...}, ...]}``, and the state of everything."""
    found = [(section, finding) for section, findings in sections for finding in findings]
    state = worst(finding for _, finding in found)
    rows = [{"section": section, **asdict(finding)} for section, finding in found]
    return json.dumps({"state": state, "findings": rows}, indent=2), state


def _absent_together(section: str, findings: list[Finding]) -> list[Finding]:
    """What is absent in one finding, behind the others."""
    absent = [finding for finding in findings if finding.state == "absent"]
    if len(absent) < 2:
        return findings
    names = ", ".join(f"{finding.subject} ({finding.use})" for finding in absent)
    together = Finding(section, names, "absent", "Each is needed for that alone. How to get them: inlay doctor --all")
    return [*(finding for finding in findings if finding not in absent), together]


def _row(finding: Finding, width: int) -> Text:
    """State, subject and what was found in three columns; below the last one, what to do."""
    head = f"{finding.state:7}  {finding.subject:16} "
    arrow = f"{'':{len(head)}}-> "
    wrapped = partial(wrap, width=width, break_long_words=False, break_on_hyphens=False)
    lines = wrapped(finding.found, initial_indent=head, subsequent_indent=" " * len(head))
    lines += wrapped(finding.remedy, initial_indent=arrow, subsequent_indent=" " * len(arrow))
    row = Text("\n".join(lines))
    row.stylize(_COLORS[finding.state], 0, len(finding.state))
    return row
