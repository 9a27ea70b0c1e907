"""Queue depths in front of joins, against a plain simulation of pixels that wait for others."""

import numpy as np
import pytest
from support.networks import Builder, residual

from quantize.nodes.window import Window, both
from tbn_hw.streaming.folding import Folding
from tbn_hw.streaming.kinds import kind_of
from tbn_hw.streaming.queues import common_source, join_depths, required


def joins(net):
    return [node for node in net.nodes if node.kind == "add"]


@pytest.mark.parametrize(("kernel", "stride", "padding", "size"),
                         [(3, 1, 1, 5), (3, 2, 1, 6), (5, 1, 2, 7), (3, 1, 0, 5), (1, 2, 0, 6), (2, 2, 0, 5)])
def test_window_end_is_the_last_pixel_of_the_window(kernel, stride, padding, size):
    b = Builder((size, size, 1))
    name = b.conv("input", 1, kernel, stride, padding)
    node, x, y = b.nodes[-1], b.types["input"], b.types[name]
    ends = kind_of(node).window_end(node, x, y)
    for index in range(y.height * y.width):
        rows = [index // y.width * stride - padding + k for k in range(kernel)]
        columns = [index % y.width * stride - padding + k for k in range(kernel)]
        inside = [r * size + c for r in rows for c in columns if 0 <= r < size and 0 <= c < size]
        assert ends[index] == max(inside) + 1


@pytest.mark.parametrize("kind", ["conv", "max_pool"])
@pytest.mark.parametrize("attrs", [
    {"kernel": (3, 2), "stride": (1, 2), "padding": (2, 0, 1, 1)},
    {"kernel": (1, 4), "stride": 1, "padding": (0, 3, 0, 2)},
    {"kernel": (4, 1), "stride": (3, 1), "padding": (0, 0, 2, 0)}])
def test_window_end_of_any_shape(kind, attrs):
    """A convolution's window waits for its last pixel, a pool's for all pixels before its last padded place."""
    b = Builder((5, 6, 1))
    name = b.conv("input", 1, **attrs) if kind == "conv" else b.max_pool("input", **attrs)
    (ky, kx), (sy, sx), (top, left, _, _) = Window.of(b.nodes[-1]).kernel, both(attrs["stride"]), attrs["padding"]
    y = b.types[name]
    ends = kind_of(b.nodes[-1]).window_end(b.nodes[-1], b.types["input"], y)
    for index, end in enumerate(ends):
        row, column = index // y.width * sy - top + ky - 1, index % y.width * sx - left + kx - 1
        if kind == "conv":
            wanted = min(row, 4) * 6 + min(column, 5) + 1
        else:
            wanted = sum((r, c) <= (row, column) for r in range(5) for c in range(6))
        assert end == wanted


def test_padding_that_no_window_reaches_takes_no_cycles():
    """A pool of 3x3 with a stride of 2 and a padding of 1 on an even picture."""
    b = Builder((8, 8, 1))
    name = b.max_pool("input", 3, 2, padding=1)
    node, x, y = b.nodes[-1], b.types["input"], b.types[name]
    assert kind_of(node).ideal_cycles(node, x, y, Folding(1), 1) == 9 * 9
    assert Window.of(node).trimmed(8, 8) == Window((3, 3), (2, 2), (1, 1, 0, 0))


def test_common_source_of_a_block_is_its_input():
    net = residual()
    first, second = joins(net)
    assert common_source(net, *first.inputs) == "requantize1"
    assert common_source(net, *second.inputs) == first.name


def crossing(seed=0):
    """Two crossing paths: each is the shortcut of the other's convolution."""
    b = Builder((5, 4, 2), seed)
    x = b.requantize("input")
    p = b.requantize(b.conv(b.threshold(x), 2))
    q = b.requantize(b.conv(b.threshold(x), 2, 1, padding=0))
    a, c = (b.add(one, b.requantize(b.conv(b.threshold(other), 2))) for one, other in ((p, q), (q, p)))
    return b.network(b.dense(b.flatten(b.add(a, c)), 3))


def test_common_source_of_crossing_paths_is_where_all_of_them_begin():
    net = crossing()
    assert [common_source(net, *join.inputs) for join in joins(net)] == ["requantize0"] * 3
    assert [join_depths(net, join) for join in joins(net)] == [(6, 6), (11, 1), (11, 6)]


def test_depths_of_a_shortcut_over_many_blocks():
    """Their computation time must not double with each block."""
    b = Builder((4, 4, 2))
    x = y = b.requantize("input")
    for _ in range(40):
        y = b.add(b.requantize(b.threshold(y)), y)
    net = b.network(b.dense(b.flatten(b.add(y, x)), 2))
    assert join_depths(net, joins(net)[-1]) == (1, 1)


def starves(net, join, port, depth):
    """Whether pixels, moved one at a time, get stuck when the queue at `port` of the join holds `depth` pixels.

    The other path may hold pixels back in its windows. This path may not: all that it makes must be queued.
    """
    source = common_source(net, *join.inputs)
    need = [required(net, source, tensor) for tensor in join.inputs]
    passed = taken = 0
    while taken < len(need[0]):
        if min(int(np.searchsorted(n, passed, side="right")) for n in need) > taken:
            taken += 1
        elif int(np.searchsorted(need[port], passed + 1, side="right")) - taken <= depth:
            passed += 1
        else:
            return True
    return False


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_depth_suffices_and_one_pixel_less_does_not(kernel):
    net = residual(kernel=kernel, size=8)
    for join in joins(net):
        depths = join_depths(net, join)
        shortcut = depths.index(max(depths))
        assert not starves(net, join, shortcut, depths[shortcut])
        assert starves(net, join, shortcut, depths[shortcut] - 1)


def test_identity_shortcut_waits_for_two_rows():
    """Two 3x3 convolutions look two rows and two pixels ahead."""
    b = Builder((8, 8, 2))
    x = b.block(b.requantize("input"), 2)
    net = b.network(b.dense(b.flatten(x), 2))
    assert join_depths(net, joins(net)[0]) == (1, 2 * 8 + 3)
