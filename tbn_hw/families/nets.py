"""What the changes of a family's netlists ask of its nets."""

from __future__ import annotations

from collections import Counter
from typing import Any


def uses(module: dict[str, Any]) -> Counter[Any]:
    """How often each net of a flat JSON netlist is connected: to ports and cells, what drives it included."""
    found = Counter(bit for port in module["ports"].values() for bit in port["bits"])
    for cell in module["cells"].values():
        found.update(bit for bits in cell["connections"].values() for bit in bits)
    return found
