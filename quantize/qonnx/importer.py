"""Imports a graph as a `Network`: judges every node, then finds the plan's thresholds."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from quantize.chain import Chain
from quantize.item import ExportError, Item
from quantize.network import INPUT, Network
from quantize.qonnx import channels_last, elementwise, linear, logits, matrix, pools, quant, shapes, signs
from quantize.qonnx.constants import COMPUTED, evaluate
from quantize.qonnx.graph import (
    CHANNELS_LAST,
    QUANT_DOMAINS,
    STANDARD_DOMAINS,
    Graph,
    Operation,
    QonnxError,
    read_graph,
)
from quantize.qonnx.hints import hint
from quantize.qonnx.multithreshold import multi_threshold
from quantize.qonnx.plan import FOLDED, REFUSED, SUPPORTED, Logits, Plan, Verdict, as_constant
from quantize.qonnx.trunc import trunc
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
from quantize.tensor import NetworkError, TensorType
from quantize.thresholds import find_thresholds, find_ties

PIXELS = {  # how the graph's input value follows from a pixel of the network, which is byte - 128
    "unit": Chain().add(128.0).divide(255.0),
    "byte": Chain().add(128.0),
    "signed": Chain(),
}
PIXEL_TEXTS = {"unit": "byte / 255", "byte": "byte", "signed": "byte - 128"}
DECLARED = {"UINT8": "byte", "INT8": "signed"}
HANDLERS: dict[str, Callable[[Plan, Operation], Value]] = {
    "Add": elementwise.arithmetic, "Sub": elementwise.arithmetic, "Mul": elementwise.arithmetic,
    "Div": elementwise.arithmetic, "BatchNormalization": elementwise.batch_normalization, "Relu": elementwise.relu,
    "Identity": elementwise.unchanged, "Cast": signs.cast, "CastLike": elementwise.unchanged,
    "Dropout": elementwise.unchanged, "Clip": elementwise.clip, "Conv": matrix.conv, "MatMul": matrix.matmul,
    "Gemm": matrix.gemm, "MaxPool": pools.max_pool, "AveragePool": pools.average_pool,
    "GlobalAveragePool": pools.average_pool, "ReduceMean": pools.reduce_mean,
    "Reshape": shapes.reshape, "Flatten": shapes.flatten,
    "Transpose": shapes.transpose, "Pad": shapes.pad, "Squeeze": shapes.squeeze, "Unsqueeze": shapes.squeeze,
    "Shape": shapes.shape_of, "TopK": logits.top_k, "ArgMax": logits.arg_max, "Quant": quant.quant,
    "IntQuant": quant.quant, "BipolarQuant": quant.quant, "Sign": signs.sign,
    "Where": signs.where, "Not": signs.negation, **dict.fromkeys(signs.COMPARISONS, signs.comparison),
    "MultiThreshold": multi_threshold, "Trunc": trunc,
    "QuantizeLinear": linear.quantize, "DequantizeLinear": linear.dequantize,
}
MALFORMED = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, MemoryError)
"""Exceptions that a node raises when it breaks ONNX's own rules."""
CUSTOM = ("Quant", "IntQuant", "BipolarQuant", "MultiThreshold", "Trunc")
INCREASING = ("Softmax", "LogSoftmax", "Sigmoid")
"""Operations that keep the order of the classes."""
ENGINES = ("Conv", "MatMul", "Gemm", "MaxPool", "AveragePool", "GlobalAveragePool", "ReduceMean", "TopK", "ArgMax",
           "Sign", "Where", *CUSTOM)


@dataclass(frozen=True)
class Check:
    """The result of an import: a verdict on every node, notes, and the network and its logits if no node is refused."""

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...]
    network: Network | None = None
    logits: Logits | None = None

    @property
    def refused(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.verdict == REFUSED)

    @property
    def causes(self) -> list[str]:
        """The refusals, a line for each cause: the nodes, of many of them the first three, and what to change."""
        nodes: dict[str, list[str]] = {}
        for verdict in self.refused:
            nodes.setdefault(verdict.note, []).append(f"{verdict.type} {verdict.name}")
        return [f"{', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {note}"
                for note, names in nodes.items()]


def read_network(path: Path, pixels: str | None = None) -> Check:
    """Judge every node of an ONNX file, and make its network unless one is refused.

    `pixels` says what a picture's byte becomes at the graph's input: "unit" (byte / 255), "byte" or "signed"
    (byte - 128). None takes what the file says, else "unit". Raises QonnxError when the file is no graph with one
    input, or its network breaks a rule.
    """
    graph = read_graph(path)
    meaning, objection = _meaning(graph, pixels)
    if objection:
        graph.problems.append((graph.input, "input", objection))
    walk = _Walk(graph, meaning)
    with np.errstate(all="ignore"):  # what overflows is judged node by node
        verdicts = walk.run()
    notes = [f"input: a pixel is read as {PIXEL_TEXTS[meaning]}", *graph.notes, *walk.plan.notes]
    if walk.logits is None or any(verdict.verdict == REFUSED for verdict in verdicts):
        return Check(tuple(verdicts), tuple(notes))
    items, source = _needed(walk), walk.plan.types[INPUT]
    try:
        nodes = find_thresholds(items, source)
        classes = _classes(graph.metadata, walk.plan.types[walk.outputs[0]].channels)
        network = Network(path.stem, source, nodes, walk.outputs, classes)
    except (ExportError, NetworkError) as error:
        raise QonnxError(f"{path}: {error}") from None
    notes += map(str, find_ties(items, source))
    return Check(tuple(verdicts), tuple(notes), network, walk.logits)


def _meaning(graph: Graph, asked: str | None) -> tuple[str, str]:
    """What a pixel is to the graph, and why that cannot be, if it cannot.

    The input's type and its annotation say it, else `asked`, else it is "unit".
    """
    annotation = graph.datatypes.get(graph.input, "FLOAT32")
    declared = [f"tensor({graph.type})"] if graph.type in ("uint8", "int8") else []
    declared += [annotation] if annotation != "FLOAT32" else []
    meanings = [DECLARED.get(name.removeprefix("tensor(").removesuffix(")").upper(), "") for name in declared]
    if "" in meanings:
        return asked or "unit", (f"it is annotated {annotation}, where an accelerator reads bytes; annotate it UINT8 "
                                 "or INT8, and let a Mul behind it scale them")
    if len(set(meanings)) > 1:
        return meanings[0], f"it is {declared[0]} and annotated {declared[1]}; take one of them away"
    if meanings and asked not in (None, meanings[0]):
        return meanings[0], (f"it is declared {declared[0]}, so a pixel is {PIXEL_TEXTS[meanings[0]]} to it; leave out "
                             f"--input {asked}")
    return meanings[0] if meanings else asked or "unit", ""


def _needed(walk: _Walk) -> tuple[Item, ...]:
    """The plan's items that the outputs need."""
    needed, items = set(walk.outputs), []
    for item in reversed(walk.plan.items.values()):
        if item.name in needed:
            items.append(item)
            needed.update(item.inputs)
    return tuple(items[::-1])


def _classes(metadata: dict[str, str], count: int) -> tuple[str, ...]:
    """The names of the classes in an exported graph's metadata, else numbers."""
    try:
        names = json.loads(metadata.get("classes", ""))
    except (ValueError, RecursionError):
        names = None
    if isinstance(names, list) and len(names) == count and all(isinstance(name, str) for name in names):
        return tuple(names)
    return tuple(str(index) for index in range(count))


_Output = tuple[str, Operation | None, Stream]


class _Walk:
    """Judges the nodes in order. `outputs` become the plan's tensors for the network's outputs."""

    def __init__(self, graph: Graph, pixels: str) -> None:
        self.graph, self.plan = graph, Plan(graph)
        self.logits: Logits | None = None
        self.outputs: tuple[str, ...] = ()
        self._verdicts: dict[str, Verdict] = {}
        self._dropped: set[str] = set()
        values = self.plan.values
        values.update({"": Constant(np.zeros(0)), graph.input: Unknown()})
        values.update({name: Constant(value) for name, value in graph.constants.items()})
        values.update({name: Unknown() for name in graph.unreadable})
        if graph.shape is not None:
            axes = "nhwc" if graph.channels_last else "nchw" if len(graph.shape) == 4 else "nc"
            sizes = dict(zip(axes, graph.shape, strict=True))
            height, width = sizes.get("h", 1), sizes.get("w", 1)
            if axes == "nc":  # a flat input: one row
                width, sizes["c"] = sizes["c"], 1
            self.plan.types[INPUT] = TensorType((height, width, sizes["c"]), "int", -128, 127)
            chain = PIXELS[pixels].cast(np.float64 if graph.type == "float64" else np.float32)
            values[graph.input] = Stream(INPUT, graph.shape, axes, chain)

    def run(self) -> list[Verdict]:
        for problem in self.graph.problems:
            self._refuse(*problem)
        for operation in self.graph.operations:
            self._judge(operation)
        self._outputs()
        return list(self._verdicts.values())

    def _refuse(self, name: str, kind: str, reason: str) -> None:
        self._verdicts[name] = Verdict(name, kind, REFUSED, reason)

    def _judge(self, operation: Operation) -> None:
        name, note = operation.name, ""
        outputs: list[Value] = [Unknown()] * len(operation.outputs)
        before = len(self.plan.items)
        try:
            outputs = self._values(operation)
        except UnknownInputError:
            note = "as far as can be told; its input is refused"
        except Refused as refusal:
            blamed = next((o for o in self.graph.operations if o.name == refusal.node), operation)
            self._refuse(blamed.name, blamed.type, str(refusal))
            note = "" if blamed is operation else f"except for {blamed.name}, which is refused"
        except MALFORMED as error:
            text = " ".join(str(error).split()) or type(error).__name__
            self._refuse(name, operation.type, f"it is malformed; {text}")
        self.plan.values.update(zip(operation.outputs, outputs, strict=False))
        if name in self._verdicts:
            return
        first = outputs[0] if outputs else Unknown()
        made = [item.kind for item in islice(self.plan.items.values(), before, None)]
        engine = bool(made) or (isinstance(first, Unknown) and operation.type in ENGINES)
        note = note or (", ".join(made) if made else _how(first))
        self._verdicts[name] = Verdict(name, operation.type, SUPPORTED if engine else FOLDED, note)

    def _values(self, operation: Operation) -> list[Value]:
        """The values of a node's outputs: known if it reads constants only, else what its type's handler makes.

        Raises Refused for a node without an engine, UnknownInputError behind a refused one.
        """
        inputs = [self.plan.value(name) for name in operation.inputs]
        if operation.name in self._dropped:
            return [self.plan.stream(operation.inputs[0])]
        standard = operation.domain in STANDARD_DOMAINS and operation.type not in CUSTOM
        if standard and operation.type != "DequantizeLinear":
            values = self._known(operation, inputs)
            if values is not None:
                return values
            behind = self._behind(operation) if operation.type in INCREASING else None
            if behind is not None:
                self._dropped.update(behind)
                more = f", and {', '.join(behind)}, which may make classes equal" if behind else ""
                self.plan.notes.append(f"{operation.name}: dropped; it changes no order of classes{more}")
                return [self.plan.stream(operation.inputs[0])]
        handler = HANDLERS.get(operation.type)
        if handler and operation.domain == CHANNELS_LAST and operation.type in channels_last.TYPES:
            return [channels_last.channels_first(handler)(self.plan, operation)]
        if handler is None or not (standard or operation.type in CUSTOM and operation.domain in QUANT_DOMAINS):
            if operation.type in COMPUTED and any(isinstance(value, Unknown) for value in inputs):
                raise UnknownInputError
            raise Refused(hint(operation, HANDLERS))
        return [handler(self.plan, operation)] * len(operation.outputs)

    def _behind(self, operation: Operation) -> list[str] | None:
        """The nodes between an operation and the graph's output, or None if they do more than quantise.

        ONNX Runtime puts a QuantizeLinear and a DequantizeLinear behind a Softmax.
        """
        behind: list[Operation] = [operation]
        for kind in ("QuantizeLinear", "DequantizeLinear"):
            readers = [reader for reader in self.graph.operations if behind[-1].outputs[0] in reader.inputs]
            if self.graph.readers[behind[-1].outputs[0]] == 1 and [reader.type for reader in readers] == [kind]:
                behind += readers
        ends = len(behind) != 2 and set(behind[-1].outputs) <= set(self.graph.outputs)
        return [node.name for node in behind[1:]] if ends else None

    def _known(self, operation: Operation, inputs: list[Value]) -> list[Value] | None:
        """The outputs' values if a standard node reads constants only, else None."""
        constants = [constant.value for value in inputs if (constant := as_constant(value)) is not None]
        if len(constants) < len(inputs):
            return None
        first, opsets = inputs[0] if inputs else None, self.graph.opsets
        if isinstance(first, Weights) and operation.type in ("Transpose", "Reshape", "Identity"):
            return [first.map(lambda array: evaluate(operation, [array, *constants[1:]], opsets, self.plan.budget)[0])]
        if isinstance(first, Weights) and operation.type in ("Mul", "Div") and len(inputs) == 2:
            return [elementwise.weights_arithmetic(operation, first, constants[1])]
        return [Constant(value) for value in evaluate(operation, constants, opsets, self.plan.budget)]

    def _outputs(self) -> None:
        """Make the graph's outputs the network's outputs. A refusal is put on the node that makes the output."""
        makers = {output: operation for operation in self.graph.operations for output in operation.outputs}
        top: list[_Output] = []
        sums: list[_Output] = []
        for name in self.graph.outputs:
            operation, value = makers.get(name), self.plan.values.get(name)
            if isinstance(value, Unknown):
                return
            if isinstance(value, Integers):
                return self._refuse(name, "output", "it must be real numbers; remove the last QuantizeLinear, or put a "
                                                    "DequantizeLinear behind it")
            if isinstance(value, Condition):
                return self._refuse(name, "output", "it must be real numbers, not true or false")
            if not isinstance(value, Stream):
                return self._refuse(name, "output", "it must depend on the input")
            if value.tensor == INPUT:
                return self._refuse(name, "output", "there must be an engine between it and the input")
            item = self.plan.items.get(value.tensor)
            (top if item is not None and item.kind == "top_k" else sums).append((name, operation, value))
        try:
            if len({value.tensor for *_, value in sums}) > 1:
                raise Refused("the graph must have one output of logits; remove the others")
            if top:
                item = self.plan.items[top[0][2].tensor]
                found = [known for known in self.plan.logits.values() if known.tensor == item.inputs[0]]
                self.outputs, self.logits = (item.inputs[0], item.name), found[0]
            if sums:
                self.logits = logits.logits(self.plan, sums[0][2], sums[0][1].name if sums[0][1] else "output")
                if top and self.logits.tensor != self.outputs[0]:
                    raise Refused("TopK must read the graph's output of logits")
                self.outputs = (self.logits.tensor, *self.outputs[1:])
        except UnknownInputError:
            return
        except Refused as refusal:
            name, operation, _ = (sums or top)[-1]
            self._refuse(operation.name if operation else name, operation.type if operation else "output", str(refusal))


def _how(value: Value) -> str:
    if isinstance(value, Weights):
        return f"weights of {value.bits} bit{'s' * (value.bits > 1)}"
    return "a constant" if isinstance(value, Constant) else "into its neighbours"
