"""Which cells count products, family by family. The count is how many of some virtual bits are one."""

import functools
import inspect

from hdl.schedule import FUNCTIONS, Schedule

SEGMENT = 5
"""Products in one chain of exclusive ors. Longer chains take fewer LUTs and more levels."""


@functools.cache
def count_products(family, kind, count, levels):
    """(schedule, extra): a schedule that counts `count` products of a `kind` of `hdl.schedule.FUNCTIONS`.

    The kind 'wire' counts bits that exist already. The schedule's inputs are the wires of the products, one product
    after the other. Its outputs are the bits of the number, lowest first. If `extra` is true, one more bit of the
    lowest weight follows: a count of 2^k products is a count of 2^k - 1, and one product that the next adder takes as
    its carry-in.

    `levels` are the levels of logic between registers; 0 for no registers.
    """
    wires = len(inspect.signature(FUNCTIONS[kind]).parameters)
    schedule = Schedule(wires * count, levels)
    products = [schedule.bit(kind, *range(wires * k, wires * (k + 1))) for k in range(count)]
    extra = [schedule.wire(products.pop())] if count > 2 and count & (count - 1) == 0 else []
    leaf = {"ecp5": _lut4_leaf, "xc7": _lut6_leaf}.get(family)
    number = _with_chains(schedule, products, leaf) if leaf else _with_luts(schedule, products)
    schedule.outputs = (*(schedule.wire(bit) for bit in number), *extra)
    return schedule, bool(extra)


def _with_luts(schedule, bits):
    """Add columns of equal weight, lowest first, by chains of exclusive ors. Their carries make the next column."""
    column, outputs = bits, []
    for _ in range(len(bits).bit_length()):
        carries = []
        outputs.append(_column(schedule, column, carries))
        column = carries
    return outputs


def _column(schedule, bits, carries):
    """The lowest bit of a sum of bits. The carries of the sum are appended to `carries`."""
    wires, virtual = (sorted((bit for bit in bits if bit.virtual == kind), key=lambda bit: bit.time)
                      for kind in (False, True))
    chains = max(1, round(len(bits) / SEGMENT)) // 2 * 2 + 1
    while virtual and len(wires) < chains:
        wires.append(schedule.wire(virtual.pop(0)))
    while len(virtual) > 1:
        a, wires = _earliest(wires, 1)
        y = schedule.xor(*a, virtual.pop(0))
        wires.append(schedule.xor(y, virtual.pop(0)))
        carries.append(schedule.bit("carry", *wires[-1].wires, *a[0].wires, *y.wires))
    while len(wires) > 2:
        three, wires = _earliest(wires, 3)
        wires.append(schedule.xor(*three))
        carries.append(schedule.bit("majority", *(wire for bit in three for wire in bit.wires)))
    while virtual or len(wires) > 1:
        a, wires = _earliest(wires, 1)
        other = virtual.pop() if virtual else wires.pop()
        wires.append(schedule.xor(*a, other))
        carries.append(schedule.bit("half", *wires[-1].wires, *a[0].wires))
    return wires[0]


def _earliest(bits, count):
    ordered = sorted(bits, key=lambda bit: bit.time)
    return ordered[:count], ordered[count:]


def _with_chains(schedule, products, leaf):
    """A tree of adders on carry chains. Each adder takes one product of its own; a leaf takes up to three."""
    if len(products) <= 3:
        return leaf(schedule, products)
    product, rest = products[-1], products[:-1]
    half = (len(rest) + 1) // 2
    a, b = (_with_chains(schedule, part, leaf) for part in (rest[:half], rest[half:]))
    a = [schedule.wire(bit) for bit in a]
    b += [None] * (len(a) - len(b))
    places = [(a[0], product), *zip(a[1:], b[1:], strict=True)]
    return schedule.adder(places, b[0])[:len(products).bit_length()]


def _lut4_leaf(schedule, products):
    """Up to three products as a number of two bits, the upper one virtual."""
    if len(products) == 3 and not products[0].virtual:
        return [schedule.xor(*products), schedule.bit("majority", *(bit.wires[0] for bit in products))]
    x = schedule.wire(products[0])
    if len(products) == 1:
        return [x]
    y = schedule.xor(x, products[1])
    if len(products) == 2:
        return [y, schedule.bit("half", *y.wires, *x.wires)]
    z = schedule.xor(y, products[2])
    return [z, schedule.bit("carry", *z.wires, *x.wires, *y.wires)]


def _lut6_leaf(schedule, products):
    """Up to three products as a number of two bits, from one full adder that makes the last product itself."""
    *made, last = products
    if not made:
        return [schedule.wire(last)]
    return schedule.full_adder(*(schedule.wire(product) for product in made), last)
