"""The command that holds our bound on Gowin's clock to nextpnr, on one design."""

import csv
from pathlib import Path

import pytest

from benchmarks import gowin_timing


@pytest.mark.nextpnr
def test_gowin_timing(tmp_path: Path) -> None:
    assert gowin_timing.main(["--output", str(tmp_path), "--designs", "selections", "--boards", "tangnano20k"]) == 0
    with (tmp_path / "gowin_timing.csv").open() as file:
        row, = csv.DictReader(file)
    assert float(row["ratio"]) == pytest.approx(float(row["ours ns"]) / float(row["nextpnr ns"]), rel=0.01)
    assert 1 <= float(row["ratio"]) < 1.3
