"""FPGA families with cells that the gateware may use."""

CELL_FAMILIES = ("portable", "ecp5", "gowin", "ice40", "xc7")
"""'portable' is plain logic for any tool. The other families have cells of their own."""


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
