"""The schema of `report.json`: what it accepts and refuses, and that the documentation agrees."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from support.networks import chain, residual
from support.report_keys import rows, tables
from support.reports import BOARD, complete

from tbn_hw.report.schema import Report
from tbn_hw.routing.route import FIGURES

DOCS = Path(__file__).resolve().parents[3] / "docs"
REPORTS = {
    "routed": lambda: complete(residual()),
    "not routed": lambda: complete(chain(), routed=False, accuracy=False),
    "board": lambda: complete(chain(), target="ulx3s-85f", board=BOARD),
    "no estimate": lambda: complete(chain()) | {"estimate": None},
}


@pytest.mark.parametrize("make", REPORTS.values(), ids=REPORTS)
def test_every_report_is_kept(make):
    """What the schema reads it gives again, whole numbers whole."""
    content = make()
    found = Report.model_validate_json(json.dumps(content)).model_dump(by_alias=True)
    assert found == content
    assert json.dumps(found, sort_keys=True) == json.dumps(content, sort_keys=True)


def changed(content, place, value):
    """A copy with another value at a place of dotted keys; a value of None removes the key."""
    content = json.loads(json.dumps(content))
    *path, last = place.split(".")
    inner = content
    for key in path:
        inner = inner[int(key) if key.isdigit() else key]
    if value is None:
        del inner[last]
    else:
        inner[last] = value
    return content


@pytest.mark.parametrize("place, value, sentence", [
    ("model", None, "Field required"), ("route.bitstream", None, "Field required"), ("colour", "red", "not permitted"),
    ("layers.0.colour", "red", "not permitted"), ("layers.0.pe", 1.5, "valid integer"),
    ("verify.mismatches", "0", "valid integer"), ("throughput.slower", "board", "'line' or 'accelerator'"),
    ("dataflow.links.0.from", 3, "valid string")])
def test_wrong(place, value, sentence):
    with pytest.raises(ValidationError, match=sentence) as error:
        Report.model_validate_json(json.dumps(changed(complete(chain()), place, value)))
    assert ".".join(map(str, error.value.errors()[0]["loc"])).startswith(place)


def test_every_key_is_explained():
    found = list(rows())
    assert len({key for key, _, _ in found}) == len(found) > 100
    assert all(meaning and not meaning.endswith(".") for _, _, meaning in found)
    assert {key for key, _, _ in found if key.startswith("route.") and key.count(".") == 1 and "[" not in key} == {
        f"route.{figure}" for figure in FIGURES}


def test_documentation():
    """`docs/report.md` has these tables; `PYTHONPATH=tests python -m support.report_keys` prints them."""
    text = (DOCS / "report.md").read_text()
    assert text[text.index("## "):] == tables()
