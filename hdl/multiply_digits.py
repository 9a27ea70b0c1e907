"""Products with 8-bit numbers in LUTs, for families without multipliers: two bits of the number at once, as odd digits.

Of w = -128 b7 + 64 b6 + ... + b0, with digits s = 2b - 1 (and that of bit 7 turned round), 2w + 1 is the sum of the
s 2^i. A pair of digits takes x or 3x, up to its sign: one LUT4 a bit, the triples made once for all rows. The lowest
pair also pays for the 1: it takes -2x, -x, 0 or x, all that is halved. With -v as ~v + 1, the terms of x w lack
`lacking(w)`.
"""

from amaranth.hdl import Cat, Const, Mux, Shape, Signal, signed
from amaranth.lib import data

from hdl.popcount import range_of, shape_of

PAIRS = 4


def digit_layout(shape, lanes):
    """Some integers, each with its triple."""
    width = Shape.cast(shape).width + 1 - Shape.cast(shape).signed
    return data.ArrayLayout(data.StructLayout({"single": signed(width), "triple": signed(width + 2)}), lanes)


def with_triples(values):
    """Values of the fields of `digit_layout`, one after the other."""
    values = [value if value.shape().signed else Cat(value, Const(0, 1)).as_signed() for value in values]
    return [field for x in values for field in (x, x + Cat(Const(0, 1), x).as_signed())]


def sum_of_digits_shape(layout):
    """The shape of the sum of all terms of the elements of a layout."""
    element = Signal(layout.elem_shape)
    ends = [range_of(term.shape()) for term in digit_terms(element.single, element.triple, Signal(8))]
    return shape_of(*(layout.length * sum(end) for end in zip(*ends, strict=True)))


def digit_terms(x, triple, w):
    """The terms, signed values of different places, of a signed value, its triple, and an 8-bit number."""
    width = len(triple)
    single = Cat(x, x[-1].replicate(width - len(x))).as_signed()
    digits = [*w[:7], ~w[7]]
    low, high = digits[:2]
    doubled = Cat(Const(0, 1), x, x[-1].replicate(width))[:width]
    terms = [Mux(high, single & low.replicate(width).as_signed(), ~Mux(low, single, doubled.as_signed()))]
    for k in range(1, PAIRS):
        low, high = digits[2 * k:2 * k + 2]
        term = Mux(low ^ high, single, triple) ^ (~high).replicate(width).as_signed()
        terms.append(Cat(Const(0, 2 * k - 1), term).as_signed())
    return terms


def lacking(weights):
    """What to add to the terms of products with some 8-bit numbers (an integer array)."""
    codes = weights & 0xFF ^ 0x80
    return sum((1 << max(0, 2 * k - 1)) * (codes >> 2 * k + 1 & 1 ^ 1) for k in range(PAIRS))
