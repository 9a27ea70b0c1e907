"""Sums of many unsigned words in a tree of carry chains, with a register after every level."""

from typing import NamedTuple

from amaranth.hdl import Cat, Signal

from benchmarks.formats.carry import ZERO, Sum, add, real


class Word(NamedTuple):
    """An unsigned number: its bits, lowest first, and the largest value that it takes."""

    bits: list
    top: int

    def shifted(self, by):
        """The word times 2 ** by."""
        return Word([ZERO] * by + self.bits, self.top << by)


def register(m, word):
    """The word a cycle later."""
    held = Signal(len(word.bits), name="word")
    m.d.sync += held.eq(Cat(x.value for x in word.bits))
    return Word([ZERO if x == ZERO else kept for x, kept in zip(word.bits, real(held), strict=True)], word.top)


def made(m, word):
    """The word with a LUT for each bit."""
    wires = Signal(len(word.bits), name="word")
    m.d.comb += wires.eq(Cat(x.value for x in word.bits))
    return Word(real(wires), word.top)


def add_pairs(m, family, pairs):
    """The registered sums of some pairs of words. Bits where only one word of a pair has any below take no adder."""
    plans, sums = [], []
    for a, b in pairs:
        top = a.top + b.top
        width = max(len(a.bits), len(b.bits))
        a_bits, b_bits = (word.bits + [ZERO] * (width - len(word.bits)) for word in (a, b))
        low = next((k for k in range(width) if ZERO not in (a_bits[k], b_bits[k])), width)
        plans.append((top, [x if y == ZERO else y for x, y in zip(a_bits[:low], b_bits[:low], strict=True)]))
        sums.append(Sum(a_bits[low:], b_bits[low:], wrap=top.bit_length() <= width))
    totals = add(m, family, sums)
    return [register(m, Word(low + real(total), top)) for (top, low), total in zip(plans, totals, strict=True)]


def add_words(m, family, words):
    """The sum of some words, after `levels(len(words))` cycles; at least two words."""
    while len(words) > 1:
        paired = add_pairs(m, family, list(zip(words[::2], words[1::2], strict=False)))
        words = paired + [register(m, word) for word in words[2 * len(paired):]]
    return words[0]


def levels(count):
    """Cycles that `add_words` takes for `count` words."""
    return (count - 1).bit_length()
