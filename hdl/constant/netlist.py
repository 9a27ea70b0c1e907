"""Netlists of lookup tables and carry chains: the plan of a constant layer, before any tool sees it."""

from typing import NamedTuple

import numpy as np


class Bit(NamedTuple):
    """A bit as a function of at most three signals.

    Bit i of the table is the function's value where signal k is bit k of i. A *real* bit is a signal. A *virtual* bit
    has no cell of its own: the cell that adds it also computes it, or `Netlist.realise` makes a signal of it.
    """

    signals: tuple
    table: int

    @property
    def is_real(self):
        """Whether it is a signal."""
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
    """A lookup table with one output for each of its tables, which share the inputs. Only a LUT6_2 has two."""

    inputs: tuple
    tables: tuple
    outputs: tuple
    level: int


HIGH = -1
"""In place of a pin's signal: a constant 1. None is a constant 0."""


class Half(NamedTuple):
    """Half an ECP5 CCU2C: `S = LUT4 ^ CIN`, `COUT = LUT4 ? CIN : LUT2(A, B)`, and LUT2 is the low quarter of LUT4."""

    pins: tuple
    init: int
    output: object
    level: int

    @property
    def takes_out(self):
        """Whether it only gives out the carry."""
        return self.output is not None and self.pins[:2] == (None, None) and not self.init


class CarryChain:
    """A carry chain that begins with an injected bit. Its halves, lowest weight first, lie in one pipeline stage."""

    def __init__(self, level):
        self.start, self.level, self.halves = level, level, []


class Netlist:
    """Cells in order: each reads only inputs and the outputs of earlier cells.

    Signals 0 to `inputs - 1` are the inputs; every other signal is the output of a cell. Levels count cells from the
    inputs: a cell of level n reads signals of level n or less, and makes signals of level n + 1. The last carry of an
    open chain is not a signal yet.
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
        """Signals for functions of the same signals. They take one cell, or none if all of them exist already."""
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
        """A real bit: the sum modulo 2 of bits that together depend on few enough signals for one table."""
        signals, table = function(bits, lambda values: sum(values) & 1)
        return real(self.lut(signals, table)[0])

    def begin(self, bit, level):
        """A new chain with the first carry `bit`, of at most two signals. `level` is that of the first bits it adds."""
        chain = CarryChain(max(level, self.level(bit)))
        pins = (*bit.signals, None, None)[:2]
        self._extend(chain, (*pins, HIGH, None), retable(bit, pins))
        self.chains.append(chain)
        return chain

    def add(self, chain, a, v):
        """The sum of the carry, a bit `a` of one signal, and a bit `v` with a `chain_order`. The carry goes on."""
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
        """End a chain: the sum modulo 2 of its carry and of bits that depend on at most four signals."""
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
    """The table of a bit over `signals`, its own among them. None stands for an unused pin."""
    place = {signal: k for k, signal in enumerate(signals) if signal is not None}
    return sum((bit.table >> sum((row >> place[signal] & 1) << k for k, signal in enumerate(bit.signals)) & 1) << row
               for row in range(1 << len(signals)))


def chain_order(bit):
    """The signals of a bit in the order of pins B, C, D of a half that adds it, or None where no order is right.

    A bit of three signals must be 0 where C and D are both 0, for either B. Then LUT2 is A, as a full adder needs.
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
