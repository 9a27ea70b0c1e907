"""The block diagram of a report: where each engine and each link of the dataflow is drawn.

The engines stand in rows from top to bottom, in the order of the data. The longest way through the network is the first
lane, and shortcuts have lanes beside it. The diagram is cut where only one link goes on. So its pieces may stand side
by side on a wide page, and below one another on a narrow one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tbn_hw.streaming.kinds import KINDS

ROWS = 12
"""The most rows of a piece. A piece that cannot be cut may have more."""
LANE_WIDTHS, LANE_GAP = (212, 128), 20
BOX_HEIGHT, SMALL_HEIGHT, ROW_GAP, MARGIN = 38, 22, 24, 6
NAME_WIDTH = 6.2
"""Pixels of a character of a name, at most."""
GROUPS = {name: kind.group for name, kind in KINDS.items()}
"""Engines of a group are drawn alike. Those without a group only move data."""


@dataclass
class Box:
    """An engine in the drawing, in pixels. Its text is its title, its folding, and its name, cut to fit."""

    engine: Mapping[str, Any]
    row: int
    lane: int
    title: str
    folding: str
    group: str
    binding: bool
    x: float = 0
    y: float = 0
    width: float = 0
    height: float = 0

    @property
    def name(self) -> str:
        """The node's name. If it is too long, its beginning is left out."""
        name, fits = self.engine["node"] or "", int((self.width - 16) / NAME_WIDTH)
        return name if len(name) <= fits else f"…{name[1 - fits:]}"

    @property
    def middle(self) -> float:
        return self.x + self.width / 2


@dataclass
class Wire:
    """A link in the drawing: a path in SVG's notation, and a label at (x, y)."""

    path: str
    label: str
    x: float
    y: float


@dataclass
class Piece:
    """A part of the diagram that is a drawing of its own."""

    boxes: list[Box]
    wires: list[Wire] = field(default_factory=list)
    width: float = 0
    height: float = 0

    @property
    def ends(self) -> tuple[str, str]:
        """The first and the last engine."""
        first, last = (self.boxes[index].engine for index in (0, -1))
        return first["node"] or first["name"], last["node"] or last["name"]


def diagram(report: Mapping[str, Any], binding: Sequence[str]) -> list[Piece]:
    """The pieces of the diagram of a report's dataflow; the engines of the nodes `binding` are marked."""
    engines, links = report["dataflow"]["engines"], report["dataflow"]["links"]
    layers = {layer["name"]: layer for layer in report["layers"]}
    order = {engine["name"]: index for index, engine in enumerate(engines)}
    spans = [(order[link["from"]], order[link["to"]]) for link in links]
    main = _longest(len(engines), spans)
    pieces, start = [], 0
    for end in _cuts(len(engines), spans, main):
        boxes = []
        rows, lanes = _places(start, end, spans, main)
        for engine, row, lane in zip(engines[start:end], rows, lanes, strict=True):
            boxes.append(_box(engine, layers.get(engine["node"]), row, lane, engine["node"] in binding))
        pieces.append(_drawn(boxes, start, end, list(zip(spans, links, strict=True))))
        start = end
    return pieces


def _longest(count: int, spans: Sequence[tuple[int, int]]) -> set[int]:
    """The engines of the longest way from the first to the last."""
    length, before = [0] * count, [-1] * count
    for source, target in sorted(spans, key=lambda span: span[1]):
        if length[source] + 1 > length[target]:
            length[target], before[target] = length[source] + 1, source
    found, at = set(), count - 1
    while at >= 0:
        found.add(at)
        at = before[at]
    return found


def _cuts(count: int, spans: Sequence[tuple[int, int]], main: set[int]) -> list[int]:
    """The engines before which pieces end. Only one link crosses a cut, and each cut is as late as ROWS allows."""
    possible = [at for at in range(1, count) if sum(source < at <= target for source, target in spans) == 1]
    cuts, start = [], 0
    for at, following in zip(possible, [*possible[1:], count], strict=True):
        if sum(index in main for index in range(start, following)) > ROWS:
            cuts.append(at)
            start = at
    return [*cuts, count]


def _places(start: int, end: int, spans: Sequence[tuple[int, int]], main: set[int]) -> tuple[list[int], list[int]]:
    """Row and lane of each engine of a piece; a shortcut keeps the rows of its lane until it joins."""
    inner = [(source, target) for source, target in spans if start <= source and target < end]
    rows = dict.fromkeys(range(start, end), 0)
    for source, target in sorted(inner, key=lambda span: span[1]):
        rows[target] = max(rows[target], rows[source] + 1)
    lanes = dict.fromkeys(range(start, end), 0)
    taken: set[tuple[int, int]] = set()
    for index in range(start, end):
        if index in main:
            continue
        last = max((rows[target] for source, target in inner if source == index), default=rows[index] + 1)
        needed, lane = range(rows[index], last), 1
        while any((lane, row) in taken for row in needed):
            lane += 1
        taken |= {(lane, row) for row in needed}
        lanes[index] = lane
    return list(rows.values()), list(lanes.values())


def _box(engine: Mapping[str, Any], layer: Mapping[str, Any] | None, row: int, lane: int, binding: bool) -> Box:
    kind, folding = engine["kind"], ""
    title = {"axi_input": "AXI-Stream in", "axi_output": "AXI-Stream out"}.get(kind, kind.replace("_", " "))
    if kind == "queue":
        title = f"queue, {engine['depth']:,} deep"
    if layer is not None:
        if layer["kernel"]:
            sides = layer["kernel"] if isinstance(layer["kernel"], list) else [layer["kernel"]] * 2
            title += f" {sides[0]}×{sides[1]}"
        folding = f"PE {layer['pe']}" + (f" × SIMD {layer['simd']}" if layer["macs"] else "")
    return Box(engine, row, lane, title, folding, GROUPS.get(kind, "move"), binding)


def _drawn(boxes: list[Box], start: int, end: int,
           links: Sequence[tuple[tuple[int, int], Mapping[str, Any]]]) -> Piece:
    """A piece with everything in its place; a link to or from another piece ends at the border."""
    y = float(MARGIN + ROW_GAP)
    for row in range(max(box.row for box in boxes) + 1):
        here = [box for box in boxes if box.row == row]
        for box in here:
            box.height = BOX_HEIGHT if box.engine["node"] else SMALL_HEIGHT
        tall = max(box.height for box in here)
        for box in here:
            box.width, box.y = LANE_WIDTHS[min(box.lane, 1)], y + (tall - box.height) / 2
            box.x = MARGIN + (0 if box.lane == 0 else LANE_WIDTHS[0] + LANE_GAP
                              + (box.lane - 1) * (LANE_WIDTHS[1] + LANE_GAP))
        y += tall + ROW_GAP
    piece = Piece(boxes, height=y + MARGIN)
    free = max(box.x + box.width for box in boxes) + LANE_GAP / 2
    piece.width = free - LANE_GAP / 2 + MARGIN
    for (source, target), link in links:
        label = f"{link['elements']:,} × {link['element_bits']} bit"
        if start <= source and target < end:
            passing = target - source > 1 and boxes[source - start].lane == boxes[target - start].lane == 0 and \
                boxes[target - start].row - boxes[source - start].row > 1
            piece.wires.append(_wire(boxes[source - start], boxes[target - start], label, free if passing else 0))
            piece.width = max(piece.width, free + 9 * NAME_WIDTH + MARGIN if passing else 0)
        elif start <= target < end:
            box = boxes[target - start]
            piece.wires.append(Wire(f"M{box.middle:g} {MARGIN}V{box.y:g}", label, box.middle + 6, box.y - 8))
        elif start <= source < end:
            box = boxes[source - start]
            piece.wires.append(Wire(f"M{box.middle:g} {box.y + box.height:g}V{piece.height - MARGIN:g}", label,
                                    box.middle + 6, box.y + box.height + 15))
    return piece


def _wire(source: Box, target: Box, label: str, around: float) -> Wire:
    """The link from one box to another. A link that passes boxes goes around them, at x = `around`."""
    bottom, side = source.y + source.height, source.y + source.height / 2
    if around:
        right, into = target.x + target.width, target.y + target.height / 2
        return Wire(f"M{source.x + source.width:g} {side:g}H{around:g}V{into:g}H{right:g}", label,
                    around + 4, (bottom + target.y) / 2 + 4)
    if target.lane > source.lane:
        return Wire(f"M{source.x + source.width:g} {side:g}H{target.middle:g}V{target.y:g}", label,
                    target.middle + 6, target.y - 8)
    if target.lane < source.lane:
        right = target.x + target.width
        return Wire(f"M{source.middle:g} {bottom:g}V{target.y + target.height / 2:g}H{right:g}", label,
                    source.middle + 6, bottom + 15)
    return Wire(f"M{source.middle:g} {bottom:g}V{target.y:g}", label, source.middle + 6, target.y - 8)
