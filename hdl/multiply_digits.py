"""Products with numbers of few bits in LUTs, for families without multipliers. Two bits of the number make one term.

Let w = -128 b7 + 64 b6 + ... + b0. Each bit becomes an odd digit: s_i = 2 b_i - 1 for i < 7, and s_7 = 1 - 2 b7. Then
2w + 1 is the sum of all s_i 2^i, so x w is the sum of all x s_i 2^i, less x, halved. The same holds for any other even
number of bits. A number of an odd number of bits gets a second sign bit.

A pair of digits multiplies x by 1 or 3, up to sign and place. That takes one LUT4 a bit, since the triples 3x are made
once for all rows. The lowest pair also subtracts the x: its term is -2x, -x, 0 or x. A negative term -v is made as ~v,
which is one less. `lacking(w)` is what all terms lack together.
"""

from amaranth.hdl import Cat, Const, Mux, Shape, Signal, signed
from amaranth.lib import data

from hdl.popcount import range_of, shape_of


def pairs_of(bits):
    """The pairs of digits of a number of `bits` bits, and so the terms of a product with it."""
    return (bits + 1) // 2


def digit_layout(shape, lanes):
    """The layout of some integers, each with its triple."""
    width = Shape.cast(shape).width + 1 - Shape.cast(shape).signed
    return data.ArrayLayout(data.StructLayout({"single": signed(width), "triple": signed(width + 2)}), lanes)


def with_triples(values):
    """Values of the fields of `digit_layout`, one after the other."""
    values = [value if value.shape().signed else Cat(value, Const(0, 1)).as_signed() for value in values]
    return [field for x in values for field in (x, x + Cat(Const(0, 1), x).as_signed())]


def sum_of_digits_shape(layout, bits):
    """The shape of the sum of all terms of the elements of a layout, times numbers of `bits` bits."""
    element = Signal(layout.elem_shape)
    ends = [range_of(term.shape()) for term in digit_terms(element.single, element.triple, Signal(bits))]
    return shape_of(*(layout.length * sum(end) for end in zip(*ends, strict=True)))


def digit_terms(x, triple, w):
    """The terms of the product of a signed value `x` and a number `w` in two's complement; `triple` is 3x."""
    width = len(triple)
    single = Cat(x, x[-1].replicate(width - len(x))).as_signed()
    digits = [*(w if len(w) % 2 else w[:-1]), ~w[-1]]
    low, high = digits[:2]
    doubled = Cat(Const(0, 1), x, x[-1].replicate(width))[:width]
    terms = [Mux(high, single & low.replicate(width).as_signed(), ~Mux(low, single, doubled.as_signed()))]
    for k in range(1, pairs_of(len(w))):
        low, high = digits[2 * k:2 * k + 2]
        term = Mux(low ^ high, single, triple) ^ (~high).replicate(width).as_signed()
        terms.append(Cat(Const(0, 2 * k - 1), term).as_signed())
    return terms


def lacking(weights, bits):
    """What to add to the terms of a product, for each of some numbers of `bits` bits (an integer array)."""
    pairs = pairs_of(bits)
    codes = weights ^ (1 << 2 * pairs - 1)
    return sum((1 << max(0, 2 * k - 1)) * (codes >> 2 * k + 1 & 1 ^ 1) for k in range(pairs))
