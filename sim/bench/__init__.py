"""Benches that hold Verilog to integers: `simulate` for a whole accelerator, `simulate_component` for one module."""

from sim.bench.accelerator import Divergence, Probe, SimulationResult, simulate
from sim.bench.beats import pack, unpack
from sim.bench.component import BeatDivergence, ComponentResult, simulate_component
from sim.bench.tool import CompileError, SimulationError, ToolMissing

__all__ = ["BeatDivergence", "CompileError", "ComponentResult", "Divergence", "Probe", "SimulationError",
           "SimulationResult", "ToolMissing", "pack", "simulate", "simulate_component", "unpack"]
