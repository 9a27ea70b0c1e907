"""The key of a stage: one hash of everything that the stage reads. If the key changes, the stage is made again.

A stage reads our own code: the modules that its module imports, those that they import, and so on. They are found in
the syntax trees, so none can be forgotten. A module's name as a text counts as an import, because processes are started
by name. Imports for type checkers do not count. Other files beside these modules, templates and Verilog, are read too.
"""

from __future__ import annotations

import ast
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("hdl", "quantize", "sim", "tbn_hw")
BY_VALUE = ("quantize/zoo", "tbn_hw/costs", "tbn_hw/targets")
"""Folders of models, coefficients and parts. A stage's key holds the values that it uses of these."""
_NAME = re.compile(rf"({'|'.join(ROOMS)})(\.\w+)+")


def content_key(*parts: object) -> str:
    """A hash of everything a stage depends on, each part by its text."""
    digest = hashlib.sha256()
    for part in parts:
        data = part if isinstance(part, bytes) else repr(part).encode()
        digest.update(len(data).to_bytes(8, "little") + data)
    return digest.hexdigest()


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


class Tree:
    """Our rooms below the folder `root`. Each file is read once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._imported: dict[str, set[str]] = {}
        self._hashes: dict[Path, str] = {}

    def closure(self, *modules: str) -> set[str]:
        """Dotted names of `modules`, of all modules that they import, and of the packages around these."""
        found: set[str] = set()
        waiting = [name for module in modules for name in self._named(module)]
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting += self._imports(name)
        return found

    def files(self, *modules: str) -> list[Path]:
        """The files of the closure of `modules`, and the files beside them that are not Python, in order."""
        own = [self._file(name) for name in self.closure(*modules)]
        return sorted({*own, *(path for folder in {file.parent for file in own} for path in self._beside(folder))})

    def sources(self, *modules: str) -> str:
        """A hash of the files of `modules`."""
        return content_key(*((str(file.relative_to(self._root)), self._hash(file)) for file in self.files(*modules)))

    def _hash(self, file: Path) -> str:
        if file not in self._hashes:
            self._hashes[file] = file_hash(file)
        return self._hashes[file]

    def _file(self, module: str) -> Path:
        path = self._root.joinpath(*module.split("."))
        return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")

    def _named(self, target: str) -> list[str]:
        """The modules that an import of `target` runs: `target` or the module that holds it, and its packages."""
        parts = target.split(".")
        if parts[0] not in ROOMS:
            return []
        names = [".".join(parts[:length]) for length in range(1, len(parts) + 1)]
        return [name for name in names if self._file(name).is_file()]

    def _imports(self, module: str) -> set[str]:
        if module not in self._imported:
            file = self._file(module)
            package = module if file.name == "__init__.py" else module.rpartition(".")[0]
            self._imported[module] = {name for target in _targets(ast.parse(file.read_bytes()), package)
                                      for name in self._named(target)}
        return self._imported[module]

    def _beside(self, folder: Path) -> Iterator[Path]:
        """Files in a folder that are not Python, and those of its subfolders without Python files."""
        if folder.relative_to(self._root).as_posix() in BY_VALUE:
            return
        for path in folder.iterdir():
            if path.is_dir() and path.name != "__pycache__" and not any(path.glob("*.py")):
                yield from self._beside(path)
            elif path.is_file() and path.suffix not in (".py", ".pyc"):
                yield path


def _targets(tree: ast.AST, package: str) -> Iterator[str]:
    """Dotted names that a module in `package` imports, and texts in its code that may be names of modules."""
    for child in ast.iter_child_nodes(tree):
        match child:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                parts = package.split(".")
                above = parts[:len(parts) - level + 1] if level else []
                yield from (".".join([*above, *([base] if base else []), alias.name]) for alias in names)
            case ast.Constant(value=str(text)) if _NAME.fullmatch(text):
                yield text
        yield from _targets(child, package)


TREE = Tree(ROOT)


def sources(*modules: str) -> str:
    """A hash of our own code that `modules` run, and of the files beside it."""
    return TREE.sources(*modules)
