"""What the documents say can be typed, and their links lead somewhere."""

import re
import shlex
import sys

import pytest

from inlay.cli import _parser
from inlay.cli.homes import in_settings
from inlay.cli.predict import parse
from tests.composing import configure
from tests.conftest import ROOT

DOCUMENTS = sorted(path for place in (".", "docs", "data", "masks") for path in (ROOT / place).glob("*.md"))
LINES = sorted(
    {
        line.strip().partition("  ")[0]  # a remark follows
        for path in DOCUMENTS
        for line in re.sub(r"\\\n\s*", "", path.read_text()).splitlines()
        if re.match(r"    inlay (?!.*(\.\.\.|\[-))", line)
    }
)


@pytest.mark.stranger("17.B.7")
@pytest.mark.parametrize("line", LINES)
def test_a_command_is_understood(line, monkeypatch):
    _, program, *words = shlex.split(line)
    if program in ("train", "evaluate"):
        one = [word.partition(",")[0] if words[0] == "-m" else word for word in words if word != "-m"]
        configure(*in_settings(one), config=program)
    elif program == "predict":
        monkeypatch.setattr(sys, "argv", ["predict", *words])
        parse()
    else:
        _parser().parse_args([program, *words])


@pytest.mark.stranger("17.B.7")
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", path.read_text())
    assert [link for link in links if not (path.parent / link).exists()] == []
