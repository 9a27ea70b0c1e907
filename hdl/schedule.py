"""Counting circuits on paper: cells, the wires between them, and when each wire is ready.

Nothing here is hardware yet. `hdl.counting` decides which cells count some products, and `hdl.cells` makes them, from
plain logic or from a family's primitives.

A bit to be counted is a wire, or it is *virtual*: a function of up to three wires without a cell of its own. The cell
that uses the bit has inputs to spare, and computes it. Products are virtual. Carries are virtual too: after y = a ^ p
and z = y ^ q, the carry of a + p + q is a function of a, y and z alone, for any p and q. So a full adder with two
virtual summands takes two LUT4s, one for each summand. Its carry takes none: the cell that counts the carry computes
it.
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
"""The function of each kind of bit of its wires, for Python integers and for one-bit values. If all wires after the
first are zero the function is zero, except for 'binary' and 'wire'."""


@dataclass(frozen=True)
class Bit:
    """A function of some wires: its kind, the numbers of the wires, and the time (stage, level) when it is ready."""

    kind: str
    wires: tuple
    time: tuple

    @property
    def virtual(self):
        """Whether no cell makes it."""
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
    """A ripple-carry adder: each place is (a wire or None, a bit or None), and `carry` is a wire or None.

    It has one output for each place, and one for the last carry.
    """

    places: tuple
    carry: Bit | None
    outputs: tuple
    time: tuple


class Schedule:
    """Cells in the order in which they are added, each as early as its inputs allow.

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
        """Wires for sum and carry of up to three bits; one of them may be virtual."""
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
