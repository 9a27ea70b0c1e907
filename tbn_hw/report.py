"""The report of a build: `report.json`, whose keys others rely on, and tables for the terminal.

A figure that was not measured is null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from quantize.network import Network
from tbn_hw.accelerator import Accelerator
from tbn_hw.cells import FIGURES
from tbn_hw.dataflow import shapes
from tbn_hw.generate import ports, rom_rows, weight_bits
from tbn_hw.hierarchy import PARTS
from tbn_hw.targets import Target
from tbn_hw.tools import versions
from tbn_hw.workspace import file_hash

FLOAT_BITS = 32


def network_figures(network: Network, accelerator: Accelerator) -> dict[str, Any]:
    """Work and weight memory of one picture; the saving is that of the ROM images of layers with binary weights."""
    stored = []  # (bits a weight, bits in the ROM image, weights) of each weight memory
    for engine in accelerator.engines:
        if engine.node is not None and engine.kind in ("conv", "dense"):
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
    lanes = sum(engine.folding.lanes for engine in accelerator.engines if engine.kind in ("conv", "dense"))
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


def manifest(root: Path, accelerator: Accelerator) -> dict[str, Any]:
    """What was built in the folder `root`: hashes of the files, tool versions, folding, queue depths and ports."""
    files = [root / "network.safetensors", *sorted((root / "rtl").iterdir()), *sorted((root / "rom").iterdir()),
             *sorted((root / "synth" / "board").glob("*")),
             *sorted((root / "synth").glob(f"{accelerator.name}.bi[tn]"))]
    return {
        "model": accelerator.name,
        "files": {str(file.relative_to(root)): file_hash(file) for file in files},
        "versions": versions(),
        "folding": {engine.node.name: asdict(engine.folding)
                    for engine in accelerator.engines if engine.node is not None},
        "queues": {engine.name: engine.depth for engine in accelerator.engines if engine.kind == "queue"},
        "ports": asdict(ports(accelerator)),
    }


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the report's tables."""
    layers = Table(title=f"{report['model']} on {report['target']}", title_justify="left")
    layers.add_column("layer", overflow="fold")
    layers.add_column("kind")
    for column in ("PE", "SIMD", "cycles", "ideal", "LUT, estimated", "LUT"):
        layers.add_column(column, justify="right")
    for entry in report["layers"]:
        layers.add_row(entry["name"], entry["kind"], *(_number(entry[key]) for key in
                                                       ("pe", "simd", "cycles", "ideal_cycles", "lut_estimate", "lut")))
    console.print(layers)
    parts = Table(title="parts", title_justify="left")
    parts.add_column("part")
    for column in ("LUT", "share", "FF", "block RAM"):
        parts.add_column(column, justify="right")
    for part, found in report["synthesis"]["parts"].items():
        parts.add_row(part, _number(found["lut"]), f"{100 * found['lut_share']:.1f} %", _number(found["ff"]),
                      _number(found["bram"]))
    console.print(parts)
    facts = Table(show_header=False, title="figures", title_justify="left")
    facts.add_column()
    facts.add_column(justify="right")
    for name, value in _facts(report):
        if value is not None:
            facts.add_row(name, value)
    console.print(facts)


def show_classes(files: Sequence[str], classes: Sequence[str], ranked: Sequence[Sequence[tuple[int, int]]],
                 console: Console) -> None:
    """Print the best classes of the user's pictures: a row a picture, `ranked` holding (class, logit) pairs."""
    table = Table(title="classes (golden model and gateware agree)", title_justify="left")
    table.add_column("picture")
    for place in range(len(ranked[0])):
        table.add_column(f"{place + 1}.")
    for file, row in zip(files, ranked, strict=True):
        table.add_row(file, *(f"{classes[index] if classes else index} ({logit})" for index, logit in row))
    console.print(table)


def _facts(report: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    network, verify, accuracy, synthesis = (report[key] for key in ("network", "verify", "accuracy", "synthesis"))
    saving = network["memory_saving"]
    facts: list[tuple[str, str | None]] = [
        ("multiply-accumulates a frame", _number(network["macs"])),
        ("weight bits", _number(network["weight_bits"])),
        ("memory saving, binary layers", f"{saving:.2f}x" if saving else None),
    ]
    facts += [("images through the RTL", _number(verify["images"])),
              ("outputs compared", _number(verify["outputs_compared"])),
              ("mismatches", _number(verify["mismatches"])),
              ("latency, cycles", _number(verify["latency_cycles"])),
              ("interval, cycles", _number(verify["interval_cycles"]))]
    for model in ("golden", "float"):
        if accuracy[f"{model}_percent"] is not None:
            facts.append((f"accuracy, {accuracy['images']} {accuracy['dataset']} images, {model}",
                          f"{accuracy[f'{model}_percent']:.2f} %"))
    facts += [(f"{key} ({synthesis['tool']}), of the {synthesis['part']}'s",
               f"{_number(synthesis[key])} of {_number(synthesis['available'][key])}") for key in FIGURES]
    if synthesis["lut_per_lane"] is not None:
        facts.append((f"LUTs a lane, {_number(synthesis['lanes'])} lanes", f"{synthesis['lut_per_lane']:.2f}"))
    facts += _routed_facts(report["route"], report["throughput"])
    facts += [(f"seconds: {stage}", f"{seconds:.1f}") for stage, seconds in report["seconds"].items()]
    return facts


def _routed_facts(route: Mapping[str, Any], throughput: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    if route["fmax_mhz"] is None:
        return []
    path, speeds = route["critical_path"], f"{route['least_mhz']:.2f}, {route['median_mhz']:.2f}"
    where, use = (", out of context", ", without the board around it") if route["out_of_context"] else ("", "")
    board, frames, usable = route["board"], "frames a second", []
    if board is not None:
        frames += ", accelerator"
        usable = [("MHz of it that the board's clock may have", f"{route['usable_mhz']:.2f}")]
    return [(f"Fmax, MHz ({route['tool']}, {route['device']}{where})", f"{route['fmax_mhz']:.2f}"),
            *usable, (f"Fmax of {len(route['seeds'])} seed(s), MHz: least, median", speeds),
            ("slowest path, from", path["from"]), ("slowest path, to", path["to"]),
            ("slowest path, ns of it in wires", f"{path['delay_ns'] - path['logic_ns']:.2f} of {path['delay_ns']:.2f}"),
            (f"{frames} at {throughput['at_mhz']:.2f} MHz", _number(throughput["fps"]) or None),
            *_line_facts(board, throughput),
            ("latency, ms", _number(throughput["latency_ms"]) or None),
            ("GOPS, two a multiply-accumulate", _number(throughput["gops"]) or None),
            (f"bytes of synth/{route['bitstream']}{use}", _number(route["bitstream_bytes"]))]


def _line_facts(board: Mapping[str, Any] | None, throughput: Mapping[str, Any]) -> list[tuple[str, str | None]]:
    if board is None:
        return []
    of = f"{board['request_bytes']:,} bytes there, {board['answer_bytes']:,} back"
    return [(f"frames a second, line of {board['baud']:,} baud ({of})", _number(throughput["line_fps"])),
            ("the slower, which sets the rate", throughput["slower"])]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,}"
