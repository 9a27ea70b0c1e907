"""A bound on the clock's period of a routed Gowin design.

nextpnr 0.11.1 drops every path that leads through a LUT2, a LUT3, a MUX2, LUT RAM or a multiplier. Here every cell
has a delay or is refused. Multipliers have none in Apycula's database: the result names them, and a path through one
counts nothing for it. Clock skew is left out, as nextpnr does.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from tbn_hw.families.family import Bound, Module
from tbn_hw.families.gowin_delays import CLOCKED, Delays, delays
from tbn_hw.shared.errors import PlacementError

NO_PATH = r"GSR|(GOWIN_)?(VCC|GND)|DUMMY_CELL|[IO]BUF|IOBUF|TBUF|r?PLL\w*|BUFG|OSC\w*"
"""Constants, pads and sources of clocks: no path from register to register leads through one."""
UNTIMED = r"(MULT|PADD|ALU54)\w*"
CLOCKS = r"CLK[AB]?"
TURNED = {"N": "S", "S": "N", "E": "W", "W": "E"}
STEPS = {"N": (0, -1), "S": (0, 1), "E": (1, 0), "W": (-1, 0)}

Wire = tuple[int, int, str]
"""Column, row and name of a wire, at the tile where it starts."""


class Pin(NamedTuple):
    """A bit of a cell's port."""

    cell: str
    port: str


def bound(module: Module, part: str, package: str) -> Bound:
    """The slowest path from register to register of a netlist that nextpnr has routed.

    Raises PlacementError for a cell or a wire without a delay, a net without a route, and a loop without a register.
    """
    return analyse(module, delays(part, package))


def analyse(module: Module, table: Delays) -> Bound:
    """`bound` with the given delays."""
    cells = {name: cell for name, cell in module["cells"].items() if not re.fullmatch(NO_PATH, cell["type"])}
    nets = _nets(module)
    routes: dict[int, Route] = {}
    arrivals: dict[int, float] = {}

    def arrival(pin: Pin, bits: Sequence[int]) -> float | None:
        """When the last of the bits is at the pin, after the clock's edge; None if none comes from a register."""
        times = []
        for bit in set(bits) & set(arrivals):
            if bit not in nets:
                raise PlacementError(f"the clock cannot be bounded: the net at {pin.cell}.{pin.port} has no route")
            if bit not in routes:
                routes[bit] = Route(nets[bit], table)
            times.append(arrivals[bit] + routes[bit].delay(*_tile(cells[pin.cell])))
        return max(times, default=None)

    for cell in cells.values():
        if re.fullmatch(CLOCKED, cell["type"]):
            launch = table.launch(cell["type"], cell["parameters"])
            arrivals |= {bit: launch for _, bits in _ports(cell, "output") for bit in bits}
    for name in _ordered(cells, table):
        inputs = [(port, arrival(Pin(name, port), bits)) for port, bits in _ports(cells[name], "input")]
        for target, bits in _ports(cells[name], "output"):
            found = [time + delay for port, time in inputs
                     if time is not None and (delay := _through(cells[name], port, target, table)) is not None]
            if found:
                arrivals |= {bit: max(*found, arrivals.get(bit, 0.0)) for bit in bits}
    ends = [time + table.setup(cell["type"], port) for name, cell in cells.items()
            if re.fullmatch(CLOCKED, cell["type"]) for port, bits in _ports(cell, "input")
            if not re.fullmatch(CLOCKS, port) and (time := arrival(Pin(name, port), bits)) is not None]
    return Bound(max(ends, default=0.0),
                 tuple(sorted({cell["type"] for cell in cells.values() if re.fullmatch(UNTIMED, cell["type"])})))


class Route:
    """The wires of a net, from its text in nextpnr's netlist: wire, the pip that drives it, and a strength, in turn."""

    def __init__(self, text: str, table: Delays) -> None:
        parts = text.split(";")
        self.table = table
        self.driven: dict[Wire, list[tuple[Wire, str]]] = defaultdict(list)
        for pip in filter(None, parts[1::3]):
            tile, target, source = pip.split("/")
            self.driven[self._start(*_place(tile), target)].append((self._start(*_place(tile), source), source))
        self.loads = Counter(wire for found in self.driven.values() for wire, _ in found)
        known = {self._start(*_place(wire.split("/")[0]), wire.split("/")[1]) for wire in filter(None, parts[::3])}
        self.whole = all(wire in known for wire in self.loads)
        self.leaves = {leaf: self._to(leaf) for leaf in self.driven if leaf not in self.loads}

    def delay(self, column: int, row: int) -> float:
        """The slowest way to the tile; to any tile, if none ends there."""
        here = [time for (x, y, _), time in self.leaves.items() if (x, y) == (column, row)]
        return max(here or self.leaves.values(), default=0.0)

    def _to(self, leaf: Wire) -> float:
        """The delay to a leaf. If the start of a wire is not known, it is the sum over the whole net."""
        if self.whole:
            return self._slowest(leaf, frozenset())
        return sum(self.table.wire(name, self.loads[wire]) for found in self.driven.values() for wire, name in found)

    def _slowest(self, leaf: Wire, passed: frozenset[Wire]) -> float:
        """The slowest way to a wire. Two wires at the rim may be taken for one, which then has two drivers."""
        if leaf not in self.driven:
            return 0.0
        passed |= {leaf}
        return max((self.table.wire(name, self.loads[wire]) + self._slowest(wire, passed)
                    for wire, name in self.driven[leaf] if wire not in passed), default=-math.inf)

    def _start(self, column: int, row: int, name: str) -> Wire:
        """The wire, by its start. Wires that leave the grid turn round at its rim, as in nextpnr's description.

        A long wire runs along a column (LT), and its branches (LB) along the rows.
        """
        if branch := re.fullmatch(r"LB(\d)1", name):
            for start, index, reach, heights in self.table.segments:
                if index == int(branch[1]) and column in reach and row in heights:
                    return start, row, f"LBO{index // 4}"
        if re.fullmatch(r"LT\d\d", name):
            return column, -1, "LT"
        found = re.fullmatch(r"([NESW])([128])(\d)(\d)", name)
        if not found or found[4] == "0":
            return column, row, name
        side, length, number, hops = found[1], found[2], found[3], int(found[4])
        right, down = STEPS[side]
        x, y = column - right * hops, row - down * hops
        if not (0 <= x < self.table.columns and 0 <= y < self.table.rows):
            side = TURNED[side]
            x = -1 - x if x < 0 else 2 * self.table.columns - 1 - x if x >= self.table.columns else x
            y = -1 - y if y < 0 else 2 * self.table.rows - 1 - y if y >= self.table.rows else y
        if length == "1" and number in "12":
            return x, y, f"{'SN' if side in 'SN' else 'EW'}{number}0"
        return x, y, f"{side}{length}{number}0"


def _ordered(cells: dict[str, Any], table: Delays) -> list[str]:
    """The cells that a path leads through, each after those that feed such a path."""
    drivers = {bit: name for name, cell in cells.items() for _, bits in _ports(cell, "output") for bit in bits}
    graph: dict[str, set[str]] = {}
    for name, cell in cells.items():
        outputs = [port for port, bits in _ports(cell, "output") if bits]
        inputs = [bits for port, bits in _ports(cell, "input")
                  if any(_through(cell, port, target, table) is not None for target in outputs)]
        if inputs:
            graph[name] = {drivers[bit] for bits in inputs for bit in bits if bit in drivers}
    try:
        return [name for name in TopologicalSorter(graph).static_order() if name in graph]
    except CycleError as loop:
        name = loop.args[1][0]
        raise PlacementError(f"the clock cannot be bounded: {name} is in a loop without a register") from None


def _through(cell: dict[str, Any], source: str, target: str, table: Delays) -> float | None:
    if re.fullmatch(UNTIMED, cell["type"]):
        return 0.0  # the result names the cell
    return None if re.fullmatch(CLOCKS, source) else table.through(cell["type"], source, target)


def _nets(module: Module) -> dict[int, str]:
    """The text of each bit's route. nextpnr gives every bit a name of its own."""
    texts = ((net["bits"], net["attributes"].get("ROUTING", "").strip()) for net in module["netnames"].values())
    return {bit: text for bits, text in texts if text for bit in bits}


def _ports(cell: dict[str, Any], way: str) -> Iterator[tuple[str, list[int]]]:
    for port, bits in cell["connections"].items():
        if cell["port_directions"].get(port) == way:
            yield port, [bit for bit in bits if isinstance(bit, int)]


def _place(tile: str) -> tuple[int, int]:
    column, row = tile[1:].split("Y")
    return int(column), int(row)


def _tile(cell: dict[str, Any]) -> tuple[int, int]:
    return _place(cell["attributes"]["NEXTPNR_BEL"].split("/")[0])
