"""``python -m`` starts our programs, and says of every other module that it is none."""

import subprocess
import sys
from contextlib import suppress

import pytest

from inlay import programs
from tests.conftest import ROOT

SOURCE = ROOT / "src/inlay"
MODULES = sorted(
    ".".join(path.relative_to(ROOT / "src").with_suffix("").parts)
    for path in SOURCE.rglob("*.py")
    if path.name != "__init__.py"
)


@pytest.mark.stranger("17.B.1")
def test_every_module_but_the_programs_is_refused(monkeypatch):
    started = []
    for module in MODULES:
        monkeypatch.setattr(sys, "argv", ["-m", "--help"])
        monkeypatch.setattr(sys, "orig_argv", ["python", "-X", "dev", f"-m{module}", "--help"])
        with suppress(SystemExit):
            programs.check()
            started.append(module)
    assert started == ["inlay.__main__", "inlay.cli.evaluate", "inlay.cli.predict", "inlay.cli.train"]


@pytest.mark.stranger("17.B.1")
@pytest.mark.parametrize("module", ["inlay.runs.folder", "inlay.data.demo"])
def test_a_module_that_is_no_program_ends_with_a_line_and_status_1(module):
    done = subprocess.run([sys.executable, "-m", module], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {module} is no program. Those there are: `inlay --help`, or python -m inlay --help\n"
