"""The integer network, which training hands over to the build. It needs no torch and is saved as one file.

The file is a `.safetensors`: its tensors are the arrays, with binary weights packed eight to a byte, and its metadata
holds the graph as JSON.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from quantize.arrays import ArraysError, read_arrays
from quantize.files import write_atomically
from quantize.graph import FORMAT_VERSION, Entry, Graph, read_graph
from quantize.limits import MOST_LAYERS, MOST_WEIGHTS
from quantize.nodes import infer
from quantize.tensor import NetworkError, Node, TensorType
from quantize.text import is_printable

__all__ = ["FORMAT_VERSION", "Network", "NetworkError", "Node", "TensorType"]

INPUT = "input"
LEAST, MOST = -128, 127
"""The range of a picture's elements: a byte less 128."""


@dataclass(frozen=True)
class Network:
    """A graph of integer nodes in topological order. Its tensor `input` is the picture, as uint8 - 128.

    `outputs[0]` names the tensor of logits. `outputs[1]`, if there is one, names the output of a top_k node.
    `classes` names the logits. Raises NetworkError when a rule of the graph or of a node's kind is broken.
    """

    name: str
    input: TensorType
    nodes: tuple[Node, ...]
    outputs: tuple[str, ...]
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        source = self.input
        if (source.kind, source.lo, source.hi) != ("int", LEAST, MOST):
            raise NetworkError(f"the input must be int from {LEAST} to {MOST}, a picture's bytes less 128, "
                               f"not {source.kind} from {source.lo} to {source.hi}")
        if len(self.nodes) > MOST_LAYERS:
            raise NetworkError(f"a network must have at most {MOST_LAYERS} nodes, not {len(self.nodes)}")
        for name in (self.name, *self.classes, *(node.name for node in self.nodes)):
            if not is_printable(name):
                raise NetworkError(f"names must have no control characters, not {name!r:.60}")
        types = self.types
        if all(node.kind == "flatten" for node in self.nodes):
            raise NetworkError("a network must have a node that computes something")
        for name in self.outputs:
            if name not in types:
                raise NetworkError(f"output {name!r} is not the name of a node")
        if not 1 <= len(self.outputs) <= 2:
            raise NetworkError(f"a network must have one or two outputs, not {len(self.outputs)}")
        logits = types[self.outputs[0]]
        if logits.shape[:2] != (1, 1) or logits.kind != "int":
            raise NetworkError(f"logits {self.outputs[0]!r} must be a flat tensor of integers, not {logits}")
        if len(self.outputs) == 2:
            last = self.by_name.get(self.outputs[1])
            if last is None or last.kind != "top_k" or last.inputs != self.outputs[:1]:
                raise NetworkError(f"output {self.outputs[1]!r} must be a top_k of the logits {self.outputs[0]!r}")
        if self.classes and len(self.classes) != logits.channels:
            raise NetworkError(f"{len(self.classes)} classes must name {logits.channels} logits")
        used = {name for node in self.nodes for name in node.inputs} | set(self.outputs)
        for node in self.nodes:
            if node.name not in used:
                raise NetworkError(f"{node.name}: nothing uses its output")

    @cached_property
    def types(self) -> dict[str, TensorType]:
        """The type of every tensor by name, with the input's. Raises NetworkError for a broken graph or node."""
        types = {INPUT: self.input}
        for node in self.nodes:
            if node.name in types:
                raise NetworkError(f"{node.name}: the name is used twice")
            for name in node.inputs:
                if name not in types:
                    raise NetworkError(f"{node.name}: input {name!r} is not made by an earlier node")
            types[node.name] = infer(node, [types[name] for name in node.inputs])
        return types

    @cached_property
    def by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self.nodes}

    def consumers(self, tensor: str) -> list[Node]:
        """The nodes that read `tensor`, in topological order."""
        return [node for node in self.nodes if tensor in node.inputs]

    def macs(self, name: str) -> int:
        """The multiply-accumulates that one picture takes in the conv or dense node `name`; 0 for other kinds."""
        node = self.by_name[name]
        if node.kind not in ("conv", "dense"):
            return 0
        height, width, _ = self.types[name].shape
        return height * width * node.arrays["weights"].size

    def save(self, path: Path) -> None:
        """Write the network to `path`. The file appears whole or not at all."""
        write_atomically(path, self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the network's file, in the first format version that can hold it.

        The same network always gives the same bytes.
        """
        arrays: dict[str, np.ndarray] = {}
        nodes = []
        for index, node in enumerate(self.nodes):
            shapes = {key: [list(value.shape), value.dtype.name] for key, value in sorted(node.arrays.items())}
            for key, value in node.arrays.items():
                arrays[f"{index}.{key}"] = _pack(value) if _is_packed(node.attrs, key) else np.ascontiguousarray(value)
            nodes.append({"kind": node.kind, "name": node.name, "inputs": node.inputs,
                          "attrs": dict(sorted(node.attrs.items())), "arrays": shapes})
        several = any(isinstance(value, tuple) for node in self.nodes for value in node.attrs.values())
        graph = {"version": FORMAT_VERSION if several else 1, "name": self.name, "input": _type_to_json(self.input),
                 "outputs": self.outputs, "classes": self.classes, "nodes": nodes}
        return safetensors.numpy.save(arrays, metadata={"tbn_hw": json.dumps(graph, separators=(",", ":"))})

    @classmethod
    def load(cls, path: Path) -> Network:
        """Read and check a network. Raises NetworkError with one sentence that begins with the path."""
        try:
            metadata, arrays = read_arrays(path)
            if "tbn_hw" not in metadata:
                raise NetworkError("is a safetensors file without a tbn-hw network in it")
            return _network(read_graph(metadata["tbn_hw"]), arrays)
        except (ArraysError, NetworkError) as error:
            raise NetworkError(f"{path}: {error}") from None


def _is_packed(attrs: Any, key: str) -> bool:
    return key == "weights" and attrs.get("weights") == "binary"


def _pack(weights: np.ndarray) -> np.ndarray:
    return np.packbits((weights < 0).ravel(), bitorder="little")


def _unpack(name: str, packed: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    size = math.prod(shape)
    if packed.dtype != np.uint8 or packed.shape != ((size + 7) // 8,):
        raise NetworkError(f"{name}: packed weights must be {(size + 7) // 8} bytes, not {packed.shape} {packed.dtype}")
    negative = np.unpackbits(packed, bitorder="little", count=size).reshape(shape).view(np.int8)
    return np.int8(1) - 2 * negative


def _type_to_json(tensor: TensorType) -> dict[str, Any]:
    return {"shape": tensor.shape, "kind": tensor.kind, "lo": tensor.lo, "hi": tensor.hi}


def _network(graph: Graph, arrays: dict[str, np.ndarray]) -> Network:
    """The network of a graph and of the arrays beside it. Raises NetworkError where they do not fit."""
    elements = sum(math.prod(shape) for entry in graph.nodes for shape, _ in entry.arrays.values())
    if elements > MOST_WEIGHTS:
        raise NetworkError(f"a network must have at most {MOST_WEIGHTS} weights, not {elements}")
    source = TensorType(graph.input.shape, graph.input.kind, graph.input.lo, graph.input.hi)
    nodes = tuple(_node(index, entry, arrays) for index, entry in enumerate(graph.nodes))
    return Network(graph.name, source, nodes, graph.outputs, graph.classes)


def _node(index: int, entry: Entry, arrays: dict[str, np.ndarray]) -> Node:
    held = {}
    for key, (shape, dtype) in entry.arrays.items():
        value = arrays.get(f"{index}.{key}")
        if value is None:
            raise NetworkError(f"{entry.name}: array {key!r} is missing in the file")
        if _is_packed(entry.attrs, key):
            value = _unpack(entry.name, value, shape)
        elif value.dtype.name != dtype or value.shape != shape:
            raise NetworkError(f"{entry.name}: array {key!r} must be {dtype} {list(shape)}, "
                               f"not {value.dtype} {list(value.shape)}")
        held[key] = value
    return Node(entry.kind, entry.name, entry.inputs, entry.attrs, held)
