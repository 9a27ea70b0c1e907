"""Read-only memories: the weights' order in them, and where they are put: block RAM or LUTs, whichever costs less."""

import functools
from typing import NamedTuple

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import memory

from hdl.lut_rom import columns_of, is_mapped, lut_rom, luts_of

BLOCK_ROWS, BLOCK_BITS = 32, 1024
"""A ROM of at least so many rows and bits goes to block RAM when neither its style nor the family is given."""

MOST_BITS = 1 << 20
"""Larger ROMs are not looked at: they go to block RAM."""

STYLES = ("auto", "block", "logic")


class Blocks(NamedTuple):
    """A family's block RAM: its shapes as (rows, bits a row), the LUTs that the device which the family stands for has
    for each, and the rows that one LUT holds of a column."""

    shapes: tuple
    luts: int
    rows: int


BLOCKS = {
    "ecp5": Blocks(((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 83_640 // 208, 16),
    "gowin": Blocks(((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 20_736 // 46, 16),
    "ice40": Blocks(((256, 16), (512, 8), (1024, 4), (2048, 2)), 7_680 // 32, 16),
    "xc7": Blocks(((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 63_400 // 270, 64),
}
"""LFE5U-85, GW2AR-18, iCE40 HX8K and XC7A100T; for Xilinx 7 the block is a RAMB18."""

BLOCK_WORTH = 0.25
"""What a block RAM may cost in LUTs, as a part of the LUTs that the device has for each. At 1 both would run out
together if all weights were at the margin; but it is LUTs that run out. `python -m benchmarks.memories` shows from how
many rows on a full block is worth it at either price."""


def weight_rows(weights, pe, simd, bits):
    """The rows of the weight ROM of a matrix (mh, mw), as unsigned integers.

    Row `neuron_fold * synapse_folds + synapse_fold`; weight (pe_index, simd_index) stands at `pe_index * simd +
    simd_index`, element 0 in the low bits. One bit a weight, 1 for -1; or eight in two's complement.
    """
    mh, mw = weights.shape
    codes = (weights < 0).astype(object) if bits == 1 else weights.astype(object) & ((1 << bits) - 1)
    folded = codes.reshape(mh // pe, pe, mw // simd, simd).transpose(0, 2, 1, 3).reshape(-1, pe * simd)
    return [sum(int(code) << (k * bits) for k, code in enumerate(row)) for row in folded]


def blocks_of(depth, width, family):
    """Block RAMs that a ROM of `depth` rows of `width` bits takes."""
    return min(-(-depth // rows) * -(-width // bits) for rows, bits in BLOCKS[family].shapes)


def rom_luts(rows, width, family):
    """LUTs that a ROM of these rows takes as logic: counted where `lut_rom` makes them, else what Yosys made of random
    rows; exact up to the rows of one LUT."""
    depth, columns = len(rows), set(columns_of(rows, width))
    if is_mapped(family, depth):
        return luts_of(rows, width, family)
    a_column = -(-depth // BLOCKS[family].rows)
    if a_column > 4:
        a_column = round(1.4 * a_column)
    return len(columns - {0, (1 << depth) - 1}) * a_column


def in_block_ram(rows, width, style="auto", family="portable"):
    """Whether `read_only` asks for block RAM, which takes long to give its data."""
    if style == "logic" or len(set(rows)) == 1:
        return False
    if style == "auto" and family in BLOCKS:
        return _is_cheaper_in_blocks(tuple(rows), width, family)
    return style == "block" or (len(rows) >= BLOCK_ROWS and len(rows) * width >= BLOCK_BITS)


@functools.lru_cache(maxsize=64)
def _is_cheaper_in_blocks(rows, width, family):
    """Whether blocks at their price in LUTs cost less than logic."""
    price = blocks_of(len(rows), width, family) * BLOCKS[family].luts * BLOCK_WORTH
    return len(rows) * width > MOST_BITS or price < rom_luts(rows, width, family)


def read_only(m, name, rows, width, address, enable, style="auto", family="portable"):
    """A ROM with registered read: the row that stood at `address` an enabled cycle ago; equal rows make a constant.

    With a family given, 'auto' takes what costs less there, and logic is made of the family's cells where that is less
    than what synthesis makes. Yosys takes a memory of few rows for logic unless told otherwise, by attributes for which
    the families have no common name.
    """
    if len(set(rows)) == 1:
        return Const(rows[0], width)
    style = "block" if in_block_ram(rows, width, style, family) else "logic"
    m.submodules[name] = rom = Module()
    if style == "logic" and is_mapped(family, len(rows)):
        data = Signal(width, name=f"{name}_data", reset_less=True)
        with rom.If(enable):
            rom.d.sync += data.eq(lut_rom(rom, rows, width, address, family))
        return data
    rom.submodules[name] = content = memory.Memory(shape=width, depth=len(rows), init=rows,
                                                   attrs={"rom_style": style, "ram_style": style})
    port = content.read_port()
    rom.d.comb += [port.addr.eq(address), port.en.eq(enable)]
    return port.data
