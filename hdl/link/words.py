"""The numbers of the board's serial protocol that both ends know, in plain Python. docs/protocol.md describes them."""

import enum

BAUD = 1_000_000
"""Bits a second on the line, by default."""

REQUEST_SYNC = (0xA5, 0x51)
"""The two bytes that begin a request."""

ANSWER_SYNC = (0xA5, 0x52)
"""The two bytes that begin an answer."""

REQUEST_HEADER_BYTES = 6
"""Kind, sequence number, and four bytes of the payload's length, lowest first."""

ANSWER_HEADER_BYTES = 7
"""Kind, sequence number, status, and four bytes of the body's length, lowest first."""

CRC_BYTES = 4
"""Bytes of the CRC-32 that ends a request or an answer."""

CYCLE_BYTES = 4
"""Bytes of the cycle counter that leads a result."""


class Kind(enum.IntEnum):
    """What a request asks for; one byte."""

    NONE = 0
    """The kind of an answer to bytes that were no request."""
    IDENTIFY = 1
    CLASSIFY = 2


class Status(enum.IntEnum):
    """What an answer says of its request; one byte."""

    OK = 0
    BAD_CRC = 1
    BAD_LENGTH = 2
    BUSY = 3
    SHORT = 4
    FRAMING = 5
    UNKNOWN_KIND = 6
    NOISE = 7
    FAULT = 8
