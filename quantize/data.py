"""Data sets as arrays.

They are scikit-learn's digits, MNIST and Fashion-MNIST (idx files), CIFAR-10 (binary version), and pictures in folders,
as ImageNet is unpacked.
"""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quantize.image_folder import ImageFolder, class_of_folders, list_classes
from quantize.picture import DataError

__all__ = ["DATASETS", "DataError", "Dataset", "load_dataset"]

Pixels = np.ndarray | ImageFolder


@dataclass(frozen=True)
class Dataset:
    """Pictures uint8 (n, h, w, c) and labels int64 (n), for training and for testing.

    Training pictures may be larger than test pictures, so that training can crop them. ``note`` is a line for the user
    about what the labels stand for, where that had to be guessed.
    """

    train_images: Pixels
    train_labels: np.ndarray
    test_images: Pixels
    test_labels: np.ndarray
    note: str = ""


def load_dataset(
    name: str, folder: Path | None = None, shape: tuple[int, int, int] = (224, 224, 3), resize: int | None = None,
    classes: Sequence[str] = (),
) -> Dataset:
    """Load a data set by name. ``folder``, or its subfolder ``name``, holds the files, plain or compressed.

    The digits come from scikit-learn and need no folder. ``shape`` and ``resize`` are a model's input, and imagenet's
    pictures are scaled and cut to it. Their folders are a model's ``classes`` by name (`class_of_folders`). Pictures of
    other data sets have their own size.

    Raises
    ------
    DataError
        If the name is unknown, the folder is missing, or a file is missing, damaged or of the wrong size.
    """
    readers = {**DATASETS, "imagenet": lambda folder: _imagenet(folder, shape, resize, classes)}
    if name not in readers:
        raise DataError(f"data set must be one of {', '.join(readers)}, not {name!r}")
    if name == "digits":
        return _digits()
    if folder is None:
        raise DataError(f"data set {name} needs a folder; give one with --data")
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    inner = folder / name
    return readers[name](inner if inner.is_dir() else folder)


def _imagenet(folder: Path, shape: tuple[int, int, int], resize: int | None, classes: Sequence[str]) -> Dataset:
    """Read ImageNet. Each side of a training picture is ``resize`` pixels where that is more than in ``shape``."""
    height, width, channels = shape
    larger = (max(height, resize or 0), max(width, resize or 0), channels)
    train, test = (list_classes(folder / kind) for kind in ("train", "val"))
    for name in sorted({*train.names} ^ {*test.names})[:1]:
        raise DataError(f"{folder}: train and val must hold the same classes, and only one of them has {name}")
    labels, note = class_of_folders(train.names, classes, folder)
    return Dataset(ImageFolder(train.files, larger), labels[train.folders], ImageFolder(test.files, shape, resize),
                   labels[test.folders], note)


def _digits(folder: Path | None = None) -> Dataset:
    """The 1,797 digits of 8x8 pixels, scaled from 0..16 to 0..255. A fixed random fifth is for testing."""
    try:
        from sklearn.datasets import load_digits
    except ImportError:
        raise DataError("data set digits needs scikit-learn; install it with pip install '.[train]'") from None
    bunch = load_digits()
    images = np.minimum(bunch.images * 16, 255).astype(np.uint8)[..., None]
    labels = bunch.target.astype(np.int64)
    order = np.random.RandomState(0).permutation(len(labels))  # NumPy promises to keep this generator's numbers
    train, test = order[len(labels) // 5 :], order[: len(labels) // 5]
    return Dataset(images[train], labels[train], images[test], labels[test])


def _idx(folder: Path) -> Dataset:
    parts = []
    for kind, count in (("train", 60_000), ("t10k", 10_000)):
        images = _read(folder, f"{kind}-images-idx3-ubyte", 16 + count * 784, b"\x00\x00\x08\x03")
        labels = _read(folder, f"{kind}-labels-idx1-ubyte", 8 + count, b"\x00\x00\x08\x01")
        parts.append((images[16:].reshape(count, 28, 28, 1), labels[8:].astype(np.int64)))
    return Dataset(*parts[0], *parts[1])


def _cifar10(folder: Path) -> Dataset:
    inner = folder / "cifar-10-batches-bin"
    folder = inner if inner.is_dir() else folder
    parts = []
    for names in ([f"data_batch_{i}.bin" for i in range(1, 6)], ["test_batch.bin"]):
        records = np.concatenate([_read(folder, name, 10_000 * 3073) for name in names]).reshape(-1, 3073)
        images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        parts.append((np.ascontiguousarray(images), records[:, 0].astype(np.int64)))
        if records[:, 0].max() > 9:
            raise DataError(f"{folder}: labels must be 0..9, not {records[:, 0].max()}")
    return Dataset(*parts[0], *parts[1])


def _read(folder: Path, name: str, size: int, magic: bytes = b"") -> np.ndarray:
    """Read ``name`` from ``folder``, plain, .gz or .xz. It must have ``size`` bytes and begin with ``magic``.

    No more than ``size`` bytes and one are unpacked, whatever a file holds.
    """
    openers: dict[str, Callable[..., Any]] = {"": open, ".gz": gzip.open, ".xz": lzma.open}
    for suffix, opener in openers.items():
        file = folder / (name + suffix)
        if not file.is_file():
            continue
        try:
            with opener(file, "rb") as opened:
                raw = opened.read(size + 1)
        except Exception as error:  # what gzip, lzma and zlib raise
            raise DataError(f"{file}: is damaged or truncated; {error}") from None
        if len(raw) != size:
            raise DataError(f"{file}: must hold {size} bytes, not {len(raw) if len(raw) < size else 'more'}")
        if not raw.startswith(magic):
            raise DataError(f"{file}: must begin with {magic.hex()}, not {raw[:4].hex()}")
        return np.frombuffer(bytearray(raw), np.uint8)  # torch warns about arrays that are read-only
    raise DataError(f"{folder / name}: no such file, nor with .gz or .xz")


DATASETS: dict[str, Callable[[Path], Dataset]] = {
    "digits": _digits,
    "mnist": _idx,
    "fashion_mnist": _idx,
    "cifar10": _cifar10,
}
