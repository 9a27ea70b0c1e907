"""FPGA families that gateware may be made for: their block RAMs, and whether they multiply."""

from typing import NamedTuple


class Blocks(NamedTuple):
    """A family's block RAM: its `shapes` as (rows, bits a row).

    `luts` is the number of LUTs for each block RAM, in the device that stands for the family. `rows` is how many rows
    of a column one LUT holds.
    """

    shapes: tuple
    luts: int
    rows: int


BLOCKS = {
    "ecp5": Blocks(((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 83_640 // 208, 16),
    "gowin": Blocks(((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 20_736 // 46, 16),
    "ice40": Blocks(((256, 16), (512, 8), (1024, 4), (2048, 2)), 7_680 // 32, 16),
    "xc7": Blocks(((512, 36), (1024, 18), (2048, 9), (4096, 4), (8192, 2), (16384, 1)), 63_400 // 270, 64),
}
"""The devices are LFE5U-85, GW2AR-18, iCE40 HX8K and XC7A100T. For Xilinx 7 the block is a RAMB18."""

CELL_FAMILIES = ("portable", *BLOCKS)
"""'portable' is plain logic for any tool. For the other families the choice between block RAM and LUTs is theirs, and
cells of their own are used where `hdl` has some."""


def has_multipliers(family):
    """Whether products of integers become multiplier blocks. In iCE40 only the UltraPlus has some, and few."""
    return family != "ice40"


def check_family(family):
    """Return ``family``.

    Raises
    ------
    ValueError
        If it is none of `CELL_FAMILIES`.
    """
    if family not in CELL_FAMILIES:
        raise ValueError(f"Family must be one of {', '.join(CELL_FAMILIES)}, not {family!r}")
    return family
