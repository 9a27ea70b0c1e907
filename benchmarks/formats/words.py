"""Adds many unsigned words in a tree of carry chains, with a register after every level."""

from typing import NamedTuple

from amaranth.hdl import Cat, Signal

from benchmarks.formats.carry import ZERO, Sum, add, real
from tbn_hw.families.xc7 import XC7


class Word(NamedTuple):
    """An unsigned number: its bits, lowest first, and `top`, its largest value."""

    bits: list
    top: int

    def shifted(self, by):
        """The word times 2 ** by."""
        return Word([ZERO] * by + self.bits, self.top << by)


def register(m, word):
    """The word, one cycle later."""
    held = Signal(len(word.bits), name="word")
    m.d.sync += held.eq(Cat(x.value for x in word.bits))
    return Word([ZERO if x == ZERO else kept for x, kept in zip(word.bits, real(held), strict=True)], word.top)


def made(m, word):
    """The word with its bits as signals, which takes a LUT for each bit."""
    wires = Signal(len(word.bits), name="word")
    m.d.comb += wires.eq(Cat(x.value for x in word.bits))
    return Word(real(wires), word.top)


def add_groups(m, family, groups):
    """The registered sums of groups of two words, or three on Xilinx 7. Low bits of only one word take no adder."""
    plans, sums = [], []
    for words in groups:
        top, width = sum(word.top for word in words), max(len(word.bits) for word in words)
        operands = [word.bits + [ZERO] * (width - len(word.bits)) for word in words]
        columns = [[x for x in column if x != ZERO] for column in zip(*operands, strict=True)]
        low = next((k for k, column in enumerate(columns) if len(column) > 1), width)
        plans.append((top, [column[0] if column else ZERO for column in columns[:low]]))
        a, b, c = ([bits[low:] for bits in operands] + [None])[:3]
        sums.append(Sum(a, b, c=c, wrap=top.bit_length() <= width))
    return [register(m, Word((low + real(total))[:top.bit_length()], top))
            for (top, low), total in zip(plans, add(m, family, sums), strict=True)]


def add_words(m, family, words):
    """The sum of at least two words, after `levels` cycles.

    Words are added in pairs, or in threes on Xilinx 7 if each of their bits is a function of at most one signal.
    """
    while len(words) > 1:
        size = _group(family, all(len(x.signals) < 2 for word in words for x in word.bits))
        groups = [words[k:k + size] for k in range(0, len(words), size)]
        sums = add_groups(m, family, [group for group in groups if len(group) > 1])
        words = sums + [register(m, word) for group in groups if len(group) == 1 for word in group]
    return words[0]


def levels(count, family, *, plain):
    """The cycles of `add_words` for `count` words. `plain`: each of their bits is a function of at most one signal."""
    cycles = 0
    while count > 1:
        count, plain, cycles = -(-count // _group(family, plain)), True, cycles + 1
    return cycles


def _group(family, plain):
    return 3 if family == XC7.name and plain else 2
