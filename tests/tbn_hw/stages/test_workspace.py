"""The output folder: stages are cached by content, and appear whole or not at all."""

import errno
import os
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import pytest

from quantize.command import describe
from tbn_hw.shared.errors import UsageError
from tbn_hw.stages.workspace import Workspace


class Counting:
    """A stage that counts how often it runs."""

    def __init__(self, text="hello"):
        self.runs, self.text = 0, text

    def __call__(self, folder):
        self.runs += 1
        (folder / "out").mkdir()
        (folder / "out" / "file").write_text(self.text)
        return {"runs": self.runs}


def test_unchanged_stage_is_not_run_again(tmp_path):
    work, produce = Workspace(tmp_path), Counting()
    first = work.stage("s", "key", ["out"], produce)
    second = Workspace(tmp_path).stage("s", "key", ["out"], produce)
    assert (first.cached, second.cached, produce.runs) == (False, True, 1)
    assert second.data == {"runs": 1} and second.seconds == first.seconds


@pytest.mark.parametrize("damage", ["key", "file", "missing", "extra", "record", "other record", "link"])
def test_any_change_runs_it_again(tmp_path, damage):
    work, produce = Workspace(tmp_path), Counting()
    work.stage("s", "key", ["out"], produce)
    file = tmp_path / "out" / "file"
    if damage == "file":
        file.write_text("changed")
    elif damage == "missing":
        file.unlink()
    elif damage == "extra":
        (tmp_path / "out" / "more").touch()
    elif damage == "record":
        (tmp_path / ".stages" / "s.json").write_text("{")
    elif damage == "other record":
        (tmp_path / ".stages" / "s.json").write_text("[]")
    elif damage == "link":
        (tmp_path / "out").rename(tmp_path / "elsewhere")
        (tmp_path / "out").symlink_to("nowhere")
    work.stage("s", "other" if damage == "key" else "key", ["out"], produce)
    assert produce.runs == 2 and file.read_text() == "hello" and list((tmp_path / "out").iterdir()) == [file]


def test_outputs_inside_folders_and_none(tmp_path):
    """Two stages share a folder. A file that a stage does not write is removed; its absence counts as unchanged."""
    def produce(*names):
        def write(folder):
            (folder / "both").mkdir()
            for name in names:
                (folder / "both" / name).write_text(name)
            return {}
        return write

    work = Workspace(tmp_path)
    work.stage("a", "1", ["both/a"], produce("a"))
    work.stage("b", "1", ["both/b", "both/c"], produce("b", "c"))
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"a", "b", "c"}
    assert work.stage("a", "1", ["both/a"], produce("a")).cached
    work.stage("b", "2", ["both/b", "both/c"], produce("b"))
    assert {path.name for path in (tmp_path / "both").iterdir()} == {"a", "b"}
    assert work.stage("b", "2", ["both/b", "both/c"], produce("b")).cached
    (tmp_path / "both" / "c").touch()
    assert not work.stage("b", "2", ["both/b", "both/c"], produce("b")).cached


def test_failed_stage_leaves_the_old_outputs(tmp_path):
    work = Workspace(tmp_path)
    work.stage("s", "key", ["out"], Counting())

    def fail(folder):
        (folder / "out").mkdir()
        raise RuntimeError

    with pytest.raises(RuntimeError):
        work.stage("s", "other", ["out"], fail)
    assert (tmp_path / "out" / "file").read_text() == "hello"
    assert work.stage("s", "key", ["out"], Counting()).cached


@pytest.mark.parametrize("place", range(1, 13))
def test_killed_anywhere_then_run_again(tmp_path, place):
    """Kill the process at its n-th change of the file system; the next run gives the files of an undisturbed one."""
    code = textwrap.dedent("""
        import os, sys, pathlib
        from tbn_hw.stages.workspace import Workspace
        place, changes = int(sys.argv[2]), 0
        def audit(event, arguments):
            global changes
            if event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "shutil.rmtree"):
                changes += 1
                if changes == place:
                    os.kill(os.getpid(), 9)
        def produce(folder):
            (folder / "out").mkdir()
            (folder / "out" / "file").write_text("new")
            return {}
        work = Workspace(pathlib.Path(sys.argv[1]))
        sys.addaudithook(audit)
        work.stage("s", "new", ["out"], produce)
    """)
    work = Workspace(tmp_path)
    work.stage("s", "old", ["out"], Counting("old"))
    subprocess.run([sys.executable, "-c", code, str(tmp_path), str(place)], check=False)
    left = tmp_path / "out" / "file"
    assert not left.exists() or left.read_text() in ("old", "new")
    outcome = Workspace(tmp_path).stage("s", "new", ["out"], Counting("new"))
    assert outcome.data in ({}, {"runs": 1})
    assert left.read_text() == "new"
    assert {entry.name for entry in (tmp_path / ".stages").iterdir() if entry.suffix == ".json"} == {"s.json"}


def test_one_build_at_a_time(tmp_path):
    again = pytest.raises(UsageError, match="another build is running in")
    with Workspace(tmp_path).locked(), again, Workspace(tmp_path).locked():
        pass


@pytest.mark.parametrize("name", ["rtl", "report.json"])
def test_files_of_others_are_not_replaced(tmp_path, name):
    (tmp_path / name).mkdir()
    (tmp_path / name / "mine").touch()
    with pytest.raises(UsageError, match=f"holds '{name}', which no build wrote; choose another folder$"):
        Workspace(tmp_path)
    assert [entry.name for entry in tmp_path.rglob("*")] == [name, "mine"]


def test_left_files_of_a_killed_build_go_and_no_others(tmp_path):
    work = Workspace(tmp_path)
    for name in (".report.json.x1.tmp", ".mine.tmp", ".stages/.s.json.x2.tmp"):
        (tmp_path / name).touch()
    with work.locked():
        assert sorted(entry.name for entry in tmp_path.rglob("*.tmp")) == [".mine.tmp"]


def test_unwritable(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="must be a folder that can be written"):
        Workspace(tmp_path / "file")
    with pytest.raises(UsageError, match="must be a folder that can be written; "):
        Workspace(tmp_path / "file" / "below")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="must be a folder that can be written"):
        Workspace(tmp_path / "build")


@pytest.mark.parametrize("error", [
    OSError(errno.ENOSPC, "No space left on device"),
    OSError(errno.ENOSPC, "No space left on device", "read", None, "to"),
    OSError(errno.EDQUOT, "Disk quota exceeded", "read")])
def test_a_full_disk(error, tmp_path, monkeypatch):
    """The folder is named, not the file that was copied to it. If the disk of temporary files is the full one, that is.
    """
    free = {tmp_path: 5000, tmp_path / "temporary": 70_000}
    monkeypatch.setattr("shutil.disk_usage", lambda folder: SimpleNamespace(free=free[folder]))
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path / "temporary"))
    for full in (tmp_path, tmp_path / "temporary"):
        with pytest.raises(OSError) as raised, Workspace(tmp_path).locked():
            raise error
        assert describe(raised.value) == f"{full}: {error.strerror}"
        free[tmp_path] = 90_000
    with pytest.raises(PermissionError, match="read"), Workspace(tmp_path).locked():
        raise PermissionError(errno.EACCES, "Permission denied", "read")
