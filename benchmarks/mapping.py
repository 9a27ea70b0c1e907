"""Maps families by another Yosys command than builds do, to measure what that changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tbn_hw.families.registry import FAMILIES


@contextmanager
def commands(changed: Mapping[str, str]) -> Iterator[None]:
    """A context in which families have these commands (family -> command). Synthesis caches results by command."""
    usual = dict(FAMILIES)
    for name, command in changed.items():
        cells = dataclasses.replace(usual[name].cells, command=command)
        FAMILIES[name] = dataclasses.replace(usual[name], cells=cells)
    try:
        yield
    finally:
        FAMILIES.update(usual)
