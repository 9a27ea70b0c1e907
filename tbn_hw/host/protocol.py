"""The host's end of the board's serial protocol: requests to bytes, bytes to answers. docs/protocol.md describes it."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from hdl.link.words import ANSWER_SYNC, CYCLE_BYTES, REQUEST_SYNC, Kind, Status

VERSION = 1
_REQUEST, _ANSWER, _CRC = struct.Struct("<BBI"), struct.Struct("<BBBI"), struct.Struct("<I")
_IDENTITY = struct.Struct("<B16sIIHHBHB31s")
IDENTITY_BYTES = _IDENTITY.size
CLOCK_AT = 17
"""The place in an identity of the four bytes of its clock."""
KEY_BYTES = 16


def network_key(data: bytes) -> bytes:
    """The key of a board's network: the first KEY_BYTES of the SHA-256 of its file's bytes."""
    return hashlib.sha256(data).digest()[:KEY_BYTES]


def request(kind: Kind, sequence: int, payload: bytes = b"") -> bytes:
    """The bytes of a request."""
    content = _REQUEST.pack(kind, sequence, len(payload)) + payload
    return bytes(REQUEST_SYNC) + content + _CRC.pack(zlib.crc32(content))


@dataclass(frozen=True)
class Answer:
    """A whole answer. `kind` and `status` are plain numbers, because a board may be newer than its host."""

    kind: int
    sequence: int
    status: int
    body: bytes


class AnswerReader:
    """Finds answers among bytes that may hold anything else between them.

    Bytes that look like an answer may have a wrong CRC or a length above `longest`. Then only the first of them is
    skipped, so an answer inside them is still found. `discarded` counts the bytes that were part of no answer.
    """

    def __init__(self, longest: int) -> None:
        self._longest, self._held = longest, bytearray()
        self.discarded = 0

    def feed(self, data: bytes) -> Iterator[Answer]:
        """The answers that `data` completes."""
        self._held += data
        sync = bytes(ANSWER_SYNC)
        while True:
            start = self._held.find(sync)
            if start < 0:
                self._drop(len(self._held) - self._held.endswith(sync[:1]))
                return
            self._drop(start)
            head = len(sync) + _ANSWER.size
            if len(self._held) < head:
                return
            kind, sequence, status, length = _ANSWER.unpack_from(self._held, len(sync))
            if length > self._longest:
                self._drop(1)
                continue
            end = head + length
            if len(self._held) < end + _CRC.size:
                return
            if _CRC.unpack_from(self._held, end)[0] != zlib.crc32(self._held[len(sync):end]):
                self._drop(1)
                continue
            body = bytes(self._held[head:end])
            del self._held[:end + _CRC.size]
            yield Answer(kind, sequence, status, body)

    def _drop(self, count: int) -> None:
        self.discarded += count
        del self._held[:count]


@dataclass(frozen=True)
class Identity:
    """What a board says of itself.

    `key` is the first 16 bytes of the SHA-256 of the network's file. A picture has `pixels` times `pixel_bytes` bytes.
    A result has `logits` numbers of `logit_bytes` each, then `classes` indices of `class_bytes` each. `name` has at
    most 31 bytes.
    """

    key: bytes
    clock_hz: int
    pixels: int
    pixel_bytes: int
    logits: int
    logit_bytes: int
    classes: int
    class_bytes: int
    name: str
    version: int = VERSION

    @property
    def picture_bytes(self) -> int:
        return self.pixels * self.pixel_bytes

    @property
    def beat_bytes(self) -> int:
        """Bytes of the accelerator's result."""
        return self.logits * self.logit_bytes + self.classes * self.class_bytes

    @property
    def result_bytes(self) -> int:
        """Bytes of the body of an answer to a picture."""
        return CYCLE_BYTES + self.beat_bytes

    def pack(self) -> bytes:
        """The body of the answer to IDENTIFY."""
        name = self.name.encode()[:31].decode(errors="ignore").encode()
        return _IDENTITY.pack(self.version, self.key, self.clock_hz, self.pixels, self.pixel_bytes, self.logits,
                              self.logit_bytes, self.classes, self.class_bytes, name)

    @classmethod
    def unpack(cls, body: bytes) -> Identity:
        """The identity in a body; raises ValueError for one of another version or length."""
        if body and body[0] != VERSION:
            raise ValueError(f"protocol version must be {VERSION}, not {body[0]}")
        if len(body) != IDENTITY_BYTES:
            raise ValueError(f"an identity must have {IDENTITY_BYTES} bytes, not {len(body)}")
        _, key, clock_hz, pixels, pixel_bytes, logits, logit_bytes, classes, class_bytes, name = _IDENTITY.unpack(body)
        return cls(key, clock_hz, pixels, pixel_bytes, logits, logit_bytes, classes, class_bytes,
                   name.rstrip(b"\0").decode(errors="replace"))


def line_rate(identity: Identity, baud: int) -> dict[str, Any]:
    """The load of a line of `baud` bits a second: bytes of a picture's request and of its answer, frames a second.

    The line works both ways at once, with two requests under way. A byte takes ten bits; a byte of an answer takes one
    clock cycle more.
    """
    asked = len(REQUEST_SYNC) + _REQUEST.size + identity.picture_bytes + _CRC.size
    answered = len(ANSWER_SYNC) + _ANSWER.size + identity.result_bytes + _CRC.size
    seconds = max(10 * asked / baud, answered * (10 / baud + 1 / identity.clock_hz))
    return {"baud": baud, "request_bytes": asked, "answer_bytes": answered, "line_fps": round(1 / seconds, 2)}


@dataclass(frozen=True)
class Result:
    """The accelerator's result for a picture: logits, the best classes, and the clock cycles it took."""

    logits: np.ndarray
    classes: tuple[int, ...]
    cycles: int


def unpack_result(identity: Identity, body: bytes) -> Result:
    """The result in a body of `identity.result_bytes`; raises ValueError for any other length."""
    if len(body) != identity.result_bytes:
        raise ValueError(f"a result must have {identity.result_bytes} bytes, not {len(body)}")
    cycles, beat = int.from_bytes(body[:CYCLE_BYTES], "little"), body[CYCLE_BYTES:]
    size, low = identity.logit_bytes, identity.logits * identity.logit_bytes
    logits = [int.from_bytes(beat[n:n + size], "little", signed=True) for n in range(0, low, size)]
    width = identity.class_bytes
    classes = [int.from_bytes(beat[low + n * width:low + (n + 1) * width], "little") for n in range(identity.classes)]
    return Result(np.array(logits), tuple(classes), cycles)


def sentence(status: int) -> str:
    """The meaning of a status that is not OK, in words."""
    return _SENTENCES.get(status, f"it gave the unknown status {status}")


_SENTENCES: Mapping[int, str] = {
    Status.BAD_CRC: "a request came with a wrong CRC",
    Status.BAD_LENGTH: "a request's length was not that of its kind",
    Status.BUSY: "it had no place for another picture",
    Status.SHORT: "a request broke off",
    Status.FRAMING: "a byte came without its stop bit; are both ends at the same baud rate",
    Status.UNKNOWN_KIND: "it does not know the kind of request",
    Status.NOISE: "bytes came that were no request",
    Status.FAULT: "the accelerator called the picture malformed",
}
