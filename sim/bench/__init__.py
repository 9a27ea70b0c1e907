"""Benches that hold Verilog to integers: `simulate` and `simulate_many` for accelerators, `simulate_component`."""

from pathlib import Path

from sim.bench.accelerator import Divergence, Probe, SimulationResult, simulate
from sim.bench.beats import pack, unpack
from sim.bench.component import BeatDivergence, ComponentResult, simulate_component
from sim.bench.many import simulate_many
from sim.bench.tool import CompileError, SimulationError, ToolMissing

PRIMITIVES = Path(__file__).with_name("primitives.v")
"""Verilog of the FPGA families' own cells that gateware for one family is made of."""
ECP5_BLOCKS = Path(__file__).with_name("ecp5_blocks.v")
"""Verilog of ECP5's block RAM and multiplier, for netlists."""
GOWIN_BLOCKS = Path(__file__).with_name("gowin_blocks.v")
"""The same of Gowin's."""
XILINX_BLOCKS = Path(__file__).with_name("xilinx_blocks.v")
"""Verilog of the block RAM of Xilinx 7, for netlists."""

__all__ = ["ECP5_BLOCKS", "GOWIN_BLOCKS", "PRIMITIVES", "XILINX_BLOCKS", "BeatDivergence", "CompileError",
           "ComponentResult", "Divergence", "Probe", "SimulationError", "SimulationResult", "ToolMissing", "pack",
           "simulate", "simulate_component", "simulate_many", "unpack"]
