"""Finds models, their trained weights and their test pictures. The packaged ones lie in the folder ``zoo``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors.numpy

from quantize.arrays import ArraysError, read_arrays
from quantize.files import write_atomically
from quantize.yaml_source import SpecError

ZOO = Path(__file__).with_name("zoo")


@dataclass(frozen=True)
class Pictures:
    """Test pictures uint8 (n, h, w, c) with their labels int64 (n).

    ``float_classes`` int64 (n) are the classes that the trained network gives in float32, if they are known.
    """

    images: np.ndarray
    labels: np.ndarray
    float_classes: np.ndarray | None = None


def model_names() -> list[str]:
    """Return the names of the packaged models."""
    return sorted(file.stem for file in ZOO.glob("*.yaml"))


def find_model(model: str | Path) -> Path:
    """Return the file of a model. ``model`` is a path, else the name of a packaged model with or without ``.yaml``.

    Raises
    ------
    SpecError
        If there is neither such a file nor such a packaged model.
    """
    path = Path(model)
    if path.is_file():
        return path
    packaged = ZOO / f"{path.name.removesuffix('.yaml')}.yaml"
    if path.name == str(path) and packaged.is_file():
        return packaged
    if path.is_dir():
        raise SpecError(f"{model}: a model file must be a file, not a folder")
    raise SpecError(f"{model}: no such model file; the zoo holds {', '.join(model_names())}")


def find_weights(model: str | Path) -> Path | None:
    """Return the trained network that lies beside the model's file, or None."""
    file = find_model(model).with_suffix(".safetensors")
    return file if file.is_file() else None


def find_pictures(model: str | Path) -> Path | None:
    """Return the test pictures that lie beside the model's file, or None."""
    file = find_model(model).with_suffix(".images.safetensors")
    return file if file.is_file() else None


def load_pictures(file: Path, classes: int | None = None) -> Pictures:
    """Read pictures written by `save_pictures`. Labels must be below the number of ``classes``, if that is given.

    Raises
    ------
    ValueError
        If the file is missing, damaged or of another content; one sentence that begins with its path.
    """
    try:
        _, arrays = read_arrays(file)
    except ArraysError as error:
        raise ValueError(f"{file}: {error}") from None
    images = arrays.get("images")
    if images is None or "labels" not in arrays or images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(f"{file}: must hold uint8 images (n, h, w, c) and n labels")
    found = {}
    for name in ("labels", "float_classes"):
        array = arrays.get(name)
        if array is None:
            continue
        if array.shape != (len(images),) or array.dtype.kind not in "iu":
            raise ValueError(f"{file}: {name} must be an integer for each of the {len(images)} images, not "
                             f"{array.dtype} of shape {array.shape}")
        least, most = int(array.min()), int(array.max())
        if least < 0 or classes is not None and most >= classes:
            highest = "" if classes is None else f" and below the number of classes {classes}"
            raise ValueError(f"{file}: {name} must be at least 0{highest}, not {least if least < 0 else most}")
        found[name] = array.astype(np.int64)
    return Pictures(images, found["labels"], found.get("float_classes"))


def save_pictures(file: Path, pictures: Pictures) -> None:
    """Write pictures to ``file``. Labels and classes take the smallest unsigned type that holds them."""
    arrays = {"images": np.ascontiguousarray(pictures.images), "labels": _short(pictures.labels)}
    if pictures.float_classes is not None:
        arrays["float_classes"] = _short(pictures.float_classes)
    write_atomically(file, safetensors.numpy.save(arrays))


def _short(classes: np.ndarray) -> np.ndarray:
    return classes.astype(np.min_scalar_type(int(classes.max(initial=0))))
