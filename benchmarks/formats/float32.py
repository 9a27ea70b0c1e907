"""The array of float32: IEEE 754 single precision, rounded to nearest even after the product and after the sum.

Subnormal operands count as zero. Results below 2**-126 become zero and keep their sign. A product is first rounded as
if exponents had no lower limit, and then compared. Infinities, overflow and signed zeros follow the standard. Every NaN
is 0x7FC00000.
"""

import numpy as np
from amaranth.hdl import Cat, Const, Module, Mux, Signal, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from benchmarks.formats.array import Array, delay
from benchmarks.formats.carry import FAMILIES, ONE, ZERO, Bit, Sum, add, bit, real
from benchmarks.formats.float_numbers import products, sums
from benchmarks.formats.words import Word, add_words, levels


class Operation(wiring.Component):
    """An operation on `a` and `b`. Its result is at `o` `latency` cycles later."""

    def __init__(self, family):
        if family not in FAMILIES:
            raise ValueError(f"Family must be one of {', '.join(FAMILIES)}, not {family!r}")
        self.family = family
        super().__init__({"a": In(32), "b": In(32), "o": Out(32)})

    def _select(self, m, rounded, sign, nan, infinite, zero, edge, zero_sign):
        """Register the result, from the rounded exponent and fraction and from the flags of the cycle before.

        `edge` means that the exponent was zero, so that only a carry out of the fraction makes it one. A carry into
        exponent 255 leaves a fraction of zero, which is infinity without further logic.
        """
        empty = zero | edge & ~rounded[23]
        m.d.sync += self.o.eq(Cat(rounded[:31], Mux(empty & ~infinite, zero_sign, sign) & ~nan))
        with m.If(nan | infinite | empty):
            m.d.sync += self.o[:31].eq(Cat(Const(0, 22), nan, (nan | infinite).replicate(8)))


def later(m, value, name):
    """A Value, one cycle later."""
    held = Signal(value.shape(), name=name)
    m.d.sync += held.eq(value)
    return held


def parts(value):
    """The fraction, exponent and sign of a float32's bits."""
    return value[:23], value[23:31], value[31]


def multiply_latency(family):
    return 4 + levels(24, family, plain=False)


class Multiply(Operation):
    """The product of two numbers.

    Its cycles: hidden bits | the levels of a sum of 24 rows | rounding bit | rounding | special cases.
    """

    @property
    def latency(self):
        return multiply_latency(self.family)

    def elaborate(self, platform):
        m = Module()
        (a, a_exponent, a_sign), (b, b_exponent, b_sign) = parts(self.a), parts(self.b)
        a, b = (later(m, Cat(fraction, exponent.any()), "mantissa")
                for fraction, exponent in ((a, a_exponent), (b, b_exponent)))
        total, sign = (a_exponent + b_exponent - 127)[:10], a_sign ^ b_sign
        total, sign = later(m, total, "exponents"), later(m, sign, "sign")
        special = [later(m, exponent.all(), "special") for exponent in (a_exponent, b_exponent)]
        fractional = [later(m, value[:23].any(), "fractional") for value in (self.a, self.b)]
        nan = special[0] & (fractional[0] | ~b[23]) | special[1] & (fractional[1] | ~a[23])
        flags = later(m, Cat(sign, special[0] | special[1], ~a[23] | ~b[23], nan), "flags")
        depth = self.latency - 4
        flags, total = delay(m, flags, depth - 1), delay(m, total, depth)

        a_bits, b_bits = list(a), list(b)
        rows = [Word([bit(lambda x, y: x & y, x, y) for x in a_bits], (1 << 24) - 1).shifted(j)
                for j, y in enumerate(b_bits)]
        product = Cat(x.value for x in add_words(m, self.family, rows).bits)

        high, upper = product[47], product[23:]
        guard = Mux(high, product[23], product[22])
        sticky = product[:22].any() | high & product[22]
        up = later(m, guard & (sticky | Mux(high, product[24], product[23])), "up")
        upper, flags = later(m, upper, "upper"), later(m, flags, "flags")
        wide = total.as_signed()
        ranges = later(m, Cat(wide < -1, wide == -1, wide == 0, wide == 254, wide > 254), "ranges")
        total = later(m, total, "exponents")

        high, upper = upper[24], list(upper)
        fraction = [bit(lambda low, top, high: top if high else low, upper[k], upper[k + 1], high) for k in range(23)]
        rounded = add(m, self.family, [Sum(fraction + real(total), [ZERO] * 23 + [Bit((high,), 0b10)] + [ZERO] * 9,
                                           Bit((up,), 0b10), wrap=True)])[0]
        below, minus, none, almost, above = ranges
        sign, special, zero, nan = flags
        infinite = later(m, special | ~zero & (above | almost & high), "infinite")
        empty = later(m, zero | below | minus & ~high, "empty")
        edge = later(m, Mux(high, minus, none), "edge")
        sign, nan = later(m, sign, "sign"), later(m, nan, "nan")
        self._select(m, later(m, rounded, "rounded"), sign, nan, infinite, empty, edge, sign)
        return m


class Add(Operation):
    """The sum of two numbers. They must not be subnormal, and a NaN must be 0x7FC00000.

    Its cycles: compare | swap, and difference of exponents | align by 16 and 8 | by 4, 2 and 1 | add | count zeros |
    normalise by 16 and 8 | by 4, 2 and 1 | exponent | rounding | special cases.
    """

    latency = 11

    def _unnormalised(self):
        """(module, sum, flags). The sum has 24 bits, three more below them and one above for the carry.

        The flags are exponent, sign, subtraction, special operand and NaN.
        """
        m = Module()
        a, b = later(m, self.a, "a"), later(m, self.b, "b")
        below = [bit(lambda y: 1 - y, y) for y in self.b[:31]]
        compared = add(m, self.family, [Sum(real(self.a[:31]), below, ONE)])[0]
        ahead = later(m, compared[31], "ahead")

        big, small = Mux(ahead, a, b), Mux(ahead, b, a)
        own = [bit(lambda x, ahead: x ^ 1 ^ ahead, x, ahead) for x in a[23:31]]
        other = [bit(lambda y, ahead: y ^ ahead, y, ahead) for y in b[23:31]]
        distance = later(m, add(m, self.family, [Sum(own, other, ONE, wrap=True)])[0], "distance")
        subtract, specials = a[31] ^ b[31], [x[23:31].all() for x in (a, b)]
        nan = specials[0] & a[22] | specials[1] & b[22] | specials[0] & specials[1] & subtract
        fraction, exponent, sign = parts(big)
        flags = later(m, Cat(exponent, sign, subtract, specials[0] | specials[1], nan), "flags")
        big = later(m, Cat(fraction, exponent.any()), "big")
        small = later(m, Cat(small[:23], small[23:31].any()), "small")

        aligned, lost = shift_right(Cat(Const(0, 2), small), distance[3:5], 8)
        far = distance[5:].any()
        aligned = later(m, Mux(far, 0, aligned), "aligned")
        lost = later(m, Mux(far, small[23], lost), "lost")
        distance = later(m, distance[:3], "distance")
        aligned, more = shift_right(aligned, distance, 1)
        aligned = later(m, Cat(lost | more, aligned), "aligned")

        big, subtract = delay(m, big, 2), delay(m, flags[9], 2)
        terms = [bit(lambda x, minus: x ^ minus, x, subtract) for x in aligned]
        total = add(m, self.family, [Sum([ZERO] * 3 + real(big), terms, Bit((subtract,), 0b10))])[0]
        total, subtract = later(m, total, "total"), later(m, subtract, "subtract")
        return m, Cat(total[:27], total[27] & ~subtract), delay(m, flags, 3)

    def elaborate(self, platform):
        m, total, flags = self._unnormalised()
        clear = [~total[k:k + 4].any() for k in range(0, 28, 4)]
        by16 = clear[6] & clear[5] & clear[4] & clear[3]
        by8 = Mux(by16, clear[2] & clear[1], clear[6] & clear[5])
        by4 = Mux(by16, Mux(by8, clear[0], clear[2]), Mux(by8, clear[4], clear[6]))
        zeros, total = later(m, Cat(by4, by8, by16), "zeros"), later(m, total, "total")
        total = shift_left(shift_left(total, zeros[2], 16), zeros[1], 8)
        zeros, total = later(m, zeros, "zeros"), later(m, total, "total")
        total = shift_left(total, zeros[0], 4)
        by2 = ~total[26:].any()
        total = shift_left(total, by2, 2)
        by1 = ~total[27]
        zeros, total = later(m, Cat(by1, by2, zeros), "zeros"), later(m, shift_left(total, by1, 1), "total")

        flags = delay(m, flags, 3)
        less = [bit(lambda x: 1 - x, x) for x in zeros] + [ONE] * 5
        exponent = add(m, self.family, [Sum(real(flags[:8]) + [ZERO] * 2, less, ONE, wrap=True)])[0]
        exponent, flags = later(m, exponent, "exponent"), later(m, flags[8:], "flags")
        up = later(m, total[3] & (total[4] | total[:3].any()), "up")
        total = later(m, total[4:], "total")
        hidden = [ZERO] * 23 + real(total[23]) + [ZERO] * 9
        rounded = add(m, self.family, [Sum(real(total[:23]) + real(exponent), hidden, real(up)[0], wrap=True)])[0]
        sign, subtract, special, nan = flags
        zero, wide = ~total[23], exponent.as_signed()
        infinite = later(m, special | ~zero & (wide == 254), "infinite")
        empty, edge = later(m, zero | (wide < -1), "empty"), later(m, wide == -1, "edge")
        zero_sign = later(m, sign & ~(zero & subtract), "zero_sign")
        sign, nan = later(m, sign, "sign"), later(m, nan, "nan")
        self._select(m, later(m, rounded, "rounded"), sign, nan, infinite, empty, edge, zero_sign)
        return m


def shift_right(value, by, unit):
    """(a Value shifted right by `by * unit`, whether a 1 was shifted out)."""
    lost = Const(0)
    for k, select in enumerate(by):
        step = unit << k
        lost = lost | select & value[:step].any()
        value = Mux(select, value[step:], value)
    return value, lost


def shift_left(value, select, by):
    """A Value, shifted left by `by` bits if `select` is high. The width stays."""
    return Mux(select, Cat(Const(0, by), value[:len(value) - by]), value)


class Float32(Array):
    """A multiplication and an addition for each row. Sums take turns, because an addition takes `interleave` cycles.

    `first` begins the sum of a row, and it continues every `interleave` cycles. Products are added in the order in
    which they come. `start` and the results are numbers as `Add` takes them.
    """

    name, x_shape, w_width, least_simd = "float32", unsigned(32), 32, 1
    interleave = Add.latency
    elements = weights = np.array([np.finfo(np.float32).min, np.finfo(np.float32).max])

    @property
    def start_delay(self):
        return multiply_latency(self.family)

    @property
    def latency(self):
        return self.start_delay + Add.latency

    def _accumulator(self, columns):
        return unsigned(32)

    def encode_x(self, x):
        return np.asarray(x, dtype=np.float32).view(np.uint32).astype(np.int64)

    encode_w = encode_x

    def random(self, rng, values, shape, number):
        """Random numbers of several magnitudes. Every third array has random bits, and so special numbers too."""
        if number % 3 == 2:
            return rng.integers(0, 1 << 32, shape).astype(np.uint32).view(np.float32)
        if number < 2:
            return super().random(rng, values, shape, number).astype(np.float32)
        return (rng.normal(size=shape) * 2.0 ** rng.integers(-4, 5, shape)).astype(np.float32)

    def biased(self, rng, x, weights):
        start = rng.normal(size=len(weights)).astype(np.float32)
        return self.encode_x(start), self.expected(x, weights, start)

    def expected(self, x, weights, total):
        for element, column in zip(x, weights.T, strict=True):
            total = sums(total, products(element, column))
        return self.encode_x(total)

    def elaborate(self, platform):
        m = Module()
        first = delay(m, self.first, self.start_delay)
        for k in range(self.pe):
            m.submodules[f"multiply{k}"] = product = Multiply(self.family)
            m.submodules[f"add{k}"] = total = Add(self.family)
            m.d.comb += [product.a.eq(self.x[0]), product.b.eq(self.w[k]), self.o[k].eq(total.o),
                         total.a.eq(Mux(first, self.start[k], total.o)), total.b.eq(product.o)]
        return m
