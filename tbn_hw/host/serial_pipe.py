"""The serial line to a board."""

from __future__ import annotations

from pathlib import Path

import serial
from serial.tools import list_ports

from tbn_hw.shared.errors import BoardError, UsageError


class SerialPipe:
    """The pipe to a board at a port or URL of pyserial; raises UsageError where it cannot be opened."""

    def __init__(self, port: str, baud: int, patience: float) -> None:
        try:
            self._line = serial.serial_for_url(port, baudrate=baud, timeout=patience, write_timeout=patience)
        except (OSError, ValueError) as error:  # SerialException is an OSError
            raise UsageError(f"--port: {port} cannot be opened; {_reason(error)}{_others(port)}") from None
        except Exception:  # its handlers of URLs raise what they like for options that they do not know
            raise UsageError(f"--port: {port} cannot be opened; pyserial does not understand it") from None

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
    """The system's message if there is one: pyserial's own repeats the port, sometimes twice."""
    cause = error.__context__ or error
    said = str(cause.args[1] if len(cause.args) == 2 else error).rstrip(".")
    return " ".join(said.split()) or type(error).__name__


def _others(port: str) -> str:
    """What a user may try in place of a port that is none."""
    if "://" in port or "\0" in port or Path(port).exists():
        return ""
    found = sorted(other.device for other in list_ports.comports())
    return f"; the ports there are: {', '.join(found)}" if found else "; there is no serial port on this machine"
