"""Pieces of what lies between engines: queues and width converters."""

from __future__ import annotations

from math import lcm

from hdl.stream_queue import PAIR_DEPTH
from tbn_hw.costs.memory import ram
from tbn_hw.costs.piece import Piece, bits_of


def queue_piece(width: int, depth: int, family: str) -> Piece:
    """The piece of a queue of `depth` beats of some bits."""
    if depth == PAIR_DEPTH:
        return Piece("queues", {"queue": 1, "queue bit": width})
    luts, ff, blocks = ram(depth - 1, width, family)
    return Piece("deep queue", {"one": 1, "bit": width, "level bit": bits_of(depth + 1), "ram lut": luts, "ram bit": ff,
                                "pointer bit": 0 if depth - 1 & (depth - 2) == 0 else 2 * bits_of(depth)}, bram=blocks)


def converter_piece(bits: int, i_par: int, o_par: int) -> Piece:
    """The piece of a width converter of elements of some bits."""
    group = lcm(i_par, o_par)
    widens, narrows = group // i_par, group // o_par
    return Piece("queues", {
        "widener": float(widens > 1), "widened bit": group * bits if widens > 1 else 0,
        "widener counter bit": bits_of(widens),
        "narrower": float(narrows > 1),
        "narrowed bit": (group - o_par) * bits if narrows > 1 else 0,
        "last bit": o_par * bits if narrows > 1 else 0,
        "narrower counter bit": bits_of(narrows + 1) if narrows > 1 else 0,
    })
