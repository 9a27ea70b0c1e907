"""The command for arrays on sizes that take seconds, and that a second run takes none."""

import csv
from pathlib import Path

import pytest

from benchmarks import arrays, harness
from benchmarks.harness import Harness
from benchmarks.popcount_array import PopcountArray
from benchmarks.tables import write_csv
from tbn_hw.shared.errors import DoesNotFit, Mismatch

SMALL = ["--simd", "4", "--array", "2", "4", "--seeds", "1", "2", "--forms", "portable", "--activations", "ternary"]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.mark.nextpnr
@pytest.mark.verilator
def test_arrays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--output", str(tmp_path), "--families", "ice40", "--tables", "tree", "placed", "--levels", "1", *SMALL]
    assert arrays.main(command) == 0
    (tree,), (placed,) = rows(tmp_path / "arrays_tree.csv"), rows(tmp_path / "arrays_placed.csv")
    assert 1 <= float(tree["LUT/MAC"]) <= float(tree["cells/MAC"]) < 4
    assert float(placed["slowest"]) <= float(placed["MHz"]) <= float(placed["fastest"])
    assert float(placed["MMAC/s/cell"]) == pytest.approx(8 * float(placed["MHz"]) / float(placed["cells"]), rel=0.02)
    assert int(placed["harness"]) == 2 * 4 + 2 * 4
    for name in ("tree", "placed"):
        assert (tmp_path / f"arrays_{name}.png").read_bytes().startswith(b"\x89PNG")
    first = capsys.readouterr().out
    assert "MMAC/s/cell" in first

    for step in ("synthesise", "json_netlist", "place_and_route", "check"):
        monkeypatch.setattr(harness, step, lambda *arguments, **options: pytest.fail("a step was run again"))
    assert arrays.main(command) == 0
    assert capsys.readouterr().out == first


@pytest.mark.yosys
@pytest.mark.verilator
def test_arrays_ratio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays, "RATIO_SIMD", 4)
    assert arrays.main(["--output", str(tmp_path), "--families", "xc7", "--tables", "ratio", "--forms", "mapped"]) == 0
    found = rows(tmp_path / "arrays_ratio.csv")
    assert [row["levels"] for row in found] == ["0", "4"]
    for row in found:
        assert float(row["ratio"]) == pytest.approx(int(row["ternary"]) / int(row["binary"]), rel=0.01)
        assert 0.9 < float(row["ratio"]) < 1.5


@pytest.mark.yosys
@pytest.mark.verilator
def test_arrays_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail(error: Exception) -> None:
        raise error

    command = ["--output", str(tmp_path), "--families", "ice40", "--tables", "placed", "--levels", "3", *SMALL]
    monkeypatch.setattr(Harness, "place", lambda *arguments: fail(Mismatch("placed.json is not what it was made from")))
    assert arrays.main(command) == 4
    assert capsys.readouterr().err == "error: placed.json is not what it was made from\n"
    monkeypatch.setattr(Harness, "place", lambda *arguments: fail(DoesNotFit("9000 ICESTORM_LC of 7680")))
    assert arrays.main(command) == 0
    assert " ".join(capsys.readouterr().err.split()).endswith("registers: left out; 9000 ICESTORM_LC of 7680")
    assert not (tmp_path / "arrays_placed.csv").exists()
    with pytest.raises(SystemExit, match="2"):
        arrays.main(["--families", "ecp6"])


@pytest.mark.yosys
@pytest.mark.verilator
def test_harness_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends in an error leaves nothing that a later run takes for a result."""
    def fail(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(harness, "synthesise", fail)
    with pytest.raises(KeyboardInterrupt):
        Harness(tmp_path).map("array", PopcountArray(1, 2, "binary", {"tree_levels": 0}), "xc7")
    assert not list(tmp_path.iterdir())


def test_write_csv(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [{"a": 1, "b": 2.34567, "c": None}, {"a": 12345, "b": 1234.5, "c": "x"}])
    assert (tmp_path / "a.csv").read_text() == "a,b,c\n1,2.35,\n12345,1234,x\n"
