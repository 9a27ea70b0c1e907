"""Questions about a netlist's nets, for the changes that families make to netlists."""

from __future__ import annotations

from collections import Counter
from typing import Any


def uses(module: dict[str, Any]) -> Counter[Any]:
    """How often each net of a flat JSON netlist is connected to ports and cells, its driver included."""
    found = Counter(bit for port in module["ports"].values() for bit in port["bits"])
    for cell in module["cells"].values():
        found.update(bit for bits in cell["connections"].values() for bit in bits)
    return found
