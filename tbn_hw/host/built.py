"""What `run` reads from a build's folder: its network and its manifest."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt, ValidationError

from hdl.link.words import BAUD
from quantize.limits import MOST_SIDE
from quantize.network import Network, NetworkError
from tbn_hw.host.protocol import network_key
from tbn_hw.shared.errors import ModelRefused, UsageError


@dataclass(frozen=True)
class Built:
    """What a build's folder says: its network, the name it is known by, and what its manifest adds.

    The last four are what the manifest says of the board's answers. They are None where it does not say it.
    """

    network: Network
    key: bytes
    resize: int | None
    temperature: float | None
    baud: int
    clock_hz: int | None = None
    logit_bytes: int | None = None
    classes: int | None = None
    class_bytes: int | None = None


class Line(BaseModel):
    """The board's line, as a manifest describes it."""

    model_config = ConfigDict(strict=True)
    baud: PositiveInt = BAUD
    clock_mhz: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None


class Ports(BaseModel):
    """Bytes of the accelerator's ports and how many best classes it names, as a manifest describes them."""

    model_config = ConfigDict(strict=True)
    logit_bytes: PositiveInt
    classes: NonNegativeInt
    class_bytes: NonNegativeInt


class Manifest(BaseModel):
    """The keys of a build's `manifest.json` that are read. The rest of it is for people."""

    model_config = ConfigDict(strict=True)
    board: Line | None = None
    ports: Ports | None = None
    resize: Annotated[int, Field(ge=1, le=MOST_SIDE)] | None = None
    temperature: Annotated[PositiveFloat, Field(allow_inf_nan=False)] | None = None


def read_build(folder: Path) -> Built:
    """A build's network and manifest; raises UsageError if there is no build, and ModelRefused if it is damaged."""
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
    line, ports = facts.board or Line(), facts.ports
    clock = None if line.clock_mhz is None else round(1e6 * line.clock_mhz)
    known = (ports.logit_bytes, ports.classes, ports.class_bytes) if ports else (None,) * 3
    return Built(network, network_key(path.read_bytes()), facts.resize, facts.temperature, line.baud, clock, *known)
