"""What an architecture hands to the later stages: a design, and the facts known before any file is written."""

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

    If an architecture has no estimates, `estimates` is empty and `estimate` is None. Otherwise `estimate` is the
    report's summary of them. `required_mhz` is the least clock that gives the requested rate. `key` is a hash of
    everything that the design's files depend on, and `network_key` one of the network.
    """

    design: Design
    estimates: Estimates
    estimate: dict[str, Any] | None
    required_mhz: float | None
    key: str
    network_key: str
