# amaranth: UnusedElaboratable=no
"""Circuits of a family's cells other than counts, proven equal to plain logic."""

import pytest
from amaranth.back import rtlil
from amaranth.hdl import Elaboratable, Module, Mux, Shape, Signal, signed, unsigned
from support.equivalence import models, prove

from hdl.cells import gated_sum
from tbn_hw.shared.errors import SynthesisError

pytestmark = pytest.mark.yosys


class Sum(Elaboratable):
    """`(0 if clear else total) + addend + carry`, in plain logic or in cells."""

    def __init__(self, width, shape, cells, wrong=False):
        self.total, self.addend = Signal(signed(width)), Signal(shape)
        self.clear, self.carry, self.o = Signal(), Signal(), Signal(width)
        self.cells, self.wrong = cells, wrong

    def elaborate(self, platform):
        m = Module()
        clear = self.clear ^ (self.wrong & self.total.all())
        if self.cells:
            m.d.comb += self.o.eq(gated_sum(m, self.total, clear, self.addend, self.carry))
        else:
            m.d.comb += self.o.eq(Mux(clear, 0, self.total) + self.addend + self.carry)
        m.d.sync += Signal().eq(1)
        return m

    def rtlil(self, name):
        ports = [self.total, self.addend, self.clear, self.carry, self.o]
        return rtlil.convert(self, name=name, ports=ports, emit_src=False)


@pytest.mark.parametrize(("width", "shape"), [(2, unsigned(1)), (4, unsigned(2)), (7, unsigned(7)), (8, signed(3)),
                                              (9, unsigned(6))], ids=str)
def test_gated_sum(tmp_path, width, shape):
    gold, gate = (Sum(width, Shape.cast(shape), cells).rtlil(name) for name, cells in (("gold", False), ("gate", True)))
    prove(tmp_path, gold, gate, models(tmp_path, "ecp5"))


def test_proof_of_gated_sum_finds_a_mutant(tmp_path):
    gold, gate = Sum(6, unsigned(4), False), Sum(6, unsigned(4), True, wrong=True)
    with pytest.raises(SynthesisError, match="unproven"):
        prove(tmp_path, gold.rtlil("gold"), gate.rtlil("gate"), models(tmp_path, "ecp5"))
