"""How deep the queues between engines must be, so that none ever slows the slowest engine down.

Engines do not work evenly. A pool gives nothing for a row and then a row at once. A convolution rests while its window
needs no new pixel. If all engines are about as slow as the slowest, a queue that is full for a moment costs time that
no engine can make up for.

The timetable is a schedule of the network with unbounded queues. It says when each beat of a frame passes each stream.
The same beat of the next frame passes an interval later. The input gives its beats evenly, and a recursion over the
engines gives all other times (max-plus: a job starts when all that it needs is there and the job before it is done).

The schedule repeats with the accelerator's interval. So queues that hold the beats that wait in it are deep enough for
that interval: engines that start as soon as they can are never later than in any possible schedule (F. Baccelli et al.,
Synchronization and Linearity, 1992, on monotonicity of event graphs). The schedule assumes longer latencies than the
engines have, which keeps it possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hdl.axi_stream import RESULT_CYCLES
from hdl.sliding_window import SlidingWindow
from tbn_hw.streaming.kinds import kind_of
from tbn_hw.streaming.terms import Link

if TYPE_CHECKING:
    from tbn_hw.streaming.accelerator import Engine

Times = np.ndarray
"""Clock cycles at which the beats of one frame pass; those of the next frame pass an interval later."""


class Timetable:
    """The schedule of an accelerator of some `interval`, filled engine by engine, in the order of the streams."""

    def __init__(self, interval: int) -> None:
        self._interval = interval
        self._times: dict[str, Times] = {}
        self.waiting: dict[str, int] = {}
        """Most beats of each stream that wait in front of its reader."""

    @property
    def frames(self) -> int:
        """Most frames that are under way at once."""
        return int(max(times.max() for times in self._times.values()) // self._interval) + 1

    def source(self, stream: str, link: Link) -> None:
        """The accelerator's input, which gives its beats evenly."""
        self._times[stream] = (np.arange(link.beats) + 1) * (self._interval / link.beats)

    def pass_on(self, stream: str, others: Sequence[str]) -> None:
        """The outputs of a fork or a queue, which have the beats of `stream`."""
        self._times |= dict.fromkeys(others, self._times[stream])

    def work(self, engine: Engine, component: Any, output: Link) -> None:
        """The output times of an engine that does a node's work, and the beats that wait in front of it."""
        node, folding = engine.node, engine.folding
        assert node is not None
        kind, pe = kind_of(node), folding.pe
        words = [self._words(self._times[stream], link.par, kind.word(node, link.tensor.channels, folding))
                 for stream, link in zip(engine.inputs.values(), engine.links, strict=True)]
        windows = [stage for stage in component.stages if isinstance(stage, SlidingWindow)]
        if windows:
            made = self._windows(engine, windows[0], words[0])
        else:
            places, count = kind.places(node, engine.links[0].tensor, folding)
            ready = np.full(count, -np.inf)  # padding never has to wait
            ready[places] = np.maximum.reduce(words)
            taken = self._serve(ready, 1)
            read, own = kind.reads(node, engine.links[0].tensor, output.tensor, folding)
            made = self._serve(taken[read], 1)
            taken[read[own]] = made[own] - 1  # the engine stores no word, so it takes one only when it can pass it on
            taken = np.maximum.accumulate(taken)[places]
            for stream, link in zip(engine.inputs.values(), engine.links, strict=True):
                self.waiting[stream] = self._waiting(self._times[stream], link.par, pe, taken)
        (stream,) = engine.outputs.values()
        self._times[stream] = self._words(made, output.tensor.size // len(made), output.par) + component.latency_bound

    def sink(self, logits: str, classes: str, par: int) -> None:
        """The accelerator's output. It takes logits once it has sent the frame before, with its classes."""
        given = self._times[classes].max() + RESULT_CYCLES - self._interval
        times = self._times[logits]
        self.waiting[logits] = self._waiting(times, par, par, np.maximum(times, given))

    def _windows(self, engine: Engine, window: SlidingWindow, words: Times) -> Times:
        """The times of a matrix-vector unit's beats, each of some rows of a window.

        Input that its window buffer cannot hold waits. A unit with time to spare may spread each window over it, so
        that its beats come evenly. Or it may work at full speed, so that less of its input waits. The timetable takes
        the way with the smaller queue in front of the unit.
        """
        schedule, (stream,), (link,) = window.schedule, engine.inputs.values(), engine.links
        excess, end, cycles = np.inf, words, 0.0
        for service in (self._interval / schedule.windows, schedule.window_cycles):
            done = self._serve(words[schedule.need - 1], service)
            over = max(0, int((self._arrived(words, done) - schedule.kept).max()) - window.depth)
            if over < excess:
                excess, end, cycles = over, done, service
        self.waiting[stream] = -(-int(excess) * link.tensor.size // (len(words) * link.par))
        ends = (np.arange(window.repeat) + 1) * (cycles / window.repeat)
        return np.asarray((end[:, None] - cycles + ends).ravel())

    def _words(self, times: Times, par: int, size: int) -> Times:
        """When words of `size` elements are there, from beats of `par` elements; at most one word a cycle."""
        last = (np.arange(len(times) * par // size) + 1) * size - 1
        return self._serve(times[last // par], 1)

    def _serve(self, ready: Times, cycles: float) -> Times:
        """When jobs are done that may start when `ready` and take `cycles` each, one by one, frame after frame."""
        both = np.concatenate([ready - self._interval, ready])
        index = np.arange(len(both))
        return (np.maximum.accumulate(both - cycles * index) + cycles * (index + 1))[len(ready):]

    def _waiting(self, times: Times, par: int, size: int, taken: Times) -> int:
        """Most beats of `par` elements that have come and not gone. A beat goes with the word of its last element."""
        gone = taken[((np.arange(len(times)) + 1) * par - 1) // size]
        return int((self._arrived(times, gone) - np.arange(len(times))).max())

    def _arrived(self, times: Times, at: Times) -> np.ndarray:
        """How many beats have come by the times `at`, from the start of the frame on and through later frames."""
        later = int((at.max() - times.min()) // self._interval) + 1
        return np.sum([np.searchsorted(times, at - frame * self._interval, side="right") for frame in range(later)], 0)
