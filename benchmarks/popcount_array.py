"""An array of PE x SIMD products with accumulators. Its harness needs only a few pins, at any size.

Elements and weights come from shift registers, without other logic:

    x -> element 0 -> element 1 -> ...                    gives a new vector every cycle
    w -> weight 0 of row 0 -> weight 1 of row 0 -> ...    goes through all rows

The accumulators drive nothing. Each row is a module of its own, and its instances are kept. A row only counts the
products that are +1. With ternary elements its result is `2 * accumulator - total`. The total counts the nonzero
elements, once for all rows. With binary elements the result is `2 * accumulator - SIMD * cycles`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Const, Instance, Module, Signal
from amaranth.lib import data

from benchmarks.naive import NaiveDotProduct
from hdl.dot_product import DotProduct, SharedCount, accumulated, shared_bit
from hdl.stream import BINARY, TRIT

ACC_BITS = 16
ROW, TOTAL, TOP = "popcount_row", "popcount_total", "popcount_array"


@dataclass(frozen=True)
class PopcountArray:
    """`pe` rows of `simd` products a cycle. `activation` is "ternary" or "binary".

    `tree` holds the parameters of the dot products and of the shared count: family and registers. The family "naive"
    takes the dot products of `benchmarks.naive`; the accumulators then hold the results themselves.
    """

    pe: int
    simd: int
    activation: str
    tree: dict[str, Any] = field(default_factory=dict)
    top: str = TOP

    @property
    def lanes(self) -> int:
        """Multiply-accumulates a cycle."""
        return self.pe * self.simd

    @property
    def harness_ff(self) -> int:
        """The number of flip-flops that hold elements and weights."""
        return self.simd * len(self._sample()) + self.lanes

    @property
    def element(self) -> Any:
        return TRIT if self.activation == "ternary" else BINARY

    @property
    def naive(self) -> bool:
        return self.tree.get("family") == "naive"

    @property
    def shared(self) -> bool:
        """Whether one count of nonzero elements serves all rows."""
        return self.activation == "ternary" and not self.naive

    def dot_product(self) -> Any:
        """The dot product of one row."""
        if self.naive:
            return NaiveDotProduct(layout=data.ArrayLayout(self.element, self.simd), activation=self.activation)
        return DotProduct(layout=data.ArrayLayout(self.element, self.simd), activation=self.activation,
                          weight_kind="binary", **self.tree)

    @cached_property
    def latency(self) -> int:
        """Cycles from an element or weight in its register to the accumulator after counting it."""
        return self.dot_product().latency + 1

    @property
    def settled(self) -> int:
        """After this many clocks the trees hold nothing of their registers' initial values."""
        return self.latency

    @property
    def accumulators(self) -> list[str]:
        """The names of the accumulators. Each has ACC_BITS bits."""
        shared = [f"total.{TOTAL}_accumulator"] if self.shared else []
        return [f"row{k}.{ROW}_accumulator" for k in range(self.pe)] + shared

    def modules(self) -> dict[str, str]:
        """The Verilog of the modules by name, with that of TOP."""
        texts = {ROW: self._row()}
        if self.shared:
            texts[TOTAL] = self._total()
        return {**texts, TOP: self._top()}

    def _row(self) -> str:
        m, dot = Module(), self.dot_product()
        x, w = Signal(self.simd * len(self._sample()), name="x"), Signal(self.simd, name="w")
        m.submodules.dot = dot
        m.d.comb += [Cat(dot.x).eq(x), Cat(dot.w).eq(w)]
        return _accumulated(m, ROW, dot, [x, w])

    def _total(self) -> str:
        m, shared = Module(), SharedCount(count=self.simd, activation=self.activation,
                                            weight_kind="binary", **self.tree)
        bits = Signal(self.simd, name="bits")
        m.submodules.shared = shared
        m.d.comb += shared.bits.eq(bits)
        return _accumulated(m, TOTAL, shared, [bits])

    def _sample(self) -> Signal:
        return Signal(self.element)

    def _top(self) -> str:
        m, clk = Module(), Signal(name="clk")
        m.domains.sync = domain = ClockDomain(reset_less=True)
        m.d.comb += domain.clk.eq(clk)
        x_in, w_in = Signal(len(self._sample()), name="x"), Signal(name="w")
        x = [Signal(self.element, name=f"x{j}") for j in range(self.simd)]
        m.d.sync += [Cat(x).eq(Cat(x_in, *x[:-1]))]
        w = Signal(self.lanes, name="weights")
        m.d.sync += w.eq(Cat(w_in, w[:-1]))
        for k in range(self.pe):
            m.submodules[f"row{k}"] = Instance(ROW, a_keep=1, i_clk=ClockSignal(), i_x=Cat(x),
                                               i_w=w.word_select(k, self.simd))
        if self.shared:
            bits = [shared_bit(self.activation, "binary", element) for element in x]
            m.submodules.total = Instance(TOTAL, a_keep=1, i_clk=ClockSignal(), i_bits=Cat(bits))
        return _verilog(m, TOP, [clk, x_in, w_in])

    def vectors(self, seed: int = 1) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Random inputs for each clock, and what the accumulators hold after it. All registers are filled."""
        random, cycles = np.random.default_rng(seed), self.lanes + self.latency + 100
        x = random.integers(-1 if self.activation == "ternary" else 0, 2, cycles)
        w = random.integers(0, 2, cycles)
        return {"x": x, "w": w}, dict(zip(self.accumulators, self.expected(x, w).T, strict=True))

    def expected(self, x: np.ndarray, w: np.ndarray) -> np.ndarray:
        """What each accumulator has counted after each cycle, since it was settled: (cycles, accumulators).

        A column is a row of the array; one more is the shared total, if there is one. `x` (cycles,) are trits, or bits
        with 1 for -1, and `w` (cycles,) are bits with 1 for -1, in the order in which they enter the registers.
        """
        elements, rows = _history(x, self.simd), _history(w, self.lanes).reshape(len(x), self.pe, self.simd)
        if self.activation == "ternary":
            positive = (elements[:, None, :] != 0) & ((elements[:, None, :] < 0) == (rows == 1))
        else:
            positive = elements[:, None, :] == rows
        counts = positive.sum(axis=2)
        if self.naive:
            products = (elements != 0).sum(axis=1) if self.activation == "ternary" else self.simd
            counts = 2 * counts - np.reshape(products, (-1, 1))
        if self.shared:
            counts = np.concatenate([counts, (elements != 0).sum(axis=1)[:, None]], axis=1)
        late = np.zeros_like(counts)
        late[self.settled:] = np.cumsum(counts, axis=0)[:len(x) - self.settled]
        return late % (1 << ACC_BITS)


def _history(values: np.ndarray, depth: int) -> np.ndarray:
    """What a shift register, zero at first, holds after each cycle: (cycles, depth), the newest value first."""
    padded = np.concatenate([np.zeros(depth - 1, dtype=np.int8), np.asarray(values, dtype=np.int8)])
    return np.lib.stride_tricks.sliding_window_view(padded, depth)[:, ::-1]


def _accumulated(m: Module, name: str, counter: Any, ports: list[Signal]) -> str:
    clk, accumulator = Signal(name="clk"), Signal(ACC_BITS, name=f"{name}_accumulator", attrs={"keep": 1})
    m.domains.sync = domain = ClockDomain(reset_less=True)
    m.d.comb += [domain.clk.eq(clk), counter.enable.eq(Const(1))]
    m.d.sync += accumulator.eq(accumulated(accumulator, counter))
    return _verilog(m, name, [clk, *ports, accumulator])


def _verilog(m: Module, name: str, ports: list[Signal]) -> str:
    text = verilog.convert(m, name=name, ports=ports, emit_src=False)
    return re.sub(r"^\(\* (top|generator) *= .*\n", "", text, flags=re.MULTILINE)
