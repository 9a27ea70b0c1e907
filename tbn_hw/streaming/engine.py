"""Engines: the gateware of one node, as one component with streams `i` (or `a` and `b`) and `o`.

An engine brings its own width converters, at its inputs where beats grow and at its output where they shrink, and a
two-deep queue at its output, so that engines meet with no combinational path between them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Module, Shape
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.add import Add
from hdl.avg_pool import AvgPool
from hdl.constant.mvu import ConstantMVU
from hdl.max_pool import MaxPool
from hdl.mvu import MVU
from hdl.pad_channels import PadChannels
from hdl.requantize import Requantize
from hdl.sliding_window import SlidingWindow
from hdl.stream import Elements, connect, payload_shape
from hdl.stream_queue import Queue
from hdl.threshold import Threshold
from hdl.top_k import TopK
from hdl.width_converter import WidthConverter
from quantize.network import Node, TensorType
from quantize.rom import matrix
from tbn_hw.streaming.folding import Folding, word

OUTPUT_QUEUE_DEPTH = 2


@dataclass(frozen=True)
class Link:
    """A stream between engines: the tensor's type, the shape of its elements, and how many one beat holds."""

    tensor: TensorType
    shape: Shape
    par: int

    @property
    def beats(self) -> int:
        """Beats of one frame."""
        return self.tensor.size // self.par

    @property
    def payload(self) -> Any:
        return Elements(self.shape, self.par)


class EngineChain(wiring.Component):
    """Stream components one behind the other; a frame takes `interval` clock cycles."""

    def __init__(self, stages: Sequence[Any], interval: int) -> None:
        self._stages = list(stages)
        self.interval = interval
        first, last = self._stages[0], self._stages[-1]
        super().__init__({"i": In(stream.Signature(payload_shape(first.i))),
                          "o": Out(stream.Signature(payload_shape(last.o)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for index, stage in enumerate(self._stages):
            m.submodules[f"{index}_{type(stage).__name__.lower()}"] = stage
        connect(m, wiring.flipped(self.i), self._stages[0].i)
        for before, after in zip(self._stages, self._stages[1:], strict=False):
            connect(m, before.o, after.i)
        connect(m, self._stages[-1].o, wiring.flipped(self.o))
        return m


class Join(wiring.Component):
    """Two streams through converters of their own into a two-input component, and its output queue."""

    def __init__(self, a: Sequence[Any], b: Sequence[Any], core: Any, queue: Queue, interval: int) -> None:
        self._a, self._b, self._core, self._queue = list(a), list(b), core, queue
        self.interval = interval
        first = [stages[0].i if stages else port for stages, port in ((a, core.a), (b, core.b))]
        super().__init__({"a": In(stream.Signature(payload_shape(first[0]))),
                          "b": In(stream.Signature(payload_shape(first[1]))),
                          "o": Out(stream.Signature(payload_shape(queue.o)))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.core, m.submodules.queue = self._core, self._queue
        for name, port, stages, sink in (("a", self.a, self._a, self._core.a), ("b", self.b, self._b, self._core.b)):
            source = wiring.flipped(port)
            for stage in stages:
                m.submodules[f"{name}_widthconverter"] = stage
                connect(m, source, stage.i)
                source = stage.o
            connect(m, source, sink)
        connect(m, self._core.o, self._queue.i)
        connect(m, self._queue.o, wiring.flipped(self.o))
        return m


def engine(node: Node, inputs: Sequence[Link], folding: Folding, o_par: int = 0,
           family: str = "portable") -> EngineChain | Join:
    """The whole engine of `node`: converters, cores and output queue.

    `o_par` is what its only reader takes at once: wider beats are taken apart before the queue, which is smaller then.
    `family` is the one whose cells it is made of, where that pays.
    """
    if node.kind in ("conv", "dense"):
        parts = _matrix(node, inputs, folding, o_par, family)
    else:
        parts = [core(node, inputs, folding, family)]
    payload = payload_shape(parts[-1].o)
    interval = max([inputs[0].beats, *(part.interval for part in parts)])
    if node.kind != "add" and _narrower(o_par, payload.length):
        parts.append(WidthConverter(shape=payload.elem_shape, i_par=payload.length, o_par=o_par))
    converters = [converter(link, word(node, link.tensor.channels, folding)) for link in inputs]
    if isinstance(parts[-1], MVU):  # has a queue of its own
        return EngineChain([*converters[0], *parts], interval)
    queue = Queue(shape=payload_shape(parts[-1].o), depth=OUTPUT_QUEUE_DEPTH)
    if node.kind == "add":
        beats = inputs[0].tensor.size // folding.pe
        return Join(converters[0], converters[1], parts[0], queue, max(beats, *(link.beats for link in inputs)))
    return EngineChain([*converters[0], *parts, queue], interval)


def core(node: Node, inputs: Sequence[Link], folding: Folding, family: str) -> Any:
    """What does the work of a node without a matrix."""
    return _CORES[node.kind](_Wanted(node, inputs, folding, family))


def converter(link: Link, par: int) -> list[WidthConverter]:
    """The width converter from `link` to `par` elements a beat, if one is needed."""
    if link.par == par:
        return []
    return [WidthConverter(shape=link.shape, i_par=link.par, o_par=par)]


def _narrower(o_par: int, par: int) -> bool:
    """Whether beats of `par` elements are to be taken apart into several of `o_par`."""
    return 0 < o_par < par and par % o_par == 0


def _matrix(node: Node, inputs: Sequence[Link], folding: Folding, o_par: int, family: str) -> list[Any]:
    (link,), x, weights = inputs, inputs[0].tensor, matrix(node)
    kernel, stride, padding = (int(node.attrs.get(key, default))
                               for key, default in (("kernel", 1), ("stride", 1), ("padding", 0)))
    activation, bias = x.kind if x.kind != "int" else link.shape, node.arrays.get("bias")
    window = SlidingWindow(shape=link.shape, height=x.height, width=x.width, channels=x.channels, kernel=kernel,
                           stride=stride, padding=padding, simd=folding.simd, repeat=len(weights) // folding.pe,
                           pad=node.arrays.get("pad", 1 if x.kind == "binary" else 0))
    if folding.lanes == weights.size and node.attrs["weights"] == "binary" and x.kind != "int":
        return [window, ConstantMVU(weights=weights, activation=activation, bias=bias, family=family)]
    return [window, MVU(weights=weights, weight_kind=node.attrs["weights"], activation=activation, pe=folding.pe,
                        simd=folding.simd, bias=bias, family=family, rom_style=folding.weights,
                        o_par=o_par if _narrower(o_par, folding.pe) else folding.pe)]


@dataclass(frozen=True)
class _Wanted:
    """What a core is made from."""

    node: Node
    inputs: Sequence[Link]
    folding: Folding
    family: str

    @property
    def link(self) -> Link:
        """The first input, of most nodes the only one."""
        return self.inputs[0]

    @property
    def pixels(self) -> int:
        return self.link.tensor.height * self.link.tensor.width


def _threshold(wanted: _Wanted) -> Threshold:
    arrays = wanted.node.arrays
    return Threshold(i_shape=wanted.link.shape, hi=arrays["hi"], lo=arrays.get("lo"), par=wanted.folding.pe,
                     pixels=wanted.pixels)


def _requantize(wanted: _Wanted) -> Requantize:
    node = wanted.node
    return Requantize(i_shape=wanted.link.shape, mult=node.arrays["mult"], bias=node.arrays["bias"],
                      shift=node.integer("shift"), lo=node.integer("lo"), hi=node.integer("hi"), par=wanted.folding.pe,
                      pixels=wanted.pixels, family=wanted.family)


def _pool(component: Any, wanted: _Wanted, **more: int) -> Any:
    node, x = wanted.node, wanted.link.tensor
    return component(shape=wanted.link.shape, height=x.height, width=x.width, channels=x.channels,
                     kernel=node.integer("kernel"), stride=node.integer("stride"), par=wanted.folding.pe, **more)


def _max_pool(wanted: _Wanted) -> MaxPool:
    return _pool(MaxPool, wanted)


def _avg_pool(wanted: _Wanted) -> AvgPool:
    x = wanted.link.tensor
    return _pool(AvgPool, wanted, shift=wanted.node.integer("shift", 0), lo=x.lo, hi=x.hi)


def _add(wanted: _Wanted) -> Add:
    a, b = wanted.inputs
    return Add(a_shape=a.shape, b_shape=b.shape, width=wanted.node.integer("width"), par=wanted.folding.pe)


def _pad_channels(wanted: _Wanted) -> PadChannels:
    node, link = wanted.node, wanted.link
    return PadChannels(shape=link.shape, channels=link.tensor.channels, before=node.integer("before"),
                       after=node.integer("after"), par=wanted.folding.pe, pixels=wanted.pixels)


def _top_k(wanted: _Wanted) -> TopK:
    link = wanted.link
    return TopK(shape=link.shape, channels=link.tensor.channels, k=wanted.node.integer("k"), par=wanted.folding.pe)


_CORES: dict[str, Callable[[_Wanted], Any]] = {
    "add": _add,
    "avg_pool": _avg_pool,
    "max_pool": _max_pool,
    "pad_channels": _pad_channels,
    "requantize": _requantize,
    "threshold": _threshold,
    "top_k": _top_k,
}
