"""Tables in LUTs: contents of a family's cells, proven against tables of plain logic, and the number of cells."""

import random

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Module, Mux, Signal
from amaranth.lib import memory

from hdl.lut_rom import DEPTHS, columns_of, is_mapped, lut_rom, luts_of
from sim.bench import PRIMITIVES
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import yosys


def random_rows(depth, width, seed=1):
    rng = random.Random(seed)
    return [rng.getrandbits(width) for _ in range(depth)]


class Tables(Elaboratable):
    """The rows of some tables at one address, in plain logic or in a family's cells.

    If `bounded`, addresses beyond the last row give 0."""

    def __init__(self, tables, width, family=None, bounded=True):
        self.tables, self.family, self.bounded = tables, family, bounded
        self.address = Signal(range(max(map(len, tables))))
        self.rows = [Signal(width, name=f"row{k}") for k in range(len(tables))]

    def elaborate(self, platform):
        m = Module()
        for number, (table, row) in enumerate(zip(self.tables, self.rows, strict=True)):
            if self.family is None:
                m.submodules += (rom := memory.Memory(shape=len(row), depth=1 << len(self.address), init=table))
                port = rom.read_port(domain="comb")
                m.d.comb += [port.addr.eq(self.address), row.eq(port.data)]
            else:
                m.submodules[f"cells{number}"] = cells = Module()
                found = lut_rom(cells, table, len(row), self.address[:(len(table) - 1).bit_length()], self.family)
                m.d.comb += row.eq(Mux(self.address < len(table), found, 0) if self.bounded else found)
        return m

    def rtlil(self, name):
        return rtlil.convert(self, name=name, ports=[self.address, *self.rows], emit_src=False)


def prove(folder, gold, gate, models="ours.v"):
    (folder / "ours.v").write_text(PRIMITIVES.read_text())
    (folder / "gold.il").write_text(gold.rtlil("gold"))
    (folder / "gate.il").write_text(gate.rtlil("gate"))
    (folder / "prove.ys").write_text(f"""
        read_rtlil gold.il; read_rtlil gate.il; read_verilog -overwrite {models}
        setattr -mod -unset top gold gate
        hierarchy; proc; memory_map; flatten; opt; miter -equiv -flatten gold gate miter
        sat -verify -prove trigger 0 -set-def-inputs miter
    """)
    yosys.run("gate", "prove.ys", folder)


@pytest.mark.yosys
@pytest.mark.parametrize("family, models, depths", [
    ("ecp5", "ours.v", (17, 32, 36, 72, 128, 129, 200, 640)), ("ecp5", "+/ecp5/cells_sim.v", (72,)),
    ("gowin", "ours.v", (17, 32, 36, 72, 128, 129, 200, 640)), ("gowin", "+/gowin/cells_sim.v", (72,)),
    ("ice40", "ours.v", (25, 36, 48, 65, 300)), ("xc7", "ours.v", (9, 31, 32))])
def test_rows(tmp_path, family, models, depths):
    tables = []
    for depth in depths:
        rows = [row | (row & 1) << 5 | 0b11 << 7 for row in random_rows(depth, 5)]  # equal columns, and constant ones
        rows[-5:] = [row & 0x1FB for row in rows[-5:]]  # and one that ends in zeros
        tables.append(rows)
        assert is_mapped(family, depth)
    prove(tmp_path, Tables(tables, 9), Tables(tables, 9, family), models)


@pytest.mark.yosys
@pytest.mark.parametrize("family", DEPTHS)
def test_proof_finds_a_wrong_bit(tmp_path, family):
    rows = random_rows(30, 5)
    wrong = [*rows[:-1], rows[-1] ^ 0b100]
    with pytest.raises(SynthesisError):
        prove(tmp_path, Tables([rows], 5), Tables([wrong], 5, family))


@pytest.mark.yosys
@pytest.mark.parametrize("family, columns", [
    ("ecp5", {32: 2, 64: 4, 80: 6, 128: 8, 256: 17}), ("gowin", {32: 2, 64: 4, 80: 6, 128: 8, 256: 17}),
    ("ice40", {32: 3, 64: 6, 128: 13, 256: 26}), ("xc7", {32: 0.5})])
def test_luts(tmp_path, family, columns):
    """LUTs a column of random rows; synthesis finds the same number."""
    tables = [random_rows(depth, 12) for depth in columns]
    assert [luts_of(table, 12, family) / 12 for table in tables] == list(columns.values())
    text = Tables(tables, 12, family, bounded=False).rtlil("tables")
    assert synthesise({"tables": text}, family, tmp_path)["total"]["lut"] == sum(columns.values()) * 12


@pytest.mark.parametrize("family", ("ecp5", "gowin", "ice40"))
def test_columns_share_short_ends(family):
    """Columns with equal last rows, the few behind the last full LUT, share one LUT for these."""
    a_column = 2 + (2 if family == "ice40" else 1)
    assert luts_of(random_rows(36, 300), 300, family) <= a_column * 300 + 16
    assert luts_of([0b111 * (row & 1) for row in random_rows(36, 1)], 3, family) == luts_of(
        random_rows(36, 1), 1, family)


def test_columns():
    rows = random_rows(50, 9)
    columns = columns_of(rows, 9)
    assert [sum((column >> k & 1) << j for j, column in enumerate(columns)) for k in range(50)] == rows


def test_families():
    assert not is_mapped("portable", 64)
    assert all(is_mapped(family, most) and not is_mapped(family, most + 1) and not is_mapped(family, least - 1)
               for family, (least, most) in DEPTHS.items())
