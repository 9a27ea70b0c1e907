"""Maps families by another Yosys command than builds do, to measure what that changes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tbn_hw.families.cells import FAMILIES


@contextmanager
def commands(changed: Mapping[str, str]) -> Iterator[None]:
    """A context in which families have these commands (family -> command). Synthesis caches results by command."""
    usual = dict(FAMILIES)
    FAMILIES.update({name: dataclasses.replace(usual[name], command=command) for name, command in changed.items()})
    try:
        yield
    finally:
        FAMILIES.update(usual)
