"""The lookup table of four inputs, under each family's names."""

from amaranth.hdl import Const, Instance

NAMES = {"ecp5": ("LUT4", "ABCD", "INIT", "Z"), "gowin": ("LUT4", ("I0", "I1", "I2", "I3"), "INIT", "F"),
         "ice40": ("SB_LUT4", ("I0", "I1", "I2", "I3"), "LUT_INIT", "O")}
"""By family: the cell, its inputs, the parameter of its table, and its output."""


def lut4(family, table, inputs, output):
    """A cell with up to four inputs. Its output is bit n of `table`, where input k is bit k of n."""
    cell, names, init, result = NAMES[family]
    pins = [*inputs, *[Const(0, 1)] * (4 - len(inputs))]
    ports = {f"i_{name}": pin for name, pin in zip(names, pins, strict=True)}
    return Instance(cell, **{f"p_{init}": Const(table, 16), f"o_{result}": output}, **ports)
