"""`python -m tbn_hw.run`: your own pictures through a board that runs a build, over its serial line."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import numpy as np
import serial
from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt, ValidationError
from serial.tools import list_ports

from quantize.network import Network, NetworkError
from tbn_hw.host.client import Board, picture_bytes
from tbn_hw.host.confidence import softmax
from tbn_hw.host.pictures import read_pictures
from tbn_hw.host.protocol import BAUD, Identity, Result, network_key
from tbn_hw.shared.command import Parser, finish
from tbn_hw.shared.errors import BoardError, ModelRefused, UsageError

BITS = 10
"""Of a byte on the line."""


@dataclass(frozen=True)
class Built:
    """What a build's folder says: its network, the name it is known by, and what its manifest adds."""

    network: Network
    key: bytes
    resize: int | None
    temperature: float | None
    baud: int


class Line(BaseModel):
    """The board's line, as a manifest describes it."""

    model_config = ConfigDict(strict=True)
    baud: PositiveInt = BAUD


class Manifest(BaseModel):
    """What is read of a build's `manifest.json`; the rest of it is for people."""

    model_config = ConfigDict(strict=True)
    board: Line | None = None
    resize: Annotated[int, Field(ge=1, le=8192)] | None = None
    temperature: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None


def read_build(folder: Path) -> Built:
    """A build's network and manifest; raises UsageError where there is none, ModelRefused where it is damaged."""
    path, manifest = folder / "network.safetensors", folder / "manifest.json"
    if not path.is_file():
        raise UsageError(f"--build: {folder} holds no build; make one with python -m tbn_hw.build")
    try:
        network = Network.load(path)
        facts = Manifest.model_validate_json(manifest.read_bytes() if manifest.is_file() else "{}")
    except ValidationError as error:
        first = error.errors()[0]
        place = "".join(f"{part}: " for part in ("manifest.json", *first["loc"]))
        raise ModelRefused(f"{folder}: the build is damaged; {place}{first['msg'].lower()}") from None
    except NetworkError as error:
        raise ModelRefused(f"{folder}: the build is damaged; {error}") from None
    return Built(network, network_key(path.read_bytes()), facts.resize, facts.temperature,
                 (facts.board or Line()).baud)


class SerialPipe:
    """The pipe to a board at a port or URL of pyserial; raises UsageError where it cannot be opened."""

    def __init__(self, port: str, baud: int, patience: float) -> None:
        try:
            self._line = serial.serial_for_url(port, baudrate=baud, timeout=patience, write_timeout=patience)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise UsageError(f"--port: {port} cannot be opened; {_reason(error)}{_others(port)}") from None

    def write(self, data: bytes) -> None:
        try:
            self._line.write(data)
        except OSError as error:
            raise BoardError(f"the line to the board broke; {_reason(error)}") from None

    def read(self, size: int) -> bytes:
        try:
            data: bytes = self._line.read(1)
            more = min(self._line.in_waiting, size - 1) if data else 0
            return data + self._line.read(more) if more else data
        except OSError as error:
            raise BoardError(f"the line to the board broke; {_reason(error)}") from None

    def close(self) -> None:
        self._line.close()


def _reason(error: Exception) -> str:
    """The system's word where there is one, for pyserial's own repeats the port, at times twice."""
    cause = error.__context__ or error
    return str(cause.args[1] if len(cause.args) == 2 else error).rstrip(".")


def _others(port: str) -> str:
    """What a user may try in place of a port that is none."""
    if "://" in port or Path(port).exists():
        return ""
    found = sorted(other.device for other in list_ports.comports())
    return f"; the ports there are: {', '.join(found)}" if found else "; there is no serial port on this machine"


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """The command line; raises UsageError for a wrong one."""
    parser = Parser(prog="python -m tbn_hw.run", description=__doc__)
    parser.add_argument("--build", type=Path, required=True, metavar="DIR", help="the folder of the build on the board")
    parser.add_argument("--port", required=True, help="a serial port, such as /dev/ttyUSB0 or COM3, or a pyserial URL")
    parser.add_argument("--baud", type=int, help=f"bits a second on the line (default: the build's, else {BAUD})")
    parser.add_argument("--timeout", type=float, default=1.0, metavar="SECONDS",
                        help="silence after which a request is sent again (default: 1)")
    parser.add_argument("images", type=Path, nargs="+", metavar="FILE", help="pictures to classify")
    options = parser.parse_args(arguments)
    if options.baud is not None and options.baud < 1:
        raise UsageError(f"--baud must be a positive integer, not {options.baud}")
    if not 0 < options.timeout < 3600:
        raise UsageError(f"--timeout must be a positive number of seconds below 3600, not {options.timeout:g}")
    return options


def check(identity: Identity, built: Built, folder: Path) -> None:
    """Raise ModelRefused unless the board runs the build's network."""
    if identity.key != built.key:
        theirs, ours = f"{identity.name} ({identity.key.hex()[:8]})", f"{built.network.name} ({built.key.hex()[:8]})"
        raise ModelRefused(f"the board runs {theirs}, the build in {folder} is {ours}; load that build's bitstream, "
                           "or name the build on the board")


def line_of(file: Path, result: Result, identity: Identity, built: Built, seconds: float) -> str:
    """What is printed for a picture."""
    best, second = np.argsort(-result.logits, kind="stable")[:2] if len(result.logits) > 1 else (0, 0)
    names = built.network.classes or [str(index) for index in range(len(result.logits))]
    sure = f"ahead of {names[second]} by {result.logits[best] - result.logits[second]}"
    if built.temperature is not None:
        sure = f"confidence {100 * softmax(result.logits, built.temperature)[best]:.1f} %"
    took = f"{1000 * result.cycles / identity.clock_hz:.3f} ms in the accelerator ({result.cycles} cycles at " \
           f"{identity.clock_hz / 1e6:g} MHz), {1000 * seconds:.1f} ms with the line"
    return f"{file}: {names[best]}, {sure}; {took}"


def run(options: argparse.Namespace) -> None:
    """Classify the pictures; raises BuildError."""
    built = read_build(options.build)
    source, baud = built.network.input, options.baud or built.baud
    pictures = read_pictures(options.images, source.shape, built.resize, option="FILE")
    pipe = SerialPipe(options.port, baud, options.timeout + BITS * source.size / baud)
    try:
        board = Board(pipe)
        identity = board.identify()
        check(identity, built, options.build)
        for file, picture in zip(options.images, picture_bytes(pictures), strict=True):
            start = time.monotonic()
            result = board.classify(picture)
            print(line_of(file, result, identity, built, time.monotonic() - start), flush=True)
    finally:
        pipe.close()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    return finish(lambda: run(parse(arguments)), partial(print, file=sys.stderr))


if __name__ == "__main__":
    sys.exit(main())
