"""The drawings of a report: the diagram of the dataflow, whatever its branches, and the charts."""

import re

import pytest
from support.networks import Builder, chain, residual
from support.reports import content

from tbn_hw.report import diagram
from tbn_hw.report.charts import Scale, binding_of, roofline


def pieces_of(made):
    return diagram.diagram(made, binding_of(made))


def corners(path):
    """The corners of a path of an M and of H and V."""
    x, y = map(float, re.match(r"M([\d.]+) ([\d.]+)", path).groups())
    found = [(x, y)]
    for axis, value in re.findall(r"([HV])([\d.]+)", path):
        x, y = (float(value), y) if axis == "H" else (x, float(value))
        found.append((x, y))
    return found


def check(piece):
    """All boxes are inside, none is on another, and no wire runs through one."""
    for index, box in enumerate(piece.boxes):
        assert min(box.x, box.y) >= 0 and box.x + box.width <= piece.width and box.y + box.height <= piece.height
        for other in piece.boxes[:index]:
            apart_x = box.x >= other.x + other.width or other.x >= box.x + box.width
            assert apart_x or box.y >= other.y + other.height or other.y >= box.y + box.height
    for wire in piece.wires:
        places = corners(wire.path)
        for (x0, y0), (x1, y1) in zip(places, places[1:], strict=False):
            for box in piece.boxes:
                beside = max(x0, x1) <= box.x or min(x0, x1) >= box.x + box.width
                assert beside or max(y0, y1) <= box.y or min(y0, y1) >= box.y + box.height, (wire, box)


def test_diagram():
    """Every engine stands once, in its order. Each link is drawn, twice if it is cut. Shortcuts stand beside others."""
    made = content(deep())
    pieces = pieces_of(made)
    assert len(pieces) > 2
    names = [box.engine["name"] for piece in pieces for box in piece.boxes]
    assert names == [engine["name"] for engine in made["dataflow"]["engines"]]
    assert sum(len(piece.wires) for piece in pieces) == len(made["dataflow"]["links"]) + len(pieces) - 1
    for piece in pieces:
        check(piece)
        assert piece.width < 390 and len({box.row for box in piece.boxes}) <= diagram.ROWS + 4
    beside = [box for piece in pieces for box in piece.boxes if box.lane]
    assert len(beside) >= 7 and {box.engine["kind"] for box in beside} >= {"queue", "avg_pool", "pad_channels"}
    assert [box.engine["node"] for piece in pieces for box in piece.boxes if box.binding] == binding_of(made)


def test_diagram_nested():
    """A shortcut past a shortcut has a lane of its own."""
    b = Builder((6, 6, 3))
    x = b.requantize(b.conv("input", 4, weights="int8"))
    x = b.add(b.block(b.block(x, 4), 4), x)
    made = content(b.network(b.dense(b.flatten(b.requantize(x, 0, 127, 6)), 5, "int8")))
    pieces = pieces_of(made)
    for piece in pieces:
        check(piece)
    assert {box.lane for piece in pieces for box in piece.boxes} == {0, 1, 2}


def deep():
    """Seven residual blocks of two kinds."""
    b = Builder((8, 8, 3))
    x = b.requantize(b.conv("input", 4, weights="int8"))
    for channels, stride in ((4, 1), (4, 1), (8, 2), (8, 1), (8, 1), (16, 2), (16, 1)):
        x = b.block(x, channels, stride)
    x = b.avg_pool(b.requantize(x, 0, 127, 6), 2, 1)
    return b.network(b.dense(b.flatten(x), 5, "int8", bias=True), 2)


def test_diagram_labels():
    """A link bears the width of its beat, and one that passes boxes goes around them."""
    made = content(residual(top_k=2))
    link = made["dataflow"]["links"][0]
    label = f"{link['elements']} × {link['element_bits']} bit"
    assert pieces_of(made)[0].wires[0].label == label == "3 × 8 bit"
    last = pieces_of(made)[-1]
    right = max(box.x + box.width for box in last.boxes)
    around = [wire for wire in last.wires if re.search(r"H([\d.]+)V", wire.path)
              and float(re.search(r"H([\d.]+)V", wire.path)[1]) > right]
    assert len(around) == 1, "the logits go around the top-k"


def test_roofline():
    """The dots and roofs are the report's figures; a slower clock or a slower link lowers them."""
    made = content(residual(size=12, channels=(4, 8)))
    line = roofline(made, {"the link": 50.0})
    interval, clock = made["verify"]["interval_cycles"], 61.25e6
    macs = made["network"]["macs"]
    assert line.unit == "a second" and line.whole.rate == pytest.approx(macs / interval * clock)
    assert sum(dot.rate for dot in line.dots) == pytest.approx(line.whole.rate)
    rates = {roof.name: roof.rate for roof in line.roofs}
    assert rates["all lanes busy"] == made["synthesis"]["lanes"] * clock
    assert rates["one input beat a cycle"] == macs / 144 * clock and rates["the link"] == 50 * macs
    assert rates["the part's LUTs, at this design's LUTs a lane"] == pytest.approx(
        83640 / made["synthesis"]["lut_per_lane"] * clock)
    for dot in [*line.dots, line.whole]:
        assert line.x.start <= dot.x <= line.x.end and line.y.end <= dot.roof_y <= dot.y <= line.y.start
    assert roofline(content(chain(), routed=False), {}).unit == "a cycle"


def test_scale():
    assert [value for _, value in Scale(0, 2150, 260, 14).ticks] == [0, 500, 1000, 1500, 2000]
    assert Scale(0, 10, 100, 0)(5) == 50 and Scale(1, 100, 0, 10, True)(10) == 5
    assert [value for _, value in Scale(1, 100, 0, 10, True).ticks] == [1, 10, 100]
