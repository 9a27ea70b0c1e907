"""Training state on disk: whole or not at all, and enough of it to go on exactly as if never stopped."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from quantize.files import write_atomically

_KEYS = {"model", "weights", "optimizer", "epoch", "random", "recipe"}


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; the message is one sentence that begins with the file."""


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


def load_checkpoint(file: Path) -> dict[str, Any]:
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
    try:
        state = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
    except (RuntimeError, EOFError, KeyError, ValueError, OSError, pickle.UnpicklingError):
        raise CheckpointError(f"{file}: is not a whole checkpoint") from None
    if not isinstance(state, dict) or not set(state) >= _KEYS:
        raise CheckpointError(f"{file}: is not a checkpoint of this project")
    return state


def restore_random(state: dict[str, Any], random: np.random.Generator) -> None:
    """Set torch's and NumPy's generators to where the checkpoint left them."""
    torch.set_rng_state(state["random"]["torch"])
    value, increment, has, held = (int(number, 16) for number in state["random"]["numpy"])
    random.bit_generator.state = {
        "bit_generator": "PCG64", "state": {"state": value, "inc": increment}, "has_uint32": has, "uinteger": held,
    }
