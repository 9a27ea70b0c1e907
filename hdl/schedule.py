"""Counting circuits on paper: cells, the wires between them, and when each wire is ready.

Nothing here is hardware yet. `hdl.counting` decides which cells count some products, and `hdl.cells` makes them, from
plain logic or from a family's primitives.

A bit to be counted is a wire, or it is *virtual*: a function of up to three wires that no cell makes, because the cell
that uses it has inputs to spare for it. Products are virtual, and so are carries: after y = a ^ p and z = y ^ q the
carry of a + p + q is a function of a, y and z alone, whatever p and q were. So a full adder whose two summands are
virtual takes two LUT4, one for each, and its carry none, until the cell that counts it.
"""

from dataclasses import dataclass

FUNCTIONS = {
    "wire": lambda a: a,
    "ternary": lambda w, m, s: m & (1 ^ s ^ w),
    "binary": lambda w, x: 1 ^ x ^ w,
    "carry": lambda z, a, y: (y & (1 ^ z)) | ((1 ^ y) & a),
    "majority": lambda a, b, c: (a & b) | (a & c) | (b & c),
    "half": lambda z, a: a & (1 ^ z),
}
"""What a kind of bit makes of its wires; of bits and of one-bit values alike. But for the first wire, all zero makes
zero, except in 'binary' and 'wire'."""


@dataclass(frozen=True)
class Bit:
    """A function, by its kind, of some wires, by their numbers; ready at a time (stage, level)."""

    kind: str
    wires: tuple
    time: tuple

    @property
    def virtual(self):
        return self.kind != "wire"


@dataclass(frozen=True)
class Xor:
    """The exclusive or of some bits, one LUT."""

    bits: tuple
    outputs: tuple
    time: tuple


@dataclass(frozen=True)
class FullAdder:
    """The sum and the carry of two wires and a bit, two LUTs with the same inputs."""

    bits: tuple
    outputs: tuple
    time: tuple


@dataclass(frozen=True)
class Adder:
    """A ripple of full adders: (a wire or None, a bit or None) a place, and a wire carried in, or None.

    It has an output for each place and one for the last carry.
    """

    places: tuple
    carry: Bit | None
    outputs: tuple
    time: tuple


class Schedule:
    """Cells in the order in which they are added, each as early as the bits that it needs allow.

    Parameters
    ----------
    inputs : int
        Wires that are there from the start, numbered from 0.
    levels : int
        Levels of logic between registers; 0 for no registers.
    """

    ADDER_LEVELS = 2
    """Levels that a carry chain counts for."""

    def __init__(self, inputs, levels):
        self.levels = levels
        self.times = [(0, 0)] * inputs
        self.cells = []
        self.outputs = ()

    @property
    def stages(self):
        """Registers on the way from the inputs to the outputs."""
        return max(bit.time[0] for bit in self.outputs)

    def bit(self, kind, *wires):
        """A bit of some kind, ready when the last of its wires is."""
        return Bit(kind, wires, max(self.times[wire] for wire in wires))

    def wire(self, bit):
        """A bit as a wire, which takes a LUT if it is virtual."""
        return self.xor(bit) if bit.virtual else bit

    def xor(self, *bits):
        """A wire for the exclusive or of some bits."""
        return self._add(Xor, bits, 1)[0]

    def full_adder(self, *bits):
        """Wires for sum and carry of up to three bits, of which one may be virtual."""
        return self._add(FullAdder, bits, 2)

    def adder(self, places, carry):
        """Wires for the sum of two numbers, given as a pair of bits or None for each place, and a carry."""
        bits = [bit for pair in (*places, (carry,)) for bit in pair if bit is not None]
        time = self._after(bits, self.ADDER_LEVELS)
        outputs = tuple(self._new(time) for _ in range(len(places) + 1))
        self.cells.append(Adder(tuple(places), carry, outputs, time))
        return [self.bit("wire", wire) for wire in outputs]

    def _add(self, cell, bits, count):
        time = self._after(bits, 1)
        outputs = tuple(self._new(time) for _ in range(count))
        self.cells.append(cell(bits, outputs, time))
        return [self.bit("wire", wire) for wire in outputs]

    def _new(self, time):
        self.times.append(time)
        return len(self.times) - 1

    def _after(self, bits, cost):
        stage, level = max(bit.time for bit in bits)
        if self.levels and level and level + cost > self.levels:
            return stage + 1, cost
        return stage, level + cost
