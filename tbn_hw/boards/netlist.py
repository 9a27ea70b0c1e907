"""The mapped netlists of a board's top level. They are joined with the netlists of its accelerator."""

from __future__ import annotations

from pathlib import Path

from tbn_hw.boards.top import BoardTop, Settings
from tbn_hw.families.registry import board_facts, find_family
from tbn_hw.shared.design import Design
from tbn_hw.tools import yosys
from tbn_hw.tools.versions import require_yosys


def mapped(top: BoardTop, design: Design, family: str, folder: Path) -> list[Path]:
    """Write the mapped netlists of a board's top level to `folder`, and return their paths.

    The first netlist has the top level and the link. The second has the settings: a LUT's table holds each constant, so
    tops of different clocks have the same cells and wires.

    The design is a black box here. `tbn_hw.netlists.synthesis.synthesise` writes its netlists.
    `tbn_hw.netlists.join.json_netlist` joins all of them under the name of `top` for nextpnr. nextpnr also gets the
    constraint file of `tbn_hw.boards.top.for_target`. Raises ToolMissing, and SynthesisError when Yosys fails.
    """
    require_yosys()
    folder.mkdir(parents=True, exist_ok=True)
    header = design.top().partition("\n);")[0]
    own = dict(top.modules)
    (folder / "box.v").write_text(f"{header}\n);\nendmodule\n{own.pop(top.settings.name)}")
    (folder / "source.v").write_text("".join(own.values()))
    (folder / "board.ys").write_text("\n".join([
        "read_verilog -lib box.v",
        "read_verilog source.v",
        f"{find_family(family).cells.command} -top {top.name}",
        *board_facts(family).pads,
        f"write_verilog {top.name}.v\n",  # keeps attributes: they hold the PLL's analogue settings
    ]))
    yosys.run(top.name, "board.ys", folder)
    settings = folder / f"{top.settings.name}.v"
    settings.write_text(_constants(top.settings, family))
    return [folder / f"{top.name}.v", settings]


def _constants(settings: Settings, family: str) -> str:
    constant = board_facts(family).constant
    cells = [constant.format(init="ffff" if value >> place & 1 else "0000", name=f"{name}_{place}",
                                      bit=f"{name}[{place}]")
             for name, width, value in settings.constants for place in range(width)]
    return "\n".join([settings.verilog.partition("\n")[0], *cells, "endmodule\n"])
