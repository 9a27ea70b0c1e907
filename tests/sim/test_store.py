"""The store that builds share: where it is, one maker at a time, and that simulators in it are made once."""

import fcntl

import pytest
from support.tiny_accelerator import TINY

from sim.bench.build import build
from sim.store import STORE, locked, shared


def test_where_it_is(tmp_path, monkeypatch):
    monkeypatch.setenv(STORE, str(tmp_path))
    assert shared("netlists", tmp_path / "own") == tmp_path / "netlists"
    monkeypatch.setenv(STORE, "")
    assert shared("netlists", tmp_path / "own") == tmp_path / "own"
    monkeypatch.delenv(STORE)
    assert shared("netlists", tmp_path / "own") == tmp_path / "own"


def test_one_maker_at_a_time(tmp_path):
    def lock():
        with (tmp_path / ".made.lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    with locked(tmp_path / "made"), pytest.raises(BlockingIOError):
        lock()
    lock()


@pytest.mark.verilator
def test_simulators_are_made_once(tmp_path, monkeypatch):
    """Builds in different folders share them; without a store each has its own."""
    monkeypatch.setenv(STORE, str(tmp_path / "store"))
    main = "int main() { return 0; }"
    first = build(TINY, "tiny", tmp_path / "a", main=main)
    made = (first.folder / "tiny").stat().st_mtime_ns
    assert build(TINY, "tiny", tmp_path / "b", main=main) == first
    assert (first.folder / "tiny").stat().st_mtime_ns == made and first.folder.is_relative_to(tmp_path / "store")
    monkeypatch.delenv(STORE)
    assert build(TINY, "tiny", tmp_path / "b", main=main).folder.parent == tmp_path / "b"
