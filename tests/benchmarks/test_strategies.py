"""The arrays of the strategies chart as netlists, and the chart's own numbers."""

import pytest
from amaranth.hdl import Module, Signal

from benchmarks.formats import FORMATS
from benchmarks.formats.carry import Sum, add, bit, real
from benchmarks.formats.measure import Cost, check
from benchmarks.formats.modules import ARRAY, modules
from benchmarks.strategies import chart, table, write
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.shared.errors import Mismatch


def synthesised(array, folder):
    figures = synthesise({ARRAY: modules(array)[ARRAY]}, array.family, folder, 1)["modules"][ARRAY]
    return figures, folder / f"{ARRAY}.v"


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.parametrize(("family", "name"), [
    ("ecp5", "int8"), ("ecp5", "TWN"), ("ecp5", "BWN"), ("ecp5", "TNN"), ("ecp5", "TBN"), ("ecp5", "XNOR-Net"),
    ("xc7", "BWN"), ("xc7", "TWN"), ("xc7", "TNN")])  # the chart's own run checks the others, and all sizes in it
def test_netlist(family, name, tmp_path):
    array = FORMATS[name](pe=2, simd=4, family=family)
    figures, netlist = synthesised(array, tmp_path)
    assert figures["lut"] > 0
    assert figures["dsp"] == figures["bram"] == 0
    assert check(array, netlist, tmp_path, runs=8) == 8 * 4 * 2


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
@pytest.mark.parametrize("family", ["ecp5", "xc7"])
def test_netlist_float32(family, tmp_path):
    array = FORMATS["float32"](pe=1, simd=1, family=family)
    figures, netlist = synthesised(array, tmp_path)
    assert figures["dsp"] == 0
    assert check(array, netlist, tmp_path, runs=8) == 8 * 4 * array.interleave


@pytest.mark.yosys
@pytest.mark.verilator
def test_netlist_wrong(tmp_path):
    """A netlist with one LUT of another function is found out."""
    array = FORMATS["BWN"](pe=1, simd=2, family="ecp5")
    _, netlist = synthesised(array, tmp_path)
    text = netlist.read_text()
    place = text.index(".INIT1(16'h") + len(".INIT1(16'h")
    netlist.write_text(text[:place] + f"{int(text[place:place + 4], 16) ^ 0xFFFF:04x}" + text[place + 4:])
    with pytest.raises(Mismatch, match=r"^BWN on ecp5: cycle \d+ of run 0 must be 0x\w+, not 0x\w+$"):
        check(array, netlist, tmp_path, runs=2)


def test_cost():
    cost = Cost("TBN", "ecp5", 4, 64, lut=500, ff=600, checked=1, cells=512, mhz=200.0, least_mhz=190.0, most_mhz=210.0,
                seeds=3)
    assert (cost.macs, cost.area, cost.area_per_mac) == (256, 600, 600 / 256)  # flip-flops need more places than LUTs
    assert cost.gmacs == pytest.approx(10_000 * 256 / 600 * 0.2)
    assert Cost("TBN", "xc7", 4, 64, lut=500, ff=600, checked=1).area == 500


def test_report(tmp_path):
    costs = [Cost(name, family, 4, 64, lut=lut, ff=0, checked=1, mhz=mhz)
             for name, lut in (("float32", 256_000), ("TBN", 512)) for family, mhz in (("ecp5", 200.0), ("xc7", None))]
    write(costs, tmp_path / "costs.csv")
    header, *rows = (line.split(",") for line in (tmp_path / "costs.csv").read_text().splitlines())
    assert [row[header.index("gmacs")] for row in rows] == ["2.0", "", "1000.0", ""]
    assert table(costs)[2:] == [
        "| float32 x float32 | 4 x 64 | 1,000 | 200 | 2.00 | 1x | 1,000 | 10.0 |",
        "| TBN: ternary x binary | 4 x 64 | 2.00 | 200 | 1,000 | 500x | 2.00 | 5,000 |"]
    chart(costs, tmp_path / "chart.png")
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG")


def test_add_wrong():
    five = [Signal(name=f"s{k}") for k in range(5)]
    with pytest.raises(ValueError, match="^Half a CCU2C cannot add the functions .* of 5 signals$"):
        add(Module(), "ecp5", [Sum([bit(lambda a, b, c: a & (b ^ c), *five[:3])],
                                   [bit(lambda a, b: a & b, *five[3:])])])
    with pytest.raises(ValueError, match="^A LUT6 cannot add functions of 6 signals$"):
        add(Module(), "xc7", [Sum([bit(lambda a, b, c: a & (b ^ c), *five[:3])],
                                  [bit(lambda a, b, c: a & b ^ c, *five[3:], Signal())])])
    with pytest.raises(ValueError, match="^Family must be one of portable, ecp5, xc7, not 'ice40'$"):
        add(Module(), "ice40", [Sum(real(five[0]), real(five[1]))])
