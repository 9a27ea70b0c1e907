"""Pictures with a folder for each class, as ImageNet is unpacked: ``train/<class>/*.JPEG``, ``val/<class>/*.JPEG``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError


class DataError(ValueError):
    """The data cannot be used. The message is one sentence that names the file."""


class ImageFolder:
    """Picture files that read like an array uint8 (n, h, w, c). Indexing decodes them, several at a time.

    The shorter side is scaled to ``resize`` pixels, or as far as ``shape`` = (h, w, c) needs. Then the centre is cut
    out. One channel means grey. Transparent places become white.

    Raises
    ------
    DataError
        When indexed, if a file is no picture that Pillow can read.
    """

    def __init__(self, files: Sequence[Path], shape: tuple[int, int, int], resize: int | None = None) -> None:
        self.files, self.resize = files, resize
        self.shape = (len(files), *shape)
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, which: slice | np.ndarray) -> np.ndarray:
        files = self.files[which] if isinstance(which, slice) else [self.files[index] for index in which]
        pictures = np.empty((len(files), *self.shape[1:]), np.uint8)
        for picture, read in zip(pictures, self._pool.map(self._read, files), strict=True):
            picture[:] = read
        return pictures

    def _read(self, file: Path) -> np.ndarray:
        _, height, width, channels = self.shape
        try:
            with Image.open(file) as opened:
                image = opaque(ImageOps.exif_transpose(opened), channels)
        except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as error:
            raise DataError(f"{file}: is no picture that can be read; {error}") from None
        scale = max(height / image.height, width / image.width)
        if self.resize is not None:
            scale = max(scale, self.resize / min(image.height, image.width))
        return centre(image, scale, self.shape[1:])


def opaque(image: Image.Image, channels: int) -> Image.Image:
    """Return the picture on white where it is transparent: in grey for one channel, else in red, green and blue."""
    if image.has_transparency_data:
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA"))
    return image.convert("L" if channels == 1 else "RGB")


def centre(image: Image.Image, scale: float, shape: tuple[int, ...]) -> np.ndarray:
    """Return the centre of the picture scaled by ``scale``, uint8 of ``shape`` (h, w, c).

    A side that would be too short for ``shape`` is made just long enough.
    """
    height, width, _ = shape
    size = max(width, round(image.width * scale)), max(height, round(image.height * scale))
    image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return np.asarray(image.crop((left, top, left + width, top + height)), np.uint8).reshape(shape)


def list_classes(folder: Path) -> tuple[list[Path], np.ndarray]:
    """Return the files of ``folder/<class>/`` and their labels int64 (n). Classes and files are sorted by name.

    Raises
    ------
    DataError
        If there is no such folder, no class in it, or a class without files.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; pictures lie in train/<class>/ and val/<class>/")
    classes = sorted(entry.path for entry in os.scandir(folder) if entry.is_dir())
    if not classes:
        raise DataError(f"{folder}: holds no folder of a class")
    files: list[Path] = []
    labels: list[int] = []
    for label, inner in enumerate(classes):
        found = sorted(entry.path for entry in os.scandir(inner) if entry.is_file())
        if not found:
            raise DataError(f"{inner}: holds no picture")
        files += map(Path, found)
        labels += [label] * len(found)
    return files, np.array(labels, np.int64)
