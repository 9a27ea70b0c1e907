"""The report of a build: `report.json`, whose keys others rely on, and tables for the terminal.

A figure that was not measured is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from quantize.network import Network
from tbn_hw.families.cells import FIGURES
from tbn_hw.report.dataflow import shapes
from tbn_hw.streaming.accelerator import Accelerator
from tbn_hw.streaming.generate import rom_rows, weight_bits
from tbn_hw.targets.catalogue import Target
from tbn_hw.verilog.hierarchy import PARTS

FLOAT_BITS = 32


def network_figures(network: Network, accelerator: Accelerator) -> dict[str, Any]:
    """Work and weight memory of one picture; the saving is that of the ROM images of layers with binary weights."""
    stored = []  # (bits a weight, bits in the ROM image, weights) of each weight memory
    for engine in accelerator.engines:
        if engine.node is not None and engine.has_weights:
            rows, width = rom_rows(engine)
            stored.append((weight_bits(engine.node), len(rows) * width, engine.node.arrays["weights"].size))
    binary = [(bits, count) for kind, bits, count in stored if kind == 1]
    binary_bits = sum(bits for bits, _ in binary)
    return {
        "macs": sum(network.macs(node.name) for node in network.nodes),
        "weight_bits": sum(bits for _, bits, _ in stored),
        "float32_bits": FLOAT_BITS * sum(count for _, _, count in stored),
        "memory_saving": FLOAT_BITS * sum(count for _, count in binary) / binary_bits if binary else None,
    }


def layer_figures(accelerator: Accelerator, synthesised: Mapping[str, Mapping[str, Any]],
                  estimates: Mapping[str, Mapping[str, float]] | None = None) -> list[dict[str, Any]]:
    """One entry for each engine that does a node's work; `synthesised` gives the figures of each engine by name, and
    `estimates` what they were thought to be."""
    return [{"name": engine.node.name, "kind": engine.kind, **shapes(accelerator, engine), "pe": engine.folding.pe,
             "simd": engine.folding.simd, "cycles": engine.cycles, "ideal_cycles": engine.ideal_cycles,
             "lut_estimate": round(estimates[engine.name]["lut"]) if estimates else None,
             **{figure: synthesised[engine.name][figure] for figure in FIGURES},
             "parts": synthesised[engine.name]["parts"]}
            for engine in accelerator.engines if engine.node is not None]


def synthesis_figures(accelerator: Accelerator, total: Mapping[str, Any],
                      modules: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, Any]:
    """The totals, all LUTs over the multiply-accumulate lanes, and each part's figures and share of the LUTs.

    `modules` are the (kind, figures) of all engines and of the top level.
    """
    lanes = sum(engine.folding.lanes for engine in accelerator.engines if engine.has_weights)
    parts = {part: dict.fromkeys(FIGURES, 0) for part in PARTS}
    for kind, figures in modules:
        for part, found in figures["parts"].items():
            into = parts["queues" if kind in ("queue", "fork") else part]
            for figure in FIGURES:
                into[figure] += found[figure]
    shares = {part: {**found, "lut_share": found["lut"] / total["lut"]} for part, found in parts.items()}
    return {**total, "lanes": lanes, "lut_per_lane": total["lut"] / lanes if lanes else None, "parts": shares}


def device(target: Target) -> dict[str, Any]:
    """What the design is for; `board` is null for a part alone."""
    return {"board": target.title if target.board else None, "part": target.part_name, "family": target.family,
            "package": target.package, "speed": target.speed,
            "board_clock_mhz": target.board.clock.mhz if target.board else None}


def available(target: Target) -> dict[str, int]:
    """What the target's part has of each of the FIGURES."""
    return {figure: getattr(target.part, figure) for figure in FIGURES}


def throughput(routed: Mapping[str, Any], verified: Mapping[str, Any], macs: int) -> dict[str, Any]:
    """Frames a second, latency and operations (two for a multiply-accumulate) of what was routed, at the board's clock,
    or the one asked for, else at the fastest it can have; from the cycles that were counted in simulation. On a board
    `line_fps` is what its line carries; `slower` is which of both sets the rate, the accelerator or the line."""
    if routed["fmax_mhz"] is None:
        return dict.fromkeys(("fps", "latency_ms", "gops", "at_mhz", "source", "line_fps", "slower"))
    mhz, source = routed["fmax_mhz"], f"{routed['tool']}, seed {routed['seed']}"
    board = routed["board"]
    if board is not None:
        mhz, source = board["clock_mhz"], f"the board's clock, met by {source}"
    elif routed["clock_mhz"] is not None:
        mhz, source = routed["clock_mhz"], f"the clock asked for, met by {source}"
    line = board["line_fps"] if board else None
    interval, latency = verified["interval_cycles"], verified["latency_cycles"]
    fps = 1e6 * mhz / interval if interval else None
    return {"fps": round(fps, 2) if fps else None,
            "latency_ms": round(latency / mhz / 1e3, 5) if latency else None,
            "gops": round(2 * macs * fps / 1e9, 3) if fps else None, "at_mhz": mhz, "source": source,
            "line_fps": line, "slower": ("line" if line < fps else "accelerator") if line and fps else None}
