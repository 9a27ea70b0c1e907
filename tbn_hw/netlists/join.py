"""From the netlists of modules to the one of a design, which place and route needs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tbn_hw.families.ecp5_chains import open_ends
from tbn_hw.families.ecp5_memories import output_registers
from tbn_hw.families.gowin_cells import mend
from tbn_hw.shared.errors import UsageError
from tbn_hw.tools import yosys
from tbn_hw.tools.versions import require_yosys

LIBRARIES = {  # family -> what declares its cells, in Yosys's own folder
    "ecp5": ("+/ecp5/cells_sim.v", "+/ecp5/cells_bb.v"),
    "gowin": ("+/gowin/cells_sim.v", "+/gowin/cells_xtra_gw2a.v"),
    "ice40": ("+/ice40/cells_sim.v",),
    "xc7": ("+/xilinx/cells_sim.v", "+/xilinx/cells_xtra.v"),
}

MENDED = {"ecp5": (open_ends, output_registers), "gowin": (mend,)}
"""What is changed of a family's flat netlist."""


def json_netlist(netlists: Iterable[Path], top: str, target: str, folder: Path) -> Path:
    """Join mapped Verilog `netlists`, as `tbn_hw.netlists.synthesis.synthesise` writes them, below the module `top`.

    Returns `folder`/<top>.json, flat, its names joined by dots. Nothing is optimised any more, so that what drives no
    output stays; but the ends of ECP5 carry chains are left open where nextpnr would spend cells on them, registers
    behind ECP5 block RAM move into it, Gowin's cells get the form that nextpnr times and places rightly, and some
    of its carry chains a head.

    Raises UsageError for an unknown target, ToolMissing, and SynthesisError when Yosys fails, for example over a module
    that is in no netlist.
    """
    if target not in LIBRARIES:
        raise UsageError(f"target must be one of {', '.join(LIBRARIES)}, not {target!r}")
    require_yosys()
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, path in enumerate(netlists):  # the tool sees a /tmp of its own, so the files must lie here
        names.append(f"netlist{number}.v")
        (folder / names[-1]).write_bytes(path.read_bytes())
    (folder / "join.ys").write_text("\n".join([
        f"read_verilog -lib {' '.join(LIBRARIES[target])}",
        f"read_verilog {' '.join(names)}",
        f"hierarchy -check -top {top}",
        "blackbox =A:whitebox",  # a JSON file has no room for models
        "flatten",
        f"write_json {top}.json\n",
    ]))
    yosys.run(top, ["-s", "join.ys"], folder)
    for name in names:
        (folder / name).unlink()
    file = folder / f"{top}.json"
    if target in MENDED:
        netlist = json.loads(file.read_text())
        for change in MENDED[target]:
            change(netlist["modules"][top])
        file.write_text(json.dumps(netlist))
    return file
