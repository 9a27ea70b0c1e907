"""Planned netlists as Amaranth modules of a family's cells, with registers between pipeline stages."""

from amaranth.hdl import Cat, Const, Instance, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hdl.constant.netlist import HIGH, Half, Lut
from hdl.lut4 import NAMES, lut4

WITH_CELLS = (*NAMES, "xc7")
"""The families whose lookup tables are known here. A netlist for another family is written as plain logic."""

CHAIN_HALVES = 48
"""Most halves in a row of CCU2C. Several chains share a row, and timing analysis treats it as one long carry."""

PASS = Half((None,) * 4, 0xFFFF, None, -1)
"""A half that lets the carry pass."""


def stage_of(level, stage_levels):
    """The pipeline stage of a cell that reads signals of some level; without levels there is one stage."""
    return level // stage_levels if stage_levels else 0


def stages(netlist, stage_levels):
    """The pipeline stage of each signal of a netlist; the stages of its inputs follow from their levels."""
    made = [0 if not level else stage_of(level - 1, stage_levels) for level in netlist.levels]
    for chain in netlist.chains:
        for half in chain.halves:
            if half.output is not None:
                made[half.output] = stage_of(chain.level, stage_levels)
    return made


def carry_rows(netlist, stage_levels):
    """The carry chains of a netlist joined into rows: a list of (stage, halves), an even number of halves in each.

    Between two chains of the same level, one half both takes out the carry of the first and puts in that of the second.
    Between other chains, two halves do so. Tools look at whole cells, and would see a cycle where the second carry
    depends on the first. No chain of a row reads a signal that a later chain of that row makes.
    """
    rows = []
    for chain in sorted(netlist.chains, key=lambda chain: (stage_of(chain.level, stage_levels), chain.start)):
        stage = stage_of(chain.level, stage_levels)
        row = max((row for row in rows if row[0] == stage and row[1] <= chain.start
                   and len(row[2]) + len(chain.halves) <= CHAIN_HALVES), key=lambda row: row[1], default=None)
        if row is None:
            rows.append([stage, chain.level, list(chain.halves)])
            continue
        last, first = row[2][-1], chain.halves[0]
        if last.takes_out and first.level == last.level:
            row[2][-1] = first._replace(output=last.output)
        else:
            row[2].append(first)
        row[1:] = [chain.level, row[2] + chain.halves[1:]]
    return [(stage, min((_paired(halves, first) for first in (0, 1)), key=len)) for stage, _, halves in rows]


def _paired(halves, first):
    """Halves in pairs, after `first` halves that do nothing. No half reads a signal that the other of its pair makes.

    That would be no cycle, but tools look at whole cells.
    """
    result = [PASS] * first
    for half in halves:
        if len(result) % 2 and half.level > result[-1].level >= 0:
            result.append(PASS)
        result.append(half)
    return result + [PASS] * (len(result) % 2)


def cost(netlist, stage_levels):
    """The lookup tables that a netlist takes. A half of a carry chain counts as one, since it takes a table's place."""
    return sum(isinstance(cell, Lut) for cell in netlist.cells) + sum(
        len(halves) for _, halves in carry_rows(netlist, stage_levels))


class ConstantLogic(wiring.Component):
    """A planned netlist on the cells of a family.

    Each input comes, and each output is wanted, in a given pipeline stage. Signals that cross the end of a stage go
    through a register.

    Parameters
    ----------
    netlist : Netlist
    outputs : list of Bit
        The wanted bits, each real or constant.
    family : one of `hdl.families.CELL_FAMILIES` except 'portable'
    stage_levels : int
        Levels of logic in a stage, as the netlist was planned; 0 for one stage.
    input_stages, output_stages : list of int
        The stage of each input, and the stage in which each output is wanted. No output is wanted before the stage that
        makes it.
    plain : bool
        Whether to write the cells as plain logic, for a simulator that does not know them. A family that is not in
        WITH_CELLS has plain logic always.

    Members
    -------
    i, o : in, out
        Bits of the inputs and outputs.
    enable : in
        Enables the registers.
    """

    def __init__(self, *, netlist, outputs, family, stage_levels, input_stages, output_stages,
                 plain=False):
        self._netlist, self._outputs, self._family, self._levels = netlist, outputs, family, stage_levels
        self._stages = [*input_stages, *stages(netlist, stage_levels)[netlist.inputs:]]
        self._output_stages, self._plain = output_stages, plain or family not in WITH_CELLS
        super().__init__({"i": In(netlist.inputs), "o": Out(len(outputs)), "enable": In(1)})

    def elaborate(self, platform):
        m = Module()
        made = [Signal(name=f"n{k}") for k in range(len(self._stages))]
        m.d.comb += Cat(made[:self._netlist.inputs]).eq(self.i)
        late = {}

        def at(signal, stage):
            """A signal in a stage; a pin may also be a constant."""
            if signal is None or signal == HIGH:
                return Const(signal is not None, 1)
            if stage == self._stages[signal]:
                return made[signal]
            if (signal, stage) not in late:
                ahead = at(signal, stage - 1)
                late[signal, stage] = register = Signal(name=f"n{signal}_{stage}")
                with m.If(self.enable):
                    m.d.sync += register.eq(ahead)
            return late[signal, stage]

        for number, cell in enumerate(self._netlist.cells):
            if isinstance(cell, Lut):
                stage = self._stages[cell.outputs[0]]
                pins = [at(signal, stage) for signal in cell.inputs]
                outputs = [made[signal] for signal in cell.outputs]
                if self._plain:
                    m.d.comb += [output.eq(_look_up(pins, table))
                                 for output, table in zip(outputs, cell.tables, strict=True)]
                else:
                    m.submodules[f"lut{number}"] = _lut(self._family, pins, cell.tables, outputs)
        for number, (stage, halves) in enumerate(carry_rows(self._netlist, self._levels)):
            carry = Const(0, 1)
            for pair in range(0, len(halves), 2):
                ahead, carry = carry, Signal(name="carry")
                places = [([at(pin, stage) for pin in half.pins], half.init,
                           Signal() if half.output is None else made[half.output]) for half in halves[pair:pair + 2]]
                if self._plain:
                    _plain_halves(m, places, ahead, carry)
                else:
                    m.submodules[f"carry{number}_{pair}"] = _ccu2c(places, ahead, carry)
        m.d.comb += self.o.eq(Cat(self._output(at, bit, stage)
                                  for bit, stage in zip(self._outputs, self._output_stages, strict=True)))
        return m

    @staticmethod
    def _output(at, bit, stage):
        return at(bit.signals[0], stage) if bit.signals else Const(bit.table, 1)


def _lut(family, pins, tables, outputs):
    """A cell with these input pins, tables and outputs, one table for each output."""
    if family != "xc7":
        return lut4(family, tables[0], pins, outputs[0])
    pair = len(tables) == 2
    named = {f"i_I{k}": pin for k, pin in enumerate(pins + [Const(0, 1)] * (6 - len(pins)))}
    if pair:
        named |= {"i_I5": Const(1, 1), "o_O5": outputs[0]}
    init = tables[1] << 32 | tables[0] if pair else tables[0]
    return Instance("LUT6_2", p_INIT=Const(init, 64), **named, o_O6=outputs[-1])


def _ccu2c(places, carry_in, carry_out):
    ports = {"i_CIN": carry_in, "o_COUT": carry_out, "p_INJECT1_0": "NO", "p_INJECT1_1": "NO"}
    for k, (pins, init, output) in enumerate(places):
        ports |= {f"i_{name}{k}": pin for name, pin in zip("ABCD", pins, strict=True)}
        ports |= {f"p_INIT{k}": Const(init, 16), f"o_S{k}": output}
    return Instance("CCU2C", **ports)


def _look_up(pins, table):
    return Const(table, 1 << len(pins)).bit_select(Cat(pins), 1)


def _plain_halves(m, places, carry_in, carry_out):
    carry = carry_in
    for pins, init, output in places:
        propagate = _look_up(pins, init)
        m.d.comb += output.eq(propagate ^ carry)
        carry = Mux(propagate, carry, _look_up(pins[:2], init & 15))
    m.d.comb += carry_out.eq(carry)
