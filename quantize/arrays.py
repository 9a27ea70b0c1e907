"""Reads `.safetensors` files, for all that lies in such files: networks, trained values, pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import safetensors

from quantize.limits import MOST_FILE_BYTES


class ArraysError(ValueError):
    """A file of arrays that cannot be read. The message says what is wrong and does not name the file."""


def read_arrays(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """Return a file's metadata and its arrays by name.

    Raises
    ------
    ArraysError
        If the file cannot be read, is damaged, exceeds `MOST_FILE_BYTES`, or holds a type that NumPy does not have,
        such as 8-bit floats.
    """
    try:
        with path.open("rb") as file:  # safetensors raises the same error for a missing file and an unreadable one
            size = file.seek(0, 2)
    except FileNotFoundError:
        raise ArraysError("no such file") from None
    except OSError as error:
        raise ArraysError(f"cannot be read; {error.strerror or error}") from None
    if size > MOST_FILE_BYTES:
        raise ArraysError(f"must have at most {MOST_FILE_BYTES} bytes, not {size}")
    arrays, key = {}, None
    try:
        with safetensors.safe_open(path, "np") as file:
            metadata = dict(file.metadata() or {})
            for key in file.keys():  # noqa: SIM118 (not a mapping)
                arrays[key] = _plain(file.get_tensor(key))
    except Exception as error:  # whatever the library raises, in this version or the next
        what = "is not a whole safetensors file" if key is None else f"array {key!r:.60} cannot be read"
        raise ArraysError(f"{what}; {error}") from None
    return metadata, arrays


def _plain(array: np.ndarray) -> np.ndarray:
    """Return the array; raises TypeError for a type that another package gave to NumPy, as ml_dtypes does."""
    if array.dtype.kind not in "biuf":
        raise TypeError(f"NumPy has no type {array.dtype}")
    return array
