"""The user's own pictures, made into a network's input."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from quantize.image_folder import centre, opaque
from tbn_hw.shared.errors import UsageError


def read_pictures(files: Sequence[Path], shape: tuple[int, int, int], resize: int | None, *,
                  option: str = "--images") -> np.ndarray:
    """uint8 pictures (n, h, w, c) of `shape`: the shorter side resized to `resize` pixels, then the centre cut out.

    Without `resize` the picture is scaled to cover `shape` exactly. One channel means grey, three red, green and blue;
    transparent places are white.
    Raises UsageError, which begins with `option`, for a file that is no picture, or a shape that a picture cannot have.
    """
    try:
        return np.stack([_read(file, shape, resize) for file in files])
    except UsageError as error:
        raise UsageError(f"{option}: {error}") from None


def _read(file: Path, shape: tuple[int, int, int], resize: int | None) -> np.ndarray:
    height, width, channels = shape
    if channels not in (1, 3):
        raise UsageError(f"the network reads {channels} channels, a picture has 1 or 3")
    try:
        with Image.open(file) as opened:
            image = opaque(_eight_bits(file, ImageOps.exif_transpose(opened)), channels)
    except FileNotFoundError:
        raise UsageError(f"{file}: no such file") from None
    except (UnidentifiedImageError, Image.DecompressionBombError):
        raise UsageError(f"{file} must be a picture that Pillow can read") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UsageError(f"{file} cannot be read; {error}") from None
    scale = max(height / image.height, width / image.width)
    if resize is not None:
        scale = resize / min(image.height, image.width)
    return centre(image, scale, shape)


def _eight_bits(file: Path, image: Image.Image) -> Image.Image:
    """The upper bytes of a 16-bit grey picture, which Pillow's own conversion would cut off at 255."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UsageError(f"{file} must have 8 or 16 bits a channel, not 32")
    return image
