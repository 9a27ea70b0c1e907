"""The charts of a report, as numbers in pixels for the template: the cycles of each engine, and the roofline."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

WIDTH, HEIGHT = 680, 320
LEFT, RIGHT, TOP, BOTTOM = 66, 18, 20, 52
"""Margins around the area of a chart."""


@dataclass(frozen=True)
class Scale:
    """Maps a value to a pixel; `ticks` are (pixel, value)."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = (math.log10(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)

    @property
    def ticks(self) -> list[tuple[float, float]]:
        if self.logarithmic:
            decades = range(math.ceil(math.log10(self.low)), math.floor(math.log10(self.high)) + 1)
            return [(self(10.0**decade), 10.0**decade) for decade in decades]
        step = 10 ** math.floor(math.log10(self.high - self.low))
        step = next(part for part in (step / 5, step / 2, step) if (self.high - self.low) / part <= 6 or part == step)
        return [(self(tick * step), tick * step) for tick in range(int(self.high / step) + 1)]


@dataclass(frozen=True)
class Bar:
    """An engine's cycles in the chart; `top` is where they end."""

    name: str
    cycles: int
    ideal_cycles: int
    binding: bool
    x: float
    width: float
    top: float


@dataclass(frozen=True)
class Cycles:
    """The cycles of a frame by engine, and the line of the interval. The slowest engine sets the interval."""

    bars: list[Bar]
    y: Scale
    interval: float
    interval_y: float


def cycles(report: Mapping[str, Any], binding: Sequence[str]) -> Cycles:
    """The chart of where the time of a frame goes."""
    interval = interval_of(report)
    layers = report["layers"]
    y = Scale(0, 1.05 * max(interval, *(layer["cycles"] for layer in layers)), HEIGHT - BOTTOM, TOP)
    pitch = (WIDTH - LEFT - RIGHT) / len(layers)
    bars = [Bar(layer["name"], layer["cycles"], layer["ideal_cycles"], layer["name"] in binding,
                round(LEFT + pitch * (place + 0.12), 1), round(0.76 * pitch, 1), y(layer["cycles"]))
            for place, layer in enumerate(layers)]
    return Cycles(bars, y, interval, y(interval))


@dataclass(frozen=True)
class Dot:
    """Work done per LUT, of a layer or of the whole design. `roof_y` is the rate with all lanes busy."""

    name: str
    lut: int
    rate: float
    roof: float
    x: float
    y: float
    roof_y: float


@dataclass(frozen=True)
class Roof:
    """A bound on the rate: a letter in the chart, what it is, its value, and the line as points."""

    letter: str
    name: str
    rate: float
    points: str
    x: float
    y: float


@dataclass(frozen=True)
class Roofline:
    """Multiply-accumulates a cycle, or a second where there is a routed clock, over LUTs, both logarithmic."""

    unit: str
    x: Scale
    y: Scale
    part_lut: int
    wall_x: float
    dots: list[Dot]
    whole: Dot
    roofs: list[Roof]


def roofline(report: Mapping[str, Any], link_fps: Mapping[str, float]) -> Roofline | None:
    """The roofline, from the cycles of a frame as they were counted; None for a design without a matrix.

    Weights never move, so LUTs bound the work, and memory does not. The roofs are: all lanes busy; as many lanes as the
    part's LUTs would hold at this design's LUTs a lane; one input beat a cycle; the frame rates of `link_fps` by name.
    """
    synthesis, layers = report["synthesis"], [layer for layer in report["layers"] if layer["macs"] and layer["lut"]]
    if not layers or not synthesis["lut_per_lane"]:
        return None
    mhz, interval, macs = report["throughput"]["at_mhz"], interval_of(report), report["network"]["macs"]
    clock = 1e6 * mhz if mhz else 1
    part, per_lane, lanes = synthesis["available"]["lut"], synthesis["lut_per_lane"], synthesis["lanes"]
    beats = next(link["beats"] for link in report["dataflow"]["links"] if link["from"] == "axi_input")
    flat = [("all lanes busy", lanes * clock), ("one input beat a cycle", macs / beats * clock)]
    flat += [(name, macs * fps) for name, fps in link_fps.items() if mhz]
    shared = part / per_lane * clock
    rates = [layer["macs"] / interval * clock for layer in layers] + [rate for _, rate in flat] + [shared]
    x = Scale(*_decades([*(layer["lut"] for layer in layers), part]), LEFT, WIDTH - RIGHT, True)
    y = Scale(*_decades(rates), HEIGHT - BOTTOM, TOP, True)

    def dot(name: str, lut: int, work: int, width: int) -> Dot:
        rate, roof = work / interval * clock, width * clock
        return Dot(name, lut, rate, roof, x(lut), y(rate), y(roof))

    first = max(x.low, y.low * per_lane / clock)
    slope = f"{x(first)},{y(first / per_lane * clock)} {x(part)},{y(shared)}"
    roofs = [Roof("A", "the part's LUTs, at this design's LUTs a lane", shared, slope, x(part) - 14, y(shared) - 4)]
    for letter, (name, rate) in zip("BCDEFG", flat, strict=False):
        at = x.end - 10 if letter == "B" else x.start + 6 + 14 * "BCDEFG".index(letter)
        roofs.append(Roof(letter, name, rate, f"{x.start},{y(rate)} {x.end},{y(rate)}", at, y(rate) - 4))
    return Roofline("a second" if mhz else "a cycle", x, y, part, x(part),
                    [dot(layer["name"], layer["lut"], layer["macs"], layer["pe"] * layer["simd"]) for layer in layers],
                    dot("the whole design", synthesis["lut"], macs, lanes), roofs)


def interval_of(report: Mapping[str, Any]) -> int:
    """Cycles between frames: as counted in simulation, else as computed."""
    return report["verify"]["interval_cycles"] or report["dataflow"]["interval_cycles"]


def binding_of(report: Mapping[str, Any]) -> list[str]:
    """The nodes whose engines need the most cycles of a frame."""
    most = max(layer["cycles"] for layer in report["layers"])
    return [layer["name"] for layer in report["layers"] if layer["cycles"] == most]


def _decades(values: Iterable[float]) -> tuple[float, float]:
    """The powers of ten around positive values."""
    found = list(values)
    return 10.0 ** math.floor(math.log10(min(found))), 10.0 ** math.ceil(math.log10(max(found)) + 0.05)
