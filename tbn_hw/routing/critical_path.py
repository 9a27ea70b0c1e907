"""The critical path of a routed design, told by the network's nodes that it runs through and their parts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from tbn_hw.routing.nextpnr import CriticalPath
from tbn_hw.verilog.hierarchy import part_of


class Place(NamedTuple):
    """Where a cell is: its node (or engine), its component in the engine, and its part.

    The part is one of `tbn_hw.verilog.hierarchy.PARTS`.
    """

    node: str
    part: str
    component: str

    def __str__(self) -> str:
        return f"{self.node}, {self.part}"


def place_of(cell: str, nodes: Mapping[str, str], prefix: str = "") -> Place:
    """The place of a cell by its name in the flat netlist; `nodes` gives the name of each engine's node.

    A cell outside every engine is in the node "top".
    """
    engine, *path = cell.removeprefix(prefix).split(".")
    if not path:
        return Place("top", "other", "")
    for length in range(len(path), 0, -1):
        component = ".".join(path[:length])
        part = part_of(component)
        if part is not None:
            return Place(nodes.get(engine, engine), part, component)
    return Place(nodes.get(engine, engine), "other", "")


def named(path: CriticalPath, nodes: Mapping[str, str], prefix: str = "") -> dict[str, Any]:
    """The path with its delays (ns), its ends, and its delay in each place that it runs through, in order.

    The wire from one place to the next counts for the second.
    """
    hops: list[dict[str, Any]] = []
    for step in path.steps:
        place = place_of(step.end.rpartition(".")[0], nodes, prefix)
        if not hops or place._asdict() != {key: hops[-1][key] for key in Place._fields}:
            hops.append({**place._asdict(), "logic_ns": 0.0, "routing_ns": 0.0})
        hops[-1]["routing_ns" if step.kind == "routing" else "logic_ns"] += step.delay_ns
    for hop in hops:
        hop |= {key: round(hop[key], 3) for key in ("logic_ns", "routing_ns")}
    first, last = (place_of(cell.rpartition(".")[0], nodes, prefix)
                   for cell in (path.steps[0].begin, path.steps[-1].end))
    return {"delay_ns": round(path.delay_ns, 3), "logic_ns": round(path.logic_ns, 3),
            "from": str(first), "to": str(last), "hops": hops}
