import csv
import io

import pytest

from inlay.files import csv_bytes, csv_rows

FORMULAS = ["=cmd|' /C calc'!A0", "+1+2", "-2+3", "@SUM(1)", "\t=1", "\r=1", "\uff1d1"]


@pytest.mark.stranger("A.4")
@pytest.mark.parametrize("cell", [*FORMULAS, "'=1", "''=1", "'quoted'", "a, b", 'c\n"d"', "", "-", "grün"])
def test_no_spreadsheet_computes_what_somebody_wrote_and_it_is_read_as_it_was(cell):
    shown = next(csv.reader(io.StringIO(csv_bytes([[cell]]).decode(), newline="")), [""])[0]
    assert cell not in FORMULAS or shown == f"'{cell}"
    assert csv_rows(csv_bytes([["=name", "b"], [cell, "x"]])) == [{"=name": cell, "b": "x"}]


@pytest.mark.parametrize("number", [-0.5, "-0.5", "+1e-05", "-inf", -3, None])
def test_numbers_stay_numbers(number):
    assert csv_bytes([[number, 1]]) == f"{'' if number is None else number},1\r\n".encode()


@pytest.mark.stranger("B.19")
def test_half_a_line_is_no_row():
    assert (csv_rows(b"a,b\r\n1,2\r\n3,"), csv_rows(b'a,b,c\r\n1,"x\n')) == ([{"a": "1", "b": "2"}], [])
    assert csv_rows(b"") == csv_rows(b"a,b") == []


@pytest.mark.parametrize("content", [b"a,b\n1\n1,2\n", b"a\n\xff\n", b"a\n" + b"x" * 200_000 + b"\n"])
def test_another_file_is_no_table(content):
    with pytest.raises(ValueError):  # noqa: PT011 -- the caller names the file
        csv_rows(content)
