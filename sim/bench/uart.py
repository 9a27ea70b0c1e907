"""A serial line for cocotb: the other end of a design's UART, with a rate of its own to one simulation step.

cocotbext-uart is not used. It is for cocotb 1, cannot run at a slightly wrong rate, and cannot break a byte.
"""

from __future__ import annotations

from collections.abc import Collection

import cocotb
from cocotb.triggers import Event, FallingEdge, RisingEdge, Timer, select
from cocotb.utils import get_sim_time

from sim.bench.handshake import Handle, high

BITS = 10


def now() -> int:
    """The number of simulation steps since the start."""
    return int(get_sim_time("step"))


async def until(time: float) -> None:
    """Wait until `time`, in steps since the start. Returns at once if it has passed."""
    left = round(time) - now()
    if left > 0:
        await Timer(left, "step")


class UartSender:
    """Sends bytes on `line`. A bit lasts `bit` steps; fractions add up over a transfer and are not lost."""

    def __init__(self, line: Handle, bit: float) -> None:
        self.line, self.bit = line, bit
        line.value = 1

    async def send(self, data: bytes, broken: Collection[int] = ()) -> None:
        """Send bytes without pauses. Bytes at the indices in `broken` have a low level in place of the stop bit."""
        start = now()
        for index, byte in enumerate(data):
            bits = [0, *((byte >> place) & 1 for place in range(8)), int(index not in broken)]
            for place, level in enumerate(bits):
                await until(start + (BITS * index + place) * self.bit)
                self.line.value = level
        await until(start + BITS * len(data) * self.bit)
        self.line.value = 1


class UartListener:
    """Receives bytes from `line`, `bit` steps a bit. It drops bytes without a stop bit and counts them in `broken`."""

    def __init__(self, line: Handle, bit: float) -> None:
        self.line, self.bit, self.broken = line, bit, 0
        self._held, self._came = bytearray(), Event()
        cocotb.start_soon(self._listen())

    async def receive(self, size: int, patience: float) -> bytes:
        """Return up to `size` received bytes; none after a silence of `patience` steps."""
        if not self._held:
            self._came.clear()
            await select(self._came.wait(), Timer(round(patience), "step"))
        data = bytes(self._held[:size])
        del self._held[:size]
        return data

    async def _listen(self) -> None:
        while True:
            if not high(self.line):
                await RisingEdge(self.line)
            await FallingEdge(self.line)
            start, byte = now(), 0
            for place in range(8):
                await until(start + (1.5 + place) * self.bit)
                byte |= high(self.line) << place
            await until(start + 9.5 * self.bit)
            if high(self.line):
                self._held.append(byte)
                self._came.set()
            else:
                self.broken += 1
