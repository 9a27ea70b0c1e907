"""Hardware of a counting schedule: plain logic, or a family's own cells where synthesis would not infer them."""

from amaranth.hdl import Cat, Const, Instance, Module, Signal

from hdl.lut4 import NAMES, lut4
from hdl.schedule import FUNCTIONS, Adder, FullAdder, Schedule

CHAIN_PLACES = 24
"""Most places of an ECP5 carry chain that several adders share. Timing analysis treats it as one long carry."""


def build(m: Module, schedule: Schedule, inputs, enable, family):
    """The outputs of a schedule, not registered, from the values of its input wires.

    `enable` enables the registers between the stages.
    """
    wires = _Wires(m, schedule, inputs, enable)
    chains = {}
    for cell in schedule.cells:
        made = [wires.new(wire) for wire in cell.outputs]
        if isinstance(cell, Adder):
            operands = [(wires.one(a, cell), wires.of(b, cell) if b else None) for a, b in cell.places]
            carry = wires.one(cell.carry, cell)
            if family == "ecp5":
                chains.setdefault(cell.time, []).append((operands, carry, made))
            else:
                m.d.comb += Cat(made).eq(_carry4(m, operands, carry) if family == "xc7" else _sum(operands, carry))
        elif isinstance(cell, FullAdder):
            bits = [wires.of(bit, cell) for bit in cell.bits]
            _full_adder(m, bits, made, family)
        else:
            _exclusive_or(m, [wires.of(bit, cell) for bit in cell.bits], made[0], family)
    for adders in chains.values():
        _ccu2c_chains(m, adders)
    return [wires.at(bit.wires[0], schedule.stages) for bit in schedule.outputs]


def gated_sum(m: Module, total, clear, addend, carry):
    """`(0 if clear else total) + addend + carry`, in the width of `total`, on ECP5's carry chain.

    The LUT4s of the chain also clear the total. Synthesis would spend one more LUT a bit on that.
    """
    sums = [Signal(name=f"sum{k}") for k in range(len(total))]
    above = addend[-1] if addend.shape().signed else Const(0, 1)
    places = [_guard(carry, None)]
    for k, out in enumerate(sums):
        places.append(_place(addend[k] if k < len(addend) else above, (_kept, [total[k], clear]), out))
    _ccu2c(m, places)
    return Cat(sums)


def _kept(bit, clear):
    return bit & ~clear & 1


class _Wires:
    """The values of a schedule's wires, each delayed by registers to the stages that ask for it."""

    def __init__(self, m, schedule, inputs, enable):
        self._m, self._times, self._enable = m, schedule.times, enable
        self._values = {(wire, 0): value for wire, value in enumerate(inputs)}

    def new(self, wire):
        stage, _ = self._times[wire]
        self._values[wire, stage] = signal = Signal(name=f"wire{wire}")
        return signal

    def at(self, wire, stage):
        if (wire, stage) not in self._values:
            ahead = self.at(wire, stage - 1)
            register = Signal(name=f"wire{wire}_stage{stage}", reset_less=True)
            with self._m.If(self._enable):
                self._m.d.sync += register.eq(ahead)
            self._values[wire, stage] = register
        return self._values[wire, stage]

    def of(self, bit, cell):
        """(function, values of its wires) of a bit, for a cell that uses it."""
        return FUNCTIONS[bit.kind], [self.at(wire, cell.time[0]) for wire in bit.wires]

    def one(self, bit, cell):
        return self.at(bit.wires[0], cell.time[0]) if bit is not None else Const(0, 1)


def _applied(bit):
    function, values = bit
    return function(*values)


def _table(function, inputs):
    """The truth table of a function of some bits, input 0 the lowest bit of the index."""
    return sum(function(*(index >> k & 1 for k in range(inputs))) << index for index in range(1 << inputs))


def _exclusive_or(m, bits, out, family):
    inputs, places = _shared_inputs(bits)
    if family not in NAMES or len(inputs) > 4:
        total = _applied(bits[0])
        for bit in bits[1:]:
            total = total ^ _applied(bit)
        m.d.comb += out.eq(total)
        return

    def function(*values):
        return sum(f(*(values[k] for k in chosen)) for (f, _), chosen in zip(bits, places, strict=True)) & 1

    m.submodules += lut4(family, _table(function, 4), inputs, out)


def _shared_inputs(bits):
    """The distinct values that the bits are functions of, and for each bit the places of its own values among them."""
    inputs = []
    for _, values in bits:
        inputs += [value for value in values if not any(value is other for other in inputs)]
    return inputs, [[next(k for k, other in enumerate(inputs) if other is value) for value in values]
                    for _, values in bits]


def _full_adder(m, bits, made, family):
    inputs, places = _shared_inputs(bits)

    def total(*values):
        return sum(f(*(values[k] for k in chosen)) for (f, _), chosen in zip(bits, places, strict=True))

    if family == "xc7":
        table = _table(lambda *v: total(*v) >> 1, 5) << 32 | _table(lambda *v: total(*v) & 1, 5)
        ports = {f"i_I{k}": value for k, value in enumerate([*inputs, 0, 0, 0, 0][:5])}
        m.submodules += Instance("LUT6_2", p_INIT=Const(table, 64), **ports, i_I5=1, o_O5=made[0], o_O6=made[1])
    else:
        m.d.comb += Cat(made).eq(sum(_applied(bit) for bit in bits))


def _sum(operands, carry):
    a = Cat(a for a, _ in operands)
    return a + Cat(_applied(b) if b else Const(0, 1) for _, b in operands) + carry


def _carry4(m, operands, carry):
    """Sum and carry of an adder on Xilinx's carry chain. LUTs in front of the chain make the exclusive ors."""
    outputs, ahead = [], {"i_CYINIT": carry, "i_CI": 0}
    for first in range(0, len(operands), 4):
        part = operands[first:first + 4]
        propagate = [a ^ _applied(b) if b else a for a, b in part]
        sums, carries = Signal(4), Signal(4)
        m.submodules += Instance("CARRY4", **ahead, i_S=Cat(propagate, Const(0, 4))[:4],
                                 i_DI=Cat((a for a, _ in part), Const(0, 4))[:4], o_O=sums, o_CO=carries)
        outputs.append(sums[:len(part)])
        ahead = {"i_CYINIT": 0, "i_CI": carries[len(part) - 1]}
    return Cat(*outputs, carries[len(part) - 1])


def _ccu2c_chains(m, adders):
    """Adders that work at the same time, several on a chain.

    A place of the chain adds the wire on one input of its LUT4, a bit that the LUT4 makes from its other inputs, and
    the carry of the place below. A guard between two adders puts out the last carry of the lower adder, and puts in the
    first carry of the upper one. The first place of a chain needs no carry-in.
    """
    chain, last = [], None
    for operands, carry, made in adders:
        if chain and len(chain) + len(operands) > CHAIN_PLACES:
            _ccu2c(m, [*chain, _guard(Const(0, 1), last)])
            chain, last = [], None
        chain.append(_guard(carry, last))
        chain += [_place(a, b, out) for (a, b), out in zip(operands, made[:-1], strict=True)]
        last = made[-1]
    _ccu2c(m, [*chain, _guard(Const(0, 1), last)])


def _guard(carry, out):
    return 0b1010, [carry, 0, 0, 1], out


def _place(a, b, out):
    """The truth table of a place, its inputs, and its sum.

    Where the LUT4 gives zero, the carry comes from the lowest four entries of its table, those with C and D low.
    """
    if b is None:
        return 0xAAAA, [a, 0, 0, 0], out
    function, values = b
    if len(values) < 3:
        values = [*values, 0][:2]
        low = _table(lambda p, q: function(*(p, q)[:len(b[1])]), 2)
        return ((low ^ 0xF) << 4 | low) << 8 | low, [*values, a, 1], out
    return _table(lambda p, *q: p ^ function(*q), 4), [a, *values], out


def _ccu2c(m, places):
    """A row of CCU2Cs for some places: the carry of each goes to the next."""
    carry = {}
    for first in range(0, len(places), 2):
        ports, ahead = {"p_INJECT1_0": "NO", "p_INJECT1_1": "NO"}, Signal()
        for half, (table, inputs, out) in enumerate([*places[first:first + 2], (0, [0, 0, 0, 0], None)][:2]):
            ports[f"p_INIT{half}"] = Const(table, 16)
            ports |= {f"i_{name}{half}": value for name, value in zip("ABCD", inputs, strict=True)}
            if out is not None:
                ports[f"o_S{half}"] = out
        m.submodules += Instance("CCU2C", **ports, **carry, o_COUT=ahead)
        carry = {"i_CIN": ahead}
