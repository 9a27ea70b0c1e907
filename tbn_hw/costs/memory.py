"""The cost of memories: ROMs of random rows, and buffers that synthesis puts where it finds them cheapest."""

from __future__ import annotations

from functools import cache

import numpy as np

from hdl.families import BLOCKS
from hdl.lut_rom import is_mapped
from hdl.rom import BLOCK_WORTH, MOST_BITS, blocks_of, rom_luts
from tbn_hw.families.registry import find_family


@cache
def _column_luts(depth: int, family: str) -> float:
    """LUTs of a random column of a ROM: as the family's record has them, or else as `hdl.rom` counts them."""
    known = find_family(family).estimates.rom_column(depth, is_mapped(family, depth))
    if known is not None:
        return known
    bits = np.random.default_rng(depth).integers(0, 2, depth).tolist()
    return float(rom_luts([*bits[:-1], 1 - bits[0]], 1, family))


def distinct_columns(depth: int, width: int) -> float:
    """Expected number of distinct columns among `width` random ones of `depth` rows, without constant ones."""
    if depth > 40:
        return width
    all_columns = 2.0 ** depth
    return (all_columns - 2) * -np.expm1(width * np.log1p(-1 / all_columns))


def stored_columns(table: np.ndarray, width: int, par: int) -> int:
    """Distinct columns of a ROM of `par` channels a row, without constant ones.

    `table` (channels, n) holds integers of `width` bits.
    """
    values = table.astype(np.int64).reshape(len(table) // par, -1)  # (folds, par * n)
    bits = (values[:, :, None] >> np.arange(width)) & 1
    columns = np.unique(bits.reshape(len(values), -1), axis=1)
    return int((columns.any(axis=0) & ~columns.all(axis=0)).sum())


def random_rom(depth: int, width: int, family: str, style: str) -> tuple[float, float]:
    """(block RAMs, LUTs) of a ROM of random rows that `hdl.rom.read_only` makes."""
    if depth == 1:
        return 0, 0
    luts = distinct_columns(depth, width) * _column_luts(depth, family)
    price = blocks_of(depth, width, family) * BLOCKS[family].luts * BLOCK_WORTH
    if style == "block" or style == "auto" and (depth * width > MOST_BITS or price < luts):
        return blocks(depth, width, family)
    return 0, luts


def blocks(depth: int, width: int, family: str) -> tuple[float, float]:
    """(block RAMs, LUTs) that Yosys uses for a memory, as `tbn_hw.families.cells` counts them.

    The LUTs are multiplexers behind the blocks: Yosys may put several banks of rows side by side in one block's width.
    """
    known, found = find_family(family).estimates, []
    for rows, bits in BLOCKS[family].shapes:
        banks = -(-depth // rows)
        found.append((-(-banks * width // bits), known.bank_luts(banks) * width))
    number, luts = min(found)
    return number * known.block_size, luts


BANK_COST = 0.5
"""What Yosys counts a bit of the multiplexer behind banks of LUT RAM for, for each bank but one: as measured. Its costs
of memories stand in the family's record; a bit of a memory made of flip-flops counts 1."""


def ram(depth: int, width: int, family: str, asked: bool = False) -> tuple[float, float, float]:
    """(LUTs, flip-flops, block RAMs) of a buffer with one write and one read port.

    `asked` says whether it asks for block RAM. If not, it goes where Yosys counts the least cost.
    """
    (number, luts), known = blocks(depth, width, family), find_family(family).estimates
    lut_ram = known.lut_ram
    flip_flops = depth * width
    banks, columns = (-(-depth // lut_ram.rows), -(-width // lut_ram.bits)) if lut_ram else (0, 0)
    counted = width / lut_ram.bits if lut_ram and lut_ram.scaled else columns
    cost = banks * counted * lut_ram.cost + BANK_COST * (banks - 1) * width if lut_ram else flip_flops
    block_cost = known.block_cost * number / known.block_size
    if asked or cost > block_cost or lut_ram and cost == block_cost:
        return luts, 0, number
    if lut_ram is None or flip_flops < cost:
        return flip_flops, flip_flops, 0
    return banks * columns * lut_ram.luts + (banks - 1) * width, 0, 0
