"""The wheel holds all that its packages need beside their modules."""

import subprocess
import zipfile

import pytest
from support.paths import ROOT

PACKAGES = ("hdl", "quantize", "sim", "tbn_hw")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    builder = pytest.importorskip("hatchling.builders.wheel").WheelBuilder(str(ROOT))
    (path,) = builder.build(directory=str(tmp_path_factory.mktemp("dist")), versions=["standard"])
    with zipfile.ZipFile(path) as file:
        yield file


def test_every_file_of_the_packages(wheel):
    tracked = subprocess.run(["git", "ls-files", *PACKAGES], cwd=ROOT, capture_output=True, text=True, check=True)
    kept = set(tracked.stdout.splitlines())
    assert {f"{package}/py.typed" for package in PACKAGES} | {
        "tbn_hw/boards/board.v.j2", "tbn_hw/targets/parts.yaml", "tbn_hw/costs/ecp5.json",
        "quantize/zoo/tbn_digits.safetensors", "sim/bench/primitives.v"} <= kept
    assert kept <= set(wheel.namelist())


def test_entry_point(wheel):
    name = next(name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    assert "tbn-hw = tbn_hw.__main__:main" in wheel.read(name).decode()
