"""The dataflow of an accelerator as plain figures: its engines in order, and the streams between them."""

from __future__ import annotations

from typing import Any

from tbn_hw.streaming.accelerator import Accelerator, Engine

FLAG = "flag"
"""The stream of one bit a frame that tells the output of a misplaced tlast; no tensor of the network."""


def dataflow(accelerator: Accelerator) -> dict[str, Any]:
    """The engines, with the cycles of a frame that each needs, and the links, with what one beat holds.

    `node` is null for an engine that does no node's work, `cycles` too; `depth` is a queue's, in beats.
    """
    sources = {stream: engine.name for engine in accelerator.engines for stream in engine.outputs.values()}
    links = []
    for engine in accelerator.engines:
        for stream in engine.inputs.values():
            if stream != FLAG:
                link = accelerator.links[stream]
                links.append({"from": sources[stream], "to": engine.name, "elements": link.par,
                              "element_bits": link.shape.width, "beats": link.beats})
    return {"interval_cycles": accelerator.interval, "links": links,
            "engines": [{"name": engine.name, "kind": engine.kind, "node": engine.node and engine.node.name,
                         "cycles": engine.cycles, "depth": engine.depth if engine.kind == "queue" else None}
                        for engine in accelerator.engines]}


def shapes(accelerator: Accelerator, engine: Engine) -> dict[str, Any]:
    """What the node of an engine makes of what: shapes (h, w, c), kernel, kind of weights, work of one frame."""
    assert engine.node is not None
    node, types = engine.node, accelerator.network.types
    return {"input_shape": list(types[node.inputs[0]].shape), "shape": list(types[node.name].shape),
            "kernel": node.attrs.get("kernel"), "stride": node.attrs.get("stride"),
            "weights": node.attrs.get("weights"), "macs": accelerator.network.macs(node.name)}
