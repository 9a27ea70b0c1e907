"""Training state on disk: whole or not at all, and enough of it to go on exactly as if never stopped."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from quantize.files import write_atomically

MOST_EPOCHS = 10**9


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence that begins with the file."""


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint holds: the model's name, weights by name, the optimizer's state, epochs done, generators'
    states, and the recipe as text."""

    model: str
    weights: dict[str, Tensor]
    optimizer: dict[str, Any]
    epoch: int
    random: dict[str, Any]
    recipe: str


def save_checkpoint(file: Path, state: dict[str, Any], random: np.random.Generator) -> None:
    """Write ``state`` (model's name, weights, optimizer, epoch, recipe) with the generators' states.

    An OSError names the file.
    """
    held = random.bit_generator.state
    numbers = [int(held["state"]["state"]), int(held["state"]["inc"]), held["has_uint32"], held["uinteger"]]
    state = {**state, "random": {"torch": torch.get_rng_state(), "numpy": [hex(number) for number in numbers]}}
    content = io.BytesIO()
    torch.save(state, content)
    write_atomically(file, content.getvalue())


def load_checkpoint(file: Path) -> Checkpoint:
    """Read a checkpoint; nothing in it is executed.

    Raises
    ------
    CheckpointError
        If the file cannot be read or is no checkpoint of this project.
    """
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{file}: cannot be read; {error.strerror or error}") from None
    state = _unpickled(file, raw)
    if not isinstance(state, dict) or not set(state) >= set(_FORM):
        raise CheckpointError(f"{file}: is not a checkpoint of this project")
    for key, (fits, words) in _FORM.items():
        if not fits(state[key]):
            raise CheckpointError(f"{file}: is not a checkpoint of this project; its {key} must be {words}")
    return Checkpoint(**{key: state[key] for key in _FORM})


def take_weights(model: nn.Module, weights: dict[str, Tensor], sentence: str) -> None:
    """Put weights into a model. Raises CheckpointError with ``sentence`` where they are not those of such a model."""
    try:
        model.load_state_dict(weights)
    except Exception:  # torch raises many kinds
        raise CheckpointError(sentence) from None


def restore_random(file: Path, state: Checkpoint, random: np.random.Generator) -> None:
    """Set torch's and NumPy's generators to where a file's checkpoint left them. Raises CheckpointError."""
    try:
        value, increment, has, held = (int(number, 16) for number in state.random["numpy"])
        random.bit_generator.state = {
            "bit_generator": "PCG64", "state": {"state": value, "inc": increment}, "has_uint32": has, "uinteger": held,
        }
        torch.set_rng_state(state.random["torch"])
    except Exception:  # NumPy and torch raise many kinds
        raise CheckpointError(f"{file}: the states of its random generators are damaged") from None


def _unpickled(file: Path, raw: bytes) -> Any:
    """What torch finds in a file's bytes. Raises CheckpointError for what it cannot read, without its many lines."""
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as held:  # torch writes no other archives, and reads some that explode
            stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in held.infolist())
        if stored:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except Exception:  # torch raises many kinds, and lines of advice that a foreign file must not follow
        pass
    raise CheckpointError(f"{file}: is not a whole checkpoint")


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_plain(value: Any) -> bool:
    """Tell whether a value is a tensor of numbers that lie in memory, as a module's are."""
    return (isinstance(value, Tensor) and value.layout == torch.strided and value.device.type == "cpu"
            and not value.is_complex() and not value.is_quantized)


def _is_optimizer(value: Any) -> bool:
    return (isinstance(value, dict) and isinstance(value.get("state"), dict)
            and isinstance(value.get("param_groups"), list)
            and all(isinstance(held, dict) and all(map(_is_plain, held.values())) for held in value["state"].values()))


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_text(name) and _is_plain(held) for name, held in value.items())


def _is_epoch(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_EPOCHS


def _are_states(value: Any) -> bool:
    return (isinstance(value, dict) and set(value) == {"torch", "numpy"} and _is_plain(value["torch"])
            and isinstance(value["numpy"], list) and all(map(_is_text, value["numpy"])))


_FORM: dict[str, tuple[Callable[[Any], bool], str]] = {
    "model": (_is_text, "text"),
    "weights": (_are_weights, "tensors by name"),
    "optimizer": (_is_optimizer, "the state of an optimizer"),
    "epoch": (_is_epoch, f"a number from 0 to {MOST_EPOCHS}"),
    "random": (_are_states, "the states of torch's and NumPy's generators"),
    "recipe": (_is_text, "text"),
}
