"""What the commands have in common."""

from __future__ import annotations

import argparse

BOUNDS = {
    "epochs": (1, 10**9), "images": (1, 10**9), "seed": (0, 2**32 - 1), "seeds": (1, 1000), "threads": (1, 1024),
}
"""The least and the most of each option that is a count or a seed."""


def check_numbers(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    """End the command with a usage error if an option named in `BOUNDS` is an integer out of its bounds."""
    for name, (least, most) in BOUNDS.items():
        value = getattr(options, name, None)
        if isinstance(value, int) and value < least:
            parser.error(f"--{name} must be at least {least}, not {value}")
        if isinstance(value, int) and value > most:
            parser.error(f"--{name} must be at most {most}, not {value}")
