"""Families of parts whose cells gateware may be made of."""

CELL_FAMILIES = ("portable", "ecp5", "gowin", "ice40", "xc7")
"""Plain logic for any tool, and what has cells of its own."""


def has_multipliers(family):
    """Whether products of integers become blocks of the die. Of iCE40 only the UltraPlus has some, a few."""
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
