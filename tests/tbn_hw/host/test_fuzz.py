"""A board that answers with anything: `run` ends in time, with a documented exit code and one sentence or the class.

The line and its clock are made up, so that a case takes no time. Every case is a seed.
"""

import json
import random
import struct
import zlib
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from support.networks import residual

from hdl.link.words import ANSWER_SYNC, CYCLE_BYTES, Kind, Status
from tbn_hw.host import classify as command
from tbn_hw.host import client
from tbn_hw.host.client import ATTEMPTS
from tbn_hw.host.protocol import Identity, network_key
from tbn_hw.run import main

CASES, TIMEOUT, CLASS = 200, 0.5, 3
HEADER = struct.Struct("<BBBI")


def answer(kind, sequence, body, status=Status.OK, length=None):
    """A whole answer with the right CRC."""
    content = HEADER.pack(kind % 256, sequence % 256, status, len(body) if length is None else length) + body
    return bytes(ANSWER_SYNC) + content + struct.pack("<I", zlib.crc32(content))


class Line:
    """A serial line to a board with this identity. What the board says is spoilt as the generator wants."""

    def __init__(self, identity, rng):
        self.identity, self.rng = identity, rng
        self.now = 0.0
        self.forged = False
        self._patience, self._coming = 0.0, []
        self._spoil = rng.choice([self._noisy, self._cut, self._changed, self._forge, self._late, self._endless])
        self._often = rng.choice([0.3, 0.9, 1.0])

    def open(self, port, baud, patience):
        self._patience = patience
        return self

    def write(self, data):
        kind, sequence = data[2], data[3]
        body = self.identity.pack() if kind == Kind.IDENTIFY else bytes(CYCLE_BYTES) + np.eye(
            self.identity.logits, dtype="<i2")[CLASS].tobytes() + bytes([CLASS])
        said = answer(kind, sequence, body)
        self._coming = self._spoil(kind, sequence, body, said) if self.rng.random() < self._often else [(0.01, said)]

    def read(self, size):
        """The next bytes, or none after the line's patience."""
        coming = iter(self._coming)
        wait, data = next(coming, (self._patience, b""))
        if wait >= self._patience:
            self.now += self._patience
            self._coming = [(wait - self._patience, data), *coming] if data else []
            return b""
        self.now += wait
        self._coming = coming if not data[size:] else [(0, data[size:]), *coming]
        return data[:size]

    def close(self):
        pass

    def _bytes(self, most):
        return self.rng.randbytes(self.rng.randrange(1, most))

    def _noisy(self, kind, sequence, body, said):
        """Noise around the answer, perhaps more of it than any answer has, and with beginnings of answers in it."""
        noise = self._bytes(self.rng.choice([4, 40, 400, 80_000])) + bytes(ANSWER_SYNC) * self.rng.randrange(3)
        return [(0.01, noise), (0.01, said), (0.01, self._bytes(9))]

    def _cut(self, kind, sequence, body, said):
        """The answer without some of its bytes, or some of them twice."""
        first, last = sorted(self.rng.randrange(len(said) + 1) for _ in range(2))
        return [(0.01, said[:first] + said[last:] if self.rng.random() < 0.7 else said[:last] + said[first:])]

    def _changed(self, kind, sequence, body, said):
        """Bits of the answer are others. Its CRC stays."""
        spoilt = bytearray(said)
        for _ in range(self.rng.randrange(1, 5)):
            spoilt[self.rng.randrange(len(spoilt))] ^= 1 << self.rng.randrange(8)
        return [(0.01, bytes(spoilt))]

    def _forge(self, kind, sequence, body, said):
        """Another answer than the right one, with the CRC that belongs to it."""
        self.forged = True
        other = bytearray(body)
        for _ in range(self.rng.randrange(4)):
            other[self.rng.randrange(len(other))] = self.rng.choice([0, 1, 127, 255, self.rng.randrange(256)])
        other = bytes(other)[:self.rng.choice([len(other), self.rng.randrange(len(other))])] + self._bytes(9) * (
            self.rng.random() < 0.2)
        return [(0.01, answer(kind + self.rng.choice([0, 0, 0, 1, 99]), sequence + self.rng.choice([0, 0, 0, 1, 255]),
                              other, self.rng.choice([0, 0, 0, self.rng.randrange(256)]),
                              self.rng.choice([None, None, None, self.rng.randrange(2**32)])))]

    def _late(self, kind, sequence, body, said):
        """The answer in pieces, with pauses before them that may be longer than the patience."""
        places = sorted(self.rng.randrange(len(said)) for _ in range(3))
        return [(self.rng.choice([0, 0.4, 0.9, 1.1, 3]) * self._patience, piece) for piece in (
            said[:places[0]], *(said[here:there] for here, there in zip(places, [*places[1:], None], strict=True)))
            if piece]

    def _endless(self, kind, sequence, body, said):
        """Bytes without end that never pause for long: noise, or right answers to other requests."""
        other = answer(kind, sequence + 1, body)
        every = self.rng.choice([0.02, 0.5, 0.9]) * self._patience
        what = self.rng.choice([lambda: self.rng.randbytes(1), lambda: other, lambda: bytes(ANSWER_SYNC)])
        return iter(lambda: (every, what()), None)


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    residual().save(folder / "network.safetensors")
    (folder / "manifest.json").write_text(json.dumps({"board": {"baud": 1_000_000, "clock_mhz": 12.0}}))
    Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(folder / "a.png")
    return folder


def test_a_board_that_answers_with_anything(build, monkeypatch, capsys):
    key, picture, codes = network_key((build / "network.safetensors").read_bytes()), str(build / "a.png"), Counter()
    identity = Identity(key, 12_000_000, 36, 3, 5, 2, 1, 1, "net")
    patience = TIMEOUT + command.BITS * 36 * 3 / 1_000_000
    most = 2 * ATTEMPTS * (command.PATIENCES + 1) * patience
    for seed in range(CASES):
        line = Line(identity, random.Random(seed))
        monkeypatch.setattr(command, "SerialPipe", line.open)
        monkeypatch.setattr(client, "time", SimpleNamespace(monotonic=lambda line=line: line.now))
        code = main(["--build", str(build), "--port", "made up", "--timeout", str(TIMEOUT), picture])
        out, err = capsys.readouterr()
        codes[code] += 1
        case = f"seed {seed} ends with {code}: {out!r}, {err!r} after {line.now:.1f} s"
        assert line.now <= most, case
        if code == 0:
            assert out.count("\n") == 1 and out[:-1].isprintable() and err == "", case
            assert line.forged or out.startswith(f"{picture}: {CLASS}, ahead of"), case
        else:
            assert code == 6 or code == 1 and line.forged, case
            assert out == "" and err.startswith("error: ") and err[:-1].isprintable() and len(err) < 500, case
    assert min(codes[0], codes[6]) > CASES / 10 and codes[1], codes
