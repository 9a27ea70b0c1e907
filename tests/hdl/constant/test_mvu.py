# amaranth: UnusedElaboratable=no

from graphlib import TopologicalSorter

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Cat, Elaboratable, Module, Signal, Value
from support.bench import run, signs_to_bits

from hdl.constant.logic import carry_rows
from hdl.constant.mvu import ConstantMVU
from hdl.constant.netlist import Lut
from hdl.families import CELL_FAMILIES
from sim.bench import PRIMITIVES
from tbn_hw.shared.errors import SynthesisError
from tbn_hw.tools import yosys

MODELS = {"ecp5": "+/ecp5/cells_sim.v", "gowin": "+/gowin/cells_sim.v", "ice40": "primitives.v",
          "xc7": "+/xilinx/cells_sim.v"}
"""Yosys's models, except for iCE40: Yosys takes minutes to read all of those."""


def make(seed, mh, mw, activation, *, bias=True, vectors=12, **options):
    """A component, its input values, and the results to expect."""
    rng = np.random.default_rng(seed)
    weights = rng.choice([-1, 1], (mh, mw))
    biases = rng.integers(-2 * mw, 2 * mw + 1, mh) if bias else None
    x = rng.integers(-1, 2, (vectors, mw)) if activation == "ternary" else rng.choice([-1, 1], (vectors, mw))
    x[0], x[1] = weights[0], -weights[-1]  # the ends of the range
    dut = ConstantMVU(weights=weights, activation=activation, bias=biases, **options)
    return dut, signs_to_bits(x) if activation == "binary" else x, x @ weights.T + (0 if biases is None else biases)


def check(dut, sent, results):
    result = run(dut, {"i": sent}, {"o": len(results)})
    np.testing.assert_array_equal(result.values["o"], results)
    assert result.latency() == dut.latency
    assert result.interval(1) == dut.interval == 1
    for number, stalls in enumerate(((0, 0.7), (0.7, 0), (0.4, 0.4))):
        result = run(dut, {"i": sent}, {"o": len(results)}, input_stalls=stalls[0], output_stalls=stalls[1],
                     seed=number)
        np.testing.assert_array_equal(result.values["o"], results)


@pytest.mark.parametrize("activation", ["binary", "ternary"])
@pytest.mark.parametrize("mh, mw, levels", [(1, 1, 0), (3, 2, 1), (4, 9, 0), (7, 16, 2), (10, 25, 3)])
def test_portable(activation, mh, mw, levels):
    check(*make(mw, mh, mw, activation, stage_levels=levels))


@pytest.mark.parametrize("family", ["portable", *MODELS])
def test_biases_of_all_sizes(family):
    """Rows of one input. Some biases need fewer bits than the widest result."""
    bias = np.array([24, -4, -47, -68, 38])
    weights, x = np.array([[1], [-1], [1], [-1], [1]]), np.array([[1], [-1]])
    dut = ConstantMVU(weights=weights, activation="binary", bias=bias, family=family, plain=True)
    check(dut, signs_to_bits(x), x @ weights.T + bias)


@pytest.mark.parametrize("family", MODELS)
@pytest.mark.parametrize("activation", ["binary", "ternary"])
@pytest.mark.parametrize("mh, mw, levels, rows", [
    (1, 1, 0, 2), (2, 2, 1, 2), (3, 3, 2, 1), (5, 8, 0, 3), (9, 16, 1, 2), (12, 21, 3, 2), (7, 40, 4, 1)])
def test_planned(family, activation, mh, mw, levels, rows):
    """Plans of every family, in blocks of five rows, with registers and stalls."""
    check(*make(mw, mh, mw, activation, family=family, stage_levels=levels, sharing_rows=rows, block_rows=5,
                bias=mw != 16, plain=True))


class Combinational(Elaboratable):
    """The output of a unit with the output register alone, for all inputs that are trits."""

    def __init__(self, wrong=False, **options):
        self.dut, _, _ = make(**options, stage_levels=0)
        self.wrong = wrong
        self.i, self.o = Signal(len(Value.cast(self.dut.i.payload))), Signal(len(Value.cast(self.dut.o.payload)))
        self.trits = options["activation"] == "ternary"

    def elaborate(self, platform):
        m = Module()
        legal = Cat(self.i[k] & ~self.wrong_trit(k) if k % 2 else self.i[k] for k in range(len(self.i)))
        m.d.comb += self.dut.i.payload.eq(legal if self.trits else self.i)
        results = self.dut.results(m, 1)
        m.d.comb += self.o.eq(Cat(results) ^ (self.wrong & self.i.all()))
        return m

    def wrong_trit(self, k):
        return ~self.i[k - 1]

    def rtlil(self, name):
        return rtlil.convert(self, name=name, ports=[self.i, self.o], emit_src=False)


def prove(tmp_path, gold, gate, family):
    """Prove that two modules compute the same for every input, with models of a family's cells."""
    for name, design in (("gold", gold), ("gate", gate)):
        (tmp_path / f"{name}.il").write_text(design.rtlil(name))
    (tmp_path / "primitives.v").write_text(PRIMITIVES.read_text())
    script = ["read_rtlil gold.il", "read_rtlil gate.il", f"read_verilog -overwrite {MODELS[family]}",
              "setattr -mod -unset top gold gate", "hierarchy", "proc", "flatten", "opt_clean",
              "miter -equiv -flatten gold gate miter", "sat -verify -prove trigger 0 -set-def-inputs miter"]
    (tmp_path / "prove.ys").write_text("\n".join(script))
    yosys.run("gate", "prove.ys", tmp_path)


@pytest.mark.parametrize("levels", [0, 1, 3])
@pytest.mark.parametrize(("mh", "mw"), [(4, 32), (16, 96)])
def test_no_cycle_of_cells(mh, mw, levels):
    """There is no cycle through whole CCU2Cs. Tools assume that each input of a CCU2C reaches all its outputs."""
    weights = np.random.default_rng(0).choice([-1, 1], (mh, mw))
    _, (block,) = ConstantMVU(weights=weights, activation="ternary", family="ecp5", stage_levels=levels).plan
    cells = [(cell.inputs, cell.outputs, None) for cell in block.netlist.cells if isinstance(cell, Lut)]
    for _, halves in carry_rows(block.netlist, levels):
        below = None
        for pair in zip(halves[::2], halves[1::2], strict=True):
            cells.append(([pin for half in pair for pin in half.pins], [half.output for half in pair], below))
            below = len(cells) - 1
    made = {output: k for k, (_, outputs, _) in enumerate(cells) for output in outputs if output is not None}
    ahead = {k: {made[pin] for pin in pins if pin in made} | ({below} - {None})
             for k, (pins, _, below) in enumerate(cells)}
    TopologicalSorter(ahead).prepare()  # raises CycleError


@pytest.mark.yosys
@pytest.mark.parametrize("family", MODELS)
def test_cells_equal_portable(tmp_path, family):
    """Proven by SAT for every input."""
    options = {"seed": 3, "mh": 3, "mw": 5, "activation": "ternary"}
    prove(tmp_path, Combinational(**options), Combinational(**options, family=family), family)


@pytest.mark.yosys
def test_proof_finds_a_mutant(tmp_path):
    options = {"seed": 3, "mh": 3, "mw": 5, "activation": "ternary"}
    with pytest.raises(SynthesisError):
        prove(tmp_path, Combinational(**options), Combinational(**options, family="ecp5", wrong=True), "ecp5")


@pytest.mark.parametrize("change, message", [
    ({"activation": "int8"}, "Activation must be 'binary' or 'ternary', not 'int8'"),
    ({"family": "ecp3"}, f"Family must be one of {', '.join(CELL_FAMILIES)}, not 'ecp3'"),
    ({"weights": np.array([[1, 0]])}, "Weights must be -1 or +1, not 0"),
    ({"weights": np.array([1, 1])}, "Weights must be a matrix (mh, mw), not of shape (2,)"),
    ({"weights": np.array([[1.0]])}, "Weights must be integers, not float64"),
    ({"bias": [1]}, "Bias must have one value for each of 2 rows, not shape (1,)"),
    ({"bias": [0.5, 1]}, "Bias must be integers, not float64"),
    ({"stage_levels": -1}, "Levels between registers must be a non-negative integer, not -1"),
    ({"block_rows": 0}, "Rows of a block must be a positive integer, not 0"),
    ({"sharing_rows": 0}, "Rows that share a sum must be a positive integer, not 0"),
])
def test_refused(change, message):
    parameters = {"weights": np.ones((2, 3), dtype=int), "activation": "ternary"} | change
    with pytest.raises((TypeError, ValueError)) as error:
        ConstantMVU(**parameters)
    assert str(error.value) == message
