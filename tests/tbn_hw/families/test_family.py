"""The records of families: each is whole, and no other file names a family."""

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.assembled import Assembled
from support.bench import beats, run
from support.networks import Builder, pictures

from hdl import families
from hdl.constant.mvu import ConstantMVU
from sim.bench import PRIMITIVES
from sim.golden import run as golden
from tbn_hw.costs.model import CostModel, cost_model
from tbn_hw.families.family import BoardFacts, Family, PlaceAndRoute, Record, Wire
from tbn_hw.families.registry import FAMILIES, board_facts, find_family, place_and_route_of
from tbn_hw.shared.errors import UsageError
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.plan import plan
from tbn_hw.tools.versions import PACKAGES

ROOT = Path(__file__).resolve().parents[3]
OPTIONAL = {"Cells.lone_carries", "Estimates.lut_ram", "Estimates.wire", "Packer.module", "PlaceAndRoute.bound",
            "PlaceAndRoute.configuration", "Family.place_and_route", "Family.board"}
"""The fields that may be None, if a family has no such thing."""


def given(family: Family, **changed: Any) -> dict[str, Any]:
    """The fields of a made-up family, copied from another one."""
    return {field.name: getattr(family, field.name) for field in dataclasses.fields(family)} | {
        "name": "made_up", **changed}


def records(record: Record) -> Iterator[Record]:
    """A record, and those within it."""
    yield record
    for field in dataclasses.fields(record):
        if isinstance(value := getattr(record, field.name), Record):
            yield from records(value)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_field(name: str) -> None:
    family = find_family(name)
    assert family.name == name
    empty = {f"{type(record).__name__}.{field.name}" for record in records(family)
             for field in dataclasses.fields(record) if getattr(record, field.name) is None}
    assert empty <= OPTIONAL
    assert all((PRIMITIVES.parent / file).is_file() for file in family.models.own)
    if family.place_and_route is not None:
        assert family.place_and_route.tool in PACKAGES


def test_optional_fields() -> None:
    """Only these fields may be None. Each of them is None in some family and is not in another."""
    every = [record for family in FAMILIES.values() for record in records(family)]
    found: dict[str, set[bool]] = {}
    for record in every:
        for field in dataclasses.fields(record):
            found.setdefault(f"{type(record).__name__}.{field.name}", set()).add(getattr(record, field.name) is None)
    assert {name for name, is_none in found.items() if True in is_none} == OPTIONAL
    assert all(False in found[name] for name in OPTIONAL)


def test_a_made_up_family() -> None:
    """If it lacks a field, the error says which. With all fields it is a family."""
    whole = given(FAMILIES["xc7"])
    assert Family(**whole).name == "made_up"
    for missing in whole:
        lacking = {name: value for name, value in whole.items() if name != missing}
        who = "Family" if missing == "name" else "Family 'made_up'"
        with pytest.raises(ValueError, match=f"^{who} must have {missing}$"):
            Family(**lacking)
    with pytest.raises(ValueError, match="^Family 'made_up' must have cells and fill$"):
        Family(**{name: value for name, value in whole.items() if name not in ("cells", "fill")})
    with pytest.raises(ValueError, match="^Wire must have per_block$"):
        Wire(per_lut=1, per_input=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="colour"):
        Family(**whole, colour="red")


@pytest.mark.parametrize("unrolled", [False, True], ids=["folded", "unrolled"])
def test_a_family_without_cells_of_its_own(unrolled: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its record and its block RAMs are enough: it has costs, and gateware of plain logic that is right."""
    monkeypatch.setitem(FAMILIES, "made_up", Family(**given(FAMILIES["xc7"])))
    monkeypatch.setitem(families.BLOCKS, "made_up", families.BLOCKS["ice40"])
    monkeypatch.setattr(families, "CELL_FAMILIES", ("portable", *families.BLOCKS))
    b = Builder((4, 4, 2))
    net = b.network(b.dense(b.flatten(b.threshold(b.conv(b.threshold(b.conv("input", 3, padding=0)), 4))), 3))
    foldings = fold(net, {})
    if unrolled:
        foldings |= {node.name: Folding(len(weights), weights.size // len(weights)) for node in net.nodes
                     if node.kind == "conv" for weights in [node.arrays["weights"]]}
    accelerator = plan(net, foldings, "made_up")
    assert any(isinstance(stage, ConstantMVU) for engine in accelerator.engines
               for stage in getattr(engine.component(), "stages", ())) == unrolled
    known = cost_model("ice40")
    model = CostModel("made_up", known.forms, known.error)
    assert all(model.engine(engine)["lut"] > 0 for engine in accelerator.engines)
    images, link = pictures(net, 2), accelerator.links[accelerator.streams[net.outputs[0]]]
    found = run(Assembled(accelerator), {"i": beats(images, accelerator.links["input"].par)}, {"o": 2 * link.beats},
                limit=10_000)
    np.testing.assert_array_equal(found.values["o"].reshape(2, -1), golden(net, images)[net.outputs[0]].reshape(2, -1))


@pytest.mark.parametrize("group", [PlaceAndRoute, BoardFacts])
def test_a_made_up_group(group: type[Record]) -> None:
    """A family may lack some groups. A group that it has must be whole."""
    name = "place_and_route" if group is PlaceAndRoute else "board"
    whole = {field.name: getattr(getattr(FAMILIES["ecp5"], name), field.name) for field in dataclasses.fields(group)}
    for missing in whole:
        with pytest.raises(ValueError, match=f"^{group.__name__} must have {missing}$"):
            group(**{key: value for key, value in whole.items() if key != missing})


def test_none_where_a_field_must_be() -> None:
    for name in given(FAMILIES["ice40"]):
        made = given(FAMILIES["ice40"], **{name: None})
        if f"Family.{name}" in OPTIONAL:
            assert getattr(Family(**made), name) is None
        else:
            with pytest.raises(ValueError, match=f"^Family.{name} must not be None$"):
                Family(**made)


def test_unknown_families() -> None:
    with pytest.raises(UsageError, match=f"^family must be one of {', '.join(FAMILIES)}, not 'ecp6'$"):
        find_family("ecp6")
    routed = [name for name, family in FAMILIES.items() if family.place_and_route]
    clocked = [name for name, family in FAMILIES.items() if family.board]
    for name in {"ecp6", *FAMILIES}.difference(routed):
        with pytest.raises(UsageError, match=f"^place and route is for {', '.join(routed)}, not '{name}'$"):
            place_and_route_of(name)
    for name in {"ecp6", *FAMILIES}.difference(clocked):
        sentence = f"a board's clock can be made for {', '.join(clocked)}, not for '{name}'"
        with pytest.raises(UsageError, match=f"^{sentence}$"):
            board_facts(name)


def literals(source: str) -> list[int]:
    """The lines on which a string is the name of a family."""
    return [node.lineno for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.Constant) and node.value in FAMILIES]


def test_names_stand_in_families_alone() -> None:
    """No code asks for a family by its name: it asks the record. Templates do not either."""
    found, files = [], 0
    for room in ("tbn_hw", "benchmarks"):
        for path in sorted((ROOT / room).rglob("*.py")):
            if path.parent != ROOT / "tbn_hw" / "families":
                files += 1
                found += [f"{path.relative_to(ROOT)}:{line}" for line in literals(path.read_text())]
        for path in sorted((ROOT / room).rglob("*.j2")):
            if re.search(rf"['\"]({'|'.join(FAMILIES)})['\"]", path.read_text()):
                found.append(str(path.relative_to(ROOT)))
    assert files > 50
    assert not found, "\n".join(found)


def test_a_name_is_found() -> None:
    assert literals('if family == "gowin":\n    tables = {"a": 1,\n    "xc7": 2}\nx = "nextpnr-ecp5"') == [1, 3]
