"""The dot product in its most direct form: products of -1, 0 and +1, added up."""

from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.popcount import adder_tree


class NaiveDotProduct(wiring.Component):
    """The registered sum of signed products of trits or bits with weight bits. Its ports are those of `DotProduct`."""

    latency, has_more = 1, False

    def __init__(self, *, layout: Any, activation: str) -> None:
        self._activation = activation
        width = layout.length.bit_length() + 1
        super().__init__({"x": In(layout), "w": In(layout.length), "enable": In(1), "sum": Out(signed(width)),
                          "more": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m, products = Module(), []
        for x, w in zip(self.x, self.w, strict=True):
            value, product = x if self._activation == "ternary" else Mux(x, Const(-1), Const(1)), Signal(signed(2))
            m.d.comb += product.eq(Mux(w, -value, value))
            products.append(product)
        with m.If(self.enable):
            m.d.sync += self.sum.eq(adder_tree(products))
        return m
