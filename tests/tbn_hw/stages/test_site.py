"""What of an earlier build stays in the folder when a stage is made again."""

import io

import pytest
from rich.console import Console

from tbn_hw.options import Options
from tbn_hw.stages.site import SUMMARIES, Site
from tbn_hw.stages.workspace import Workspace
from tbn_hw.targets.catalogue import find_target


@pytest.fixture
def site(tmp_path):
    """A folder with a bitstream and summaries, made of a file `rtl/net.v` of one line."""
    site = Site(Options("net", find_target("ecp5")), Console(file=io.StringIO()), Workspace(tmp_path))
    made(site, "generate", "first", "text")
    for file in (*SUMMARIES, "synth/net.fs", "synth/netlists/net.v"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text(file)
    return site


def made(site, stage, key, text):
    def produce(folder):
        (folder / "rtl").mkdir()
        (folder / "rtl" / "net.v").write_text(text)
        return {"text": text}

    return site.stage(stage, key, ["rtl"], produce)


def left(site):
    """Whether the summaries, the bitstream and the netlists are there."""
    summaries = {(site.workspace.root / file).exists() for file in SUMMARIES}
    assert len(summaries) == 1
    return summaries.pop(), *((site.workspace.root / "synth" / file).exists() for file in ("net.fs", "netlists/net.v"))


@pytest.mark.parametrize("stage, key, text, expected", [
    ("generate", "first", "text", (True, True, True)),
    ("generate", "second", "text", (False, True, True)),
    ("generate", "second", "other", (False, False, True)),
    ("verify", "second", "other", (False, True, True)),
])
def test_stage(site, stage, key, text, expected):
    """The bitstream goes with the files that it was made from, the summaries with every stage that runs."""
    assert made(site, stage, key, text) == {"text": text} and left(site) == expected
    assert stage in site.seconds and f"{stage}: " in site.console.file.getvalue()


def test_failed_stage(site):
    """A failed build leaves no report or manifest; the files that it was made from are still there."""
    def fail(folder):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        site.stage("generate", "second", ["rtl"], fail)
    assert left(site) == (False, True, True) and (site.workspace.root / "rtl" / "net.v").read_text() == "text"


def test_write(site):
    """The summaries go where a file changes that others are made from."""
    for text, expected in ((b"a", False), (b"a", True), (b"b", False)):
        for file in SUMMARIES:
            (site.workspace.root / file).touch()
        site.write("folding.yaml", text)
        assert left(site) == (expected, True, True)
