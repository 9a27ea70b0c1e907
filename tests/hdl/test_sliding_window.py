# amaranth: UnusedElaboratable=no

import math
import random

import numpy as np
import pytest
from amaranth.hdl import signed
from support.bench import beats, bits_to_signs, run, signs_to_bits

from hdl.sliding_window import SlidingWindow
from hdl.stream import BINARY, TRIT


def windows_of(x, kernel, stride, padding, dilation, pad):
    """All windows of frames (n, h, w, c): (n, oh, ow, elements of a window)."""
    n, h, w, c = x.shape
    (ky, kx), (sy, sx), (dy, dx) = ((v, v) if isinstance(v, int) else v for v in (kernel, stride, dilation))
    top, left, bottom, right = (padding,) * 4 if isinstance(padding, int) else padding
    padded = np.empty((n, h + top + bottom, w + left + right, c), dtype=np.int64)
    padded[:] = pad
    padded[:, top:top + h, left:left + w] = x
    rows = range(0, padded.shape[1] - (ky - 1) * dy, sy)
    columns = range(0, padded.shape[2] - (kx - 1) * dx, sx)
    return np.array([[[f[y:y + (ky - 1) * dy + 1:dy, x:x + (kx - 1) * dx + 1:dx].ravel() for x in columns]
                      for y in rows] for f in padded])


def make(rng, *, frames=2, shape=TRIT, pad=None, **parameters):
    """A component, its input values and the output values to expect."""
    dut = SlidingWindow(shape=shape, pad=pad, **parameters)
    h, w, c, simd = (parameters[name] for name in ("height", "width", "channels", "simd"))
    window = [parameters.get(name, 1) for name in ("kernel", "stride", "padding", "dilation")]
    if shape == BINARY:
        x = rng.choice([-1, 1], (frames, h, w, c))
    else:
        lo = -(1 << (shape.width - 1)) + (shape == TRIT)
        x = rng.integers(lo, 1 << (shape.width - 1), (frames, h, w, c))
    fill = (1 if shape == BINARY else 0) if pad is None else pad
    expected = windows_of(x, *window, fill)
    expected = np.repeat(expected.reshape(-1, 1, expected.shape[-1]), parameters["repeat"], axis=1).reshape(-1, simd)
    return dut, beats(signs_to_bits(x) if shape == BINARY else x, math.gcd(simd, c)), expected


def check(dut, sent, expected, shape=TRIT, **options):
    result = run(dut, {"i": sent}, {"o": len(expected)}, **options)
    values = bits_to_signs(result.values["o"]) if shape == BINARY else result.values["o"]
    np.testing.assert_array_equal(values, expected)
    return result


def random_case(seed):
    pick = random.Random(seed)
    shape = pick.choice([TRIT, TRIT, BINARY, signed(8), signed(5)])
    kernel = pick.choice([1, 2, 3, 3, 4, 5])
    padding = pick.randint(0, kernel // 2)
    least = max(1, kernel - 2 * padding)
    p = {"kernel": kernel, "padding": padding, "stride": pick.choice([1, 2]), "height": least + pick.randint(0, 5),
         "width": least + pick.randint(0, 5), "channels": pick.choice([1, 2, 3, 4, 5, 6, 9]),
         "repeat": pick.choice([1, 1, 2, 3])}
    mw = kernel * kernel * p["channels"]
    p["simd"] = pick.choice([d for d in range(1, mw + 1) if mw % d == 0])
    pad = None
    if pick.random() < 0.4:
        pad = np.array([pick.choice([-1, 1]) for _ in range(p["channels"])]) if pick.random() < 0.7 else 1
    return dict(p, shape=shape, pad=pad)


def random_axis(pick, most_dilation):
    """(size, kernel, stride, before, after, dilation) of a random axis with at least one window."""
    kernel, dilation = pick.choice([1, 1, 2, 3, 3, 4, 5, 6, 7]), pick.randint(1, most_dilation)
    extent = (kernel - 1) * dilation + 1
    before, after = (pick.choice([0, pick.randint(0, extent - 1)]) for _ in "ba")
    size = max(1, extent - before - after) + pick.randint(0, 4)
    return size, kernel, pick.randint(1, 4), before, after, dilation


def random_shape(seed, most_dilation):
    """A case with kernel, stride, padding and dilation of their own for each axis and side."""
    pick = random.Random(seed)
    shape = pick.choice([TRIT, BINARY, signed(5)])
    (height, *down), (width, *across) = random_axis(pick, most_dilation), random_axis(pick, most_dilation)
    kernel, stride, before, after, dilation = zip(down, across, strict=True)
    p = {"kernel": kernel, "stride": stride, "padding": (*before, *after), "dilation": dilation, "height": height,
         "width": width, "channels": pick.choice([1, 2, 3, 4, 6]), "repeat": pick.choice([1, 1, 2, 3])}
    mw = kernel[0] * kernel[1] * p["channels"]
    p["simd"] = pick.choice([d for d in range(1, mw + 1) if mw % d == 0])
    pad = np.array([pick.choice([-1, 1]) for _ in range(p["channels"])]) if pick.random() < 0.3 else None
    return dict(p, shape=shape, pad=pad)


@pytest.mark.parametrize("most_dilation", [1, 3])
@pytest.mark.parametrize("seed", range(30))
def test_sliding_window_of_any_shape(seed, most_dilation):
    case = random_shape(seed, most_dilation)
    dut, sent, expected = make(np.random.default_rng(seed), **case)
    stalls = ((0, 0.6), (0.6, 0), (0.3, 0.4))[seed % 3]
    check(dut, sent, expected, case["shape"], input_stalls=stalls[0], output_stalls=stalls[1], seed=seed)


@pytest.mark.parametrize("seed", range(100, 130))
def test_sliding_window_of_any_shape_interval_latency(seed):
    case = random_shape(seed, 1 + seed % 3)
    dut, sent, expected = make(np.random.default_rng(seed), frames=4, **case)
    result = check(dut, sent, expected, case["shape"])
    assert result.latency() == dut.latency
    assert result.interval(len(expected) // 4) == pytest.approx(dut.interval, rel=0.02)


@pytest.mark.parametrize("seed", range(40))
def test_sliding_window_random(seed):
    case = random_case(seed)
    dut, sent, expected = make(np.random.default_rng(seed), **case)
    stalls = ((0, 0.6), (0.6, 0), (0.3, 0.4))[seed % 3]
    check(dut, sent, expected, case["shape"], input_stalls=stalls[0], output_stalls=stalls[1], seed=seed)


@pytest.mark.parametrize("seed", range(100, 130))
def test_sliding_window_interval_latency(seed):
    case = random_case(seed)
    dut, sent, expected = make(np.random.default_rng(seed), frames=4, **case)
    result = check(dut, sent, expected, case["shape"])
    assert result.latency() == dut.latency
    assert result.interval(len(expected) // 4) == pytest.approx(dut.interval, rel=0.02)


@pytest.mark.parametrize("simd", [d for d in range(1, 55) if 54 % d == 0])
def test_sliding_window_every_simd(simd):
    dut, sent, expected = make(np.random.default_rng(simd), frames=3, height=5, width=4, channels=6, kernel=3, stride=1,
                               padding=1, repeat=2, simd=simd)
    result = check(dut, sent, expected, reset_at=71)
    assert result.latency() == dut.latency
    assert result.interval(len(expected) // 3) == dut.interval


def test_sliding_window_longer_than_a_machine_word():
    """Its columns inside the picture are more bits than NumPy's integers have."""
    dut, sent, expected = make(np.random.default_rng(0), frames=2, height=1, width=70, channels=1, kernel=(1, 69),
                               stride=(1, 3), padding=(0, 34, 0, 34), repeat=1, simd=69)
    check(dut, sent, expected, output_stalls=0.3)


VECTORS = [(12, 4, 3), (12, 12, 5), (7, 1, 1), (8, 2, 4), (1, 1, 1), (1, 1, 3)]


@pytest.mark.parametrize(("channels", "simd", "repeat"), VECTORS)
def test_sliding_window_replays_vectors(channels, simd, repeat):
    dut, sent, expected = make(np.random.default_rng(simd), frames=4, height=1, width=1, channels=channels, kernel=1,
                               stride=1, padding=0, repeat=repeat, simd=simd)
    result = check(dut, sent, expected)
    assert result.latency() == dut.latency
    assert result.interval(len(expected) // 4) == dut.interval
    check(dut, sent, expected, stalls=0.5)


EXACT = [  # height, width, channels, kernel, stride, padding, simd, repeat
    (6, 7, 2, 3, 1, 1, 18, 1), (6, 7, 2, 3, 1, 1, 6, 1), (6, 7, 2, 3, 1, 0, 18, 1), (6, 7, 2, 3, 1, 0, 18, 2),
    (8, 9, 2, 3, 2, 1, 18, 1), (8, 9, 2, 3, 2, 1, 18, 4), (9, 8, 1, 3, 2, 0, 9, 6), (6, 5, 1, 5, 1, 2, 25, 1),
    (7, 7, 1, 2, 2, 0, 4, 4), (7, 7, 1, 1, 2, 0, 1, 3), (6, 6, 4, 3, 1, 1, 4, 3), (7, 5, 3, 4, 1, 2, 3, 2),
    (9, 9, 1, 1, 4, 0, 1, 1), (1, 1, 6, 1, 1, 0, 2, 4),
    (6, 7, 2, (3, 1), 1, (1, 0, 1, 0), 6, 1), (5, 9, 2, (1, 5), 1, (0, 2, 0, 2), 10, 1),
    (1, 20, 2, (1, 7), (1, 2), (0, 3, 0, 2), 7, 1), (9, 7, 1, (2, 3), (3, 2), (1, 0, 0, 2), 6, 2),
]


@pytest.mark.parametrize("case", EXACT)
def test_sliding_window_least_depth(case, monkeypatch):
    """With a depth of exactly `least_depth`, an input at the constant rate never waits. With one word less it does."""
    names = ("height", "width", "channels", "kernel", "stride", "padding", "simd", "repeat")
    parameters, waits = dict(zip(names, case, strict=True)), []
    for short in (0, 1):
        depth = property(lambda dut, short=short: dut.schedule.least_depth - short)
        monkeypatch.setattr(SlidingWindow, "depth", depth)
        dut, sent, expected = make(np.random.default_rng(1), frames=5, **parameters)
        if dut.schedule.least_depth - short < dut.schedule.need[0]:
            waits.append(True)  # never starts
            continue
        frame = dut.schedule.frame_words
        result = check(dut, sent, expected, input_period=dut.interval / frame)
        if not short:
            assert result.interval(len(expected) // 5) == pytest.approx(dut.interval, abs=1)
        waits.append(any(cycle > int(k * dut.interval / frame) for k, cycle in enumerate(result.cycles["i"])))
    assert waits == [False, True]


def test_sliding_window_rate_of_a_large_picture():
    dut, sent, expected = make(np.random.default_rng(1), frames=2, height=32, width=32, channels=4, kernel=3, stride=1,
                               padding=1, repeat=1, simd=18)
    result = check(dut, sent, expected)
    assert result.interval(len(expected) // 2) == dut.interval == 2048


@pytest.mark.parametrize(("change", "error", "sentence"), [
    ({"height": 0}, ValueError, "Height must be a positive integer, not 0"),
    ({"width": "3"}, TypeError, "Width must be a positive integer, not '3'"),
    ({"channels": -1}, ValueError, "Channels must be a positive integer, not -1"),
    ({"kernel": 0}, ValueError, "Kernel size must be a positive integer, not 0"),
    ({"kernel": (3, 0)}, ValueError, "Kernel size must be a positive integer, not 0"),
    ({"kernel": (3, 3, 3)}, ValueError, "Kernel size must be one integer or 2, not (3, 3, 3)"),
    ({"padding": (1, 1)}, ValueError, "Padding must be one integer or 4, not (1, 1)"),
    ({"padding": (0, 0, 0, 4)}, ValueError, "Padding must be below the kernel size 3, not 4"),
    ({"dilation": (2, 1), "padding": (5, 0, 0, 0)}, ValueError,
     "Padding must be below the 5 pixels that the kernel size 3 spans, not 5"),
    ({"dilation": 4}, ValueError,
     "9 pixels that the kernel size 3 spans must fit the padded picture of 6 rows and 7 columns"),
    ({"stride": 0}, ValueError, "Stride must be a positive integer, not 0"),
    ({"repeat": 1.5}, TypeError, "Repeat must be a positive integer, not 1.5"),
    ({"padding": -1}, ValueError, "Padding must be a non-negative integer, not -1"),
    ({"padding": 3}, ValueError, "Padding must be below the kernel size 3, not 3"),
    ({"kernel": 7}, ValueError, "Kernel size 7 must fit the padded picture of 6 rows and 7 columns"),
    ({"simd": 5}, ValueError, "SIMD 5 must evenly divide matrix width 36; divisors near it are 4 and 6"),
    ({"simd": 40}, ValueError, "SIMD 40 must evenly divide matrix width 36; the divisor nearest to it is 36"),
    ({"pad": 0.5}, TypeError, "Pad must be an integer or an array of integers, not 0.5"),
    ({"pad": [1, 1]}, ValueError, "Pad must be one value or one for each of 4 channels, not of shape (2,)"),
    ({"pad": 2}, ValueError, "Pad must fit signed(2), not 2"),
    ({"pad": 0, "shape": BINARY}, ValueError, "Pad of binary elements must be -1 or +1, not 0"),
])
def test_sliding_window_wrong(change, error, sentence):
    good = {"shape": TRIT, "height": 4, "width": 5, "channels": 4, "simd": 4, "kernel": 3, "padding": 1}
    with pytest.raises(error) as raised:
        SlidingWindow(**good | change)
    assert str(raised.value) == sentence
