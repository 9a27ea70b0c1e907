"""Families mapped by another command of Yosys than builds use, to measure what that changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tbn_hw.families.registry import FAMILIES


@contextmanager
def commands(changed: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, the families of `changed` have these commands, by which synthesis keeps results apart."""
    usual = dict(FAMILIES)
    for name, command in changed.items():
        cells = dataclasses.replace(usual[name].cells, command=command)
        FAMILIES[name] = dataclasses.replace(usual[name], cells=cells)
    try:
        yield
    finally:
        FAMILIES.update(usual)
