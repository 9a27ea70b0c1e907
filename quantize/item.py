"""A node of a plan: what folding makes of a trained module or of an imported graph, before thresholds are found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quantize.chain import Chain


class ExportError(ValueError):
    """A trained network without an exact integer form; the message is one sentence naming the layer."""


@dataclass(frozen=True)
class Item:
    """A node of the plan: a `Network` node's kind, name, inputs, attributes and arrays; thresholds have a chain.

    Weights and chains keep the module's own signs; no weights are negated yet. A threshold's ``chain`` maps its input
    integers to real values, which are compared with ``delta`` (0 for a binary one).
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    chain: Chain = Chain()
    delta: float = 0.0
