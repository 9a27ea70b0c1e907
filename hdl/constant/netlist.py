"""Netlists of lookup tables and carry chains, as the constant layers are planned before any tool sees them."""

from typing import NamedTuple

import numpy as np


class Bit(NamedTuple):
    """A bit as a function of at most three signals; its cost is paid by whoever absorbs or realises it.

    Bit i of the table is the value where signal k is bit k of i. A *real* bit is a signal; a *virtual* one is not made.
    """

    signals: tuple
    table: int

    @property
    def is_real(self):
        return self.table == 0b10 and len(self.signals) == 1


ONE = Bit((), 1)


def real(signal):
    """A signal as a bit."""
    return Bit((signal,), 0b10)


def function(bits, combine):
    """A function of several bits as a function of the signals below them: (signals, table).

    `combine` takes a list of 0 and 1, one for each bit, and returns 0 or 1.
    """
    signals = tuple(dict.fromkeys(signal for bit in bits for signal in bit.signals))
    place = {signal: k for k, signal in enumerate(signals)}
    table = 0
    for row in range(1 << len(signals)):
        values = [bit.table >> sum((row >> place[signal] & 1) << k for k, signal in enumerate(bit.signals)) & 1
                  for bit in bits]
        table |= combine(values) << row
    return signals, table


def support(*bits):
    """How many signals some bits depend on."""
    return len({signal for bit in bits for signal in bit.signals})


class Lut(NamedTuple):
    """A lookup table with an output for each of its tables, which share the inputs; one output but on LUT6_2."""

    inputs: tuple
    tables: tuple
    outputs: tuple
    level: int


HIGH = -1
"""Stands for a constant 1 where a pin would have a signal; a pin without either, None, is 0."""


class Half(NamedTuple):
    """Half an ECP5 CCU2C: `S = LUT4 ^ CIN`, `COUT = LUT4 ? CIN : LUT2(A, B)`, and LUT2 is the low quarter of LUT4."""

    pins: tuple
    init: int
    output: object
    level: int

    @property
    def takes_out(self):
        """Whether it does nothing but give out the carry."""
        return self.output is not None and self.pins[:2] == (None, None) and not self.init


class CarryChain:
    """A carry chain that begins with an injected bit: halves, lowest weight first, all of one pipeline stage."""

    def __init__(self, level):
        self.start, self.level, self.halves = level, level, []


class Netlist:
    """Signals 0 to `inputs - 1` come from outside; every other one is the output of a cell, made by an earlier one.

    Levels count cells from the inputs: a cell of level n reads signals of level n and less, and makes n + 1.
    A chain that is still open has a carry that no signal stands for yet.
    """

    def __init__(self, inputs, lut_size):
        self.inputs, self.lut_size = inputs, lut_size
        self.levels, self.cells, self.chains = [0] * inputs, [], []
        self._made = {}

    def level(self, *bits):
        """The level at which all of some bits are there."""
        return max((self.levels[signal] for bit in bits for signal in bit.signals), default=0)

    def signal(self, level):
        self.levels.append(level)
        return len(self.levels) - 1

    def lut(self, signals, *tables):
        """Signals for functions of the same signals; one cell, unless each has been made before."""
        signals = tuple(signals)
        keys = [(signals, table) for table in tables]
        if not all(key in self._made for key in keys):
            if len(signals) > self.lut_size - (len(tables) > 1):
                raise AssertionError(f"{len(signals)} inputs do not fit a lookup table")
            level = max((self.levels[signal] for signal in signals), default=0)
            outputs = tuple(self.signal(level + 1) for _ in tables)
            self.cells.append(Lut(signals, tables, outputs, level))
            self._made.update(zip(keys, outputs, strict=True))
        return tuple(self._made[key] for key in keys)

    def realise(self, bit):
        """The bit as a real one."""
        return bit if bit.is_real else real(self.lut(bit.signals, bit.table)[0])

    def xor(self, *bits):
        """A real bit, the sum modulo 2 of some bits of few enough signals."""
        signals, table = function(bits, lambda values: sum(values) & 1)
        return real(self.lut(signals, table)[0])

    def begin(self, bit, level):
        """A chain whose first carry is `bit`, of at most two signals; `level` is that of what it adds first."""
        chain = CarryChain(max(level, self.level(bit)))
        pins = (*bit.signals, None, None)[:2]
        self._extend(chain, (*pins, HIGH, None), retable(bit, pins))
        self.chains.append(chain)
        return chain

    def add(self, chain, a, v):
        """The sum of the carry, a bit of one signal, and any bit that has a `chain_order`; the carry goes on."""
        order = chain_order(v)
        total = Bit(*function([a, v], lambda values: sum(values) & 1))
        pins = (*a.signals, *order)
        if len(pins) == 4:
            init = retable(total, pins)
        else:
            pins = (*pins, None, None)[:3]
            low = retable(a, pins[:2])
            pins, init = (*pins, HIGH), retable(total, pins) << 8 | low
        return self._extend(chain, pins, init, self.level(a, v))

    def end(self, chain, *bits):
        """The carry out of a chain, added modulo 2 to some bits of at most four signals; the chain ends there."""
        if not bits:
            return self._extend(chain, (None, None, HIGH, None), 0, 0)
        total = Bit(*function(bits, lambda values: sum(values) & 1))
        pins = (*total.signals, None, None, None, None)[:4]
        return self._extend(chain, pins, retable(total, pins), self.level(*bits))

    def _extend(self, chain, pins, init, level=None):
        """One more half; without a level it has no output."""
        if level is not None:
            chain.level = max(chain.level, level)
        output = None if level is None else self.signal(chain.level + 1)
        half = Half(pins, init, output, chain.level)
        chain.halves.append(half)
        self.cells.append((chain, half))
        return None if output is None else real(output)


def retable(bit, signals):
    """The table of a bit over other signals, its own among them and None where a pin is unused."""
    place = {signal: k for k, signal in enumerate(signals) if signal is not None}
    return sum((bit.table >> sum((row >> place[signal] & 1) << k for k, signal in enumerate(bit.signals)) & 1) << row
               for row in range(1 << len(signals)))


def chain_order(bit):
    """The signals of a bit in the order of pins B, C, D of a half that absorbs it, or None where none is right.

    A bit of three signals must be 0 where C and D are, whatever B: then LUT2 is A, as a full adder needs.
    """
    if len(bit.signals) < 3:
        return bit.signals
    for first in range(3):
        order = (bit.signals[first], *(s for k, s in enumerate(bit.signals) if k != first))
        if retable(bit, order) & 0b11 == 0:
            return order
    return None


def evaluate(netlist, values):
    """All signals of a netlist for some inputs: bool (inputs, n) -> bool (signals, n)."""
    known = np.zeros((len(netlist.levels), values.shape[1]), dtype=bool)
    known[:netlist.inputs] = values
    carries = {}

    def look_up(pins, table):
        index = np.zeros(values.shape[1], dtype=np.int64)
        for k, pin in enumerate(pins):
            if pin is not None:
                index |= np.int64(1 << k) if pin == HIGH else known[pin].astype(np.int64) << k
        return np.array([table >> row & 1 for row in range(1 << len(pins))], dtype=bool)[index]

    for cell in netlist.cells:
        if isinstance(cell, Lut):
            for output, table in zip(cell.outputs, cell.tables, strict=True):
                known[output] = look_up(cell.inputs, table)
        else:
            chain, half = cell
            carry = carries.get(id(chain), np.zeros(values.shape[1], dtype=bool))
            propagate = look_up(half.pins, half.init)
            if half.output is not None:
                known[half.output] = propagate ^ carry
            carries[id(chain)] = np.where(propagate, carry, look_up(half.pins[:2], half.init & 15))
    return known


def values_of(bit, known):
    """A bit for the inputs that `evaluate` was called with: bool (n,)."""
    index = np.zeros(known.shape[1], dtype=np.int64)
    for k, signal in enumerate(bit.signals):
        index |= known[signal].astype(np.int64) << k
    return np.array([bit.table >> row & 1 for row in range(1 << len(bit.signals))], dtype=bool)[index]
