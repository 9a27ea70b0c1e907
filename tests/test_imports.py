"""Imports run one way: benchmarks -> tbn_hw -> {hdl, sim, quantize}, sim -> quantize's network and commands.

Torch stays in quantize and its benchmarks. Inside tbn_hw the folders stand in ORDER. No modules import each other in a
circle.

The rule is read from the syntax trees, so an import hidden in a function counts too.
"""

import ast
import importlib.util
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("benchmarks", "hdl", "quantize", "sim", "tbn_hw")
NETWORK = ("quantize.network", "quantize.nodes", "quantize.tensor", "quantize.files", "quantize.arrays",
           "quantize.graph", "quantize.limits", "quantize.text")  # the hand-over and its parts
COMMAND = ("quantize.command", "quantize.streams")  # what all commands share
SPEC = ("quantize.spec", "quantize.expand", "quantize.layer_spec", "quantize.folding_spec", "quantize.strict",
        "quantize.yaml_source")
PLAN = ("quantize.chain", "quantize.item", "quantize.thresholds")
QONNX = "quantize.qonnx"  # needs the onnx package
TORCH_FREE = (*NETWORK, *SPEC, *PLAN, QONNX, "quantize.rom", "quantize.zoo", "quantize.data", "quantize.untrained",
              "quantize.image_folder", "quantize.picture", *COMMAND)
MAY_IMPORT = {  # room -> prefixes of our own modules it may import, itself aside
    "benchmarks": ("hdl", "sim", "quantize", "tbn_hw"),
    "hdl": (),
    "quantize": (),
    "sim": (*NETWORK, *COMMAND),
    "tbn_hw": ("hdl", "sim", "quantize"),
}
USES_TORCH = ("quantize", "benchmarks")
HDL_NEEDS_ONLY = {"amaranth", "numpy"}
ORDER = (  # the folders and modules of tbn_hw: each may import from itself and from the rows above its own
    ("shared", "verilog"),
    ("tools",),
    ("families",),
    ("costs",),
    ("targets", "streaming", "host"),
    ("netlists", "report"),
    ("solver", "routing"),
    ("boards",),
    ("options",),
    ("stages",),
    ("exploration",),
    ("build", "explore", "run"),
    ("__main__",),
)
ROW = {folder: row for row, folders in enumerate(ORDER) for folder in folders}


class Import(NamedTuple):
    module: str  # the importing module, dotted
    line: int
    target: str  # the imported module, dotted; with the name for `from a import b`
    lazy: bool  # inside a function


def is_in(module: str, prefixes: tuple[str, ...]) -> bool:
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


def imports_of(source: str, module: str, is_package: bool = False) -> Iterator[Import]:
    """Every import in `source`, with relative ones resolved against `module`."""

    def walk(node: ast.AST, lazy: bool) -> Iterator[Import]:
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.Import(names=names):
                    yield from (Import(module, child.lineno, alias.name, lazy) for alias in names)
                case ast.ImportFrom(module=base, names=names, level=level):
                    if level:
                        parts = module.split(".")
                        parent = parts[: len(parts) - level + is_package]
                        base = ".".join(parent + ([base] if base else []))
                    yield from (Import(module, child.lineno, f"{base}.{alias.name}", lazy) for alias in names)
                case ast.Call(func=ast.Name(id="__import__") | ast.Attribute(attr="import_module"), args=[arg, *_]):
                    if isinstance(arg, ast.Constant) and isinstance(arg.value, str):
                        yield Import(module, child.lineno, arg.value, lazy)
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from walk(child, lazy or inside)

    yield from walk(ast.parse(source), False)


def why_not(imported: Import) -> str | None:
    """The sentence that refuses an import, or None where it is allowed."""
    module, target = imported.module, imported.target
    room, top = module.split(".")[0], target.split(".")[0]
    torch_free = room not in USES_TORCH or module == "quantize" or is_in(module, TORCH_FREE)
    brings_torch = top == "quantize" and target != "quantize" and not is_in(target, TORCH_FREE)
    if top in ROOMS and top != room and not is_in(target, MAY_IMPORT[room]):
        return f"{room} must not import {target}"
    if room == "hdl" and top not in {"hdl", *HDL_NEEDS_ONLY, *sys.stdlib_module_names}:
        return f"hdl must not import {top}"
    if top in ("torch", "torchvision") and torch_free:
        return f"{module} must not import torch"
    if room == "quantize" and torch_free and brings_torch:
        return f"{module} must stay free of torch and so must not import {target}"
    if room == "tbn_hw" and brings_torch and not imported.lazy:
        return f"{module} may import {target} only inside a function"
    return None


def out_of_order(imported: Import) -> str | None:
    """The sentence that refuses an import inside tbn_hw against ORDER, or None where it is allowed."""
    module, target = imported.module.split("."), imported.target.split(".")
    if module[0] != "tbn_hw" or target[0] != "tbn_hw" or len(module) == 1:
        return None
    folder, other = module[1], target[1] if len(target) > 1 else ""
    for name in (folder, other):
        if name not in ROW:
            return f"tbn_hw.{name} has no place in ORDER"
    if folder == other or ROW[other] < ROW[folder]:
        return None
    return f"tbn_hw.{folder} must not import tbn_hw.{other}, which does not stand above it in ORDER"


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Modules that import each other in a circle, in its order; empty where there is none."""
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> list[str]:
        if name in path:
            return [*path[path.index(name):], name]
        if name in done:
            return []
        done.add(name)
        return next((found for other in sorted(graph.get(name, ())) if (found := visit(other, (*path, name)))), [])

    return next((found for name in sorted(graph) if (found := visit(name, ()))), [])


def modules() -> Iterator[tuple[str, Path]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def test_imports() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{imported.line}: {reason}"
        for module, path in modules()
        for imported in imports_of(path.read_text(), module, path.name == "__init__.py")
        if (reason := why_not(imported) or out_of_order(imported))
    ]
    assert not found, "\n".join(found)


def test_no_circles() -> None:
    known = {module for module, _ in modules()}
    graph: dict[str, set[str]] = {}
    for module, path in modules():
        for imported in imports_of(path.read_text(), module, path.name == "__init__.py"):
            named = [imported.target, imported.target.rpartition(".")[0]]  # a module, or a name in one
            graph.setdefault(module, set()).update([name for name in named if name in known - {module}][:1])
    assert len(graph) > 100
    assert not circle(graph)


def test_circle_found() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}}) == ["b", "c", "b"]
    assert not circle({"a": {"b", "c"}, "b": {"c"}})


@pytest.mark.parametrize(
    ("module", "target", "reason"),
    [
        ("tbn_hw.report.figures", "tbn_hw.stages.workspace.file_hash",
         "tbn_hw.report must not import tbn_hw.stages, which does not stand above it in ORDER"),
        ("tbn_hw.streaming.plan", "tbn_hw.targets.catalogue",
         "tbn_hw.streaming must not import tbn_hw.targets, which does not stand above it in ORDER"),
        ("tbn_hw.new.room", "tbn_hw.shared.errors", "tbn_hw.new has no place in ORDER"),
        ("tbn_hw.stages.load", "tbn_hw.shared.errors.BuildError", None),
        ("tbn_hw.streaming.plan", "tbn_hw.streaming.engine.Link", None),
    ],
)
def test_order(module: str, target: str, reason: str | None) -> None:
    assert out_of_order(Import(module, 1, target, False)) == reason


@pytest.mark.parametrize(
    ("module", "source", "reason"),
    [
        ("hdl.mvu", "import quantize.rom", "hdl must not import quantize.rom"),
        ("hdl.mvu", "from sim import golden", "hdl must not import sim.golden"),
        ("hdl.mvu", "import scipy", "hdl must not import scipy"),
        ("quantize.export", "from hdl.mvu import MVU", "quantize must not import hdl.mvu.MVU"),
        ("sim.golden", "from quantize.rom import pack", "sim must not import quantize.rom.pack"),
        ("sim.golden", "def f():\n  import hdl", "sim must not import hdl"),
        ("sim.golden", "import importlib\nimportlib.import_module('hdl.mvu')", "sim must not import hdl.mvu"),
        ("sim.nodes.conv", "import torch", "sim.nodes.conv must not import torch"),
        ("quantize.nodes.conv", "from torch import nn", "quantize.nodes.conv must not import torch"),
        ("quantize", "import torch.nn", "quantize must not import torch"),
        ("quantize.spec", "from .train import f",
         "quantize.spec must stay free of torch and so must not import quantize.train.f"),
        ("tbn_hw.build", "from benchmarks import arrays", "tbn_hw must not import benchmarks.arrays"),
        ("tbn_hw.build", "import quantize.train", "tbn_hw.build may import quantize.train only inside a function"),
    ],
)
def test_imports_wrong(module: str, source: str, reason: str) -> None:
    assert reason in [why_not(imported) for imported in imports_of(source, module)]


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("hdl.mvu", "import math\nfrom amaranth.lib import wiring\nfrom .stream import connect\nimport hdl.add"),
        ("sim.golden", "import cocotb\nfrom quantize.network import Network\nfrom quantize.nodes.conv import f"),
        ("quantize.train", "import torch\nfrom quantize.spec import Model\nfrom . import export"),
        ("tbn_hw.build", "import hdl.mvu, sim.x\nfrom quantize.zoo import find\ndef f():\n  import quantize.train"),
    ],
)
def test_imports_right(module: str, source: str) -> None:
    assert not [reason for imported in imports_of(source, module) if (reason := why_not(imported))]


def test_imports_relative() -> None:
    assert [i.target for i in imports_of("from .a import b\nfrom .. import c", "hdl.x.y")] == ["hdl.x.a.b", "hdl.c"]
    assert [i.target for i in imports_of("from .a import b", "hdl.x", is_package=True)] == ["hdl.x.a.b"]


@pytest.mark.parametrize("room", ["hdl", "sim", "tbn_hw"])
def test_imports_without_torch(room: str) -> None:
    """What the main job runs imports on a machine that has no torch and no scikit-learn."""
    names = [name for name, _ in modules() if name.split(".")[0] == room and not name.endswith("__main__")]
    has_onnx = importlib.util.find_spec("onnx") is not None
    names += [name for name, _ in modules() if is_in(name, TORCH_FREE) and (has_onnx or not is_in(name, (QONNX,)))]
    blocked = "import sys; sys.modules.update(torch=None, sklearn=None); import importlib\n"
    code = blocked + f"for name in {names!r}: importlib.import_module(name)"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
