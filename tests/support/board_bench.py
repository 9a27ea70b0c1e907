"""The cocotb side of the board tests: the host's own code talks to a simulated board, and a file records all of it."""

import dataclasses
import json
import os
import socket
import subprocess
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import cocotb
import numpy as np
from cocotb.task import bridge
from cocotb.triggers import RisingEdge, Timer

from hdl.link.words import Kind
from sim.bench.board import PERIOD, SimulatedLine, start
from sim.bench.handshake import high
from sim.bench.uart import now
from tbn_hw.host.client import Board, picture_bytes
from tbn_hw.host.protocol import AnswerReader, request


@cocotb.test()
async def board(dut):
    path = Path(os.environ["SIM_JOB"])
    job = json.loads(path.read_text())
    bench = Bench(dut, job, picture_bytes(np.load(job["pictures"])))
    start(dut)
    cocotb.start_soon(bench.pixels_in())
    cocotb.start_soon(bench.results_out())
    await Timer(1000 * PERIOD, "step")  # the board's own reset
    outcome = {}
    for name in job["scenarios"]:
        outcome[name] = await bridge(getattr(bench, name))()
    outcome["command_line"] = await bench.command_line()
    path.with_name("outcome.json").write_text(json.dumps(outcome))


class Spoilt:
    """A pipe that changes a byte once: number `sent` of the next write, or number `received` of the next reads."""

    def __init__(self, pipe):
        self._pipe, self.sent, self.received = pipe, None, None

    def write(self, data):
        self._pipe.write(self._spoil(data, self.sent))
        self.sent = None

    def read(self, size):
        data = self._pipe.read(size if self.received is None else self.received + 1)
        if self.received is not None:
            self.received -= len(data)
            if self.received < 0:
                data, self.received = self._spoil(data, len(data) - 1), None
        return data

    @staticmethod
    def _spoil(data, at):
        return data if at is None else data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]


class Bench:
    """Scenarios by name. Each returns what JSON can hold, and leaves the board ready for the next one."""

    def __init__(self, dut, job, pictures):
        self.dut, self.job, self.pictures = dut, job, pictures
        self.bit = job["clock_hz"] / job["baud"]
        self.line = SimulatedLine(dut, self.bit, job["patience"])
        self.pixels = self.first = 0
        self.latencies = []

    async def pixels_in(self):
        """Count the pixels that enter the accelerator, and note the time of each picture's first one."""
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            if high(dut.s_axis_tvalid) and high(dut.s_axis_tready):
                if self.pixels % self.job["pixels"] == 0:
                    self.first = now()
                self.pixels += 1
            elif not high(dut.s_axis_tvalid):
                await RisingEdge(dut.s_axis_tvalid)

    async def results_out(self):
        """Note the cycles from a picture's first pixel until its result is offered."""
        while True:
            await RisingEdge(self.dut.m_axis_tvalid)
            await RisingEdge(self.dut.clk)
            self.latencies.append((now() - self.first) // PERIOD)

    def listen(self, count=None):
        """The answers, without bodies, that come until the line is silent or `count` have come."""
        reader, found = AnswerReader(4096), []
        while (count is None or len(found) < count) and (data := self.line.read(4096)):
            found += [(answer.kind, answer.sequence, answer.status) for answer in reader.feed(data)]
        return found

    def classified(self, **spoil):
        """The logits and classes of the first picture. `spoil` spoils a byte of its request or answer, see `Spoilt`."""
        pipe = Spoilt(self.line)
        board = Board(pipe)
        board.identify()
        for end, at in spoil.items():
            setattr(pipe, end, at)
        result = board.classify(self.pictures[0])
        assert pipe.sent is pipe.received is None
        return [*result.logits.tolist(), *result.classes]

    def identify(self):
        identity = Board(self.line).identify()
        return dataclasses.asdict(identity) | {"key": identity.key.hex()}

    def classify(self):
        board = Board(self.line)
        results = [board.classify(picture) for picture in self.pictures]
        return {"logits": [result.logits.tolist() for result in results],
                "classes": [list(result.classes) for result in results],
                "cycles": [result.cycles for result in results], "latencies": list(self.latencies),
                "pixels": self.pixels}

    def garbage(self):
        self.line.write(bytes(range(256)) + b"\xa5\xa5\xa5")
        return self.listen(), self.classified()

    def garbage_before_a_request(self):
        """Garbage and a request, without a silence between them."""
        self.line.write(b"\x00\xff\xa5\xa5\x52\xa5" + request(Kind.IDENTIFY, 9))
        return self.listen()

    def short_frame(self):
        whole = request(Kind.CLASSIFY, 17, self.pictures[0])
        answers = []
        for length in (1, 2, 3, 4, 7, 8, 20, len(whole) - 1):
            self.line.write(whole[:length])
            answers.append(self.listen())
        return answers, self.classified()

    def wrong_crc(self):
        before, answers = self.pixels, []
        for at in (30, -1):
            spoilt = bytearray(request(Kind.CLASSIFY, 18, self.pictures[0]))
            spoilt[at] ^= 1
            self.line.write(bytes(spoilt) + request(Kind.IDENTIFY, 19))
            answers.append(self.listen())
        return answers, self.pixels - before, self.classified()

    def wrong_length(self):
        answers = []
        for payload in (self.pictures[0][:-1], self.pictures[0] + b"\0", self.pictures[0] + bytes(1 << 16), b""):
            content = request(Kind.CLASSIFY, 20, payload)[:200]
            self.line.write(content)
            answers.append(self.listen())
        self.line.write(request(Kind.IDENTIFY, 21, b"x"))
        return [*answers, self.listen()], self.classified()

    def unknown_kind(self):
        content = bytes([77, 22, 0, 0, 0, 0])
        self.line.write(b"\xa5\x51" + content + zlib.crc32(content).to_bytes(4, "little"))
        return self.listen(), self.classified()

    def broken_byte(self):
        self.line.write(request(Kind.CLASSIFY, 23, self.pictures[0]), broken=[25])
        return self.listen(), self.classified()

    def back_to_back(self):
        """There are always two requests under way. One is sent while the other is computed and answered."""
        requests = [request(Kind.CLASSIFY, 30 + n, self.pictures[n % 3]) for n in range(6)]
        requests.append(request(Kind.IDENTIFY, 36))
        reader, found = AnswerReader(4096), []
        self.line.write(b"".join(requests[:2]))
        for following in [*requests[2:], b"", b""]:
            answer = None
            while answer is None and (data := self.line.read(1)):
                answer = next(reader.feed(data), None)
            found.append(answer and (answer.kind, answer.sequence, answer.status))
            self.line.write(following)
        return found, self.listen()

    def burst(self):
        """Pictures without a pause. They come faster than the board computes, so some are refused."""
        self.line.write(b"".join(request(Kind.CLASSIFY, 50 + n, self.pictures[0]) for n in range(6)))
        return self.listen(), self.classified()

    def flood(self):
        """Requests that come faster than their answers can go. Some answers are left out."""
        self.line.write(b"".join(request(Kind.IDENTIFY, 40 + n) for n in range(12)))
        return self.listen(), self.classified()

    def rates(self):
        """Baud rates that are off by 2 % in both directions."""
        found = []
        for error in (-0.02, 0.02):
            self.line.rate(self.bit * (1 + error))
            found.append(self.classified())
        self.line.rate(self.bit)
        return found, self.listen()

    def repeated(self):
        """The host asks again after a spoilt request or answer."""
        spoilt = {"sent": (0, 3, 5, 40), "received": (0, 5, 20)}
        return [self.classified(**{end: at}) for end, places in spoilt.items() for at in places]

    def cut_off(self):
        """A host that dies in the middle of a picture, and another one that begins at once."""
        self.line.write(request(Kind.CLASSIFY, 50, self.pictures[0])[:30])
        return self.classified()

    def leds(self):
        self.line.write(b"\x01")
        self.listen()
        lit = high(self.dut.led_error)
        Board(self.line).identify()
        return lit, high(self.dut.led_error)

    async def command_line(self):
        """Run `python -m tbn_hw.run` itself through a socket: [exit code, stdout, stderr] of each command line."""
        found = []
        for arguments in self.job["command_lines"]:
            with socket.create_server(("127.0.0.1", 0)) as server:
                port = f"socket://127.0.0.1:{server.getsockname()[1]}"
                command = [sys.executable, "-m", "tbn_hw.run", "--port", port, "--timeout", "60", *arguments]
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
                    server.settimeout(120)
                    with server.accept()[0] as connection:
                        await self.relay(connection, process)
                    found.append([process.returncode, process.stdout.read(), process.stderr.read()])
        return found

    async def relay(self, connection, process):
        """Pass bytes between a socket and the board while the process runs."""
        connection.settimeout(0.02)
        while process.poll() is None:
            with suppress(TimeoutError, ConnectionError):  # no bytes yet, or the process is about to end
                await self.line.sender.send(connection.recv(4096))
            if back := await self.line.listener.receive(4096, 20 * self.bit * PERIOD):
                with suppress(ConnectionError):
                    connection.sendall(back)


