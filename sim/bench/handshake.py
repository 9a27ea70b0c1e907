"""Both ends of a valid/ready stream, for cocotb. Python wakes at transfers, not at every clock cycle.

A transfer happens at a rising clock edge where valid and ready are both high. After `RisingEdge(clock)` cocotb reads
the values from before the edge. What it writes takes effect after the edge.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cocotb.clock import Clock
from cocotb.triggers import RisingEdge, Timer
from cocotb.utils import get_sim_time

PERIOD = 2  # simulation steps a clock cycle
Handle = Any  # cocotb's handles are made at run time


class Stuck(Exception):
    """The bench gives up. The message is one sentence, with the counts so far."""


def start(clock: Handle) -> None:
    """Start `clock`."""
    Clock(clock, PERIOD, unit="step").start()


def cycle() -> int:
    """The number of the current clock cycle. It begins with a rising edge."""
    return int(get_sim_time("step")) // PERIOD


async def cycles(clock: Handle, count: int) -> None:
    """Wait from a rising edge to the `count`th after it, without waking at the edges between."""
    if count > 1:
        await Timer((count - 1) * PERIOD, "step")
    if count > 0:
        await RisingEdge(clock)


@dataclass
class Stalls:
    """Random pauses of a stream's end, before a beat with `probability`: mostly 1 to 4 cycles, rarely up to `long`."""

    seed: str
    probability: float
    long: int = 64
    after: int = 0  # beats before the first pause
    _random: random.Random = field(init=False)
    _beat: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def next(self) -> int:
        """The number of cycles to pause before the next beat."""
        self._beat += 1
        if self._beat <= self.after or self._random.random() >= self.probability:
            return 0
        if self._random.random() < 0.05:
            return self._random.randint(1, max(1, self.long))
        return self._random.randint(1, 4)


@dataclass
class Stream:
    """One stream of the design under test. `beats` holds what was transferred, and `at` the cycle of each transfer."""

    clock: Handle
    valid: Handle
    ready: Handle
    payload: Handle
    name: str
    expected: int  # beats that must go through
    beats: list[int] = field(default_factory=list)
    at: list[int] = field(default_factory=list)

    async def drive(self, beats: Sequence[int], stalls: Stalls, last: Handle = None, frame: int = 1) -> None:
        """Send `beats`. The signal `last`, if given, is high on every `frame`th beat. Call at a rising edge."""
        for index, beat in enumerate(beats):
            pause = stalls.next()
            if pause:
                self.valid.value = 0
                await cycles(self.clock, pause)
            self.payload.value = beat
            self.valid.value = 1
            if last is not None and (frame == 1 or index % frame in (0, frame - 1)):
                last.value = int(index % frame == frame - 1)
            await RisingEdge(self.clock)
            while not high(self.ready):
                await RisingEdge(self.ready)
                await RisingEdge(self.clock)
            self.at.append(cycle())
        self.valid.value = 0

    async def take(self, stalls: Stalls, took: Callable[[int], None] | None = None) -> None:
        """Receive the expected number of beats. Raises Stuck when valid or payload changes before the transfer."""
        ready = True
        self.ready.value = 1
        while len(self.beats) < self.expected:
            pause = stalls.next()
            if pause:
                self.ready.value = 0
                ready = False
                await self._hold(pause)
            if not ready:
                self.ready.value = 1
                ready = True
            await RisingEdge(self.clock)
            while not high(self.valid):
                await RisingEdge(self.valid)
                await RisingEdge(self.clock)
            self._record()
            if took is not None:
                took(len(self.beats))

    async def _hold(self, pause: int) -> None:
        """Withhold ready for `pause` cycles after the next beat is offered. Raises Stuck when the offer changes."""
        await RisingEdge(self.clock)
        while not high(self.valid):
            await RisingEdge(self.valid)
            await RisingEdge(self.clock)
        offered = read(self.payload)
        await cycles(self.clock, pause)
        if not high(self.valid):
            raise Stuck(f"{self.name}: valid fell before the transfer of beat {len(self.beats)}")
        if read(self.payload) != offered:
            raise Stuck(f"{self.name}: the payload of beat {len(self.beats)} changed before its transfer")

    async def watch(self) -> None:
        """Record every transfer of a stream that has both ends inside the design."""
        while True:
            await RisingEdge(self.clock)
            if high(self.valid) and high(self.ready):
                self._record()
            elif not high(self.valid):
                await RisingEdge(self.valid)
            else:
                await RisingEdge(self.ready)

    def _record(self) -> None:
        self.beats.append(read(self.payload))
        self.at.append(cycle())


UNKNOWN = -1


def high(handle: Handle) -> bool:
    """Whether a one-bit signal is 1. An unknown value counts as low."""
    return str(handle.value) == "1"


def read(handle: Handle) -> int:
    """The bits of a signal as an unsigned integer, or `UNKNOWN` when any bit is unknown."""
    value = handle.value
    return int(value) if value.is_resolvable else UNKNOWN


async def watchdog(clock: Handle, quiet: int, streams: Sequence[Stream]) -> None:
    """Raise Stuck when no stream has had a transfer for `quiet` cycles."""
    seen = -1
    while True:
        await cycles(clock, quiet)
        total = sum(len(stream.at) for stream in streams)
        if total == seen:
            raise Stuck(f"no transfer for {quiet} cycles; {counts(streams)} in cycle {cycle()}")
        seen = total


def counts(streams: Sequence[Stream]) -> str:
    """A text that says how far every stream has come."""
    return ", ".join(f"{stream.name} {len(stream.at)} of {stream.expected} beats" for stream in streams)
