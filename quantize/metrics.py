"""The table of a training: loss and accuracy by epoch, in ``metrics.csv``."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from quantize.files import write_atomically
from quantize.picture import DataError


class Epoch(NamedTuple):
    """A row: the epoch from 1, its mean loss, the accuracy after it in percent, and the seconds that it took."""

    epoch: int
    loss: float
    test_accuracy: float
    seconds: float


def read_metrics(file: Path) -> list[Epoch]:
    """Return the rows of a table, none where there is no such file. Raises DataError for another file."""
    try:
        with file.open(newline="", encoding="utf-8") as text:
            return [Epoch(int(epoch), float(loss), float(accuracy), float(seconds))
                    for epoch, loss, accuracy, seconds in filter(None, list(csv.reader(text))[1:])]
    except FileNotFoundError:
        return []
    except OSError:
        raise
    except Exception:  # no text, no table, or no numbers in it
        raise DataError(f"{file}: is no table of metrics; remove it, and training begins another") from None


def write_metrics(file: Path, rows: Sequence[Epoch]) -> None:
    """Write a table. An OSError names the file."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(Epoch._fields)
    writer.writerows([row.epoch, f"{row.loss:.5f}", f"{row.test_accuracy:.2f}", f"{row.seconds:.1f}"] for row in rows)
    write_atomically(file, text.getvalue().encode())
