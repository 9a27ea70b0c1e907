"""The learning curve of a training, drawn from its metrics."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from quantize.files import write_atomically
from quantize.metrics import Epoch


def draw_curve(rows: Sequence[Epoch], file: Path) -> bool:
    """Draw loss and test accuracy over epochs as a PNG; False where matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return False
    epochs = [row.epoch for row in rows]
    figure = Figure(figsize=(7, 4), layout="constrained")
    left = figure.subplots()
    right = left.twinx()
    mark = "o" if len(rows) == 1 else ""  # a line of one point is invisible
    left.plot(epochs, [row.loss for row in rows], color="#8c8c8c", marker=mark)
    right.plot(epochs, [row.test_accuracy for row in rows], color="#d9822b", marker=mark)
    left.set_xlabel("epoch")
    left.set_ylabel("loss in training", color="#6c6c6c")
    right.set_ylabel("test accuracy, %", color="#b0651b")
    left.grid(alpha=0.3)
    data = io.BytesIO()
    figure.savefig(data, format="png", dpi=150)
    write_atomically(file, data.getvalue())
    return True
