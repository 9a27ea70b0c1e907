"""The modules of a Verilog file that Amaranth wrote: which are alike, which stay apart, and what their memories hold.

An engine's file has a module for each component in it, named by its path: `engine.2_mvu.pe7`. Equal components are
merged into one module. For the accounts, each module belongs to one of PARTS.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from typing import Any

PARTS = ("products", "accumulators", "weights", "windows", "thresholds", "requantize", "queues", "other")
"""Products and their sums; accumulators and the rest of an MVU; its ROMs; ...; queues and converters; all else."""

_COMPONENTS = {"ConstantMVU": "products", "MVU": "accumulators", "SlidingWindow": "windows", "Threshold": "thresholds",
               "Requantize": "requantize", "Queue": "queues", "WidthConverter": "queues"}
"""The part of each component of an engine, by its class; those of other classes are in "other"."""

_IN_COMPONENTS = (("MVU", r"pe\d+|shared", "products"), ("MVU", "weights|starts", "weights"),
                  ("MVU", r"results\.pair", "queues"))
"""Modules with another part than the component around them: the component's class, paths inside it, and the part."""

CORE, QUEUE = "core", "queue"
"""Names in a join: of the component that joins its streams, and of the queue behind it."""

_MODULE = re.compile(r"^module (\\\S+ |\w+)(?=[ (]).*?^endmodule\n", re.S | re.M)
_INSTANCE = re.compile(r"^  (\\\S+ |\w+)(?= [\\\w])", re.M)
_GENERATED = re.compile(r"\\\$auto\$\S+ ")
_DECLARED = re.compile(r"^  ((?:wire|reg)(?: \[\d+:\d+\])?) (\\\$auto\$\S+ )(.*);\n", re.M)
_MEMORY = re.compile(r"(  reg \[(\d+):0\] (\\\S+ |\w+) ?\[(\d+):0\];\n)  initial begin\n(.*?)  end\n", re.S)
_ROW = re.compile(r"^    \S+ ?\[\d+\] = \d+'([hd])([0-9a-f]+);\n", re.M)


def stage_name(place: int | str, component: Any) -> str:
    """The name of a component in its engine.

    `2_mvu` is the third component of a chain; `a_widthconverter` is at port `a` of a join.
    """
    return _stage(place, type(component).__name__)


def _stage(place: int | str, name: str) -> str:
    return f"{place}_{name.lower()}"


def _places() -> Iterator[tuple[str, str]]:
    """(pattern of paths in an engine, part of the modules there); the first match counts."""
    place, any_name = r"(?:\d+|[ab])", r"\w+"
    for name, part in _COMPONENTS.items():
        yield _stage(place, name), part
    for name, inside, part in _IN_COMPONENTS:
        yield rf"{_stage(place, name)}\.(?:{inside})", part
    yield QUEUE, _COMPONENTS["Queue"]
    yield f"{_stage(place, any_name)}|{CORE}", "other"


_PLACES = tuple(_places())


def modules(text: str) -> dict[str, str]:
    """The modules of a Verilog file by name, without the backslash of an escaped one."""
    return {match[1].strip().lstrip("\\"): match[0] for match in _MODULE.finditer(text)}


def merged(text: str) -> str:
    """`text` without copies: of modules that differ in their names alone, only the first is left."""
    head, found = text[:match.start()] if (match := _MODULE.search(text)) else text, modules(text)
    while True:
        first: dict[str, str] = {}
        same = {name: first.setdefault(_form(name, body), name) for name, body in found.items()}
        if len(first) == len(found):
            return head + "\n".join(found.values())

        def instance(match: re.Match[str], same: Mapping[str, str] = same) -> str:
            name = match[1].strip().lstrip("\\")
            return match[0].replace(name, same.get(name, name))

        found = {name: _INSTANCE.sub(instance, found[name]) for name in first.values()}


def _form(name: str, body: str) -> str:
    """A module without its name, and with generated names numbered in the order of their use.

    Equal modules have equal forms.
    """
    declared = {wire: f"{kind}{init}" for kind, wire, init in _DECLARED.findall(body)}
    order: dict[str, int] = {}

    def place(match: re.Match[str]) -> str:
        return f"<{declared.get(match[0], '')} {order.setdefault(match[0], len(order))}>"

    return _GENERATED.sub(place, _DECLARED.sub("", body.replace(name, "", 1)))


def part_of(path: str) -> str | None:
    """The part that a module belongs to, by its path in the engine; None for one without accounts of its own."""
    return next((part for place, part in _PLACES if re.fullmatch(place, path)), None)


def kept(text: str, top: str) -> list[str]:
    """The modules of an engine that are mapped by themselves.

    The others are flattened into those that hold them. An MVU without a ROM of weights has constant weights. Synthesis
    can use constants only in a flat MVU, so of its modules only the queue is kept.
    """
    bodies = modules(text)
    paths = [name.removeprefix(f"{top}.") for name in bodies if name.startswith(f"{top}.")]

    def constant(path: str) -> bool:
        holder, _, inside = path.partition(".")
        return bool(inside) and f"{top}.{holder}.weights" not in bodies

    return [f"{top}.{path}" for path in paths
            if (part := part_of(path)) and (part == "queues" or not constant(path))]


def plain_names(text: str) -> str:
    """`text` without brackets in names. ABC would take a wire `a[0]` beside a bus `a` for bit 0 of the bus."""
    return re.sub(r"\\\S+", lambda match: match[0].replace("[", "<").replace("]", ">"), text)


def memories_apart(text: str) -> tuple[str, dict[str, str]]:
    """(`text`, files by name), with the initial values of memories in files. Yosys reads them far faster."""
    files = {}

    def file(match: re.Match[str]) -> str:
        declaration, width, name, last, rows = match.groups()
        values = _ROW.findall(rows)
        if len(values) != int(last) + 1 or len(_ROW.sub("", rows)):
            return match[0]
        content = "".join(f"{value if base == 'h' else format(int(value), 'x')}\n" for base, value in values)
        path = f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.mem"
        files[path] = content
        return f'{declaration}  initial $readmemh("{path}", {name});\n'

    return _MEMORY.sub(file, text), files
