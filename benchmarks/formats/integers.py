"""Arrays with int8 elements, and weights of 8 bits, ternary ones (TWN) or binary ones (BWN).

Elements come as x + 128, which only inverts their highest bit, so that all words are unsigned. The offset adds the same
number to every result of a row. The row's start value takes it away.
"""

import numpy as np
from amaranth.hdl import Module, unsigned

from benchmarks.formats.array import BITS, BYTES, TRITS, Array, delay
from benchmarks.formats.carry import ZERO, bit
from benchmarks.formats.words import Word, add_groups, add_words, levels, made


class Integers(Array):
    """The base of arrays with int8 elements: the offset, and a dot product of product words."""

    elements, x_shape = BYTES, unsigned(8)

    def encode_x(self, x):
        return np.asarray(x).astype(np.int64) + 128

    def elaborate(self, platform):
        m = Module()
        stages = [[list(stage.word_select(k, 8)) for k in range(self.simd)]
                  for stage in (delay(m, self.x.as_value(), cycles) for cycles in range(self.stages))]
        width = self.simd * self.w_width
        dots = [self._dot(m, stages, self.w.as_value()[k * width:(k + 1) * width]) for k in range(self.pe)]
        self._accumulate(m, [(dot, ZERO) for dot in dots])
        return m

    stages = 1
    """The number of cycles for which elements are kept."""

    def _lanes(self, weights):
        """The bits of each lane's weight."""
        return [list(weights.word_select(k, self.w_width)) for k in range(self.simd)]


class BWN(Integers):
    """int8 elements, binary weights. A product is `x ^ w`, which is x or -x - 1."""

    name, weights, w_width, largest = "BWN", BITS, 1, 128

    @property
    def latency(self):
        return 1 + levels(self.simd, self.family, plain=False)

    def encode_w(self, w):
        return (np.asarray(w) < 0).astype(np.int64)

    def starts(self, weights):
        return (weights < 0).sum(1) - 128 * weights.shape[1]

    def _dot(self, m, stages, weights):
        words = [Word([bit(lambda x, w: x ^ w, x, w) for x in element], 255)
                 for element, (w,) in zip(stages[0], self._lanes(weights), strict=True)]
        return add_words(m, self.family, words)


class TWN(Integers):
    """int8 elements, ternary weights. A product is `nonzero & (x ^ negative)`.

    Such a product has three signals, so a position of an ECP5 chain can add only one product to a sum. Groups of four
    lanes are added one after the other, and a tree adds the groups.
    """

    name, weights, w_width, largest, stages = "TWN", TRITS, 2, 128, 3

    @property
    def latency(self):
        return 4 + levels(self.simd // 4, self.family, plain=True)

    def encode_w(self, w):
        return (np.asarray(w) != 0) + 2 * (np.asarray(w) < 0)

    def starts(self, weights):
        return (weights < 0).sum(1) - 128 * (weights != 0).sum(1)

    def _dot(self, m, stages, weights):
        later = [self._lanes(delay(m, weights, cycles)) for cycles in range(self.stages)]

        def product(lane, stage):
            nonzero, negative = later[stage][lane]
            return Word([bit(lambda x, n, s: n & (x ^ s), x, nonzero, negative) for x in stages[stage][lane]], 255)

        words = [made(m, product(lane, 0)) for lane in range(0, self.simd, 4)]
        for stage in range(self.stages):
            pairs = [(word, product(4 * k + 1 + stage, stage)) for k, word in enumerate(words)]
            words = add_groups(m, self.family, pairs)
        return add_words(m, self.family, words)


class Int8(Integers):
    """int8 elements and weights. Each bit of the weights gets a sum over the lanes, and then those sums are added."""

    name, weights, w_width, largest = "int8", BYTES, 8, 128 * 128

    @property
    def latency(self):
        return 1 + levels(self.simd, self.family, plain=False) + levels(8, self.family, plain=True)

    def starts(self, weights):
        top = (1 << (255 * self.simd).bit_length()) - 1
        return -128 * weights.sum(1) - weights.shape[1] // self.simd * 128 * top

    def _dot(self, m, stages, weights):
        lanes = self._lanes(weights)
        planes = [add_words(m, self.family, [Word([bit(lambda x, w: x & w, x, w[j]) for x in element], 255)
                                             for element, w in zip(stages[0], lanes, strict=True)]) for j in range(8)]
        signals = [x.signals[0] for x in planes[7].bits]
        planes[7] = Word([bit(lambda x: 1 - x, x) for x in signals], (1 << len(signals)) - 1)
        return add_words(m, self.family, [plane.shifted(j) for j, plane in enumerate(planes)])
