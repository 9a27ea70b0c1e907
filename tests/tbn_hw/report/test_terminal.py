"""The report in the terminal: one line a layer at any usual width, and names that tell the layers apart."""

import io

import pytest
from rich.console import Console
from support.networks import Builder, residual
from support.reports import content

from quantize.network import Network
from quantize.zoo import find_weights
from tbn_hw.report.terminal import show


def printed(report, width):
    """The lines of the table of layers, (block or "", label, other cells), and all that was printed."""
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    show(report, console)
    text = console.file.getvalue()
    lines = text.split("\nparts")[0].splitlines()
    rows, block = [], ""
    for line in lines[3:]:
        label, *cells = line.split()
        if not line.startswith(" "):
            block = "" if cells else label
        if cells:
            rows.append((block, label, cells))
    return lines, rows, text


@pytest.fixture(scope="module")
def reports():
    found = {"small": content(residual(top_k=2)), "tbn_resnet": content(Network.load(find_weights("tbn_resnet")))}
    for report in found.values():
        for entry in report["layers"]:
            entry["lut_estimate"] = entry["lut"] + 1
    return found


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("name", ["small", "tbn_resnet"])
def test_a_line_a_layer(name, width, reports):
    report = reports[name]
    lines, rows, text = printed(report, width)
    assert max(map(len, text.splitlines())) <= width
    assert len(rows) == len(report["layers"]) and "…" not in text
    for (block, label, cells), entry in zip(rows, report["layers"], strict=True):
        assert f"{block}.{label}".lstrip(".") == entry["name"]
        assert cells[-2:] == [f"{entry['lut_estimate']:,}", f"{entry['lut']:,}"] and f"{entry['cycles']:,}" in cells


def test_a_narrow_terminal_does_without_columns(reports):
    heads = [printed(reports["tbn_resnet"], width)[0][1].split() for width in (80, 60)]
    assert heads[0] == ["layer", "kind", "PE", "SIMD", "cycles", "ideal", "LUT", "est.", "LUT"]
    assert heads[1] == ["layer", "PE", "SIMD", "cycles", "LUT", "est.", "LUT"]


@pytest.mark.parametrize("width", [60, 80, 120])
def test_long_names_stay_apart(width):
    """Names as an imported graph may have them: alike at both ends, and longer than the line."""
    names = [f"features_{'x' * 40}_block{index}_{'y' * 40}_activation_quantised" for index in range(12)]
    net = Builder((4, 4, 1))
    x = net.requantize("input")
    for _ in names[1:]:
        x = net.requantize(x)
    report = content(net.network(net.dense(net.flatten(net.threshold(x)), 3)))
    for entry, name in zip(report["layers"], names, strict=False):
        entry["name"] = name
    lines, rows, _ = printed(report, width)
    assert max(map(len, lines)) <= width
    labels = [label for _, label, _ in rows]
    assert len(labels) == len(report["layers"]) == len(set(labels))
    assert all(label.startswith("features_") for label in labels[:len(names)])
