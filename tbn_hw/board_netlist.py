"""The mapped netlist of a board's top level, to be joined with those of its accelerator."""

from __future__ import annotations

from pathlib import Path

from tbn_hw import generate, yosys
from tbn_hw.accelerator import Accelerator
from tbn_hw.board import BoardTop
from tbn_hw.cells import FAMILIES
from tbn_hw.tools import require_yosys


def mapped(top: BoardTop, accelerator: Accelerator, family: str, folder: Path) -> Path:
    """`folder`/<top>.v: the board's top level and the link, mapped to a family of `tbn_hw.cells`.

    The accelerator in it is a black box, whose netlists `tbn_hw.synthesis.synthesise` writes; all of them together go
    to `tbn_hw.placement.json_netlist` under the name of `top`, and what comes of it to nextpnr with the constraint file
    of `tbn_hw.board.for_target`. Raises ToolMissing, and SynthesisError when Yosys fails.
    """
    require_yosys()
    folder.mkdir(parents=True, exist_ok=True)
    header = generate.top(accelerator).partition("\n);")[0]
    (folder / "box.v").write_text(f"{header}\n);\nendmodule\n")
    (folder / "source.v").write_text(top.verilog)
    (folder / "board.ys").write_text("\n".join([
        "read_verilog -lib box.v",
        "read_verilog source.v",
        f"{FAMILIES[family].command} -top {top.name}",
        f"write_verilog -noattr {top.name}.v\n",
    ]))
    yosys.run(top.name, ["-s", "board.ys"], folder)
    return folder / f"{top.name}.v"
