"""Joining of the modules' netlists into the one netlist of a design that place and route needs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from tbn_hw.families.registry import find_family
from tbn_hw.tools import yosys
from tbn_hw.tools.versions import require_yosys


def json_netlist(netlists: Iterable[Path], top: str, target: str, folder: Path) -> Path:
    """Join mapped Verilog `netlists`, as `tbn_hw.netlists.synthesis.synthesise` writes them, below the module `top`.

    Returns `folder`/<top>.json. The netlist is flat, and dots join the names. Nothing more is optimised, so cells that
    drive no output stay. Then the family's `mends` change the netlist.

    Raises UsageError for an unknown target, ToolMissing, and SynthesisError when Yosys fails, for example over a module
    that is in no netlist.
    """
    family = find_family(target, "target")
    require_yosys()
    folder.mkdir(parents=True, exist_ok=True)
    names = []
    for number, path in enumerate(netlists):  # the tool has a /tmp of its own, so the files must lie here
        names.append(f"netlist{number}.v")
        (folder / names[-1]).write_bytes(path.read_bytes())
    (folder / "join.ys").write_text("\n".join([
        f"read_verilog -lib {' '.join(family.libraries)}",
        f"read_verilog {' '.join(names)}",
        f"hierarchy -check -top {top}",
        "blackbox =A:whitebox",  # a JSON file cannot hold models
        "flatten",
        f"write_json {top}.json\n",
    ]))
    yosys.run(top, "join.ys", folder)
    for name in names:
        (folder / name).unlink()
    file = folder / f"{top}.json"
    if family.mends:
        netlist = json.loads(file.read_text())
        for change in family.mends:
            change(netlist["modules"][top])
        file.write_text(json.dumps(netlist))
    return file
