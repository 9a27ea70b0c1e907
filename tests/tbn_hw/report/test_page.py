"""The page of a report: well-formed, on its own, every figure the report's, no name of it taken for markup."""

import copy
import io
import json
import re
from html.parser import HTMLParser

import pytest
from pydantic import ValidationError
from rich.console import Console
from support.networks import chain, residual
from support.reports import BOARD, ROUTE, complete, content

from tbn_hw.report.charts import binding_of
from tbn_hw.report.page import error, number, percent, render, short
from tbn_hw.report.schema import Report
from tbn_hw.report.terminal import show
from tbn_hw.targets import catalogue

VOID = {"meta", "link", "br", "img", "input", "hr"}
HOSTILE = "<script>alert('x')</script>&\"]]>"


class Page(HTMLParser):
    """Reads a page, and raises AssertionError if its elements are not closed in turn."""

    def __init__(self, text):
        super().__init__()
        self.open, self.attributes, self.headings, self.texts, self.rows = [], [], [], [], []
        self.feed(text)
        self.close()
        assert not self.open, f"{self.open} are left open"

    def handle_starttag(self, tag, attrs):
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        assert len({name for name, _ in attrs}) == len(attrs), f"{tag} has an attribute twice: {attrs}"
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        assert self.open.pop() == tag

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-3:]}"
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data

    @property
    def text(self):
        return re.sub(r"\s+", " ", " ".join(self.texts))

    def row(self, *first):
        """The cells of the one row that begins so."""
        rows = [[re.sub(r"\s+", " ", cell).strip() for cell in row] for row in self.rows]
        (found,) = [row for row in rows if row[: len(first)] == list(first)]
        return found


@pytest.fixture(scope="module", params=["residual", "chain", "not routed"])
def made(request):
    return content(chain(), routed=False, accuracy=False) if request.param == "not routed" else content(
        {"residual": lambda: residual(size=12, channels=(4, 8), top_k=2), "chain": chain}[request.param]())


def test_page(made):
    """Well-formed, alone, the same again; headings in turn, headers that say of what, pictures that can be heard."""
    text = render(made)
    assert text == render(copy.deepcopy(made)) and text.startswith("<!DOCTYPE html>")
    page = Page(text)
    for tag, name, value in page.attributes:
        if name in ("href", "src", "marker-end", "action", "data", "srcset"):
            assert re.match(r"(url\()?#", value), f"{tag} {name}={value} leads out of the page"
    assert not re.search(r"https?://|@import|<script|url\((?!#)", text)
    assert page.headings[0] == 1 and page.headings.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert text.count("<th") - text.count("<thead") == sum(name == "scope" for _, name, _ in page.attributes)
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    referred = [part for _, name, value in page.attributes for part in
                (value.split() if name == "aria-labelledby" else re.findall(r"#([\w-]+)\)?$", value) if name in (
                    "href", "marker-end") else [])]
    assert referred and set(referred) <= set(ids)
    for drawing in re.findall(r"<svg.*?</svg>", text, re.S):
        assert re.search(r'role="img" aria-labelledby="([\w-]+)-title \1-desc"', drawing)
        assert "<title id=" in drawing and "<desc id=" in drawing
    assert "None" not in page.text and "Undefined" not in page.text


def test_figures(made):
    """The tables show the figures of the report."""
    page = Page(render(made))
    interval = made["verify"]["interval_cycles"]
    for layer in made["layers"]:
        binds = " ◆ binds" if layer["name"] in binding_of(made) else ""
        cells = page.row(layer["name"] + binds)
        work = [f"{layer['pe']} × {layer['simd']}", f"{layer['pe'] * layer['simd']:,}"] if layer["macs"] else [
            str(layer["pe"]), ""]
        figures = [f"{layer[key]:,}" for key in ("cycles", "ideal_cycles")]
        figures += [f"{100 * layer['cycles'] / interval:.1f} %"]
        assert cells[3:] == work + figures + [f"{layer[key]:,}" for key in ("lut", "ff", "bram", "dsp")]
        into, out = ("×".join(map(str, layer[key])) for key in ("input_shape", "shape"))
        assert cells[2].startswith(f"{into} → {out}")
    synthesis = made["synthesis"]
    for key, word in catalogue.WORDS.items():
        used, available = synthesis[key], synthesis["available"][key]
        assert page.row(word)[1:4] == [f"{used:,}", f"{available:,}", f"{100 * used / available:.1f} %"]
    for part, found in synthesis["parts"].items():
        cells = page.row(part)
        assert cells[1:3] == [f"{found['lut']:,}", f"{100 * found['lut_share']:.1f} %"]
        assert cells[4:] == [f"{found[key]:,}" for key in ("ff", "bram", "dsp")]
    assert page.row("interval, counted in simulation")[1] == f"{interval:,} cycles"
    assert page.row("latency, counted in simulation")[1] == f"{made['verify']['latency_cycles']:,} cycles"
    assert page.row("mismatches")[1] == "0" and page.row("outputs compared")[1] == "66"
    assert page.row("load")[1] == "0.2" and page.row("yosys")[1] == "0.70.0"
    assert f"{made['network']['macs']:,} multiply-accumulates a frame" in page.text


def test_routed():
    made = content(residual(size=12, channels=(4, 8)))
    page = Page(render(made))
    fps = 1e6 * 61.25 / made["verify"]["interval_cycles"]
    assert page.row("frames a second, accelerator")[1] == f"{round(fps, 2):,}"
    assert f"Frames a second {fps:,.0f} at 61.25 MHz" in page.text
    for run in ROUTE["seeds"]:
        cells = page.row(str(run["seed"]))
        assert (cells[1], cells[3], cells[4]) == (
            f"{run['fmax_mhz']:.2f}", f"{run['cells']:,}", f"{run['cpu_seconds']:.1f}")
    assert ("Best of 3: 83.31 MHz with seed 2; median 79.50 MHz, least 77.07 MHz, spread 6.24 MHz; "
            "seeds that found no place: 1. 61.25 MHz are met.") in page.text
    assert page.row("conv2")[1:] == ["products", "2_mvu.pe0", "1.37", "2.86"]
    assert page.row("TRELLIS_COMB")[1:4] == ["7,011", "83,640", "8.4 %"]
    assert "From conv2, products to conv2, accumulators : 12.00 ns, 7.76 ns of it in wires." in page.text
    assert "net <clk> is gated" in page.text and "synth/net.bit , 123,456 bytes" in page.text


def test_board():
    """The rates of the accelerator and of the line are both said, and the slower is named."""
    made = content(residual(size=12, channels=(4, 8)), target="ulx3s-85f", board=BOARD)
    page, interval = Page(render(made)), made["verify"]["interval_cycles"]
    fps = round(60e6 / interval, 2)
    assert page.row("accelerator")[1:] == [f"{fps:,}", f"{interval:,} cycles a frame, 60.00 MHz"]
    assert page.row("line to the host")[1:] == [
        "97.28", "computed: 3,000,000 baud, 3,084 bytes there and 58 back, both ways at once"]
    assert "The slower is the line, which sets the rate." in page.text and "ULX3S, LFE5U-85F CABGA381" in page.text
    assert page.row("D: line to the host")[1] == f"{short(97.28 * made['network']['macs'])} a second"


def test_not_routed():
    """What is unknown is said to be unknown."""
    made = content(chain(), routed=False, accuracy=False)
    page = Page(render(made))
    assert "Frames a second not routed" in page.text and "Not routed: no clock" in page.text
    assert page.row("float (torch)")[1:] == ["unknown", "not measured by this build"]
    assert page.row("integers (golden)")[1:] == ["unknown", "no labelled test images lie beside the model"]
    assert page.row("images through the RTL")[1] == "3, random ones, seed 7"
    assert "critical path" not in page.text.lower() and "frames a second, accelerator" not in page.text


@pytest.mark.parametrize("images, said", [(3, "3 of the labelled ones"), (100, "100 of the labelled ones"),
                                          (101, "101; labelled ones first, then random ones, seed 7")])
def test_pictures_of_no_named_data_set(images, said):
    """A QONNX file with labelled pictures beside it names no data set."""
    made = content(chain())
    made["accuracy"]["dataset"], made["verify"]["images"] = None, images
    page = Page(render(made))
    assert page.row("integers (golden)")[2] == "93 of 100 test images"
    assert "100 test images; in float32" in page.text and page.row("images through the RTL")[1] == said


def test_figures_that_may_be_null_alone():
    """No figure that a report may lack is called None, neither on the page nor in the terminal."""
    made, nulled = complete(chain(), routed=False), []

    def null(inner, key):
        """Null what the schema lets be null. An image count of null says that there is no accuracy at all."""
        kept, inner[key] = inner[key], None
        try:
            Report.model_validate_json(json.dumps(made))
            nulled.append(key)
        except ValidationError:
            inner[key] = kept
            for within in list(kept) if isinstance(kept, dict) else range(len(kept)) if isinstance(kept, list) else ():
                null(kept, within)

    for part in ("device", "network", "dataflow", "layers", "estimate", "verify"):
        null(made, part)
    made["accuracy"] |= {"dataset": None, "float_percent": None, "temperature": None}
    made["verify"]["netlist"] |= {"mismatches": 0, "simulator": "Verilator 5.49"}  # null where it was skipped alone
    assert {"board", "memory_saving", "node", "kernel", "lut_estimate", "latency_cycles", "skipped"} <= set(nulled)
    console = Console(file=io.StringIO(), width=120)
    show(made, console)
    assert "None" not in Page(render(made)).text and "None" not in console.file.getvalue()
    assert "accuracy, 100 test images, golden" in console.file.getvalue()


def test_estimate():
    """The columns of the estimate are there when there is one."""
    made = content(chain())
    assert "estimate" not in Page(render(made)).text
    for layer in made["layers"]:
        layer["lut_estimate"] = layer["lut"] + 10
    made["layers"][0]["lut_estimate"] = None
    made["estimate"] = {"lut": 900, "ff": 1000, "bram": 7, "dsp": 3, "error": {
        "engines": 41, "median_percent": 3.25, "worst_percent": 17.5, "total_percent": 1.5, "network_percent": 4.5}}
    page = Page(render(made))
    assert page.row("LUTs")[5:] == ["900", f"{100 * (900 / made['synthesis']['lut'] - 1):+.1f} %"]
    assert "of 41 engines that were not fitted missed by 3.25 % in the median, 17.5 % at worst" in page.text
    assert "whole networks by up to 4.5 %." in page.text
    first, second = made["layers"][:2]
    assert page.row(first["name"], "conv, binary")[8:11] == ["not measured", f"{first['lut']:,}", "–"]
    assert page.row(second["name"])[8:11] == [
        f"{second['lut'] + 10:,}", f"{second['lut']:,}", f"+{1000 / second['lut']:.1f} %"]


def test_netlist():
    """The check of the netlist is there when there is one."""
    made = content(chain())
    assert "netlist" not in Page(render(made)).text
    made["verify"]["netlist"] = {"images": 2, "outputs_compared": 1234, "mismatches": 0, "simulator": "Verilator 5",
                                 "skipped": None}
    page = Page(render(made))
    assert page.row("images through the netlist")[1] == "2, Verilator 5"
    assert page.row("outputs of the netlist compared")[1] == "1,234"
    assert page.row("mismatches of the netlist")[1] == "0"
    made["verify"]["netlist"] = {"images": 0, "outputs_compared": 0, "mismatches": None, "simulator": None,
                                 "skipped": "it is too large"}
    page = Page(render(made))
    assert page.row("netlist after synthesis")[1] == "not checked: it is too large"
    assert "mismatches of the netlist" not in page.text


def test_hostile_names():
    """Names that look like markup are shown as they are, wherever a report has a text."""
    made = content(residual())
    name = made["layers"][0]["name"]
    text = json.dumps(made).replace(json.dumps(name), json.dumps(HOSTILE))
    made = json.loads(text) | {"model": HOSTILE, "versions": {HOSTILE: HOSTILE}}
    made["route"]["warnings"] = [HOSTILE]
    made["accuracy"]["dataset"] = made["verify"]["simulator"] = made["device"]["board"] = HOSTILE
    text = render(made)
    page = Page(text)
    assert "<script" not in text and page.text.count(HOSTILE) >= 6


@pytest.mark.parametrize("value, text", [(0, "0"), (999, "999"), (2048, "2.05k"), (3.5e9, "3.5G"), (1e12, "1T")])
def test_short(value, text):
    assert short(value) == text


def test_words():
    assert (number(None), number(1234), number(1234.5, 2)) == ("not measured", "1,234", "1,234.50")
    assert (percent(1, 0), percent(None, 3), percent(1, 3)) == ("–", "–", "33.3 %")
    assert (error(90, 100), error(None, 100), error(5, 0)) == ("-10.0 %", "–", "–")
