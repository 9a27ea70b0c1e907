"""A bench for any component with stream ports, in Amaranth's own simulator.

    result = run(dut, {"i": beats(x, 4)}, {"o": 100}, stalls=0.5, seed=3)
    result.values["o"]     # (100, par) array of element values, as the port's shape reads them

It feeds and drains every port at once, with random pauses on request, checks the rules of `hdl.stream` on the outputs,
and records the cycle of each transfer.
"""

import dataclasses
import random

import numpy as np
from amaranth.hdl import ClockDomain, Module, Shape, Value
from amaranth.lib import data
from amaranth.sim import Simulator

from hdl.stream import payload_shape


def beats(values, par):
    """An array in stream order as beats of `par` elements: (n, par)."""
    return np.asarray(values).reshape(-1, par)


def signs_to_bits(values):
    """The bits of a binary stream for values -1 and +1."""
    return (np.asarray(values) < 0).astype(np.int64)


def bits_to_signs(bits):
    """The values -1 and +1 of a binary stream's bits."""
    return 1 - 2 * np.asarray(bits).astype(np.int64)


@dataclasses.dataclass
class Result:
    """What came out, and when. Cycle numbers count clock edges from the start, or from the reset if there was one."""

    values: dict[str, np.ndarray]
    cycles: dict[str, list[int]]
    first_valid: dict[str, int]

    def latency(self, sink="o", source="i"):
        """Cycles from the first input transfer to the first valid output."""
        return self.first_valid[sink] - self.cycles[source][0]

    def interval(self, frame_beats, sink="o"):
        """Cycles between the ends of the last two frames at an output."""
        return self.cycles[sink][-1] - self.cycles[sink][-1 - frame_beats]


class Codec:
    """Converts element values of a port to payload integers, and back."""

    def __init__(self, port):
        shape = payload_shape(port)
        if isinstance(shape, data.ArrayLayout):
            element, self.par = Shape.cast(shape.elem_shape), shape.length
        else:
            element, self.par = Shape.cast(shape), 1
        self.width, self.signed = element.width, element.signed

    def pack(self, rows):
        mask = (1 << self.width) - 1
        rows = np.asarray(rows).reshape(-1, self.par)
        return [sum((int(v) & mask) << (k * self.width) for k, v in enumerate(row)) for row in rows]

    def unpack(self, words):
        mask, top = (1 << self.width) - 1, 1 << (self.width - 1) if self.signed else 0
        rows = [[(((w >> (k * self.width)) & mask) ^ top) - top for k in range(self.par)] for w in words]
        return np.array(rows, dtype=np.int64).reshape(-1, self.par)


class Pauses:
    """Random pauses in bursts. On average a port rests in the fraction `rate` of all cycles."""

    def __init__(self, rate, seed):
        self.rate, self.random, self.left, self.rests = rate, random.Random(seed), 0, False

    def rest(self):
        if not self.rate:
            return False
        if not self.left:
            self.rests = self.random.random() < self.rate
            self.left = self.random.choice((1, 1, 2, 3, 8))
        self.left -= 1
        return self.rests


def run(dut, inputs, outputs, *, stalls=0.0, input_stalls=None, output_stalls=None, input_period=1, seed=0,
        reset_at=None, limit=None):
    """Drive a component until every output has delivered.

    Parameters
    ----------
    dut : component
    inputs : dict of port name to an array of element values, (beats, par)
    outputs : dict of port name to the number of beats to wait for
    stalls : float
        Fraction of cycles in which a port rests, from 0 to below 1; `input_stalls` and `output_stalls` override it.
        With output stalls and an odd seed, outputs also wait for valid before they raise ready.
    input_period : number
        Beat k of an input is not offered before cycle `k * input_period`; a fraction is allowed.
    seed : int
    reset_at : int or None
        In this cycle the component is reset for a cycle, and all starts anew. Earlier outputs are dropped.
    limit : int or None
        The bench gives up after this many cycles.

    Raises
    ------
    TimeoutError
        With the counts so far, when the outputs have not delivered within `limit` cycles.
    """
    input_stalls = stalls if input_stalls is None else input_stalls
    output_stalls = stalls if output_stalls is None else output_stalls
    m = Module()
    m.domains.sync = domain = ClockDomain()
    m.submodules.dut = dut
    ports = {name: getattr(dut, name) for name in [*inputs, *outputs]}
    codecs = {name: Codec(port) for name, port in ports.items()}
    words = {name: codecs[name].pack(rows) for name, rows in inputs.items()}
    if limit is None:
        beat_count = sum(map(len, words.values())) + sum(outputs.values())
        limit = int(2000 + 40 * input_period * beat_count / (1 - max(input_stalls, output_stalls)))
    result = Result({}, {}, {})

    async def bench(ctx):
        if reset_at is not None:
            await drive(ctx, reset_at, dict.fromkeys(outputs))
            ctx.set(domain.rst, 1)
            await ctx.tick()
            ctx.set(domain.rst, 0)
        await drive(ctx, limit, outputs)

    async def drive(ctx, cycles, wanted):
        """Feed and drain for at most `cycles`. With a wanted count of None it runs for all of them."""
        got, moved, first, offered = {n: [] for n in outputs}, {n: [] for n in ports}, {}, dict.fromkeys(outputs)
        pauses = {n: Pauses(input_stalls if n in inputs else output_stalls, f"{seed} {n}") for n in ports}
        shy = output_stalls and seed % 2
        valid, raised, held, sent = dict.fromkeys(ports, 0), {}, dict.fromkeys(ports), dict.fromkeys(inputs, 0)
        signals = [x for p in ports.values() for x in (p.valid, p.ready, Value.cast(p.payload))]

        def put(port, value, name):
            if raised.get(name) != value:
                raised[name] = value
                ctx.set(port, value)

        for name in ports:  # a first call, before a reset, may have left signals high
            ctx.set(ports[name].valid if name in inputs else ports[name].ready, 0)
        for cycle in range(cycles):
            for name in inputs:
                k = sent[name]
                due = k < len(words[name]) and cycle >= int(k * input_period)
                if not valid[name] and due and not pauses[name].rest():
                    valid[name] = 1
                if valid[name] and held[name] != k:
                    held[name] = k
                    ctx.set(Value.cast(ports[name].payload), words[name][k])
                put(ports[name].valid, valid[name], name)
            for name in outputs:
                ready = not pauses[name].rest() and not (shy and offered[name] is None)
                put(ports[name].ready, int(ready), name)
            sampled = iter((await ctx.tick().sample(*signals))[2:])
            for name in ports:
                is_valid, is_ready, payload = next(sampled), next(sampled), next(sampled)
                transfer = is_valid and is_ready
                if transfer:
                    moved[name].append(cycle)
                if name in inputs:
                    if transfer:
                        sent[name] += 1
                        valid[name] = 0
                    continue
                if offered[name] is not None and offered[name] != (payload if is_valid else None):
                    raise AssertionError(f"{name}: valid and payload did not hold until the transfer, cycle {cycle}")
                offered[name] = payload if is_valid and not transfer else None
                if is_valid:
                    first.setdefault(name, cycle)
                if transfer:
                    got[name].append(payload)
            if all(count is not None and len(got[n]) >= count for n, count in wanted.items()):
                break
        else:
            if None not in wanted.values():
                out = {n: f"{len(got[n])} of {count}" for n, count in wanted.items()}
                into = {n: f"{sent[n]} of {len(words[n])}" for n in inputs}
                raise TimeoutError(f"no end after {cycles} cycles: taken {into}, delivered {out}")
        result.values = {n: codecs[n].unpack(got[n]) for n in outputs}
        result.cycles, result.first_valid = moved, first

    simulator = Simulator(m)
    simulator.add_clock(1e-6)
    simulator.add_testbench(bench)
    simulator.run()
    return result
