"""Engines: the gateware of one node, as one component with streams `i` (or `a` and `b`) and `o`.

An engine brings its own width converters: at an input if its beats need another size, and at the output if its beats
are split. A two-deep queue at the output keeps combinational paths from going on to the next engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.mvu import MVU
from hdl.stream import connect, payload_shape
from hdl.stream_queue import PAIR_DEPTH, Queue
from hdl.width_converter import WidthConverter
from tbn_hw.streaming.kinds import Job, kind_of
from tbn_hw.streaming.terms import Link
from tbn_hw.verilog.hierarchy import CORE, QUEUE, stage_name

OUTPUT_QUEUE_DEPTH = PAIR_DEPTH

PIPELINE_CYCLES = 16
"""Most registers between an engine's input and output. Only a wide matrix-vector unit may have more.

The timetable needs a bound, and this one costs little: with the registers that engines really have, the queues of
tbn_resnet would hold 10,503 beats instead of 10,645.
"""

AROUND_MATRIX = 6
"""Most registers in front of a matrix-vector unit and behind it: window, converter, queue."""


class EngineChain(wiring.Component):
    """Stream components one behind the other; a frame takes `interval` clock cycles."""

    def __init__(self, stages: Sequence[Any], interval: int) -> None:
        self._stages = tuple(stages)
        self.interval = interval
        first, last = self._stages[0], self._stages[-1]
        super().__init__({"i": In(stream.Signature(payload_shape(first.i))),
                          "o": Out(stream.Signature(payload_shape(last.o)))})

    @property
    def stages(self) -> tuple[Any, ...]:
        """The components, in the order of the data."""
        return self._stages

    @property
    def latency_bound(self) -> int:
        """Most cycles from an input beat to the output beat that waits for it, if nothing stalls."""
        units = [stage for stage in self._stages if isinstance(stage, MVU)]
        return max([PIPELINE_CYCLES, *(unit.latency - unit.synapse_fold + AROUND_MATRIX for unit in units)])

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for index, stage in enumerate(self._stages):
            m.submodules[stage_name(index, stage)] = stage
        connect(m, wiring.flipped(self.i), self._stages[0].i)
        for before, after in zip(self._stages, self._stages[1:], strict=False):
            connect(m, before.o, after.i)
        connect(m, self._stages[-1].o, wiring.flipped(self.o))
        return m


class Join(wiring.Component):
    """Two streams, each through its own converters, into a component with two inputs and an output queue."""

    latency_bound = PIPELINE_CYCLES
    """As for a chain."""

    def __init__(self, a: Sequence[Any], b: Sequence[Any], core: Any, queue: Queue, interval: int) -> None:
        self._a, self._b, self._core, self._queue = tuple(a), tuple(b), core, queue
        self.interval = interval
        first = [stages[0].i if stages else port for stages, port in ((a, core.a), (b, core.b))]
        super().__init__({"a": In(stream.Signature(payload_shape(first[0]))),
                          "b": In(stream.Signature(payload_shape(first[1]))),
                          "o": Out(stream.Signature(payload_shape(queue.o)))})

    @property
    def stages(self) -> tuple[Any, ...]:
        """The components: those of both inputs, then the one that joins them, and the queue."""
        return *self._a, *self._b, self._core, self._queue

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules[CORE], m.submodules[QUEUE] = self._core, self._queue
        for name, port, stages, sink in (("a", self.a, self._a, self._core.a), ("b", self.b, self._b, self._core.b)):
            source = wiring.flipped(port)
            for stage in stages:
                m.submodules[stage_name(name, stage)] = stage
                connect(m, source, stage.i)
                source = stage.o
            connect(m, source, sink)
        connect(m, self._core.o, self._queue.i)
        connect(m, self._queue.o, wiring.flipped(self.o))
        return m


def engine(job: Job) -> EngineChain | Join:
    """The whole engine of a node: converters, the parts that do the work, and output queue.

    Beats wider than the `o_par` of `job` are split before the queue, which makes the queue smaller.
    """
    kind, inputs = kind_of(job.node), job.inputs
    parts = kind.parts(job)
    converters = [converter(link, kind.word(job.node, link.tensor.channels, job.folding)) for link in inputs]
    if kind.joins:
        queue = Queue(shape=payload_shape(parts[0].o), depth=OUTPUT_QUEUE_DEPTH)
        beats = inputs[0].tensor.size // job.folding.pe
        return Join(converters[0], converters[1], parts[0], queue, max(beats, *(link.beats for link in inputs)))
    interval = max([inputs[0].beats, *(part.interval for part in parts if not isinstance(part, Queue))])
    payload = payload_shape(parts[-1].o)
    if 0 < job.o_par < payload.length:
        parts.append(WidthConverter(shape=payload.elem_shape, i_par=payload.length, o_par=job.o_par))
    if not isinstance(parts[-1], MVU):  # an MVU has a queue of its own
        parts.append(Queue(shape=payload_shape(parts[-1].o), depth=OUTPUT_QUEUE_DEPTH))
    return EngineChain([*converters[0], *parts], interval)


def converter(link: Link, par: int) -> list[WidthConverter]:
    """The width converter from `link` to `par` elements a beat, if one is needed."""
    if link.par == par:
        return []
    return [WidthConverter(shape=link.shape, i_par=link.par, o_par=par)]
