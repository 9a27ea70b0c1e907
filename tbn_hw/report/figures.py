"""The figures of `report.json`. A figure that was not measured is null."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tbn_hw.families.cells import FIGURES
from tbn_hw.report.dataflow import shapes
from tbn_hw.shared.design import Design
from tbn_hw.targets.catalogue import Target
from tbn_hw.verilog.hierarchy import PARTS

FLOAT_BITS = 32


def network_figures(design: Design) -> dict[str, Any]:
    """Work and weight memory of one picture. The saving counts the memory images of layers with binary weights."""
    network, stored = design.network, design.weights()
    binary = [weights for weights in stored if weights.bits == 1]
    binary_bits = sum(weights.stored_bits for weights in binary)
    return {
        "macs": sum(network.macs(node.name) for node in network.nodes),
        "weight_bits": sum(weights.stored_bits for weights in stored),
        "float32_bits": FLOAT_BITS * sum(weights.count for weights in stored),
        "memory_saving": FLOAT_BITS * sum(weights.count for weights in binary) / binary_bits if binary else None,
    }


def layer_figures(design: Design, modules: Mapping[str, Mapping[str, Any]],
                  estimates: Mapping[str, Mapping[str, float]]) -> list[dict[str, Any]]:
    """One entry for each layer. `modules` gives the synthesised figures by module. `estimates` gives the estimated
    figures of each block by name, if there are any."""
    blocks, kinds = {block.name: block for block in design.blocks()}, design.network.by_name
    synthesised = {layer.node: modules[blocks[layer.block].module] for layer in design.layers()}
    return [{"name": layer.node, "kind": kinds[layer.node].kind, **shapes(design.network, layer.node), "pe": layer.pe,
             "simd": layer.simd, "cycles": layer.cycles, "ideal_cycles": layer.ideal_cycles,
             "lut_estimate": round(estimates[layer.block]["lut"]) if estimates else None,
             **{figure: synthesised[layer.node][figure] for figure in FIGURES},
             "parts": synthesised[layer.node]["parts"]} for layer in design.layers()]


def synthesis_figures(design: Design, total: Mapping[str, Any],
                      modules: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The totals, all LUTs over the multiply-accumulate lanes, and each part's figures and share of the LUTs.

    `modules` gives the figures of each module, the top included.
    """
    lanes = design.lanes
    parts = {part: dict.fromkeys(FIGURES, 0) for part in PARTS}
    by_kind = [("top", design.name), *((block.kind, block.module) for block in design.blocks()
                                       if block.module != design.name)]
    for kind, module in by_kind:
        for part, found in modules[module]["parts"].items():
            into = parts["queues" if kind in ("queue", "fork") else part]
            for figure in FIGURES:
                into[figure] += found[figure]
    shares = {part: {**found, "lut_share": found["lut"] / total["lut"]} for part, found in parts.items()}
    return {**total, "lanes": lanes, "lut_per_lane": total["lut"] / lanes if lanes else None, "parts": shares}


def labelled(accuracy: Mapping[str, Any]) -> str:
    """The labelled pictures of a report's `accuracy` in words. A QONNX file names no data set for them."""
    count = f"{accuracy['images']:,} test images"
    return f"{count} of {accuracy['dataset']}" if accuracy["dataset"] else count


def device(target: Target) -> dict[str, Any]:
    """The device that the design is for; `board` is null for a part without a board."""
    return {"board": target.title if target.board else None, "part": target.part_name, "family": target.family,
            "package": target.package, "speed": target.speed,
            "board_clock_mhz": target.board.clock.mhz if target.board else None}


def available(target: Target) -> dict[str, int]:
    """The number of each of the FIGURES that the target's part has."""
    return {figure: getattr(target.part, figure) for figure in FIGURES}


def throughput(routed: Mapping[str, Any], verified: Mapping[str, Any], macs: int) -> dict[str, Any]:
    """Frames a second, latency and operations (two for a multiply-accumulate) of the routed design.

    The clock is the board's, else the requested one, else the fastest that was reached. The cycles are those counted in
    simulation. On a board `line_fps` is the rate of its line, and `slower` tells whether the accelerator or the line
    sets the rate."""
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
