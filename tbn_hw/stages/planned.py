"""What an architecture hands to the stages behind it: a design, and what is known of it before any file is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tbn_hw.shared.design import Design

Estimates = Mapping[str, Mapping[str, float]]
"""The estimated FIGURES of a design's blocks, by name."""


@dataclass(frozen=True)
class Planned:
    """The design of a build.

    `estimates` are empty where an architecture has none, and `estimate` is then None; else it is what the report says
    of them. `required_mhz` is the clock without which a rate that was asked for is missed. `key` is a hash of all that
    the design's files depend on, and `network_key` of the network.
    """

    design: Design
    estimates: Estimates
    estimate: dict[str, Any] | None
    required_mhz: float | None
    key: str
    network_key: str
