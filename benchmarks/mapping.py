"""Families mapped by another command of Yosys than builds use, to measure what that changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tbn_hw.families.cells import FAMILIES


@contextmanager
def commands(changed: Mapping[str, str]) -> Iterator[None]:
    """While it lasts, the families of `changed` have these commands, by which synthesis keeps results apart."""
    usual = dict(FAMILIES)
    FAMILIES.update({name: dataclasses.replace(usual[name], command=command) for name, command in changed.items()})
    try:
        yield
    finally:
        FAMILIES.update(usual)
