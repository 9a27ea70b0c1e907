"""How nextpnr names a part in its package."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """A device as nextpnr names it: `Device("ecp5", "85k", "CABGA756", 6)`, `Device("ice40", "hx8k", "ct256")`,
    `Device("gowin", "GW2A-18C", "GW2AR-LV18QN88C8/I7")`."""

    family: str
    part: str
    package: str
    speed: int | None = None

    def __str__(self) -> str:
        grade = "" if self.speed is None else f" speed {self.speed}"
        return f"{self.family} {self.part} {self.package}{grade}"
