import io
import logging
import sys
from pathlib import Path

import pytest
from rich.table import Table

from inlay.errors import BadFile, reported
from inlay.printing import LogFormatter, PrintableStream, code, console, markdown, printable, say, tee

HOSTILE = "a\x1b[31mb\x07c\u202ed\x9b2Je\rf\udcff"
SHOWN = r"a\x1b[31mb\x07c\u202ed\x9b2Je\rf\udcff"


@pytest.mark.stranger("A.4")
def test_controls_and_turns_of_direction_are_shown_as_escapes_and_letters_of_all_languages_and_lines_stay():
    assert printable(HOSTILE) == SHOWN
    kept = "naïve 東京\u3000नम\u200dस्ते 🏳️\u200d🌈\n\tnext"
    assert printable(kept) == kept


@pytest.mark.stranger("A.4")
def test_the_name_of_a_file_cannot_begin_another_line(capsys):
    say(Path("a\nerror: all is lost"))
    assert capsys.readouterr().out == "a\\nerror: all is lost\n"


@pytest.mark.stranger("A.4")
def test_an_error_that_names_a_hostile_file_is_a_neutral_line(capsys):
    with pytest.raises(SystemExit), reported():
        raise BadFile(HOSTILE, "no picture")
    assert capsys.readouterr().err == f"error: {SHOWN}: no picture\n"


@pytest.mark.stranger("A.4")
def test_the_log_is_neutral_and_keeps_its_own_lines():
    record = logging.LogRecord("inlay", logging.INFO, "", 0, "%s:\n%d", (Path(f"{HOSTILE}\nx"), 3), None)
    assert LogFormatter("%(message)s").format(record) == f"{SHOWN}\\nx:\n3"
    assert HOSTILE in record.getMessage()


@pytest.mark.stranger("A.4")
def test_tables_in_color_hold_no_escapes_but_their_own():
    out, table = io.StringIO(), Table("name")
    table.add_row("a\x1b[32mb\u202ec [/red]", style="red")
    console(file=out, force_terminal=True, width=80).print(table)
    assert "\x1b[31ma\\x1b[32mb\\u202ec [/red]\x1b[0m" in out.getvalue()


@pytest.mark.stranger("A.4")
def test_what_a_library_writes_of_a_visit_is_neutral():
    out = io.StringIO()
    print(f"Value: {HOSTILE}", file=PrintableStream(out))
    assert out.getvalue() == f"Value: {SHOWN}\n"


@pytest.mark.stranger("A.4")
def test_markdown_shows_marks_as_they_are_and_code_cannot_be_left():
    hostile = "<img src=x onerror=alert(1)> [a](b) `c`\n\n# d\x1b[31m\u202e"
    assert markdown(hostile) == (r"\<img src=x onerror=alert(1)\> \[a\](b) \`c\` \# d\\x1b\[31m\\u202e")
    assert code(hostile) == r"`<img src=x onerror=alert(1)> [a](b) 'c' # d\x1b[31m\u202e`"


@pytest.mark.stranger("B.4")
def test_what_is_printed_is_kept_by_whole_lines(tmp_path, capsys):
    log = tmp_path / "train.log"
    log.write_text("earlier\n")
    with tee(log):
        print("a table\n")
        sys.stderr.write("\rtraining:  10%")
        sys.stderr.write("\rtraining: 100%\n\x1b[A\n")
        sys.stdout.write("not at an end")
    assert log.read_text() == "earlier\na table\n\ntraining: 100%\n"
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("a table\n\nnot at an end", "\rtraining:  10%\rtraining: 100%\n\x1b[A\n")
    with pytest.raises(ValueError, match="a defect"), tee(log):
        raise ValueError("a defect")
    assert log.read_text().endswith("ValueError: a defect\n")
