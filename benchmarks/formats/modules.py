"""The Verilog of an array, alone and with shift registers that feed it on a device."""

from amaranth.back import verilog
from amaranth.hdl import Cat, ClockDomain, ClockSignal, Instance, Module, Signal, Value

ARRAY, PINS = "array", "pins"
PORTS = ("x", "w", "first", "start")
"""Inputs of an array."""


def modules(array):
    """The Verilog by name of ARRAY, with a clock and no reset, and of PINS, which holds an instance of it.

    PINS feeds each port of the array from a shift register, a bit in a cycle, so that every device has enough pins.
    Nothing reads the results.
    """
    ports = {name: Value.cast(getattr(array, name)) for name in PORTS}
    return {ARRAY: _array(array, [*ports.values(), Value.cast(array.o)]), PINS: _pins(ports)}


def _array(array, ports):
    m, clk = _clocked()
    m.submodules.array = array
    return _verilog(m, ARRAY, [clk, *ports])


def _pins(ports):
    m, clk = _clocked()
    inputs, registers = [], {}
    for name, value in ports.items():
        inputs.append(Signal(name=name))
        registers[name] = Signal(len(value), name=f"{name}_register")
        m.d.sync += registers[name].eq(Cat(inputs[-1], registers[name])[:len(value)])
    m.submodules.array = Instance(ARRAY, a_keep=1, i_clk=ClockSignal(), **{
        f"i_{name}": register for name, register in registers.items()})
    return _verilog(m, PINS, [clk, *inputs])


def _clocked():
    m, clk = Module(), Signal(name="clk")
    m.domains.sync = domain = ClockDomain(reset_less=True)
    m.d.comb += domain.clk.eq(clk)
    return m, clk


def _verilog(m, name, ports):
    return verilog.convert(m, name=name, ports=ports, emit_src=False)
