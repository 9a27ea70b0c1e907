"""The products of one processing element, and their sum."""

import functools

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from hdl.cells import build, gated_sum
from hdl.counting import count_products
from hdl.families import has_multipliers
from hdl.multiply_digits import digit_layout, digit_terms, pairs_of, sum_of_digits_shape, with_triples
from hdl.popcount import adder_tree, registers_of, sum_shape
from hdl.signed_pairs import pair_layout, pair_terms, pairs


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
        raise ValueError("integers and binary weights are multiplied in pairs")
    if activation == "binary":
        return (w ^ x.replicate(len(w))).as_signed()
    if activation == "ternary":
        return ((w ^ x[1].replicate(len(w))) & x[0].replicate(len(w))).as_signed()
    return as_int(x) * w.as_signed()


def shared_bit(activation, weight_kind, x):
    """The bit of an element to count: the count corrects all dot products of a beat. None if there is no correction."""
    if activation == "ternary":
        return x[0] if weight_kind == "binary" else x[1]
    if activation == "binary" and weight_kind == "int8":
        return x[0]
    return None


def counted(activation, weight_kind):
    """Whether the terms are bits. Their sum is then a count, and `hdl.counting` knows its cheapest circuit."""
    return weight_kind == "binary" and activation in ("binary", "ternary")


def paired(activation, weight_kind):
    """Whether the elements come in pairs, as in `hdl.signed_pairs`: integers with binary weights."""
    return weight_kind == "binary" and activation == "int"


def in_digits(activation, weight_kind, family):
    """Whether products are made as in `hdl.multiply_digits`, for a family without multipliers."""
    return (activation, weight_kind) == ("int", "int8") and not has_multipliers(family)


def multiplied(activation, weight_kind, family):
    """Whether each product has a multiplier block to itself. Such a block may lie far from its operands."""
    return (activation, weight_kind) == ("int", "int8") and has_multipliers(family)


def beat_layout(activation, weight_kind, family, shape, simd):
    """The layout in which a `DotProduct` takes a beat of `simd` elements, and in which `beat` returns them."""
    if paired(activation, weight_kind):
        return pair_layout(shape, simd)
    return (digit_layout if in_digits(activation, weight_kind, family) else data.ArrayLayout)(shape, simd)


def beat(activation, weight_kind, family, elements):
    """The elements of a beat as all rows take them: in pairs, with their triples, or unchanged."""
    if paired(activation, weight_kind):
        return Cat(pairs(list(elements)))
    return Cat(with_triples(list(elements))) if in_digits(activation, weight_kind, family) else elements


def dot_registers(activation, weight_kind, simd, tree_levels, family, weight_bits=8):
    """Registers on the way through a `DotProduct`, without the last one."""
    if counted(activation, weight_kind):
        return count_products(family, activation, simd, tree_levels)[0].stages
    if paired(activation, weight_kind):
        terms = -(-simd // 2)
    else:
        terms = simd * (pairs_of(weight_bits) if in_digits(activation, weight_kind, family) else 1)
    around = 2 if tree_levels and multiplied(activation, weight_kind, family) else 0
    return registers_of(terms, min(1, tree_levels)) + around


class DotProduct(wiring.Component):
    """The products of one processing element, and their registered sum, `sum + more`.

    Latency is `latency` cycles with `enable` high.

    Parameters
    ----------
    layout : ArrayLayout
        The elements of a beat, as `beat_layout` makes it.
    lanes : int or None
        Number of elements; None for as many as the layout has.
    activation, weight_kind, family
        As in `hdl.mvu.MVU`.
    weight_bits : int
        Bits of a weight, if they are not binary.
    tree_levels : int
        Levels of LUTs between registers where bits are counted. 0 means the last register alone. Otherwise integers
        have a register behind every adder, which is cheaper: without it, two adders in a row become a circuit of full
        adders. They also have a register on either side of a multiplier block, because the block may lie far away.

    Members
    -------
    x : in, layout
    w : in, the weights as in a row of the ROM
    enable : in
    sum : out
    more : out
        One more bit to count, for the carry-in of the next adder. It makes the count of 2^k lanes cheaper.
    """

    def __init__(self, *, layout, activation, weight_kind, tree_levels, family="portable", lanes=None, weight_bits=8):
        self._activation, self._weight_kind, self._levels = activation, weight_kind, tree_levels
        self._family = family
        lanes = layout.length if lanes is None else lanes
        weights = data.ArrayLayout(unsigned(1 if weight_kind == "binary" else weight_bits), lanes)
        self.latency = dot_registers(activation, weight_kind, lanes, tree_levels, family, weight_bits) + 1
        self.has_more = False
        if counted(activation, weight_kind):
            schedule, self.has_more = count_products(family, activation, lanes, tree_levels)
            shape = unsigned(len(schedule.outputs) - self.has_more)
        elif paired(activation, weight_kind):
            shape = sum_shape(layout.elem_shape["total"].shape, layout.length)
        elif in_digits(activation, weight_kind, family):
            shape = sum_of_digits_shape(layout, weight_bits)
        else:
            term = product(activation, weight_kind, Signal(layout.elem_shape), Signal(weights.elem_shape)).shape()
            shape = sum_shape(term, layout.length)
        super().__init__({"x": In(layout), "w": In(weights), "enable": In(1), "sum": Out(shape), "more": Out(1)})

    def elaborate(self, platform):
        m = Module()
        if counted(self._activation, self._weight_kind):
            wires = [wire for x, w in zip(self.x, self.w, strict=True) for wire in (w, *Value.cast(x))]
            total = registered_count(m, self._family, self._activation, wires, len(self.w), self.enable, self._levels)
            m.d.comb += Cat(self.sum, self.more).eq(total)
            return m
        if paired(self._activation, self._weight_kind):
            terms = pair_terms(self.x, list(self.w))
        elif in_digits(self._activation, self._weight_kind, self._family):
            terms = [term for x, w in zip(self.x, self.w, strict=True)
                     for term in digit_terms(x.single, x.triple, w)]
        else:
            apart = self._levels and multiplied(self._activation, self._weight_kind, self._family)
            register = functools.partial(registered, m, self.enable) if apart else lambda value: value
            terms = [register(product(self._activation, self._weight_kind, register(x), register(w)))
                     for x, w in zip(self.x, self.w, strict=True)]
        m.d.comb += self.sum.eq(registered_sum(m, terms, self.enable, self._levels))
        return m


class SharedCount(wiring.Component):
    """A registered popcount with the latency of the dot products beside it.

    Parameters
    ----------
    count : int
        Bits.
    activation, weight_kind, tree_levels, family
        As in `DotProduct`.

    Members
    -------
    bits : in
    enable : in
    sum, more : out
        As in `DotProduct`.
    """

    def __init__(self, *, count, activation, weight_kind, tree_levels, family="portable"):
        self._levels, self._family, self._counted = tree_levels, family, counted(activation, weight_kind)
        shape, self.has_more, self._late = sum_shape(unsigned(1), count), False, 0
        if self._counted:
            schedule, self.has_more = count_products(family, "wire", count, tree_levels)
            shape = unsigned(len(schedule.outputs) - self.has_more)
            self._late = dot_registers(activation, weight_kind, count, tree_levels, family) - schedule.stages
        super().__init__({"bits": In(count), "enable": In(1), "sum": Out(shape), "more": Out(1)})

    def elaborate(self, platform):
        m = Module()
        if not self._counted:
            m.d.comb += self.sum.eq(registered_sum(m, list(self.bits), self.enable, self._levels))
            return m
        total = registered_count(m, self._family, "wire", list(self.bits), len(self.bits), self.enable, self._levels)
        for _ in range(self._late):
            total = registered(m, self.enable, total)
        m.d.comb += Cat(self.sum, self.more).eq(total)
        return m


def registered_count(m, family, kind, wires, count, enable, levels):
    """The outputs of a counting circuit in a register."""
    schedule, _ = count_products(family, kind, count, levels)
    return registered(m, enable, Cat(build(m, schedule, wires, enable, family)))


def registered(m, enable, value):
    """A value in a register without reset: it is data, and a valid bit elsewhere says whether it counts."""
    stage = Signal(value.shape(), name="stage", reset_less=True)
    with m.If(enable):
        m.d.sync += stage.eq(value)
    return stage


def registered_sum(m, terms, enable, levels):
    """The sum of the terms in a register. Unless `levels` is 0, there are registers between all levels of the tree."""
    result = adder_tree(terms, every=min(1, levels), register=functools.partial(registered, m, enable))
    return registered(m, enable, result)


def accumulated(total, dot, scale=1):
    """`total + scale * (dot.sum + dot.more)`, with one adder; a scale is 1 or 2."""
    if not dot.has_more:
        return total + scale * dot.sum
    high = Cat(Const(1, 1), total[scale - 1:]).as_signed() + Cat(dot.more, dot.sum)
    return Cat(total[:scale - 1], high[1:]).as_signed()


def accumulated_from_zero(m, total, first, dot, scale, family):
    """The same as `accumulated`, with a total that counts as zero where `first` is high."""
    if family != "ecp5":
        return accumulated(Mux(first, 0, total), dot, scale)
    more = dot.more if dot.has_more else Const(0, 1)
    return Cat(Const(0, scale - 1), gated_sum(m, total[scale - 1:], first, dot.sum, more)).as_signed()
