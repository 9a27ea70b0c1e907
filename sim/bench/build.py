"""Compiles Verilog to a simulator's executable. The result is cached by content."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cocotb_tools.config

from sim.bench.runtime import runtime_objects
from sim.bench.tool import CompileError, compiler, verilator_root, version
from sim.process import ProcessFailed, execute
from sim.store import locked, shared

MARKER = "built.json"

SLOW_PASSES = ("-fno-merge-cond-motion",)
"""Passes of Verilator that are switched off. For tbn_resnet in 7,000 lanes this one took 190 of 257 seconds."""


@dataclass(frozen=True)
class Built:
    """What `build` made: the folder with the executable, the name of the top module, and the simulator's name."""

    folder: Path
    top: str
    simulator: str


def build(sources: Sequence[Path], top: str, work: Path, *, visible: Sequence[str] = (), simulator: str = "verilator",
          optimise: str = "-O2", main: str | None = None) -> Built:
    """Compile `sources` for a bench. The result lies in a folder named by a hash, and is reused.

    The folder is in `work`, or in the store of `sim.store` where there is one.

    `visible` are the signals of the module `top` that the bench reads or writes. Verilator may optimise all others
    away, which makes it several times faster. A name with a dot in it makes every signal visible. `main` is the C++ of
    a program that drives the Verilated model (class Vtop) instead of cocotb.

    The marker is written last, and a folder without one is built anew. Raises ToolMissing, and CompileError with the
    end of the log.
    """
    store = shared("simulators", work)
    for needed in (work, store):
        needed.mkdir(parents=True, exist_ok=True)
    content = hashlib.sha256(json.dumps([version(simulator), top, sorted(visible), optimise, main]).encode())
    for source in sources:
        content.update(hashlib.sha256(source.read_bytes()).digest())
    folder = store.resolve() / f"{simulator}-{content.hexdigest()[:16]}"
    with locked(folder):
        if not (folder / MARKER).exists():
            _build([source.resolve() for source in sources], top, folder, visible, simulator, optimise, main)
    return Built(folder, top, simulator)


def _build(files: list[Path], top: str, folder: Path, visible: Sequence[str], simulator: str, optimise: str,
           main: str | None) -> None:
    """Fill `folder`; its marker is written last."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    if simulator == "icarus":
        job = {"stage": "icarus", "sources": [str(file) for file in files], "top": top, "folder": str(folder)}
        _work_on(job, folder)
    elif " " in str(folder):  # make cannot build in a folder with a space in its name
        with tempfile.TemporaryDirectory(prefix="tbn-sim-") as plain:
            _verilate(files, top, Path(plain), visible, optimise, main)
            for name in (top, "build.log"):
                shutil.copy2(Path(plain) / name, folder / name)
    else:
        _verilate(files, top, folder, visible, optimise, main)
    if simulator == "verilator":  # the files beside the program are large: 160 MB for a ResNet-20
        for path in folder.iterdir():
            if path.name not in (top, "build.log"):
                path.unlink()
    (folder / MARKER).write_text(json.dumps({"top": top, "simulator": version(simulator)}))


def _verilate(files: list[Path], top: str, folder: Path, visible: Sequence[str], optimise: str,
              main: str | None) -> None:
    root = verilator_root()
    bench = _cocotb(top, folder, visible) if main is None else [str(folder / "main.cpp")]
    if main is not None:
        (folder / "main.cpp").write_text(main)
    verilate = [
        str(root / "bin" / "verilator_bin"), "-cc", "--exe", "-Mdir", str(folder), "--top-module", top,
        "--prefix", "Vtop", "-o", top, "-O3", *SLOW_PASSES, "--x-assign", "fast", "--x-initial", "fast", "--no-timing",
        "-Wno-fatal", "-Werror-USERFATAL", "-Wno-lint", "-Wno-style", "--timescale", "1ns/1ps", "--output-split",
        "20000", *bench, *map(str, files)]
    name = compiler()
    # The wheel's makefile names the compilers of the machine that it was made on, so they are named here.
    # `-o Vtop.mk` keeps make from compiling the runtime anew because Vtop.mk is newer.
    make = ["make", "-j2", "-C", str(folder), "-f", "Vtop.mk", "-o", "Vtop.mk", f"CXX={name}", f"LINK={name}", "AR=ar",
            "CFG_CXXFLAGS_PCH_I=-include", f"PYTHON3={sys.executable}", f"OPT_FAST={optimise}"]
    job = {"stage": "commands", "commands": [verilate, make], "folder": str(folder)}
    with runtime_objects(folder):
        _work_on(job, folder, {"VERILATOR_ROOT": str(root)})


def _cocotb(top: str, folder: Path, visible: Sequence[str]) -> list[str]:
    """Verilator's arguments for cocotb's own program, and for the signals that it may see."""
    control, libraries = folder / "visible.vlt", cocotb_tools.config.libs_dir
    rules = "".join(f'public_flat_rw -module "{top}" -var "{name}"\n' for name in visible)
    control.write_text(f"`verilator_config\n{rules}")
    everything = ["--public-flat-rw"] if any("." in name for name in visible) else [str(control)]
    return ["--vpi", "-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator",
            str(cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"), *everything]


def _work_on(job: Mapping[str, object], folder: Path, env: dict[str, str] | None = None) -> None:
    path = folder / "build.json"
    path.write_text(json.dumps(job))
    try:
        execute([sys.executable, "-m", "sim.bench.worker", str(path)], folder / "build.log", cwd=folder, env=env)
    except ProcessFailed as error:
        raise CompileError(f"Verilog cannot be compiled: {error}") from None
