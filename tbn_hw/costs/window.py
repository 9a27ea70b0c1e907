"""Pieces of a sliding window."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hdl.sliding_window import buffer_words
from hdl.window_schedule import WindowSchedule
from tbn_hw.costs.memory import ram
from tbn_hw.costs.piece import Piece, bits_of


def window_pieces(schedule: WindowSchedule, simd: int, repeat: int, element: int, uneven_pad: bool,
                  family: str) -> Iterator[Piece]:
    """The pieces of a sliding window of `simd` elements of some bits a beat, each window sent `repeat` times."""
    fold = schedule.window_cycles // repeat
    lanes = schedule.window_words // fold
    bits = simd // lanes * element
    depth, in_block_ram = buffer_words(schedule.least_depth, bits)
    address = bits_of(depth) * (1 if depth & (depth - 1) == 0 else 2)
    padded, kernel = schedule.padded, bits_of(schedule.down.kernel) + bits_of(schedule.across.kernel)
    ram_luts, ram_ff, blocks = ram(depth, bits, family, asked=in_block_ram)
    yield Piece("windows", {
        "one": 1,
        "lane": lanes if fold > 1 else 0,
        "still lane": lanes if fold == 1 else 0,
        "address bit": lanes * address if fold > 1 else 0,
        "still address bit": lanes * address if fold == 1 else 0,
        "base bit": address if schedule.windows > 1 else 0,
        "padded bit": simd * element if padded else 0,
        "output register": simd * element,
        "padded lane": lanes * (1 + kernel / 2) if padded and fold > 1 else 0,
        "table": sum(len(np.unique(table)) - 1 for table in _tables(schedule)),
        "counter bit": sum(map(bits_of, (fold, repeat, schedule.down.count, schedule.across.count))),
        "kernel bit": kernel if fold > 1 else 0,
        "pixel bit": bits_of(schedule.pixel_words) if fold > 1 and kernel else 0,
        "vector bit": bits_of(schedule.pixel_words) if fold > 1 and not kernel else 0,
        "level bit": bits_of(depth + 1) + bits_of(depth + int(schedule.need[0])),
        "ram lut": lanes * ram_luts,
        "ram bit": lanes * ram_ff,
        "pad bit": lanes * bits if padded and uneven_pad else 0,
    }, bram=lanes * blocks)


def _tables(schedule: WindowSchedule) -> list[np.ndarray]:
    return [schedule.steps(schedule.need), schedule.steps(schedule.kept), schedule.down.inside(),
            schedule.across.inside()]
