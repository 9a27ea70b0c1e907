"""Read-only memories: the weights' order in them, and where a tool is to put them."""

from amaranth.hdl import Const
from amaranth.lib import memory

BLOCK_ROWS, BLOCK_BITS = 32, 1024
"""A ROM of at least so many rows and bits goes to block RAM when its style is not given."""

STYLES = ("auto", "block", "logic")


def weight_rows(weights, pe, simd, bits):
    """The rows of the weight ROM of a matrix (mh, mw), as unsigned integers.

    Row `neuron_fold * synapse_folds + synapse_fold`; weight (pe_index, simd_index) stands at `pe_index * simd +
    simd_index`, element 0 in the low bits. One bit a weight, 1 for -1; or eight in two's complement.
    """
    mh, mw = weights.shape
    codes = (weights < 0).astype(object) if bits == 1 else weights.astype(object) & ((1 << bits) - 1)
    folded = codes.reshape(mh // pe, pe, mw // simd, simd).transpose(0, 2, 1, 3).reshape(-1, pe * simd)
    return [sum(int(code) << (k * bits) for k, code in enumerate(row)) for row in folded]


def in_block_ram(rows, width, style="auto"):
    """Whether `read_only` asks for block RAM, which takes long to give its data."""
    if style == "auto":
        return len(set(rows)) > 1 and len(rows) >= BLOCK_ROWS and len(rows) * width >= BLOCK_BITS
    return style == "block" and len(set(rows)) > 1


def read_only(m, name, rows, width, address, enable, style="auto"):
    """A ROM with registered read: the row that stood at `address` an enabled cycle ago; equal rows make a constant.

    Yosys takes a memory of few rows for logic unless told otherwise, by attributes for which the families have no
    common name.
    """
    if len(set(rows)) == 1:
        return Const(rows[0], width)
    style = "block" if in_block_ram(rows, width, style) else "logic"
    m.submodules[name] = rom = memory.Memory(shape=width, depth=len(rows), init=rows,
                                             attrs={"rom_style": style, "ram_style": style})
    port = rom.read_port()
    m.d.comb += [port.addr.eq(address), port.en.eq(enable)]
    return port.data
