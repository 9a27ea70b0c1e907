# amaranth: UnusedElaboratable=no
"""Counting circuits: in plain logic against Python's sum, and each family's cells against plain logic."""


import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Cat, Elaboratable, Module, Signal
from amaranth.sim import Simulator
from support.equivalence import models, prove

from hdl.cells import build
from hdl.counting import count_products
from hdl.families import CELL_FAMILIES
from hdl.schedule import FUNCTIONS
from sim.bench import PRIMITIVES
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import yosys

WIRES = {"ternary": 3, "binary": 2, "wire": 1}


class Counter(Elaboratable):
    """The schedule of one family, built from the cells of another."""

    def __init__(self, kind, count, levels, schedule_of, cells_of, wrong=False):
        self.schedule, self.more = count_products(schedule_of, kind, count, levels)
        self.i = Signal(WIRES[kind] * count)
        self.o = Signal(len(self.schedule.outputs))
        self.enable = Signal(init=1)
        self.cells_of, self.wrong = cells_of, wrong

    def elaborate(self, platform):
        m = Module()
        outputs = build(m, self.schedule, list(self.i), self.enable, self.cells_of)
        m.d.comb += self.o.eq(Cat(outputs) ^ (self.wrong & self.i.all()))
        if self.schedule.stages == 0:
            m.d.sync += Signal().eq(1)
        return m

    def rtlil(self, name):
        return rtlil.convert(self, name=name, ports=[self.i, self.o, self.enable], emit_src=False)


@pytest.mark.parametrize("family", CELL_FAMILIES)
@pytest.mark.parametrize("kind", WIRES)
@pytest.mark.parametrize("count, levels", [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2), (7, 3), (8, 1), (9, 4), (16, 2),
                                           (27, 3), (36, 2), (64, 1), (65, 4), (100, 3)])
def test_counts(family, kind, count, levels):
    dut = Counter(kind, count, levels, family, "portable")
    rng, wires = np.random.default_rng(count), WIRES[kind]
    vectors = rng.integers(0, 2, (30, count * wires))
    vectors[0], vectors[1] = 0, 1
    expected = [sum(FUNCTIONS[kind](*map(int, row[wires * k:wires * (k + 1)])) for k in range(count))
                for row in vectors]

    async def bench(ctx):
        latency, found = dut.schedule.stages, []
        for cycle in range(len(vectors) + latency):
            row = vectors[min(cycle, len(vectors) - 1)]
            ctx.set(dut.i, sum(int(bit) << k for k, bit in enumerate(row)))
            value = ctx.get(dut.o)
            if cycle >= latency:
                width = len(dut.o) - dut.more
                found.append(value % (1 << width) + (value >> width))
            await ctx.tick()
        assert found == expected

    simulator = Simulator(dut)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    assert bool(dut.more) == (count in (4, 8, 16, 64))


@pytest.mark.yosys
@pytest.mark.parametrize("family", CELL_FAMILIES[1:])
@pytest.mark.parametrize("kind, count", [("ternary", 3), ("ternary", 11), ("ternary", 64), ("binary", 8),
                                         ("binary", 27), ("wire", 36)])
def test_cells_equal_plain_logic(tmp_path, family, kind, count):
    gold, gate = (Counter(kind, count, 0, family, cells) for cells in ("portable", family))
    prove(tmp_path, gold.rtlil("gold"), gate.rtlil("gate"), models(tmp_path, family))


@pytest.mark.yosys
@pytest.mark.parametrize("family", CELL_FAMILIES[1:])
def test_family_counts_as_portable(tmp_path, family):
    """A SAT proof of each family's circuit against the portable one. It uses no knowledge of the wires inside."""
    gold, gate = (Counter("ternary", 5, 0, of, of).rtlil(name) for of, name in (("portable", "gold"), (family, "gate")))
    for name, text in (("gold", gold), ("gate", gate)):
        (tmp_path / f"{name}.il").write_text(text)
    script = ["read_rtlil gold.il", "read_rtlil gate.il", f"read_verilog -overwrite {models(tmp_path, family)}",
              "setattr -mod -unset top gold gate", "hierarchy", "proc", "flatten", "opt_clean",
              "miter -equiv -flatten gold gate miter", "sat -verify -prove trigger 0 -set-def-inputs miter"]
    (tmp_path / "prove.ys").write_text("\n".join(script))
    yosys.run("gate", "prove.ys", tmp_path)


@pytest.mark.yosys
@pytest.mark.parametrize("family", CELL_FAMILIES[1:])
def test_proof_finds_a_mutant(tmp_path, family):
    gold, gate = (Counter("ternary", 7, 0, family, family, wrong) for wrong in (False, True))
    with pytest.raises(SynthesisError, match="Found 1 unproven"):
        prove(tmp_path, gold.rtlil("gold"), gate.rtlil("gate"), models(tmp_path, family))


@pytest.mark.yosys
@pytest.mark.parametrize("family, cells", [("ecp5", ["LUT4", "CCU2C"]), ("gowin", ["LUT4"]), ("ice40", ["SB_LUT4"]),
                                           ("xc7", ["LUT6_2", "CARRY4"])])
def test_simulation_models(tmp_path, family, cells):
    """Our models of the cells equal those of Yosys. The proof is in a circuit that uses them."""
    text = Counter("ternary", 11, 0, family, family).rtlil("gate")
    assert all(f"cell \\{cell} " in text for cell in cells)
    (tmp_path / "in.il").write_text(text)
    (tmp_path / "ours.v").write_text(PRIMITIVES.read_text())
    script = [f"read_rtlil in.il\nread_verilog -overwrite {model}\nhierarchy -top gate\nproc\nflatten\nopt_clean\n"
              f"rename gate {name}\nwrite_rtlil {name}.il\ndesign -reset\n"
              for name, model in (("gold", "ours.v"), ("gate_", models(tmp_path, family)))]
    (tmp_path / "read.ys").write_text("".join(script))
    yosys.run("gate", "read.ys", tmp_path)
    gold, gate = ((tmp_path / f"{name}.il").read_text() for name in ("gold", "gate_"))
    prove(tmp_path, gold, gate.replace("\\gate_", "\\gate"), "ours.v")


@pytest.mark.yosys
@pytest.mark.slow
@pytest.mark.parametrize("family, mapped, portable", [
    ("ecp5", 2.1, 2.8), ("gowin", 2.1, 2.8), ("ice40", 2.75, 2.8), ("xc7", 1.45, 2.45)])
def test_cost(tmp_path, family, mapped, portable):
    """LUTs a multiply-accumulate of 64 lanes."""
    modules = {name: Counter("ternary", 64, 4, of, of).rtlil(name)
               for name, of in (("mapped", family), ("portable", "portable"))}
    found = synthesise(modules, family, tmp_path)["modules"]
    assert found["mapped"]["lut"] / 64 <= mapped
    assert found["portable"]["lut"] / 64 <= portable
