"""Small QONNX graphs with random weights and statistics, node by node, as Brevitas would write them."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

DOMAIN = "onnx.brevitas"


class Graph:
    """A graph that grows from the input `in`. The next node reads the tensor `x`.

    `type` is ONNX's of the input, `annotation` FINN's, if there is one.
    """

    def __init__(self, *shape, seed=0, opset=13, type=TensorProto.FLOAT, annotation=None):
        self.shape, self.opset, self.x = (1, *shape), opset, "in"
        self.type, self.annotation = type, annotation
        self.random = np.random.default_rng(seed)
        self.nodes, self.arrays, self.channels = [], {}, shape[0]

    def array(self, value, dtype=np.float32):
        name = f"a{len(self.arrays)}"
        self.arrays[name] = np.asarray(value, dtype)
        return name

    def op(self, kind, *inputs, x=None, domain="", name=None, **attributes):
        out = f"t{len(self.nodes)}"
        names = [self.x if x is None else x, *inputs]
        self.nodes.append(helper.make_node(kind, names, [out], name or f"{kind}_{len(self.nodes)}", domain=domain,
                                           **attributes))
        self.x = out
        return self

    def quant(self, bits, scale=1.0, signed=1, narrow=0, mode="ROUND", x=None, **more):
        inputs = [self.array(value) for value in (scale, 0, bits)]
        return self.op("Quant", *inputs, x=x, domain=DOMAIN, signed=signed, narrow=narrow, rounding_mode=mode, **more)

    def ternary(self, scale=1.0, **more):
        return self.quant(2, scale, narrow=1, **more)

    def binary(self, scale=1.0, x=None):
        return self.op("BipolarQuant", self.array(scale), x=x, domain=DOMAIN)

    def weights(self, *shape, bits=1, scale=1.0):
        here, name = self.x, self.array(self.random.normal(0, 1, shape))
        if bits == 1:
            self.binary(scale, x=name)
        else:
            self.quant(bits, np.asarray(scale) / 30, x=name, narrow=1)
        self.x, made = here, self.x
        return made

    def conv(self, channels, kernel=3, padding=0, bits=1, scale=1.0, **attributes):
        """`kernel` is one number or a list of two. `padding` is one number, a list of four, or None for no `pads`."""
        kernel = kernel if isinstance(kernel, list) else [kernel] * 2
        weights = self.weights(channels, self.channels, *kernel, bits=bits, scale=scale)
        self.channels = channels
        if padding is not None:
            attributes["pads"] = padding if isinstance(padding, list) else [padding] * 4
        return self.op("Conv", weights, kernel_shape=kernel, **attributes)

    def matmul(self, features, units, bits=1, scale=1.0):
        here = self.x
        turned = self.op("Transpose", x=self.weights(units, features, bits=bits, scale=scale), perm=[1, 0]).x
        self.x, self.channels = here, units
        return self.op("MatMul", turned)

    def batch_norm(self, spread=1.0):
        count = self.channels
        gamma = self.random.uniform(0.3, 1.5, count) * np.where(self.random.random(count) < 0.4, -1, 1)
        values = (gamma, self.random.normal(0, 0.5, count), self.random.normal(0, 2, count) * spread,
                  self.random.uniform(4, 60, count) * spread**2)
        return self.op("BatchNormalization", *(self.array(value) for value in values), epsilon=1e-5)

    def save(self, path: Path, outputs=None):
        infos = [helper.make_tensor_value_info(name, TensorProto.FLOAT, (1, self.channels))
                 for name in outputs or [self.x]]
        graph = helper.make_graph(
            self.nodes, "graph",
            [helper.make_tensor_value_info("in", self.type, self.shape)], infos,
            [numpy_helper.from_array(value, name) for name, value in self.arrays.items()])
        if self.annotation is not None:
            note = graph.quantization_annotation.add(tensor_name="in")
            note.quant_parameter_tensor_names.add(key="finn_datatype", value=self.annotation)
        opsets = [helper.make_opsetid("", self.opset), helper.make_opsetid(DOMAIN, 1)]
        onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
        return path
