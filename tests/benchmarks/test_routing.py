"""The command for place and route as a device fills, on blocks that take seconds."""

import csv
from pathlib import Path

import pytest

from benchmarks import routing

pytestmark = pytest.mark.nextpnr


def test_routing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routing, "PE", 2)
    monkeypatch.setattr(routing, "SIMD", 4)
    assert routing.main(["--output", str(tmp_path), "--blocks", "3", "1"]) == 0
    with (tmp_path / "routing.csv").open() as file:
        one, three = csv.DictReader(file)
    assert (one["blocks"], three["blocks"]) == ("1", "3")
    for key in ("LUT", "FF"):
        assert int(three[key]) == 3 * int(one[key]) > 0
    assert float(one["GB"]) <= float(three["GB"]) < 16
    for found in (one, three):
        assert int(found["LUT"]) <= int(found["cells"]) and float(found["MHz"]) > 50
