"""A layer with its weights in the logic, between a shift register and result registers.

    x -> element 0 -> element 1 -> ...      two pins give a new vector every cycle

The results drive nothing. Between the two there is only the layer, with the registers of its pipeline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Instance, Module, Signal, Value

from hdl.constant.mvu import ConstantMVU

LAYER, TOP = "constant_layer", "constant_bench"


class Foreign(NamedTuple):
    """The Verilog of another generator, with the top module `da`, its pipeline stages and the width of each output."""

    text: str
    stages: int
    widths: list[int]


@dataclass(frozen=True, eq=False)
class ConstantLayer:
    """A layer with weights (outputs, inputs) of -1 and +1, and trits as inputs.

    `options` are the family and pipeline options of `hdl.constant.mvu.ConstantMVU`. A `foreign` layer is made by
    another generator instead.
    """

    weights: np.ndarray
    options: dict[str, Any]
    foreign: Foreign | None = None

    top = TOP
    settled = 0

    @property
    def stages(self) -> int:
        """The number of pipeline stages; 1 for combinational logic."""
        return max(1, self.foreign.stages) if self.foreign else self._unit().latency

    @property
    def _registers(self) -> int:
        """Registers between the shift register and the results. A pipeline of da4ml has one at each end."""
        if self.foreign:
            return self.foreign.stages + 1 if self.foreign.stages else 0
        return self._unit().latency - 1

    @property
    def width(self) -> int:
        """The bits of a result."""
        return self._unit().acc_width

    def _unit(self) -> ConstantMVU:
        return ConstantMVU(weights=self.weights, activation="ternary", **self.options)

    def modules(self) -> dict[str, str]:
        """The Verilog of the modules, by name."""
        return {LAYER: self._layer(), TOP: self._top()}

    def _layer(self) -> str:
        m, clk, x = Module(), Signal(name="clk"), Signal(2 * self.weights.shape[1], name="x")
        m.domains.sync = domain = ClockDomain(reset_less=True)
        m.d.comb += domain.clk.eq(clk)
        valid: Value = Const(1)
        for stage in range(self._registers):
            ahead, valid = valid, Signal(name=f"valid{stage}")
            m.d.sync += valid.eq(ahead)
        results = Signal(len(self.weights) * self.width, name="results", attrs={"keep": 1})
        found = self._foreign(m, x) if self.foreign else self._own(m, x)
        with m.If(valid):
            m.d.sync += results.eq(Cat(found))
        return _verilog(m, LAYER, [clk, x, results]) + (self.foreign.text if self.foreign else "")

    def _own(self, m: Module, x: Signal) -> list[Value]:
        unit = self._unit()
        m.d.comb += unit.i.payload.eq(x)
        found: list[Value] = unit.results(m, Const(1))
        return found

    def _foreign(self, m: Module, x: Signal) -> list[Value]:
        assert self.foreign is not None
        y, results, low = Signal(sum(self.foreign.widths), name="y"), [], 0
        clock = {"i_clk": ClockSignal()} if self.foreign.stages else {}
        m.submodules.da = Instance("da", **clock, i_model_inp=x, o_model_out=y)
        for width in self.foreign.widths:
            value = y[low:low + width].as_signed()
            results.append(Cat(value[min(bit, width - 1)] for bit in range(self.width)))
            low += width
        return results

    def _top(self) -> str:
        m, clk, pins = Module(), Signal(name="clk"), Signal(2, name="x")
        m.domains.sync = domain = ClockDomain(reset_less=True)
        m.d.comb += domain.clk.eq(clk)
        elements = Signal(2 * self.weights.shape[1], name="elements")
        m.d.sync += elements.eq(Cat(pins, elements[:-2]))
        m.submodules.layer = Instance(LAYER, a_keep=1, i_clk=ClockSignal(), i_x=elements)
        return _verilog(m, TOP, [clk, pins])

    def vectors(self) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Trits for each clock and the results after it. Most are random; at the end come extreme vectors."""
        rows, inputs = self.weights.shape
        trits = np.random.default_rng(1).integers(-1, 2, 2 * inputs + 200)
        extremes = [sign * self.weights[row, ::-1] for row in (0, rows - 1) for sign in (1, -1)]
        x = np.concatenate([trits, *extremes, np.zeros(self.stages + 4, dtype=np.int64)])
        padded = np.concatenate([np.zeros(inputs - 1, dtype=np.int64), x])
        history = np.lib.stride_tricks.sliding_window_view(padded, inputs)[:, ::-1]       # (cycles, inputs)
        dots = np.zeros((len(x), rows), dtype=np.int64)
        late = self._registers + 1
        dots[late:] = (history @ self.weights.T)[:len(x) - late]
        return {"x": x}, {"layer.results": _joined(dots, self.width)}


def _joined(values: np.ndarray, width: int) -> np.ndarray:
    """Each row of values as one number, with the first value in the low bits."""
    words = [sum((int(value) & (1 << width) - 1) << (width * k) for k, value in enumerate(row)) for row in values]
    return np.array(words, dtype=object)


def _verilog(m: Module, name: str, ports: list[Signal]) -> str:
    text = verilog.convert(m, name=name, ports=ports, emit_src=False)
    return re.sub(r"^\(\* (top|generator) *= .*\n", "", text, flags=re.MULTILINE)
