"""The report of a build as tables for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tbn_hw.families.cells import FIGURES
from tbn_hw.report.figures import labelled

COLUMNS = {"kind": "kind", "PE": "pe", "SIMD": "simd", "cycles": "cycles", "ideal": "ideal_cycles",
           "LUT est.": "lut_estimate", "LUT": "lut"}
"""The columns of the table of layers, and the figures in them."""
SPARED = ("kind", "ideal")
"""Columns that are dropped, one after the other, if they leave too little room for names."""
GAP, LEAST_LABEL = 2, 12
"""Characters between two columns, and the least number of characters for a layer's name."""


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the report's tables."""
    console.print(_layers(report["layers"], f"{report['model']} on {report['target']}", console.width))
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


def _layers(layers: Sequence[Mapping[str, Any]], title: str, width: int) -> Table:
    """A table with one line per layer, at most as wide as the terminal. Layers of one block stand below its name."""
    groups = _groups([entry["name"] for entry in layers])
    columns = {head: [value if isinstance(value, str) else _number(value) for value in (entry[key] for entry in layers)]
               for head, key in COLUMNS.items()}
    longest = max(len(label) for heading, labels in groups for label in (heading, *labels))
    for spared in SPARED:
        if _room(columns, width) < longest:
            del columns[spared]
    room = max(_room(columns, width), LEAST_LABEL)

    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layer", no_wrap=True)
    for head in columns:
        table.add_column(head, no_wrap=True, justify="left" if head == "kind" else "right")
    lines = zip(*columns.values(), strict=True)
    for heading, labels in groups:
        if heading:
            table.add_row(_shortened([heading], room)[0])
        for label in _shortened(labels, room):
            table.add_row(label, *next(lines))
    return table


def _room(columns: Mapping[str, Sequence[str]], width: int) -> int:
    """The number of characters that these columns leave for the names of layers."""
    return width - 1 - sum(GAP + max(map(len, (head, *cells))) for head, cells in columns.items())


def _groups(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Layers in their order, as (name of their block, labels). A block of two or more layers has indented labels."""

    def block(name: str) -> str:
        outer = name.split(".")
        return ".".join(outer[:2]) if len(outer) > 2 else ""

    found: list[tuple[str, list[str]]] = []
    for name, group in groupby(names, block):
        members = list(group)
        if name and len(members) > 1:
            found.append((name, [f"  {member.removeprefix(name)[1:]}" for member in members]))
        else:
            found.append(("", members))
    return found


def _shortened(labels: Sequence[str], width: int) -> list[str]:
    """Labels of at most `width` characters. Longer ones lose their middles; labels that differ still differ."""
    found: list[str] = []
    for label in labels:
        tail = width // 2
        short = label if len(label) <= width else f"{label[:width - tail - 1]}…{label[-tail:]}"
        if short in found:
            number = f"…{len(found)}"
            short = short[:width - len(number)] + number
        found.append(short)
    return found


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
        ("weights", None if report["seeds"]["random_weights"] is None else "random: its classes mean nothing"),
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
            facts.append((f"accuracy, {labelled(accuracy)}, {model}", f"{accuracy[f'{model}_percent']:.2f} %"))
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
