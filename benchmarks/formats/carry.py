"""Carry chains that also form the bits that they add, in the same LUTs.

One position of a chain is a full adder. It looks at four signals on ECP5 (half a CCU2C), and at five or six on Xilinx 7
(a CARRY4 position and its LUT6_2). One-bit products therefore need no LUT of their own: a position adds two products of
two signals each, or a sum and a product of three signals.
"""

import itertools
from functools import cache
from typing import NamedTuple

from amaranth.hdl import Cat, Const, Instance, Signal, Value

from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.xc7 import XC7

FAMILIES = ("portable", ECP5.name, XC7.name)
"""They use plain `+` (for simulation), CCU2C, and CARRY4."""
CHAIN = 24
"""An ECP5 chain with this many positions takes no further adder. Long chains are slow, short ones waste halves."""


class Bit(NamedTuple):
    """A bit to be added: a function of some signals, as a truth table. The first signal is the index's lowest bit."""

    signals: tuple
    table: int

    @property
    def value(self):
        if not self.signals:
            return Const(self.table, 1)
        if self.table == 0b10:
            return self.signals[0]
        return Const(self.table, 1 << len(self.signals)).bit_select(Cat(self.signals), 1)


ZERO, ONE = Bit((), 0), Bit((), 1)


def bit(function, *signals):
    """The Bit of a function of `signals`. The function takes a 0/1 integer for each signal."""
    rows = range(1 << len(signals))
    return Bit(signals, sum((function(*(row >> k & 1 for k in range(len(signals)))) & 1) << row for row in rows))


def real(value):
    """The bits of a Value, unchanged, as Bits."""
    return [Bit((signal,), 0b10) for signal in Value.cast(value)]


class Sum(NamedTuple):
    """An addition of two lists of Bits with the same length. The carry out is the top bit, unless `wrap` drops it.

    Xilinx 7 can also add a third number, `c`, with one LUT for each position. There are two top bits then.
    """

    a: list
    b: list
    carry: Bit = ZERO
    wrap: bool = False
    c: list | None = None


def add(m, family, sums):
    """The values of some Sums, which are made together. A value is wider than its operands unless the Sum wraps.

    Raises
    ------
    ValueError
        For an unknown family, or a position that does not fit its LUT.
    """
    if family not in FAMILIES:
        raise ValueError(f"Family must be one of {', '.join(FAMILIES)}, not {family!r}")
    totals = [Signal(len(item.a) + (0 if item.wrap else 2 if item.c else 1), name="total") for item in sums]
    if family == ECP5.name:
        halves = []
        for item, total in zip(sums, totals, strict=True):
            halves += _positions_ecp5(item, total)
            if len(halves) >= CHAIN:
                _chain_ecp5(m, halves)
                halves = []
        _chain_ecp5(m, halves)
    for item, total in zip(sums, totals, strict=True):
        if family == XC7.name:
            positions = _triples_xc7(m, item) if item.c else [_position_xc7(m, *pair) for pair in zip(
                item.a, item.b, strict=True)]
            _chain_xc7(m, positions, item, total)
        elif family == "portable":
            m.d.comb += total.eq(sum(Cat(x.value for x in part) for part in (item.a, item.b, item.c or [])) +
                                 item.carry.value)
    return totals


def _joint(*bits):
    """(the signals of some Bits without repeats, for each Bit the places of its signals among them)."""
    signals = list({id(signal): signal for x in bits for signal in x.signals}.values())
    index = {id(signal): k for k, signal in enumerate(signals)}
    return signals, tuple(tuple(index[id(signal)] for signal in x.signals) for x in bits)


def _evaluate(table, places, row):
    return table >> sum((row >> place & 1) << k for k, place in enumerate(places)) & 1


@cache
def _fit_ecp5(count, tables, places):
    """(INIT of half a CCU2C that adds two functions, the pin of each of their `count` signals).

    The sum is LUT4(A, B, C, D) ^ carry. The carry out is the carry in where LUT4 is 1, else LUT2(A, B). LUT2's table is
    the part of LUT4's at C = D = 0. Pins without a signal are 1.
    """
    for pins in itertools.permutations(range(4), count):
        init, generate = {}, {}
        for row in range(1 << count):
            address = 15 - sum((1 - (row >> k & 1)) << pin for k, pin in enumerate(pins))
            a, b = (_evaluate(table, place, row) for table, place in zip(tables, places, strict=True))
            init[address] = a ^ b
            if a == b:
                generate.setdefault(address & 3, set()).add(a)
        low = {ab: next(iter(values)) for ab, values in generate.items()}
        if all(len(values) == 1 for values in generate.values()) and all(
                init.setdefault(ab, value) == value for ab, value in low.items()):
            return sum(value << address for address, value in init.items()), pins
    raise ValueError(f"Half a CCU2C cannot add the functions {tables} of {count} signals")


def _positions_ecp5(item, total):
    """(INIT, signals on A, B, C, D, sum) of the halves of one addition: first a guard, then its positions.

    The guard starts the carry: its LUT4 is 0, so its carry out is always LUT2(A, B). Its sum is its carry in, which is
    the carry out of the addition before it.
    """
    a, b = (item.carry.signals + (Const(1), Const(1)))[:2]
    init = sum(_evaluate(item.carry.table, range(len(item.carry.signals)), row) << row for row in range(4))
    halves = [(init, (a, b, Const(1), Const(1)), None)]
    for k, (x, y) in enumerate(zip(item.a, item.b, strict=True)):
        signals, places = _joint(x, y)
        init, pins = _fit_ecp5(len(signals), (x.table, y.table), places)
        wires = [Const(1)] * 4
        for signal, pin in zip(signals, pins, strict=True):
            wires[pin] = signal
        halves.append((init, tuple(wires), total[k]))
    return halves + ([] if item.wrap else [(None, None, total[-1])])


def _chain_ecp5(m, halves):
    """Make one chain of CCU2C. The guard of the next addition gives an addition's carry out."""
    chain, pending = [], None
    for init, wires, total in halves:
        if init is None:
            pending = total
        else:
            chain.append((init, wires, pending if total is None else total))
            pending = None if total is None else pending
    idle = (0, (Const(1),) * 4)
    if pending is not None:
        chain.append((*idle, pending))
    if len(chain) % 2:
        chain.append((*idle, None))
    carry = None
    for low, high in zip(chain[::2], chain[1::2], strict=True):
        ports = {} if carry is None else {"i_CIN": carry}
        for k, (init, wires, total) in enumerate((low, high)):
            ports |= {f"p_INIT{k}": Const(init, 16), f"p_INJECT1_{k}": "NO",
                      **{f"i_{pin}{k}": wire for pin, wire in zip("ABCD", wires, strict=True)}}
            if total is not None:
                ports[f"o_S{k}"] = total
        carry = Signal(name="carry")
        m.submodules += Instance("CCU2C", **ports, o_COUT=carry)


def _position_xc7(m, x, y):
    """S and DI of one position. S is the exclusive or of the two bits; DI is either bit, used where S is 0."""
    signals, places = _joint(x, y)
    rows = range(1 << len(signals))
    table = sum((_evaluate(x.table, places[0], row) ^ _evaluate(y.table, places[1], row)) << row for row in rows)
    plain = next((item for item in (x, y) if item.table == 0b10 or not item.signals), None)
    if len(signals) > (6 if plain else 5):
        raise ValueError(f"A LUT6 cannot add functions of {len(signals)} signals")
    if plain:
        return Bit(tuple(signals), table).value, plain.value
    own = sum(_evaluate(x.table, places[0], row) << row for row in rows)
    return _lut6_2(m, signals, table, own)


def _lut6_2(m, signals, high, low):
    """The outputs O6 and O5 of a LUT6_2: two functions of up to five signals, given as truth tables."""
    repeat = 32 >> len(signals)
    low, high = (sum(part << (k << len(signals)) for k in range(repeat)) for part in (low, high))
    o6, o5 = Signal(name="o6"), Signal(name="o5")
    inputs = [*signals, *[Const(0)] * (5 - len(signals)), Const(1)]
    m.submodules += Instance("LUT6_2", p_INIT=Const(high << 32 | low, 64), o_O6=o6, o_O5=o5,
                             **{f"i_I{k}": signal for k, signal in enumerate(inputs)})
    return o6, o5


def _triples_xc7(m, item):
    """(S, DI) of each position of a sum of three numbers.

    A position's LUT has two outputs. One is the majority of its three bits, which the next position adds. The other
    is the sum of the three bits and of the majority before, without carry. The chain adds the carries of that sum.
    """
    positions, majority = [], Const(0)
    for bits in zip(item.a, item.b, item.c, strict=True):
        signals, places = _joint(*bits)
        if len(signals) > 4:
            raise ValueError(f"A LUT6 cannot add three functions of {len(signals)} signals")
        counts = [sum(_evaluate(x.table, place, row) for x, place in zip(bits, places, strict=True))
                  for row in range(1 << len(signals))]
        high = sum(((counts[row % len(counts)] + row // len(counts)) & 1) << row for row in range(2 * len(counts)))
        low = sum((counts[row % len(counts)] >> 1) << row for row in range(2 * len(counts)))
        s, ahead = _lut6_2(m, [*signals, majority], high, low)
        positions.append((s, majority))
        majority = ahead
    return positions if item.wrap else [*positions, (majority, Const(0))]


def _chain_xc7(m, positions, item, total):
    carry = None
    for start in range(0, len(positions), 4):
        part = positions[start:start + 4]
        s, di = (Cat(column, Const(0, 4 - len(part))) for column in zip(*part, strict=True))
        out = Signal(4, name="carry")
        sums = Signal(4, name="sums")
        m.submodules += Instance("CARRY4", i_S=s, i_DI=di, i_CI=Const(0) if carry is None else carry,
                                 i_CYINIT=item.carry.value if carry is None else Const(0), o_O=sums, o_CO=out)
        m.d.comb += total[start:start + len(part)].eq(sums[:len(part)])
        carry = out[3]
        if start + 4 >= len(positions) and not item.wrap:
            m.d.comb += total[-1].eq(out[len(part) - 1])
