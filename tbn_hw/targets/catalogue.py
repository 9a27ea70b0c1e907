"""Boards and bare parts that a build can be for, described by the data files of the folder `targets`."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, PositiveFloat, PositiveInt, ValidationError

from tbn_hw.families.registry import FAMILIES
from tbn_hw.shared.errors import DoesNotFit, UsageError
from tbn_hw.targets.device import Device

PARTS = "parts.yaml"
Model = TypeVar("Model", bound=BaseModel)
WORDS = {"lut": "LUTs", "ff": "flip-flops", "bram": "block RAMs", "dsp": "multipliers"}
"""The resources of a part, and their names in sentences."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _known(family: str) -> str:
    """A family's name; raises ValueError for an unknown family."""
    if family not in FAMILIES:
        raise ValueError(f"must be one of {', '.join(FAMILIES)}, not {family!r}")
    return family


class Part(_Strict):
    """The resources of a part.

    `nextpnr` is its name for nextpnr (for Gowin, its die's name); it is None if there is no place and route. A design
    is expected to reach `clock_mhz`. `wire` is the number of tiles of wire (see `tbn_hw.costs.wires`) that are expected
    to be routable; it is given for parts on which designs that large were tried.
    """

    family: Annotated[str, AfterValidator(_known)]
    nextpnr: str | None = None
    lut: PositiveInt
    ff: PositiveInt
    bram: int
    dsp: int
    clock_mhz: PositiveFloat
    wire: PositiveInt | None = None


class Clock(_Strict):
    """The pin of the board's oscillator, its frequency, and whether it is the pin beside an iCE40's PLL."""

    pin: str
    mhz: PositiveFloat
    pll_pad: bool = False


class Uart(_Strict):
    """The board's serial port: the part receives at pin `rx` and sends at pin `tx`, at `baud` bits a second."""

    rx: str
    tx: str
    baud: PositiveInt


class Leds(_Strict):
    """The pins of the board's LEDs. If they are `active_low`, a 0 lights them. `io_type` is their standard, if it
    differs from that of the board's other pins."""

    pins: tuple[str, ...]
    active_low: bool
    io_type: str | None = None


class Board(_Strict):
    """The board around the part. The `high` pins must be held at 1. `io_type` is the standard of the pins, if the
    constraint file has one."""

    clock: Clock
    uart: Uart
    leds: Leds
    high: tuple[str, ...] = ()
    io_type: str | None = None


class _Entry(_Strict):
    """A device as a file describes it."""

    part: str
    package: str
    speed: int | None = None
    pins: PositiveInt
    alias: str | None = None


class _File(_Strict):
    """Devices that share a title and perhaps a board. `default` is the target of a build that names none.

    `parts` are parts that no other file needs. All other parts stand in PARTS.
    """

    title: str
    default: str | None = None
    parts: Mapping[str, Part] = {}
    devices: Mapping[str, _Entry]
    board: Board | None = None


class Target(_Strict):
    """A part in a package, perhaps on a board. `pins` is the number of the package's pins that a design may use."""

    name: str
    title: str
    part_name: str
    part: Part
    package: str
    speed: int | None
    pins: int
    board: Board | None

    @property
    def family(self) -> str:
        return self.part.family

    @property
    def device(self) -> Device | None:
        """The device, as nextpnr names it; None for a part that is for synthesis only."""
        if self.part.nextpnr is None:
            return None
        return Device(self.part.family, self.part.nextpnr, self.package, self.speed)

    def require(self, figures: Mapping[str, float]) -> None:
        """Raise DoesNotFit if a design of these figures (lut, ff, bram, dsp) needs more than the part has."""
        lacking = [f"{figures[key]:,} {word} of {getattr(self.part, key):,}" for key, word in WORDS.items()
                   if figures[key] > getattr(self.part, key)]
        if lacking:
            raise DoesNotFit(f"{self.name} ({self.part_name}): the design asks for {' and '.join(lacking)}")


def names() -> list[str]:
    """The names of all targets, the families' generic devices included."""
    return sorted(_targets())


def find_target(name: str, option: str = "--target") -> Target:
    """The target of that name; for an unknown name raises UsageError, which begins with `option` and has similar names.
    """
    found = _targets().get(name)
    if found is None:
        near = difflib.get_close_matches(name.lower(), names(), n=4, cutoff=0.5)
        raise UsageError(f"{option}: there is no target {name!r}; " + (
            f"near it are {', '.join(near)}" if near else f"choose one of {', '.join(names())}"))
    return found


def default_target() -> Target:
    """The target of a build that names none."""
    return find_target(next(file.default for file in _files().values() if file.default is not None))


@cache
def _targets() -> dict[str, Target]:
    """Every target by name; raises ValueError for a data file that is wrong."""
    folder = resources.files("tbn_hw.targets")
    parts = {name: _checked(Part, PARTS, part) for name, part in yaml.safe_load(
        folder.joinpath(PARTS).read_text()).items()}
    found: dict[str, Target] = {}
    for path, file in _files().items():
        known_parts = {**parts, **file.parts}
        for name, entry in file.devices.items():
            if entry.part not in known_parts:
                raise ValueError(f"{path}: {name}: there is no part {entry.part!r} in this file or in {PARTS}")
            part = known_parts[entry.part]
            _require_known(f"{path}: {name}", part, file.board)
            for known in filter(None, (name, entry.alias)):
                found[known] = Target(name=known, title=file.title, part_name=entry.part, part=part,
                                      package=entry.package, speed=entry.speed, pins=entry.pins, board=file.board)
    return found


def _files() -> dict[str, _File]:
    """The files that describe devices, by name."""
    paths = sorted(resources.files("tbn_hw.targets").iterdir(), key=lambda path: path.name)
    return {path.name: _checked(_File, path.name, yaml.safe_load(path.read_text())) for path in paths
            if path.name.endswith(".yaml") and path.name != PARTS}


def _require_known(place: str, part: Part, board: Board | None) -> None:
    """Raise ValueError if the data file claims place and route, or a board, for a family that has none."""
    family = FAMILIES[part.family]
    if part.nextpnr is not None and family.place_and_route is None:
        raise ValueError(f"{place}: there is no place and route for {family.name}, so its part must have no nextpnr")
    if board is not None and family.board is None:
        raise ValueError(f"{place}: there is no board's top level for {family.name}, so there must be no board")


def _checked(model: type[Model], file: str, content: Any) -> Model:
    try:
        return model.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        said = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{file}: {'.'.join(map(str, first['loc']))}: {said}") from None
