"""The base of the arrays of all formats: ports, accumulators, and the start values of rows."""

import numpy as np
from amaranth.hdl import Cat, Shape, Signal, signed, unsigned
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from benchmarks.formats.carry import FAMILIES, ZERO, Sum, add, bit
from hdl.stream import check_count

BITS, TRITS, BYTES = (-1, 1), (-1, 0, 1), tuple(range(-128, 128))


class Array(wiring.Component):
    """`pe` dot products of `simd` columns a cycle, with an accumulator for each, in LUTs only.

    A beat goes in every cycle. `first` begins a new sum. The accumulators include a beat `latency` cycles later.
    `start` has the start values of a new sum's rows. It is read `start_delay` cycles after the sum's first beat.

    Parameters
    ----------
    pe, simd : int
        Rows, and columns at once.
    family : 'portable', 'ecp5' or 'xc7'
        The family whose carry chains are used. Portable ones can be simulated before synthesis.
    columns : int
        The largest matrix width that the accumulators have room for.

    Members
    -------
    x : in, simd elements
    w : in, pe * simd weights, row by row
    first : in
    start : in, pe accumulator values
    o : out, pe accumulator values

    A subclass sets `name`, `elements` and `weights` (their possible values), `x_shape`, `w_width`, `largest` (the
    largest magnitude of a product), `latency`, and `interleave` (how many sums take turns, with a beat each).

    Raises
    ------
    ValueError
        For an unknown family, or a `pe`, `simd` or `columns` that is too small.
    """

    interleave, least_simd = 1, 2

    def __init__(self, *, pe, simd, family="portable", columns=4096):
        if family not in FAMILIES:
            raise ValueError(f"Family must be one of {', '.join(FAMILIES)}, not {family!r}")
        self.pe, self.simd, self.family = check_count("PE", pe), check_count("SIMD", simd, self.least_simd), family
        self.acc_shape = self._accumulator(check_count("Columns", columns))
        super().__init__({
            "x": In(data.ArrayLayout(self.x_shape, self.simd)),
            "w": In(data.ArrayLayout(unsigned(self.w_width), self.pe * self.simd)),
            "first": In(1),
            "start": In(data.ArrayLayout(self.acc_shape, self.pe)),
            "o": Out(data.ArrayLayout(self.acc_shape, self.pe)),
        })

    @property
    def x_width(self):
        return Shape.cast(self.x_shape).width

    @property
    def acc_width(self):
        return self.acc_shape.width

    @property
    def start_delay(self):
        """Cycles from the first beat of a sum to the cycle in which `start` is read."""
        return self.latency - 1

    def _accumulator(self, columns):
        return signed((self.largest * columns).bit_length() + 1)

    def encode_x(self, x):
        """The codes of elements, as non-negative integers."""
        return np.asarray(x).astype(np.int64) & ((1 << self.x_shape.width) - 1)

    def encode_w(self, w):
        """The codes of weights, as non-negative integers."""
        return np.asarray(w).astype(np.int64) & ((1 << self.w_width) - 1)

    def starts(self, weights):
        """Start values (pe,) for the rows of an integer matrix (pe, columns). They make the results dot products."""
        raise NotImplementedError

    def expected(self, x, weights):
        """The dot products (pe,) of x (columns,) with the rows of weights (pe, columns)."""
        return np.asarray(weights).astype(np.int64) @ np.asarray(x).astype(np.int64)

    def random(self, rng, values, shape, number):
        """An array of random `values`. Number 0 has only the first, least one, number 1 only the last, largest one."""
        return np.full(shape, values[-number]) if number < 2 else rng.choice(values, shape)

    def biased(self, rng, x, weights):
        """(start values of the rows with random biases added, the results with them)."""
        bias = rng.integers(-100, 100, len(weights))
        return self.starts(weights) + bias, self.expected(x, weights) + bias

    def _accumulate(self, m, dots):
        """Add each dot product, given as (Word, carry), to its accumulator, `latency - 1` cycles after the beat."""
        first = delay(m, self.first, self.latency - 1)
        accumulators, sums, low = [], [], 0
        for k, (dot, carry) in enumerate(dots):
            accumulator = Signal(self.acc_shape, name=f"accumulator{k}")
            kept = [bit(lambda old, new, first: new if first else old, old, new, first)
                    for old, new in zip(accumulator, self.start[k], strict=True)]
            low = next(place for place, x in enumerate(dot.bits) if x != ZERO)
            sums.append(Sum(dot.bits[low:] + [ZERO] * (len(kept) - len(dot.bits)), kept[low:], carry, wrap=True))
            accumulators.append((accumulator, Cat(x.value for x in kept[:low])))
            m.d.comb += self.o[k].eq(accumulator)
        totals = add(m, self.family, sums)
        m.d.sync += [accumulator.eq(Cat(below, total)) for (accumulator, below), total in zip(
            accumulators, totals, strict=True)]


def delay(m, value, cycles):
    """A Value delayed by some cycles."""
    for _ in range(cycles):
        later = Signal(value.shape(), name="later")
        m.d.sync += later.eq(value)
        value = later
    return value
