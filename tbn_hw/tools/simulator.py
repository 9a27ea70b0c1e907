"""The programs that simulate Verilog, and one sentence for one that is missing."""

from __future__ import annotations

from sim.bench import tool as simulators
from tbn_hw.shared.errors import ToolMissing
from tbn_hw.tools.versions import versions


def require_simulator() -> None:
    """Raises ToolMissing when Verilator, a C++ compiler or make is missing."""
    versions("cocotb", "verilator")
    try:
        simulators.verilator_root()
        simulators.compiler()
    except simulators.ToolMissing as error:
        raise ToolMissing(str(error)) from None
