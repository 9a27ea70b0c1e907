"""Reads a picture file into the input of a network, for training and for `--images` alike."""

from __future__ import annotations

import ctypes
import logging
import threading
import warnings
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from quantize.limits import MOST_PIXELS

LARGE = 1 << 22
"""Of pictures with more pixels than this, only one is decoded at a time, however many threads read."""

_turn = threading.Lock()
warnings.filterwarnings("ignore", module=r"PIL\.")  # a damaged file is either read or refused with a sentence
warnings.filterwarnings("error", category=Image.DecompressionBombWarning)  # a picture inside another, as in icons
logging.getLogger("PIL").addHandler(logging.NullHandler())
with suppress(AttributeError, OSError):  # libtiff must be told not to print; not all Pillows have it
    for handler in ("TIFFSetErrorHandler", "TIFFSetWarningHandler"):
        getattr(ctypes.CDLL(Image.core.__file__), handler)(None)


class DataError(ValueError):
    """The data cannot be used. The message is one sentence that names the file."""


def read_picture(file: Path, shape: tuple[int, int, int], resize: int | None = None) -> np.ndarray:
    """Return a picture as uint8 of ``shape`` (h, w, c): scaled, and its centre cut out. One channel means grey.

    The shorter side is scaled to ``resize`` pixels, or as far as ``shape`` needs. Transparent places become white. Grey
    of 16 bits keeps its upper bytes.

    Raises
    ------
    DataError
        If Pillow cannot read the file as a picture of 8 or 16 bits a channel; if it has more pixels than `MOST_PIXELS`,
        before or after scaling; or if ``shape`` has other channels than 1 or 3.
    """
    if shape[2] not in (1, 3):
        raise DataError(f"the network reads {shape[2]} channels, a picture has 1 or 3")
    try:
        with Image.open(file) as opened:
            if opened.width * opened.height <= LARGE:
                return _decoded(file, opened, shape, resize)
            with _turn:
                return _decoded(file, opened, shape, resize)
    except DataError:
        raise
    except FileNotFoundError:
        raise DataError(f"{file}: no such file") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise DataError(f"{file} must have at most {MOST_PIXELS} pixels") from None
    except UnidentifiedImageError:
        raise DataError(f"{file} must be a picture that Pillow can read") from None
    except (OSError, SyntaxError) as error:
        reason = (getattr(error, "strerror", None) or str(error)).partition("\n")[0]
        raise DataError(f"{file} cannot be read; {reason}") from None
    except Exception:  # whatever a decoder raises for bytes that it does not expect
        raise DataError(f"{file} cannot be read; it is damaged") from None


def _decoded(file: Path, opened: Image.Image, shape: tuple[int, int, int], resize: int | None) -> np.ndarray:
    """The picture of an opened file. Its size and its kind are checked before it is decoded."""
    if opened.format == "EPS":  # Pillow would have another program run it
        raise DataError(f"{file} must be a picture, not a PostScript program")
    if opened.width * opened.height > MOST_PIXELS:
        raise DataError(f"{file} must have at most {MOST_PIXELS} pixels, not {opened.width} x {opened.height}")
    if opened.mode in ("I", "F") and opened.format != "PNG":  # older Pillows read a PNG's 16 bits as 32
        raise DataError(f"{file} must have 8 or 16 bits a channel, not 32")
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    height, width, channels = shape
    scale = max(height / image.height, width / image.width)
    if resize is not None:
        scale = max(scale, resize / min(image.height, image.width))
    size = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    if size[0] * size[1] > MOST_PIXELS:
        raise DataError(f"{file} must have at most {MOST_PIXELS} pixels once it is scaled, "
                        f"not {size[0]} x {size[1]} of its {image.width} x {image.height}")
    image = _opaque(image, channels).resize(size, Image.Resampling.BILINEAR)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)), np.uint8).reshape(shape)


def _opaque(image: Image.Image, channels: int) -> Image.Image:
    """The picture, with white in transparent places: in grey for one channel, else in red, green and blue."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    if image.mode == "LAB":  # Pillow cannot turn LAB into grey
        image = image.convert("RGB")
    return image.convert("L" if channels == 1 else "RGB")
