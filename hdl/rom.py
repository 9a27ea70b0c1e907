"""Read-only memories: the order of weights in them, and the choice between block RAM and LUTs by their cost."""

import functools

from amaranth.hdl import Const, Module, Signal
from amaranth.lib import memory

from hdl.families import BLOCKS
from hdl.lut_rom import columns_of, is_mapped, lut_rom, luts_of

BLOCK_ROWS, BLOCK_BITS = 32, 1024
"""A ROM of at least this many rows and bits goes to block RAM if neither its style nor the family is given."""

MOST_BITS = 1 << 20
"""Larger ROMs go to block RAM; their LUTs are not counted."""

STYLES = ("auto", "block", "logic")

BLOCK_WORTH = 0.25
"""The price of a block RAM in LUTs, as a part of the LUTs that the device has for each block RAM. At a price of 1, both
would run out together if all weights were at the margin. In fact LUTs run out first, so block RAM costs less.
`python -m benchmarks.memories` shows from how many rows on a full block pays at either price."""


def weight_rows(weights, pe, simd, bits):
    """The rows of the weight ROM of a matrix (mh, mw), as unsigned integers.

    The rows are in the order `neuron_fold * synapse_folds + synapse_fold`. In a row, weight (pe_index, simd_index) is
    element `pe_index * simd + simd_index`, element 0 in the low bits. A weight is one bit, 1 for -1, or `bits` bits in
    two's complement.
    """
    mh, mw = weights.shape
    codes = (weights < 0).astype(object) if bits == 1 else weights.astype(object) & ((1 << bits) - 1)
    folded = codes.reshape(mh // pe, pe, mw // simd, simd).transpose(0, 2, 1, 3).reshape(-1, pe * simd)
    return [sum(int(code) << (k * bits) for k, code in enumerate(row)) for row in folded]


def blocks_of(depth, width, family):
    """Block RAMs that a ROM of `depth` rows of `width` bits takes."""
    return min(-(-depth // rows) * -(-width // bits) for rows, bits in BLOCKS[family].shapes)


def rom_luts(rows, width, family):
    """LUTs that a ROM of these rows takes as logic.

    They are counted where `lut_rom` makes them. Otherwise they are what Yosys made of random rows, which is exact up to
    the rows of one LUT.
    """
    depth, columns = len(rows), set(columns_of(rows, width))
    if is_mapped(family, depth):
        return luts_of(rows, width, family)
    a_column = -(-depth // BLOCKS[family].rows)
    if a_column > 4:
        a_column = round(1.4 * a_column)
    return len(columns - {0, (1 << depth) - 1}) * a_column


def in_block_ram(rows, width, style="auto", family="portable"):
    """Whether `read_only` asks for block RAM, which gives its data late in the cycle."""
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
    """A ROM with registered read: the row that stood at `address` an enabled cycle ago. Equal rows make a constant.

    With a family, 'auto' is the form that costs less there. Logic is made of the family's cells where they are fewer
    than those of synthesis. Yosys makes logic of a memory of few rows unless an attribute says otherwise. The families
    have no common name for that attribute, so the memory has both.
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
