"""The table of memories: `hdl.rom` uses the measured figures."""

import csv

import pytest

from benchmarks.memories import break_even, main


@pytest.mark.yosys
def test_memories(tmp_path, capsys):
    assert main(["--families", "ice40", "--depths", "64", "16", "--output", str(tmp_path)]) == 0
    with (tmp_path / "memories.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["depth"] for row in rows] == ["16", "64"]
    assert rows[0]["cells LUT"] == "" and float(rows[0]["counted LUT"]) == 1 <= float(rows[0]["inferred LUT"]) <= 1.1
    assert float(rows[1]["cells LUT"]) == float(rows[1]["counted LUT"]) == 6 < float(rows[1]["inferred LUT"])
    assert all(row["block RAMs"] == row["counted blocks"] for row in rows)
    assert (tmp_path / "memories.png").read_bytes().startswith(b"\x89PNG")
    assert "pays from 64 rows on" in capsys.readouterr().out


def test_break_even():
    rows = [{"depth": depth, "inferred LUT": depth / 4, "cells LUT": depth / 8, "block LUT": 10.0}
            for depth in (8, 64, 96)]
    assert break_even(rows, 1) == 96
    assert break_even(rows, 0.5) == 64
    assert break_even(rows, 2) is None
