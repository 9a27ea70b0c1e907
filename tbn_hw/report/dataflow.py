"""The dataflow of a design as plain figures: its blocks in order, and the streams between them."""

from __future__ import annotations

from typing import Any

from quantize.network import Network
from quantize.nodes.window import WINDOW, Window
from tbn_hw.shared.design import Design


def dataflow(design: Design) -> dict[str, Any]:
    """The blocks, with the cycles of a frame that each needs, and the links, with the contents of one beat.

    `node` and `cycles` are null for a block that does no node's work. `depth` is a queue's, in beats.
    """
    return {"interval_cycles": design.interval,
            "links": [{"from": link.source, "to": link.sink, "elements": link.elements,
                       "element_bits": link.element_bits, "beats": link.beats} for link in design.connections()],
            "engines": [{"name": block.name, "kind": block.kind, "node": block.node, "cycles": block.cycles,
                         "depth": block.depth if block.kind == "queue" else None} for block in design.blocks()]}


def shapes(network: Network, name: str) -> dict[str, Any]:
    """A node's input and output shapes (h, w, c), kernel, kind of weights, and work of one frame.

    Kernel and stride are one number, or a list [down, across] where these differ.
    """
    node, types = network.by_name[name], network.types
    window = Window.of(node).attrs(pads=False) if "kernel" in node.attrs else {}
    kernel, stride = (list(value) if isinstance(value, tuple) else value for value in map(window.get, WINDOW[:2]))
    return {"input_shape": list(types[node.inputs[0]].shape), "shape": list(types[name].shape),
            "kernel": kernel, "stride": stride,
            "weights": node.attrs.get("weights"), "macs": network.macs(name)}
