"""The user's own pictures, made into a network's input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from quantize.picture import DataError, read_picture
from tbn_hw.shared.errors import UsageError


def read_pictures(files: Sequence[Path], shape: tuple[int, int, int], resize: int | None, *,
                  option: str = "--images") -> np.ndarray:
    """uint8 pictures (n, h, w, c) of `shape`, as training reads them: `quantize.picture.read_picture`.

    Raises UsageError, beginning with `option`, if a picture cannot be read.
    """
    try:
        return np.stack([read_picture(file, shape, resize) for file in files])
    except DataError as error:
        raise UsageError(f"{option}: {error}") from None
