"""Benches that compare simulated Verilog with expected integers.

`simulate` and `simulate_many` are for whole accelerators, `simulate_component` for one module with streams.
"""

from pathlib import Path

from sim.bench.accelerator import Divergence, Probe, SimulationResult, simulate
from sim.bench.beats import pack, unpack
from sim.bench.component import BeatDivergence, ComponentResult, simulate_component
from sim.bench.many import simulate_many
from sim.bench.tool import CompileError, SimulationError, ToolMissing

PRIMITIVES = Path(__file__).with_name("primitives.v")
"""Simulation models of the vendors' cells that generated Verilog instantiates."""
ECP5_BLOCKS = Path(__file__).with_name("ecp5_blocks.v")
"""Simulation models of ECP5's block RAM and multiplier, for netlists."""
GOWIN_BLOCKS = Path(__file__).with_name("gowin_blocks.v")
"""Simulation models of Gowin's block RAMs and multipliers, for netlists."""
XILINX_BLOCKS = Path(__file__).with_name("xilinx_blocks.v")
"""Simulation models of the block RAM of Xilinx 7, for netlists."""

__all__ = ["ECP5_BLOCKS", "GOWIN_BLOCKS", "PRIMITIVES", "XILINX_BLOCKS", "BeatDivergence", "CompileError",
           "ComponentResult", "Divergence", "Probe", "SimulationError", "SimulationResult", "ToolMissing", "pack",
           "simulate", "simulate_component", "simulate_many", "unpack"]
