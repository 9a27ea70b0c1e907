"""Whole accelerators, AXI-Stream ends included: a reset in mid-frame, and frames with a misplaced tlast."""


import numpy as np
import pytest
from support.assembled import Whole
from support.axi_bench import reference, to_bytes, traffic, with_last
from support.bench import run
from support.networks import Builder, chain, pictures, residual

from sim.bench import simulate
from sim.golden import run as golden
from tbn_hw.streaming import generate
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan
from tbn_hw.verilog.joined import join


def small(seed=0):
    return residual(seed, size=4, top_k=2)


def results(net, images, flags):
    """The beats of the results of `images`: logits, classes, and tuser + 2 * tlast."""
    tensors, sizes = golden(net, images), generate.ports(plan(net, fold(net, {})))
    logits, *classes = (tensors[name].reshape(len(images), -1) for name in net.outputs)
    parts = [to_bytes(logits, 8 * sizes.logit_bytes), *(to_bytes(c, 8 * sizes.class_bytes) for c in classes)]
    return np.column_stack([*parts, flags + 2])


def check(net, kinds, **options):
    """Frames of these kinds (as for `traffic`) through the accelerator: every result comes with its own flag."""
    height, width, channels = net.input.shape
    pixels, last = traffic(np.random.default_rng(options["seed"]), height * width, channels, kinds)
    taken, flags = reference(pixels, last, height * width)
    images = taken.reshape(-1, height, width, channels).astype(np.int8)
    dut = Whole(plan(net, fold(net, {})))
    result = run(dut, {"i": with_last(pixels, last)}, {"o": len(images)}, limit=100_000, **options)
    np.testing.assert_array_equal(result.values["o"], results(net, images, flags))


@pytest.mark.parametrize(("make", "seed"), [(small, 0), (small, 1), (small, 2), (chain, 3)])
def test_reset_in_mid_frame(make, seed):
    """A reset of one cycle, anywhere in the time of two frames. Afterwards every frame is whole again."""
    net = make(seed)
    cycle = np.random.default_rng(seed).integers(1, 2 * plan(net, fold(net, {})).interval)
    check(net, (0, 0), seed=seed, stalls=(0, 0.5, 0, 0.2)[seed], reset_at=int(cycle))


@pytest.mark.yosys
@pytest.mark.verilator
def test_reset_of_the_verilog(tmp_path):
    """A reset of one cycle, in mid-frame or with results waiting: no old result is seen, and no new pixel is lost."""
    b = Builder((3, 3, 1))
    net = b.network(b.dense(b.flatten(b.threshold("input")), 3), top_k=1)
    accelerator, images = plan(net, fold(net, {})), pictures(net, 3)
    verilog = join({accelerator.name: generate.top(accelerator), **generate.modules(accelerator, 2)})
    (tmp_path / "net.v").write_text(verilog)
    logits, classes = (golden(net, images)[name] for name in net.outputs)
    sizes = generate.ports(accelerator)
    for cycles in (7, 200):
        result = simulate([tmp_path / "net.v"], accelerator.name, images, logits, classes, work=tmp_path / "work",
                          logit_bytes=sizes.logit_bytes, class_bytes=sizes.class_bytes, reset_after=cycles,
                          timeout_cycles=1_000)
        assert (result.images, result.mismatches) == (3, 0)


@pytest.mark.parametrize(("make", "kinds"), [(small, (0, -3, 0, 2, -1, 0)), (chain, (5, 0))])
def test_misplaced_tlast(make, kinds):
    """Frames that are too short or too long are flagged. The frames between and after them are whole."""
    check(make(), kinds, seed=1, input_stalls=0.2)
