"""Arrays that count products: XNOR-Net, TBN, and ternary elements with ternary weights."""

import functools

import numpy as np
from amaranth.hdl import Cat, Module
from amaranth.lib import data

from benchmarks.formats.array import BITS, TRITS, Array, delay
from benchmarks.formats.carry import ZERO, Sum, add, bit, real
from benchmarks.formats.words import Word, register
from hdl.dot_product import DotProduct, SharedCount, dot_registers
from hdl.stream import BINARY, TRIT


class Counted(Array):
    """The base of arrays with binary or ternary elements. They have the dot products of `hdl.mvu.MVU`."""

    largest, lanes, tree_levels = 1, 1, 3

    @property
    def _tree(self):
        return {"activation": self.activation, "weight_kind": "binary", "tree_levels": self.tree_levels,
                "family": self.family}

    @property
    def _count_latency(self):
        return 1 + dot_registers(simd=self.lanes * self.simd, **self._tree)

    def _counts(self, m):
        """The registered dot product of each row."""
        count = self.lanes * self.simd
        elements = Cat(x for x in self.x for _ in range(self.lanes))
        dots = []
        for k in range(self.pe):
            dots.append(DotProduct(layout=data.ArrayLayout(self.x_shape, count), **self._tree))
            m.submodules[f"pe{k}"] = dot = dots[-1]
            m.d.comb += [dot.x.eq(elements), Cat(dot.w).eq(self.w.as_value().word_select(k, count)), dot.enable.eq(1)]
        return dots


class XNOR(Counted):
    """Binary elements and weights. A result is `2 * popcount(equal) - columns`."""

    name, activation, x_shape, w_width = "XNOR-Net", "binary", BINARY, 1
    elements = weights = BITS

    @property
    def latency(self):
        return 1 + self._count_latency

    def encode_x(self, x):
        return (np.asarray(x) < 0).astype(np.int64)

    encode_w = encode_x

    def starts(self, weights):
        return np.full(len(weights), -weights.shape[1])

    def elaborate(self, platform):
        m = Module()
        self._accumulate(m, [(Word([ZERO, *real(dot.sum)], 2 * self.simd), more_of(dot)) for dot in self._counts(m)])
        return m


class TBN(Counted):
    """Ternary elements, binary weights. A result is `2 * popcount(P) - popcount(nonzero)`.

    P marks the lanes with the product +1. The count of nonzero elements is made once for all rows.
    """

    name, activation, x_shape, w_width, scale = "TBN", "ternary", TRIT, 1, 1
    elements, weights = TRITS, BITS

    @property
    def latency(self):
        return 2 + self._count_latency

    @functools.cached_property
    def _shared_count(self):
        return SharedCount(count=self.simd, **self._tree)

    def encode_w(self, w):
        return (np.asarray(w) < 0).astype(np.int64)

    def starts(self, weights):
        shared = self._shared_count
        offset = (1 << len(shared.sum)) - (not shared.has_more)
        return np.full(len(weights), -(weights.shape[1] // self.simd) * offset)

    def elaborate(self, platform):
        m = Module()
        m.submodules.shared = shared = self._shared_count
        m.d.comb += [shared.bits.eq(Cat(x[0] for x in self.x)), shared.enable.eq(1)]
        late = self._count_latency - 1 - dot_registers(simd=self.simd, **self._tree)
        more, *nonzero = delay(m, Cat(shared.more, shared.sum), late)
        minus = [bit(lambda x: 1 - x, x) for x in nonzero]
        dots = self._counts(m)
        width = max(len(minus), len(dots[0].sum) + self.scale)
        below, minus = minus[:self.scale], (minus + [ZERO] * width)[self.scale:width]
        largest = self.simd + (1 << len(nonzero))
        totals = add(m, self.family, [
            Sum((real(dot.sum) + [ZERO] * width)[:len(minus)], minus, more_of(dot), wrap=largest < 1 << width)
            for dot in dots])
        carry = register(m, Word([bit(lambda x: 1 - x, more)], 1)).bits[0] if shared.has_more else ZERO
        self._accumulate(m, [(register(m, Word(below + real(total), largest)), carry) for total in totals])
        return m


class TNN(TBN):
    """Ternary elements and weights. A trit is half the sum of two signs, so this is TBN on twice the lanes.

    The signs of a weight are ++ for +1, +- for 0 and -- for -1. P1 marks the lanes where the product with the first
    sign is +1, and P2 those for the second sign. A result is `popcount(P1) + popcount(P2) - popcount(nonzero)`.
    """

    name, weights, w_width, lanes, scale = "TNN", TRITS, 2, 2, 0

    def encode_w(self, w):
        return np.choose(np.asarray(w) + 1, (3, 2, 0))


def more_of(dot):
    return real(dot.more)[0] if dot.has_more else ZERO
