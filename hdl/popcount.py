"""Sums of many terms: the one adder tree of this gateware. A popcount is such a sum of bits.

Python's `sum()` would add one term after the other and widen the result with every term. Here the terms are added in
pairs, and every partial sum is exactly as wide as its range needs.
"""

from amaranth.hdl import Shape, Value, signed, unsigned

from hdl.stream import check_count


def levels_of(count):
    """Adders on the longest path through a tree of `count` terms."""
    return (count - 1).bit_length()


def registers_of(count, every):
    """Registers on the path through a tree of `count` terms with one after every `every` levels, none at the root."""
    return max(0, (levels_of(count) - 1) // every) if every else 0


def range_of(shape):
    """Least and largest value of a shape."""
    shape = Shape.cast(shape)
    top = 1 << (shape.width - shape.signed)
    return -top if shape.signed else 0, top - 1


def shape_of(lo, hi):
    """The narrowest shape for lo..hi; signed when lo is negative."""
    if lo >= 0:
        return unsigned(max(1, hi.bit_length()))
    return signed(max((~lo).bit_length(), hi.bit_length() if hi > 0 else 0) + 1)


def sum_shape(shape, count):
    """The shape of an `adder_tree` of `count` terms of one shape."""
    lo, hi = range_of(shape)
    return Shape.cast(shape) if count == 1 else shape_of(count * lo, count * hi)


def adder_tree(terms, *, every=0, register=None):
    """The sum of some terms, in a balanced tree.

    Parameters
    ----------
    terms : list of values
        At least one; the range of a term is that of its shape.
    every : int
        Levels between registers; 0 for none.
    register : function from value to value
        Makes the registers; `registers_of(len(terms), every)` of them lie on every path.

    Raises
    ------
    TypeError, ValueError
        When there is no term, or `every` is no count.
    """
    if not terms:
        raise ValueError("Sum must have at least one term")
    check_count("Levels between registers", every, 0)

    def ranged(value):
        value = Value.cast(value)
        return value, *range_of(value.shape())

    def add(a, b):
        lo, hi = a[1] + b[1], a[2] + b[2]
        total = (a[0] + b[0])[:shape_of(lo, hi).width]
        return total.as_signed() if lo < 0 else total, lo, hi

    level, height = [ranged(term) for term in terms], 0
    while len(level) > 1:
        pairs = len(level) // 2
        level = [add(level[2 * k], level[2 * k + 1]) for k in range(pairs)] + level[2 * pairs:]
        height += 1
        if every and height % every == 0 and len(level) > 1:
            level = [(register(value), lo, hi) for value, lo, hi in level]
    return level[0][0]


def popcount(bits, **registers):
    """The number of high bits, exactly as wide as its range needs; `registers` are arguments of `adder_tree`."""
    return adder_tree(list(bits), **registers)
