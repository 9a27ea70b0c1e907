"""The cache folder of the WebAssembly tools: the user's, or the build's own where that cannot be written."""

import os

import pytest

from tbn_hw.tools.cache import writable_cache


@pytest.fixture
def caches(monkeypatch):
    """The variables of the environment, and the lines that were said."""
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("YOWASP_CACHE_DIR", raising=False)
    return []


def found():
    return os.environ.get("XDG_CACHE_HOME"), os.environ.get("YOWASP_CACHE_DIR")


@pytest.mark.parametrize("variable, below", [
    ("HOME", ".cache/wasmtime"), ("XDG_CACHE_HOME", "wasmtime"), ("YOWASP_CACHE_DIR", "")])
def test_a_file_in_place_of_a_folder(variable, below, caches, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv(variable, str(tmp_path / "file"))
    (tmp_path / "file").touch()
    before, own = found(), tmp_path / "own"
    with writable_cache(own, caches.append):
        assert found() == (str(own), str(own / "YoWASP"))
    assert found() == before
    assert caches == [f"note: the cache folder {tmp_path / 'file' / below} cannot be written; tools are compiled into "
                      f"{own}, which takes a minute in the first build there"]


def test_a_folder_of_another_user(caches, tmp_path, monkeypatch):
    """Such as root's, which a build with sudo left. The folder around it may still be written."""
    def refuse(dir):
        raise PermissionError(13, "Permission denied", str(dir))

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    with writable_cache(tmp_path / "own", caches.append):
        assert found()[0] == str(tmp_path / "own")
    assert len(caches) == 1


def test_no_home(caches, tmp_path, monkeypatch):
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    with writable_cache(tmp_path, caches.append):
        assert found()[0] == str(tmp_path)
    assert caches[0].startswith("note: the cache folder ~/.cache/wasmtime cannot be written; ")


def test_a_folder_that_can_be_written(caches, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    with writable_cache(tmp_path / "own", caches.append):
        assert found() == (None, None)
    assert caches == [] and not (tmp_path / "own").exists()
