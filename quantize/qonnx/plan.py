"""The plan that grows while a graph is walked: items and their types, and the values of the graph's tensors."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from quantize.chain import Chain
from quantize.item import Item
from quantize.nodes import infer
from quantize.qonnx.constants import Budget
from quantize.qonnx.graph import MOST_ELEMENTS, Graph, Operation
from quantize.qonnx.values import (
    Condition,
    Constant,
    Integers,
    Refused,
    Stream,
    Unknown,
    UnknownInputError,
    Value,
    Weights,
)
from quantize.tensor import NetworkError, Node, TensorType

SUPPORTED, FOLDED, REFUSED = "supported", "folded", "refused"
MOST_INPUT_BITS = 16


@dataclass(frozen=True)
class Verdict:
    """What becomes of a node: supported (it gets an engine), folded into a neighbour, or refused. `note` says how."""

    name: str
    type: str
    verdict: str
    note: str


@dataclass(frozen=True)
class Logits:
    """The plan's tensor of logits. The graph's logits are `integer * unit + offset`, to within `error`."""

    tensor: str
    unit: float
    offset: float
    error: float


class Plan:
    """The items by name, their types, and the value of every tensor met so far.

    `quantised` has the stream of each QuantizeLinear by name and limits, for several nodes may dequantise it.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.items: dict[str, Item] = {}
        self.types: dict[str, TensorType] = {}
        self.values: dict[str, Value] = {}
        self.notes: list[str] = []
        self.logits: dict[tuple[str, int], Logits] = {}
        self.budget = Budget(sum(value.size for value in graph.constants.values()))
        self.quantised: dict[tuple[str, tuple[int, int]], Stream] = {}
        self._names: dict[str, str] = {}
        self._flattened: dict[str, str] = {}

    def value(self, name: str) -> Value:
        """The value of a tensor. Raises Refused when nothing made it, once for each tensor."""
        if name not in self.values:
            self.values[name] = Unknown()
            raise Refused(f"no node makes its input {name!r}, or it depends on itself; export the model again")
        return self.values[name]

    def stream(self, name: str) -> Stream:
        """The stream of a tensor. Raises UnknownInputError behind a refused node, and Refused for a constant."""
        value = self.value(name)
        if isinstance(value, Unknown):
            raise UnknownInputError
        if isinstance(value, Integers):
            raise Refused("only a Clip may stand between QuantizeLinear and DequantizeLinear; move it before or behind "
                          "them")
        if isinstance(value, Condition):
            raise Refused(f"its input {name!r} is true or false; put a Cast to float, or a Where of two numbers, "
                          "behind the comparison")
        if not isinstance(value, Stream):
            raise Refused(f"its input {name!r} must be an activation, not a constant")
        return replace(value, alone=value.alone and self.graph.readers[name] == 1)

    def constant(self, name: str) -> np.ndarray:
        """The known value of a tensor, quantised or not.

        Raises UnknownInputError behind a refused node, and Refused for an activation or values that are not finite.
        """
        value = self.value(name)
        if isinstance(value, Unknown):
            raise UnknownInputError
        if isinstance(value, Stream | Integers | Condition):
            raise Refused(f"its input {name!r} must be a constant")
        array = value.real if isinstance(value, Weights) else value.value
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise Refused(f"its constant {name!r} must be finite numbers")
        return array

    def optional(self, operation: Operation, index: int) -> np.ndarray | None:
        """The constant at input `index`, or None if the node has no such input."""
        if len(operation.inputs) <= index or not operation.inputs[index]:
            return None
        return self.constant(operation.inputs[index])

    def emit(self, kind: str, name: str, inputs: tuple[str, ...], attrs: dict[str, Any] | None = None,
             arrays: dict[str, np.ndarray] | None = None, chain: Chain | None = None, delta: float = 0.0) -> str:
        """Add an item and return its name, which is `name` or one made from it if that is taken or no name.

        Raises Refused when the item breaks a rule of its kind.
        """
        name = self._name(name)
        item = Item(kind, name, inputs, attrs or {}, arrays or {}, chain or Chain(), delta)
        self.types[name] = self._type(item)
        self.items[name] = item
        return name

    def change(self, item: Item) -> None:
        """Replace the item with the same name by `item`."""
        self.types[item.name] = self._type(item)
        self.items[item.name] = item

    def read(self, tensor: str) -> bool:
        """Whether any item reads `tensor`."""
        return any(tensor in item.inputs for item in self.items.values())

    def flattened(self, stream: Stream) -> Stream:
        """The stream with a flat tensor, (1, 1, n), in the plan. Adds a flatten item where there is none yet."""
        source = self.types[stream.tensor]
        if source.shape[:2] == (1, 1):
            return stream
        name = self._flattened.get(stream.tensor, "")
        if not name:
            name = self.emit("flatten", stream.flatten or f"{stream.tensor}.flatten", (stream.tensor,))
            self._flattened[stream.tensor] = name
        pixels = source.height * source.width
        chain = stream.chain.map(lambda value: value if value.size == 1 else np.tile(value, pixels))
        return replace(stream, tensor=name, chain=chain)

    def affine(self, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """(a, b), both (channels), with real = a * integer + b. Raises Refused behind a ReLU."""
        try:
            a, b, limits = stream.chain.affine(self.types[stream.tensor].channels)
        except ValueError:
            limits = (0.0, np.inf)
        if limits is not None:
            raise Refused("its input comes from a Relu or a Clip without a quantiser; put a Quant behind it")
        return a, b

    def quantised_input(self, stream: Stream) -> tuple[np.ndarray, np.ndarray]:
        """(a, b) as `affine`. Raises Refused also when the stream is too wide for an engine with weights."""
        kind, item = self.types[stream.tensor], self.items.get(stream.tensor)
        if (item is not None and item.kind in ("conv", "dense")) or kind.element_bits > MOST_INPUT_BITS:
            raise Refused("its input is not quantised; put a Quant (2 bits narrow, or 8 bits) before it")
        return self.affine(stream)

    def _type(self, item: Item) -> TensorType:
        inputs = [self.types[name] for name in item.inputs]
        if item.kind == "threshold":
            return TensorType(inputs[0].shape, item.attrs["levels"], -1, 1)
        try:
            made = infer(Node(item.kind, item.name, item.inputs, item.attrs, item.arrays), inputs)
        except NetworkError as error:
            raise Refused(str(error).removeprefix(f"{item.name}: ")) from None
        if made.size > MOST_ELEMENTS:
            raise Refused(f"its output must hold at most {MOST_ELEMENTS} values, not {made.size}")
        return made

    def _name(self, name: str) -> str:
        """A name made from `name`. Its Verilog form is unique and begins with a letter."""
        plain = name if re.match(r"[^A-Za-z0-9]*[A-Za-z]", name) else f"node_{name}"
        while (key := re.sub(r"[^A-Za-z0-9]+", "_", plain).strip("_").lower()) in self._names or plain == "input":
            plain += "_again"
        self._names[key] = plain
        return plain


def as_constant(value: Value) -> Constant | None:
    """The value as a constant, or None if it is not known."""
    if isinstance(value, Weights):
        return Constant(value.real)
    return value if isinstance(value, Constant) else None
