"""The host's end of a board's line: answers found among other bytes, repeated requests, and sentences for failures."""

import dataclasses
import random
import zlib

import numpy as np
import pytest

from hdl.link.words import Kind, Status
from tbn_hw.host.client import ATTEMPTS, Board, picture_bytes
from tbn_hw.host.protocol import IDENTITY_BYTES, AnswerReader, Identity, line_rate, request, sentence, unpack_result
from tbn_hw.shared.errors import BoardError

WHO = Identity(bytes(range(16)), 48_000_000, 4, 1, 3, 2, 1, 1, "größe")
BEAT = b"\x01\x00\xff\xff\x00\x80\x02"


def answer(kind, sequence, status=Status.OK, body=b""):
    content = bytes([kind, sequence, status.value]) + len(body).to_bytes(4, "little") + body
    return b"\xa5\x52" + content + zlib.crc32(content).to_bytes(4, "little")


class FakeBoard:
    """A pipe that answers each request as `script` says. After the script's end it answers as a board does."""

    def __init__(self, script=()):
        self.script, self.requests, self.held = list(script), [], b""

    def write(self, data):
        kind, sequence = data[2], data[3]
        self.requests.append((kind, sequence))
        reply = self.script.pop(0) if self.script else self.good
        self.held += reply(kind, sequence) if callable(reply) else reply

    @staticmethod
    def good(kind, sequence):
        body = WHO.pack() if kind == Kind.IDENTIFY.value else (77).to_bytes(4, "little") + BEAT
        return answer(kind, sequence, body=body)

    def read(self, size):
        data, self.held = self.held[:min(size, 5)], self.held[min(size, 5):]
        return data


def test_request_bytes():
    found = request(Kind.CLASSIFY, 7, b"\x01\x02")
    assert found[:8] == bytes([0xA5, 0x51, 2, 7, 2, 0, 0, 0])
    assert found[8:10] == b"\x01\x02" and found[10:] == zlib.crc32(found[2:10]).to_bytes(4, "little")


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_answers_among_anything(size):
    """Cut anywhere; between noise, halves of answers, wrong CRCs, wrong lengths, and syncs that are none."""
    rng = random.Random(size)
    whole, spoilt = answer(2, 9, body=BEAT), bytearray(answer(2, 8, body=BEAT))
    spoilt[12] ^= 4
    noise = [b"\xa5", b"\xa5\xa5\x52", bytes(spoilt), whole[:9], b"\xa5\x52\x01\x01\x00\xff\xff\xff\xff",
             rng.randbytes(40).replace(b"\xa5\x52", b"")]
    stream = b"".join(part + whole for part in noise) + answer(1, 10)
    reader, found = AnswerReader(64), []
    for start in range(0, len(stream), size):
        found += reader.feed(stream[start:start + size])
    assert [(a.kind, a.sequence, a.body) for a in found] == [(2, 9, BEAT)] * len(noise) + [(1, 10, b"")]
    assert reader.discarded == sum(map(len, noise))


def test_identity_and_result():
    assert len(WHO.pack()) == IDENTITY_BYTES == 64 and Identity.unpack(WHO.pack()) == WHO
    assert len(dataclasses.replace(WHO, name="ö" * 30).pack()) == 64
    result = unpack_result(WHO, (5).to_bytes(4, "little") + BEAT)
    assert (result.cycles, result.logits.tolist(), result.classes) == (5, [1, -1, -32768], (2,))
    with pytest.raises(ValueError, match="^a result must have 11 bytes, not 3$"):
        unpack_result(WHO, b"abc")
    with pytest.raises(ValueError, match="^protocol version must be 1, not 2$"):
        Identity.unpack(b"\x02")
    with pytest.raises(ValueError, match="^an identity must have 64 bytes, not 0$"):
        Identity.unpack(b"")


def test_pictures_as_bytes():
    pictures = np.arange(256, dtype=np.uint8).reshape(2, 8, 8, 2)
    found = np.frombuffer(b"".join(picture_bytes(pictures)), np.int8)
    assert (found == pictures.reshape(-1).astype(int) - 128).all()


SPOILT = {
    "silence": b"",
    "noise": b"\x00\xa5\x52\x01",
    "wrong crc": lambda kind, sequence: answer(kind, sequence)[:-1] + b"\x00",
    "refused": lambda kind, sequence: answer(kind, sequence, Status.BAD_CRC),
    "refused, nameless": answer(0, 0, Status.NOISE),
}


@pytest.mark.parametrize("name", SPOILT)
def test_asked_again(name):
    """Under a new sequence number each time; late answers of before do no harm."""
    pipe = FakeBoard([SPOILT[name], SPOILT[name]])
    assert Board(pipe).identify() == WHO
    assert pipe.requests == [(1, 1), (1, 2), (1, 3)]
    pipe.held += answer(2, 3, body=bytes(11))
    board = Board(pipe)
    assert board.classify(b"abcd").logits.tolist() == [1, -1, -32768]


@pytest.mark.parametrize(("spoilt", "expected"), [
    (b"", "the board does not answer; is this its port and its baud rate, and is its bitstream loaded"),
    (b"\x00\x01\x02", "the board's answers cannot be read: 3 bytes were none"),
    (lambda kind, sequence: request(Kind.IDENTIFY, sequence), "the board's answers cannot be read: 12 bytes were none"),
    (lambda kind, sequence: answer(kind, sequence, Status.BUSY), "the board refuses: it had no place for another .*"),
])
def test_given_up(spoilt, expected):
    with pytest.raises(BoardError, match=rf"^{expected}; this was tried 3 times$"):
        Board(FakeBoard([spoilt] * ATTEMPTS)).identify()


def test_endless_noise_is_given_up():
    pipe = FakeBoard()
    pipe.read = lambda size: b"\x00" * size
    with pytest.raises(BoardError, match="^the board's answers cannot be read: 65536 bytes were none; "):
        Board(pipe).identify()


@pytest.mark.parametrize("brought", [b"\x00", answer(2, 200, body=bytes(11))], ids=["noise", "other answers"])
def test_a_line_that_never_falls_silent_is_given_up(brought, monkeypatch):
    """Each attempt ends when the time for its answer is over. Each read takes a second of this clock."""
    pipe, now = FakeBoard(), iter(range(10_000))
    pipe.read = lambda size: brought
    monkeypatch.setattr("tbn_hw.host.client.time.monotonic", lambda: next(now))
    with pytest.raises(BoardError, match="; this was tried 3 times$"):
        Board(pipe, seconds=20).identify()
    assert 60 <= next(now) < 80


def test_another_protocol():
    newer = [lambda kind, sequence: answer(kind, sequence, body=b"\x02" + bytes(63))]
    sentence = "^the board speaks otherwise than this host: protocol version must be 1, not 2$"
    with pytest.raises(BoardError, match=sentence):
        Board(FakeBoard(newer)).identify()
    board = Board(FakeBoard())
    with pytest.raises(ValueError, match="^a picture must have 4 bytes, not 3$"):
        board.classify(b"abc")


def test_every_status_has_a_sentence():
    assert len({sentence(status.value) for status in Status if status != Status.OK}) == len(Status) - 1
    assert sentence(99) == "it gave the unknown status 99"


def test_line_rate():
    """The load of 3 Mbaud for CIFAR-10's pictures, and for a network with answers longer than its requests."""
    cifar = Identity(bytes(16), 50_000_000, 1024, 3, 10, 4, 1, 1, "cifar")
    found = line_rate(cifar, 3_000_000)
    assert (found["request_bytes"], found["answer_bytes"]) == (3072 + 12, 4 + 41 + 13)
    assert len(request(Kind.CLASSIFY, 1, bytes(3072))) == found["request_bytes"]
    assert found["line_fps"] == round(300_000 / 3084, 2) == 97.28
    wide = Identity(bytes(16), 12_000_000, 4, 1, 1000, 2, 0, 1, "wide")
    assert line_rate(wide, 3_000_000)["line_fps"] == pytest.approx(1 / (2017 * (10 / 3e6 + 1 / 12e6)), abs=0.01)
