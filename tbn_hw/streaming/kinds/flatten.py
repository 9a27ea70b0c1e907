"""Flatten: the stream stays as it is, and its tensor gets another shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from quantize.network import Node, TensorType
from tbn_hw.streaming.kinds.kind import Job, Kind


class FlattenKind(Kind):
    """No engine."""

    has_engine = False

    def parts(self, job: Job) -> list[Any]:
        return []

    def window_end(self, node: Node, x: TensorType, y: TensorType) -> np.ndarray:
        """The one pixel of the output is all pixels of the input."""
        return np.array([x.height * x.width])
