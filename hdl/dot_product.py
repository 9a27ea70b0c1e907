"""The products of one processing element, and their sum."""

from amaranth.hdl import Cat, Const, Module, Signal, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.popcount import adder_tree, registers_of, sum_shape


def as_int(x):
    """An integer element as a signed value."""
    return x if x.shape().signed else Cat(x, Const(0, 1)).as_signed()


def product(activation, weight_kind, x, w):
    """The term of one product; the dot product is `scale * sum(terms)` plus the corrections of `hdl.mvu.MVU`."""
    if weight_kind == "binary":
        if activation == "binary":
            return ~(x ^ w)
        if activation == "ternary":
            return x[0] & ~(x[1] ^ w)
        x = as_int(x)
        return x ^ w.replicate(len(x)).as_signed()
    if activation == "binary":
        return (w ^ x.replicate(len(w))).as_signed()
    if activation == "ternary":
        return ((w ^ x[1].replicate(len(w))) & x[0].replicate(len(w))).as_signed()
    return as_int(x) * w.as_signed()


def shared_bit(activation, weight_kind, x):
    """The bit of an element whose count corrects every dot product of a beat alike, or None where none is needed."""
    if activation == "ternary":
        return x[0] if weight_kind == "binary" else x[1]
    if activation == "binary" and weight_kind == "int8":
        return x[0]
    return None


class DotProduct(wiring.Component):
    """The products of one processing element, and their registered sum.

    Latency is `latency` cycles with `enable` high.

    Parameters
    ----------
    layout : ArrayLayout
        The elements of a beat.
    activation, weight_kind
        As in `hdl.mvu.MVU`.
    tree_levels : int
        Levels of the adder tree between registers, 0 for no register but the one at its root.

    Members
    -------
    x : in, layout
    w : in, the weights as in a row of the ROM
    enable : in
    sum : out
    """

    def __init__(self, *, layout, activation, weight_kind, tree_levels):
        self._activation, self._weight_kind, self._levels = activation, weight_kind, tree_levels
        weights = data.ArrayLayout(unsigned(1 if weight_kind == "binary" else 8), layout.length)
        term = product(activation, weight_kind, Signal(layout.elem_shape), Signal(weights.elem_shape)).shape()
        self.latency = registers_of(layout.length, tree_levels) + 1
        super().__init__({"x": In(layout), "w": In(weights), "enable": In(1),
                          "sum": Out(sum_shape(term, layout.length))})

    def elaborate(self, platform):
        m = Module()
        terms = [product(self._activation, self._weight_kind, x, w) for x, w in zip(self.x, self.w, strict=True)]
        registered_sum(m, self.sum, terms, self.enable, self._levels)
        return m


class SharedCount(wiring.Component):
    """A registered popcount, as long under way as the dot products beside it."""

    def __init__(self, *, count, tree_levels):
        self._levels = tree_levels
        super().__init__({"bits": In(count), "enable": In(1), "sum": Out(sum_shape(unsigned(1), count))})

    def elaborate(self, platform):
        m = Module()
        registered_sum(m, self.sum, list(self.bits), self.enable, self._levels)
        return m


def registered_sum(m, total, terms, enable, levels):
    """The sum of the terms in a register, and registers between every `levels` levels of the tree on the way there."""
    def register(value):
        stage = Signal(value.shape())
        with m.If(enable):
            m.d.sync += stage.eq(value)
        return stage

    result = adder_tree(terms, every=levels, register=register)
    with m.If(enable):
        m.d.sync += total.eq(result)
