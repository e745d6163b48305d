"""Spreadsheets show the text of tables, and never evaluate it."""

import csv
import io

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skpneumo.cli._tables import csv_rows, open_table, plain_cell, write_frame

FORMULAS = ["=cmd|' /C calc'!A0", "+1+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1"]


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_are_shown_as_text(text):
    assert plain_cell(text) == f"'{text}"


@pytest.mark.parametrize("value", ["a.png", "/data/=.png", "", "-1", "+1.5e3", None, -2, np.nan])
def test_everything_else_is_left_as_it_is(value):
    assert plain_cell(value) is value


@given(st.text())
def test_the_text_can_be_restored(text):
    cell = plain_cell(text)
    if cell != text:
        assert cell[1:] == text
    else:
        assert not (cell.startswith("'") and plain_cell(cell[1:]) == cell)


@pytest.mark.parametrize("text", FORMULAS)
def test_every_way_to_a_table_escapes_cells_and_header(text, tmp_path):
    stream = io.StringIO(newline="")
    csv_rows(stream, [text])([text])
    with open_table(tmp_path / "rows.csv", [text]) as write_row:
        write_row([text])
    write_frame(pd.DataFrame({text: [text]}), tmp_path / "frame.csv")
    written = [stream.getvalue()]
    written += [(tmp_path / name).read_bytes().decode() for name in ("rows.csv", "frame.csv")]
    for table in written:
        assert list(csv.reader(io.StringIO(table, newline=""))) == [[f"'{text}"]] * 2


def test_a_frame_keeps_its_numbers(tmp_path):
    frame = pd.DataFrame({"metric": ["recall", "x,y"], "value": [0.1 + 0.2, np.nan], "n": [3, -4]})
    write_frame(frame, tmp_path / "frame.csv")
    pd.testing.assert_frame_equal(pd.read_csv(tmp_path / "frame.csv"), frame)
