"""The key of each stage: a stage is made again if something that it reads changes, and only then."""

import io
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from support.networks import chain

from quantize.zoo import Pictures
from tbn_hw.options import Options
from tbn_hw.routing.route import FIGURES
from tbn_hw.stages import keys
from tbn_hw.stages.fold import fold
from tbn_hw.stages.generate import generate
from tbn_hw.stages.keys import Tree, content_key, sources
from tbn_hw.stages.load import Loaded
from tbn_hw.stages.netlist_check import check_netlist
from tbn_hw.stages.route import route
from tbn_hw.stages.site import Site
from tbn_hw.stages.synthesise import NETLISTS, synthesise
from tbn_hw.stages.verify import classify, verify
from tbn_hw.stages.workspace import Outcome, Workspace
from tbn_hw.targets.catalogue import find_target

EVERY = {"generate", "accuracy", "verify", "pictures", "synthesise", "netlist", "route"}
SIMULATED = {"verify", "pictures", "netlist"}
FOUND = {
    "synthesise": {"modules": {}, "total": {"lut": 9, "ff": 9, "bram": 0, "dsp": 0}},
    "route": dict.fromkeys(FIGURES) | {"fmax_mhz": 50.0, "usable_mhz": 50.0},
}


class Recording(Workspace):
    """Keeps the key of each stage. The files and figures of the stages are made up."""

    def __init__(self, root, verilog="module net; endmodule\n", netlist="module net(); endmodule\n"):
        super().__init__(root)
        self.keys = {}
        for file, text in (("rtl/net.v", verilog), (f"{NETLISTS}/net.v", netlist)):
            (root / file).parent.mkdir(parents=True, exist_ok=True)
            (root / file).write_text(text)

    def stage(self, name, key, outputs, produce):
        self.keys[name] = key
        return Outcome(FOUND.get(name, {}), 1.0, cached=True)


def keys_of(folder, changed=None, loaded=None, own=None, **texts):
    """The key of every stage of a small build for a board."""
    net, random = chain(), np.random.default_rng(0)
    images = random.integers(0, 256, (4, *net.input.shape), np.uint8)
    options = Options("net.yaml", find_target("ulx3s-85f"), seeds=1)
    site = Site(replace(options, **(changed or {})), Console(file=io.StringIO()), Recording(folder, **texts))
    known = replace(Loaded("net", net, Pictures(images, np.arange(4), None), "made up"), **(loaded or {}))
    planned = fold(site, known)
    generated = generate(site, planned)
    verified = verify(site, known, planned, generated)
    classify(site, planned, generated, images[:1] if own is None else own)
    synthesised = synthesise(site, planned, generated)
    check_netlist(site, planned, verified, synthesised)
    route(site, planned, synthesised)
    assert set(site.workspace.keys) == EVERY
    return site.workspace.keys


def differ(one, other):
    return {stage for stage in EVERY if one[stage] != other[stage]}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The rooms, to be changed."""
    folder = tmp_path_factory.mktemp("rooms")
    for room in keys.ROOMS:
        shutil.copytree(keys.ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def before(copy, tmp_path_factory):
    """The keys before anything is changed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "TREE", Tree(copy))
        return keys_of(tmp_path_factory.mktemp("before"))


@pytest.mark.parametrize("file, again", {
    "tbn_hw/report/report_style.css.j2": set(),
    "tbn_hw/report/figures.py": set(),
    "tbn_hw/stages/report.py": set(),
    "tbn_hw/stages/pipeline.py": set(),
    "tbn_hw/stages/workspace.py": set(),
    "tbn_hw/stages/fold.py": set(),
    "tbn_hw/solver/search.py": set(),
    "tbn_hw/costs/ecp5.json": set(),
    "tbn_hw/targets/parts.yaml": set(),
    "tbn_hw/options.py": set(),
    "tbn_hw/exploration/points.py": set(),
    "hdl/add.py": {"generate"},
    "hdl/__init__.py": {"generate", "route"},
    "tbn_hw/streaming/plan.py": {"generate"},
    "tbn_hw/streaming/top.v.j2": {"generate"},
    "tbn_hw/stages/generate.py": {"generate"},
    "sim/golden/conv.py": {"accuracy"} | SIMULATED,
    "sim/bench/accelerator_test.py": SIMULATED,
    "sim/bench/worker.py": SIMULATED,
    "sim/bench/primitives.v": SIMULATED,
    "sim/bench/templates/accelerator.cpp.j2": SIMULATED,
    "tbn_hw/netlists/synthesis.py": {"synthesise"},
    "tbn_hw/netlists/simulation.py": {"netlist"},
    "tbn_hw/netlists/join.py": {"netlist", "route"},
    "tbn_hw/tools/yosys.py": {"synthesise", "netlist", "route"},
    "tbn_hw/routing/nextpnr.py": {"route"},
    "tbn_hw/routing/bitstream.py": {"route"},
    "tbn_hw/boards/board.v.j2": {"route"},
    "hdl/link/uart.py": {"route"},
    "tbn_hw/stages/keys.py": EVERY,
}.items())
def test_code(copy, before, tmp_path, monkeypatch, file, again):
    """A changed file of ours repeats the stages that read it. Later stages repeat if their input differs."""
    text = (copy / file).read_bytes()
    (copy / file).write_bytes(text + b"\n")
    monkeypatch.setattr(keys, "TREE", Tree(copy))
    after = keys_of(tmp_path)
    (copy / file).write_bytes(text)
    assert differ(before, after) == again


def test_values(tmp_path):
    """A changed value repeats the stages that are given it."""
    before = keys_of(tmp_path)
    other = np.zeros((1, *chain().input.shape), np.uint8)
    for more, again in (
        ({}, set()),
        ({"verilog": "module net(); endmodule\n"}, {"verify", "pictures", "synthesise"}),
        ({"netlist": "module net; endmodule\n"}, {"netlist", "route"}),
        ({"own": other}, {"pictures"}),
        ({"changed": {"verify_images": 1}}, {"verify", "netlist"}),
        ({"changed": {"clock_mhz": 30.0}}, {"route"}),
        ({"changed": {"seeds": 2}}, {"route"}),
        ({"changed": {"target": find_target("ulx3s-45f")}}, {"route"}),
        ({"changed": {"target": find_target("icebreaker")}}, {"generate", "synthesise", "netlist", "route"}),
        ({"loaded": {"dataset": "another"}}, {"accuracy"}),
        ({"loaded": {"resize": 9}}, set()),
        ({"loaded": {"foldings": {chain().nodes[0].name: (1, 1)}}}, {"generate", "verify", "pictures", "netlist"}),
        ({"loaded": {"network": chain(seed=1)}}, EVERY - {"synthesise"}),
    ):
        assert differ(before, keys_of(tmp_path, **more)) == again, more


def test_what_is_imported_is_in_the_closure():
    """Python itself loads nothing of ours that the syntax trees do not show."""
    stages = [f"tbn_hw.stages.{name}" for name in ("generate", "verify", "synthesise", "netlist_check", "route")]
    for stage in [*stages, "tbn_hw.streaming.design"]:
        code = f"import sys, {stage}\nprint(*(name for name in sys.modules if name.split('.')[0] in {keys.ROOMS!r}))"
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=keys.ROOT)
        loaded = set(run.stdout.split())
        assert stage in loaded <= keys.TREE.closure(stage)


@pytest.fixture
def tree(tmp_path):
    """A small tree: a module for each way in which one names another."""
    files = {
        "__init__.py": "", "a/__init__.py": "", "a/b.py": "from a import c\n",
        "plain.py": "import sim.one", "name.py": "from sim.one import thing", "module.py": "from sim import one",
        "relative.py": "from . import one\n", "lazy.py": "def f():\n    import sim.one\n",
        "process.py": "command = ['-m', 'sim.one']\n", "deep.py": "from sim.plain import one\n",
        "typed.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sim.one\n",
        "prose.py": "'sim.one is not needed'\n", "foreign.py": "import numpy.sim.one\n", "one.py": "",
    }
    for name, text in files.items():
        path = tmp_path / "sim" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@pytest.mark.parametrize("name, needs", [
    ("plain", True), ("name", True), ("module", True), ("relative", True), ("lazy", True), ("process", True),
    ("deep", True), ("typed", False), ("prose", False), ("foreign", False)])
def test_closure(tree, name, needs):
    found = Tree(tree).closure(f"sim.{name}")
    assert {"sim", f"sim.{name}"} <= found and ("sim.one" in found) == needs
    assert "sim.a" not in found


def test_what_lies_beside(tree):
    """Templates and data count, also in folders without code; other packages, caches and Python that is not run do not.
    """
    before = Tree(tree).sources("sim.plain")
    for name in ("sim/a/b.py", "sim/a/table.v", "sim/lazy.py", "sim/__pycache__/x.pyc"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("changed = 1\n")
        assert Tree(tree).sources("sim.plain") == before, name
    for name in ("sim/top.v.j2", "sim/templates/x.cpp", "sim/one.py"):
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text("changed = 1\n")
        assert (after := Tree(tree).sources("sim.plain")) != before, name
        before = after


def test_read_once(copy):
    """A tree keeps the files as first read, so that all keys of a build are of the same code."""
    tree, file = Tree(copy), copy / "hdl" / "add.py"
    before, text = tree.sources("hdl.add"), file.read_bytes()
    file.write_bytes(text + b"\n")
    assert tree.sources("hdl.add") == before != Tree(copy).sources("hdl.add")
    file.write_bytes(text)


def test_content_key_keeps_parts_apart():
    assert content_key("ab", "c") != content_key("a", "bc")
    assert content_key(b"x") == content_key(b"x") != content_key("x")
    assert sources("hdl.add") == sources("hdl.add") != sources("hdl.fork")
