"""What begins with an underscore belongs to its own class or module: nobody else reads it.

In the order of the rooms: `tbn_hw` and `benchmarks` know the gateware, its networks and its benches by public names.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("benchmarks", "tbn_hw")
PUBLIC = {"_asdict", "_fields", "_make", "_replace"}  # of named tuples
FOREIGN = {"os._exit", "model._pipe"}  # documented, of the standard library; of da4ml, which has no public name for it


def private_reads(source: str) -> Iterator[tuple[int, str]]:
    """Lines and texts of the reads of private names of objects that are not the reader's own."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(attr=name):
                text = ast.unparse(node)
            case ast.Call(func=ast.Name(id="getattr" | "hasattr"), args=[_, ast.Constant(value=str(name)), *_]):
                text = ast.unparse(node)
            case ast.ImportFrom(names=names):
                name = next((alias.name for alias in names if alias.name.startswith("_")), "")
                text = ast.unparse(node)
            case _:
                continue
        if name.startswith("_") and not name.startswith("__") and name not in PUBLIC and text not in FOREIGN:
            yield node.lineno, text


def test_no_private_reads() -> None:
    paths = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(paths) > 100
    found = [f"{path.relative_to(ROOT)}:{line}: {text}" for path in paths
             for line, text in private_reads(path.read_text())]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("mvu._pe", ["mvu._pe"]),
        ("a.b()._pe", ["a.b()._pe"]),
        ("self.window._schedule", ["self.window._schedule"]),
        ("getattr(component, '_stages', None)", ["getattr(component, '_stages', None)"]),
        ("from hdl.mvu import MVU, _levels", ["from hdl.mvu import MVU, _levels"]),
        ("self._pe + cls._all + mvu.pe + row._asdict()[mvu.__class__]", []),
    ],
)
def test_private_reads(source: str, found: list[str]) -> None:
    assert [text for _, text in private_reads(source)] == found
