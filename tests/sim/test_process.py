"""What a tool's failure is taken for: its own, or that of a full disk."""

import sys
from types import SimpleNamespace

import pytest

from sim.process import ProcessFailed, execute


@pytest.mark.parametrize("said, free, expected", [
    ("In file: fatal error: cannot write: No space left on device\nmake: Error 1", 1 << 30, "No space left on device"),
    ("Disk quota exceeded", 1 << 30, "Disk quota exceeded"),
    ("make: *** No targets.  Stop.", 0, "No space left on device"),
    ("syntax error", 1 << 30, None)])
def test_a_tool_that_fails(said, free, expected, tmp_path, monkeypatch):
    """One line of the folder in place of the log, if the log or the disk says so."""
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free))
    command = [sys.executable, "-S", "-c", f"print({said!r}); raise SystemExit(2)"]
    with pytest.raises((OSError, ProcessFailed)) as raised:
        execute(command, tmp_path / "log", cwd=tmp_path)
    if expected:
        assert isinstance(raised.value, OSError)
        assert (raised.value.strerror, raised.value.filename) == (expected, str(tmp_path))
    else:
        assert str(raised.value) == f"exit status 2; {tmp_path / 'log'} ends:\n{said}"
