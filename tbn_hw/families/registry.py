"""The FPGA families there are, by name."""

from __future__ import annotations

from tbn_hw.families.ecp5 import ECP5
from tbn_hw.families.family import BoardFacts, Family, PlaceAndRoute
from tbn_hw.families.gowin import GOWIN
from tbn_hw.families.ice40 import ICE40
from tbn_hw.families.xc7 import XC7
from tbn_hw.shared.errors import UsageError

FAMILIES: dict[str, Family] = {family.name: family for family in (ECP5, GOWIN, ICE40, XC7)}


def find_family(name: str, what: str = "family") -> Family:
    """The family of that name; raises UsageError, which calls it `what`, for an unknown one."""
    if name not in FAMILIES:
        raise UsageError(f"{what} must be one of {', '.join(FAMILIES)}, not {name!r}")
    return FAMILIES[name]


def place_and_route_of(name: str) -> PlaceAndRoute:
    """The nextpnr of a family; raises UsageError for a family without one."""
    found = FAMILIES[name].place_and_route if name in FAMILIES else None
    if found is None:
        having = [family.name for family in FAMILIES.values() if family.place_and_route is not None]
        raise UsageError(f"place and route is for {', '.join(having)}, not {name!r}")
    return found


def board_facts(name: str) -> BoardFacts:
    """The facts of a family for a board's top level; raises UsageError for a family without boards."""
    found = FAMILIES[name].board if name in FAMILIES else None
    if found is None:
        having = [family.name for family in FAMILIES.values() if family.board is not None]
        raise UsageError(f"a board's clock can be made for {', '.join(having)}, not for {name!r}")
    return found
