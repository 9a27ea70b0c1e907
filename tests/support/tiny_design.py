"""A design of an architecture of its own: the one hand-written module of `tiny.v`, which computes a small network.

It takes differences and sums of two channels, adds them up over a picture, and names the larger sum.
"""

import numpy as np
from support.tiny_accelerator import TINY

from quantize.network import Network, Node, TensorType
from quantize.nodes import infer
from tbn_hw.shared.design import Block, Connection, Layer, Ports, Stream, Weights

PIXELS, CYCLES_PER_PIXEL = 12, 3


def network():
    """Input (3, 4, 2); a convolution of 1 by 1, then a classifier whose weights are 1 for a channel and 0 else."""
    types, nodes = {"input": TensorType((3, 4, 2), "int", -128, 127)}, []

    def put(kind, name, source, attrs=None, **arrays):
        node = Node(kind, name, (source,), attrs or {}, arrays)
        types[name] = infer(node, [types[source]])
        nodes.append(node)
        return name

    pairs = np.array([[1, -1], [1, 1]], np.int8).reshape(2, 1, 1, 2)
    total = np.tile(np.eye(2, dtype=np.int8), PIXELS)
    middle = put("conv", "mid", "input", {"kernel": 1, "stride": 1, "padding": 0, "weights": "binary"}, weights=pairs)
    logits = put("dense", "total", put("flatten", "flat", middle), {"weights": "int8"}, weights=total)
    best = put("top_k", "best", logits, {"k": 1})
    return Network("tiny", types["input"], tuple(nodes), (logits, best))


class TinyDesign:
    """A `tbn_hw.shared.design.Design`; `verilog` is that of its top module."""

    name, interval, timeout_cycles, lanes = "tiny", PIXELS * CYCLES_PER_PIXEL, 1_000, 4

    def __init__(self, verilog=None):
        self.network, self.ports = network(), Ports(2, 2, 4, 1, 1)
        self._verilog = verilog or TINY[0].read_text()

    def top(self):
        return self._verilog

    def modules(self, workers, progress=None):
        return {}

    def rom_images(self):
        return {"mid.mem": "6\n7\n"}

    def probes(self):
        return [Stream("mid", "mid", 9, True, 2)]

    def blocks(self):
        """Both are in the top module, which is the only one."""
        return [Block("axi_input", "tiny", "axi_input", None, None, 0), Block("tiny", "tiny", "machine", None, 36, 0)]

    def connections(self):
        return [Connection("axi_input", "tiny", 2, 8, PIXELS)]

    def layers(self):
        return [Layer("mid", "tiny", 2, 2, 36, 12), Layer("total", "tiny", 2, 2, 36, 12)]

    def weights(self):
        return [Weights(4, 1, 4)]

    def settings(self):
        return {"machine": {"cycles_per_pixel": CYCLES_PER_PIXEL}}
