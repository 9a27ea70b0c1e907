"""A board at the end of a serial line, as the host sees it."""

from __future__ import annotations

import math
import time
from typing import Protocol

import numpy as np

from hdl.link.words import Kind, Status
from tbn_hw.host.protocol import (
    IDENTITY_BYTES,
    Answer,
    AnswerReader,
    Identity,
    Result,
    request,
    sentence,
    unpack_result,
)
from tbn_hw.shared.errors import BoardError

ATTEMPTS = 3
SILENT = "the board does not answer; is this its port and its baud rate, and is its bitstream loaded"
NOISE_BYTES = 65536
"""A line is given up after this many bytes without an answer."""


class Pipe(Protocol):
    """A line of bytes to a board, such as an open `serial.Serial` with a time-out."""

    def read(self, size: int, /) -> bytes:
        """Up to `size` bytes; none after a silence longer than a board's gap plus the time of a picture."""

    def write(self, data: bytes, /) -> object:
        """Send all of `data`."""


class Board:
    """Requests to a board, repeated when the line spoils them. One request is under way at a time.

    An answer must be there `seconds` after its request was sent, whatever else the line brings.
    """

    def __init__(self, pipe: Pipe, seconds: float = math.inf) -> None:
        self._pipe, self._seconds, self._sequence, self._longest = pipe, seconds, 0, IDENTITY_BYTES
        self._reader = AnswerReader(self._longest)
        self._identity: Identity | None = None

    def identify(self) -> Identity:
        """The board's identity; raises BoardError if nothing answers, or if the answer is not a board's."""
        body = self._ask(Kind.IDENTIFY, b"")
        try:
            self._identity = Identity.unpack(body)
        except ValueError as error:
            raise BoardError(f"the board speaks otherwise than this host: {error}") from None
        self._longest = max(IDENTITY_BYTES, self._identity.result_bytes)
        return self._identity

    def classify(self, picture: bytes) -> Result:
        """The result for a picture, as the bytes of the accelerator's beats; raises BoardError."""
        identity = self._identity or self.identify()
        if len(picture) != identity.picture_bytes:
            raise ValueError(f"a picture must have {identity.picture_bytes} bytes, not {len(picture)}")
        try:
            return unpack_result(identity, self._ask(Kind.CLASSIFY, picture))
        except ValueError as error:
            raise BoardError(f"the board speaks otherwise than this host: {error}") from None

    def _ask(self, kind: Kind, payload: bytes) -> bytes:
        """The body of the right answer. After a spoilt answer it asks again."""
        why = SILENT
        for _ in range(ATTEMPTS):
            self._sequence = self._sequence % 255 + 1  # the board uses 0 for bytes that were no request
            self._reader = AnswerReader(self._longest)
            self._pipe.write(request(kind, self._sequence, payload))
            answer = self._answer(kind)
            if answer is None:
                discarded = self._reader.discarded
                why = f"the board's answers cannot be read: {discarded} bytes were none" if discarded else SILENT
            elif answer.status == Status.OK:
                return answer.body
            else:
                why = f"the board refuses: {sentence(answer.status)}"
        raise BoardError(f"{why}; this was tried {ATTEMPTS} times")

    def _answer(self, kind: int) -> Answer | None:
        """The answer to the request that was just sent, or what the board says in its place.

        None after a silence, after NOISE_BYTES that were no answer, or when the time for an answer is over.
        Answers to requests before it are passed over. An error counts whatever its sequence number: it may be spoilt.
        """
        end = time.monotonic() + self._seconds
        while self._reader.discarded < NOISE_BYTES and time.monotonic() < end:
            data = self._pipe.read(4096)
            if not data:
                return None
            for answer in self._reader.feed(data):
                right = answer.kind == kind and answer.sequence == self._sequence
                if right or answer.status not in (Status.OK, Status.FAULT):
                    return answer
        return None


def picture_bytes(pictures: np.ndarray) -> list[bytes]:
    """uint8 pictures (n, h, w, c) as the bytes of the accelerator's beats: int8 = uint8 - 128, channel fastest."""
    return [picture.tobytes() for picture in (pictures ^ np.uint8(128))]
