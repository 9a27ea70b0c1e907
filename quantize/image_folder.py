"""Pictures with a folder for each class, as ImageNet is unpacked: ``train/<class>/*.JPEG``, ``val/<class>/*.JPEG``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from quantize.picture import DataError, read_picture


class ImageFolder:
    """Picture files that read like an array uint8 (n, h, w, c). Indexing decodes them, several at a time.

    They are scaled and cut to ``shape`` = (h, w, c) as `quantize.picture.read_picture` does.

    Raises
    ------
    DataError
        When indexed, as from `read_picture`.
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
        return read_picture(file, (height, width, channels), self.resize)


class Classes(NamedTuple):
    """Picture files, the number of each one's folder int64 (n), and the names of the folders."""

    files: list[Path]
    folders: np.ndarray
    names: list[str]


def list_classes(folder: Path) -> Classes:
    """Return the files of ``folder/<class>/``. Folders and files are sorted by name.

    Raises
    ------
    DataError
        If there is no such folder, no class in it, or a class without files.
    """
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; pictures lie in train/<class>/ and val/<class>/")
    names = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    if not names:
        raise DataError(f"{folder}: holds no folder of a class")
    files: list[Path] = []
    folders: list[int] = []
    for number, name in enumerate(names):
        found = sorted(entry.path for entry in os.scandir(folder / name) if entry.is_file())
        if not found:
            raise DataError(f"{folder / name}: holds no picture")
        files += map(Path, found)
        folders += [number] * len(found)
    return Classes(files, np.array(folders, np.int64), names)


def class_of_folders(names: Sequence[str], classes: Sequence[str], folder: Path) -> tuple[np.ndarray, str]:
    """Return the class of each folder int64 (n), and a note where the names do not say it.

    A folder is the class of its name. If none is called as a class, the folders are the classes in the order of their
    names, as text: 1, 10, 2.

    Raises
    ------
    DataError
        If some folders are called as classes and others are not.
    """
    numbers = {name: index for index, name in enumerate(classes)}
    others = [name for name in names if name not in numbers]
    if not others and len(numbers) == len(classes):
        return np.array([numbers[name] for name in names], np.int64), ""
    if 0 < len(others) < len(names):
        raise DataError(f"{folder}: {others[0]} is no class of the model file, and {len(names) - len(others)} other "
                        "folders are; call all folders as the classes")
    pairs = [f"{name} is {kind}" for name, kind in zip(names, classes, strict=False)]
    note = f"{folder}: no folder is called as a class; sorted by name they are the model file's classes: "
    return np.arange(len(names), dtype=np.int64), note + ", ".join(pairs[:3]) + (", ..." if pairs[3:] else "")
