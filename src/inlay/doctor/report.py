"""Findings, for a person and for a program."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from textwrap import wrap

from rich.text import Text

from inlay.doctor.finding import Finding, State, worst
from inlay.printing import console

_COLORS: dict[State, str] = {"ok": "green", "absent": "cyan", "warning": "yellow", "problem": "bold red"}


def show(sections: Iterable[tuple[str, list[Finding]]], each: bool = False) -> State:
    """Print each section as soon as it was looked at, and a verdict; colors are for terminals alone.

    Args:
        sections: what was found, by section.
        each: whether to print all of what is absent, instead of a line for each section.

    Returns:
        The state of everything.
    """
    screen, everything = console(), list[Finding]()
    for section, findings in sections:
        screen.print(Text(section, "bold"))
        for line in (
            line for finding in _absent_together(section, findings, each) for line in _lines(finding, screen.width)
        ):
            screen.print(line, soft_wrap=True)  # a word may be longer than a line: addresses stay whole
        screen.print()
        everything += findings
    screen.print(_summary([finding.state for finding in everything]), soft_wrap=True)
    return worst(everything)


def as_json(sections: Iterable[tuple[str, list[Finding]]]) -> tuple[str, State]:
    """Everything as ``{"state": ..., "findings": [{"section": ..., ...}, ...]}``, and the state of everything."""
    found = [(section, finding) for section, findings in sections for finding in findings]
    state = worst([finding for _, finding in found])
    rows = [{"section": section, **asdict(finding)} for section, finding in found]
    return json.dumps({"state": state, "findings": rows}, indent=2), state


def _absent_together(section: str, findings: list[Finding], each: bool) -> list[Finding]:
    """What is absent in one finding, behind the others."""
    absent = [finding for finding in findings if finding.state == "absent"]
    if each or len(absent) < 2:
        return findings
    names = ", ".join(f"{finding.subject} ({finding.use})" for finding in absent)
    together = Finding(section, names, "absent", "Each is needed for that alone. How to get them: inlay doctor --all")
    return [*(finding for finding in findings if finding not in absent), together]


def _lines(finding: Finding, width: int) -> Iterator[Text]:
    """State, subject and what was found in three columns; below the last one, what to do."""
    head = f"{finding.state:7}  {finding.subject:16} "
    arrow = f"{'':{len(head)}}-> "
    lines = _wrapped(finding.found, width, head, len(head) * " ")
    if finding.remedy:
        lines += _wrapped(finding.remedy, width, arrow, len(arrow) * " ")
    first, *rest = (Text(line) for line in lines)
    first.stylize(_COLORS[finding.state], 0, len(finding.state))
    yield from (first, *rest)


def _wrapped(text: str, width: int, first: str, other: str) -> list[str]:
    return wrap(
        text, width, initial_indent=first, subsequent_indent=other, break_long_words=False, break_on_hyphens=False
    )


def _summary(states: list[State]) -> str:
    counts = ", ".join(_counts(states, "problem", "warning"))
    verdict = "Inlay does not work as it should" if "problem" in states else "Inlay works"
    return f"{verdict}: {counts}, see the arrows." if counts else f"{verdict}."


def _counts(states: list[State], *which: State) -> Iterator[str]:
    for state in which:
        if count := states.count(state):
            yield f"{count} {state}{'s' if count > 1 else ''}"
