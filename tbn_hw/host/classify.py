"""The user's own pictures through a board that runs a build."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from quantize.text import printable
from tbn_hw.host.built import Built, read_build
from tbn_hw.host.client import Board, picture_bytes
from tbn_hw.host.confidence import softmax
from tbn_hw.host.pictures import read_pictures
from tbn_hw.host.protocol import Identity, Result
from tbn_hw.host.serial_pipe import SerialPipe
from tbn_hw.shared.errors import BoardError, ModelRefused

BITS = 10
"""Bits of a byte on the line."""
PATIENCES = 3
"""Silences after which the line is no longer listened to for an answer, whatever else it brings."""
IN_MANIFEST = {"logit_bytes": "bytes of a logit", "classes": "best classes",
               "class_bytes": "bytes of a class", "clock_hz": "hertz of the clock"}
"""Facts of `Built` that a board states too, and what they are called."""


def classify(options: argparse.Namespace) -> None:
    """Classify the pictures of `tbn_hw.run`'s options, and print a line for each; raises BuildError."""
    built = read_build(options.build)
    source, baud = built.network.input, options.baud or built.baud
    pictures = read_pictures(options.images, source.shape, built.resize, option="FILE")
    patience = options.timeout + BITS * source.size / baud
    pipe = SerialPipe(options.port, baud, patience)
    try:
        board = Board(pipe, PATIENCES * patience)
        identity = board.identify()
        check(identity, built, options.build)
        for file, picture in zip(options.images, picture_bytes(pictures), strict=True):
            start = time.monotonic()
            result = board.classify(picture)
            print(printable(line_of(file, result, identity, built, time.monotonic() - start)), flush=True)
    finally:
        pipe.close()


def check(identity: Identity, built: Built, folder: Path) -> None:
    """Hold what the board says of itself to the build.

    Raises ModelRefused for a board with another network, and BoardError for one that says of the right network what it
    is not.
    """
    if identity.key != built.key:
        theirs, ours = f"{identity.name} ({identity.key.hex()[:8]})", f"{built.network.name} ({built.key.hex()[:8]})"
        raise ModelRefused(f"the board runs {theirs}, the build in {folder} is {ours}; load that build's bitstream, "
                           "or name the build on the board")
    for what, said, is_so in (
            ("pixels of a picture", identity.pixels, built.network.input.height * built.network.input.width),
            ("bytes of a pixel", identity.pixel_bytes, built.network.input.channels),
            ("logits", identity.logits, built.network.types[built.network.outputs[0]].size),
            *((what, getattr(identity, name), getattr(built, name)) for name, what in IN_MANIFEST.items())):
        if is_so is not None and said != is_so:
            raise BoardError(f"the board says that {what} are {said}, where the build in {folder} has {is_so}; load "
                             "its bitstream again")
    if not identity.logit_bytes:
        raise BoardError(f"the board says that a logit has no bytes; load the bitstream of {folder} again")
    if not identity.clock_hz:
        raise BoardError(f"the board says that its clock stands still; load the bitstream of {folder} again")


def line_of(file: Path, result: Result, identity: Identity, built: Built, seconds: float) -> str:
    """The line to print for a picture."""
    best, second = np.argsort(-result.logits, kind="stable")[:2] if len(result.logits) > 1 else (0, 0)
    names = built.network.classes or [str(index) for index in range(len(result.logits))]
    sure = f"ahead of {names[second]} by {result.logits[best] - result.logits[second]}"
    if built.temperature is not None:
        sure = f"confidence {100 * softmax(result.logits, built.temperature)[best]:.1f} %"
    took = f"{1000 * result.cycles / identity.clock_hz:.3f} ms in the accelerator ({result.cycles} cycles at " \
           f"{identity.clock_hz / 1e6:g} MHz), {1000 * seconds:.1f} ms with the line"
    return f"{file}: {names[best]}, {sure}; {took}"
