"""A node of a plan. A plan is a trained module or an imported graph, lowered but still without integer thresholds."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from quantize.chain import Chain


class ExportError(ValueError):
    """The trained network has no exact integer form. The message is one sentence that names the layer."""


@dataclass(frozen=True)
class Item:
    """A node of the plan: the kind, name, inputs, attributes and arrays of a `Network` node.

    Weights and chains keep the module's own signs. A threshold has no arrays yet. Its ``chain`` maps its input
    integers to real values, and these are compared with ``delta`` (0 for a binary one).
    """

    kind: str
    name: str
    inputs: tuple[str, ...]
    attrs: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    chain: Chain = Chain()
    delta: float = 0.0
