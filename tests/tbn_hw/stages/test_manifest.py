"""What a build hands over is in its manifest, whatever the family calls its bitstream."""

import io
import json

import pytest
from rich.console import Console
from support.tiny_design import TinyDesign

from tbn_hw.options import Options
from tbn_hw.routing.bitstream import SUFFIXES
from tbn_hw.routing.route import FIGURES
from tbn_hw.stages import route as stage
from tbn_hw.stages.manifest import manifest
from tbn_hw.stages.planned import Planned
from tbn_hw.stages.route import route
from tbn_hw.stages.site import Site
from tbn_hw.stages.synthesise import Synthesised
from tbn_hw.stages.workspace import Workspace
from tbn_hw.targets.catalogue import find_target

FOUND = dict.fromkeys(FIGURES) | {"fmax_mhz": 50.0, "usable_mhz": 50.0}


@pytest.fixture
def routed(tmp_path, monkeypatch):
    """The manifest of a build for a target. Its place and route is made up, and writes the same files as the real."""
    def write(file, folders):
        for folder, name in folders:
            (file.parent / folder).mkdir(parents=True)
            (file.parent / folder / name).write_text(name)
        file.write_text("bits")
        return FOUND

    monkeypatch.setattr(stage.routing, "route",
                        lambda placeable, target, file, **how: write(file, [("route", "seed1.log")]))
    monkeypatch.setattr(stage, "route_board", lambda design, placeable, target, file, **how: write(
        file, [("route", "seed1.log"), ("board", "tiny__board.v")]))

    def run(target, seeds=1):
        options = Options("tiny", find_target(target), seeds=seeds)
        site, design = Site(options, Console(file=io.StringIO()), Workspace(tmp_path)), TinyDesign()
        for file in ("network.safetensors", "rtl/tiny.v", "rom/mid.mem"):
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).write_text(file)
        found = route(site, Planned(design, {}, None, None, "", ""), Synthesised((), {}, {}, ""))
        return json.loads(json.dumps(manifest(tmp_path, design, found.files)))

    return run


@pytest.mark.parametrize("target", ["ecp5-25k", "ice40-hx8k", "icebreaker", "tangnano9k", "tangnano20k", "ulx3s-12f"])
def test_files(routed, target):
    board = {"synth/board/tiny__board.v"} if find_target(target).board else set()
    assert set(routed(target)["files"]) == {
        "network.safetensors", "rtl/tiny.v", "rom/mid.mem", *board,
        f"synth/tiny{SUFFIXES[find_target(target).family]}"}


def test_not_routed(routed, tmp_path):
    """A bitstream of an earlier build is not spoken of."""
    routed("tangnano20k")
    assert (tmp_path / "synth" / "tiny.fs").exists()
    found = routed("tangnano20k", seeds=0)
    assert set(found["files"]) == {"network.safetensors", "rtl/tiny.v", "rom/mid.mem"}
    assert set(found) == {"model", "files", "versions", "machine", "ports"}
    assert found["ports"] == {"input_bytes": 2, "logits": 2, "logit_bytes": 4, "classes": 1, "class_bytes": 1}
