"""The hand-over between the rooms: what it refuses, and that a file gives back what was saved."""

import errno
import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st
from support.tensors import FOREIGN, write_tensors

from quantize import arrays
from quantize.files import write_atomically
from quantize.network import Network, NetworkError, Node, TensorType
from quantize.nodes import KINDS, Kind, infer
from quantize.nodes.window import Window, always_inside, objection
from quantize.tensor import signed_width

PICTURE = TensorType((4, 4, 2), "int", -128, 127)


def conv(name="conv", source="input", channels=3, c_in=2, **changes):
    rng = np.random.default_rng(1)
    weights = rng.choice([-1, 1], (channels, 3, 3, c_in)).astype(np.int8)
    attrs = {"kernel": 3, "stride": 1, "padding": 1, "weights": "binary"} | changes.pop("attrs", {})
    return Node("conv", name, (source,), attrs, {"weights": weights} | changes.pop("arrays", {}))


def ternary(name="trits", source="conv", channels=3, lo=-3, hi=3):
    arrays = {"hi": np.full(channels, hi, np.int32), "lo": np.full(channels, lo, np.int32)}
    return Node("threshold", name, (source,), {"levels": "ternary"}, arrays)


def dense(name="logits", source="flat", n=48):
    weights = np.random.default_rng(2).integers(-128, 128, (5, n)).astype(np.int8)
    return Node(
        "dense", name, (source,), {"weights": "int8"}, {"weights": weights, "bias": np.arange(5, dtype=np.int32)}
    )


def network(*nodes, outputs=("logits",), **more):
    return Network("net", PICTURE, nodes, outputs, **more)


def small(**more):
    return network(conv(), ternary(), Node("flatten", "flat", ("trits",)), dense(), **more)


def test_types():
    types = small().types
    assert types["conv"].shape == (4, 4, 3) and types["conv"].kind == "int"
    assert types["conv"].lo >= -18 * 128 and types["conv"].hi <= 18 * 128
    assert types["trits"] == TensorType((4, 4, 3), "ternary", -1, 1)
    assert types["flat"].shape == (1, 1, 48)


def test_a_new_kind_is_a_line(monkeypatch, tmp_path):
    """A network with a kind that only `KINDS` knows: its rules hold, and a file gives it back."""

    def infer(node, inputs):
        node.only(("factor",))
        a, b = inputs
        return TensorType(a.shape, "int", a.lo - node.integer("factor") * b.hi, a.hi - node.integer("factor") * b.lo)

    fork = (Node("difference", "less", ("logits", "logits"), {"factor": 2}),)
    with pytest.raises(NetworkError, match="^less: kind must be one of add, .*, not 'difference'$"):
        network(*small().nodes, *fork, outputs=("less",))
    monkeypatch.setitem(KINDS, "difference", Kind(infer, inputs=2))
    made = network(*small().nodes, *fork, outputs=("less",))
    made.save(tmp_path / "net.safetensors")
    read, logits = Network.load(tmp_path / "net.safetensors"), made.types["logits"]
    assert (read.by_name["less"], read.types) == (fork[0], made.types)
    assert (made.types["less"].lo, made.types["less"].hi) == (logits.lo - 2 * logits.hi, logits.hi - 2 * logits.lo)
    with pytest.raises(NetworkError, match=r"^less: difference must have 2 input\(s\), not 1$"):
        network(*small().nodes, Node("difference", "less", ("logits",), {"factor": 2}), outputs=("less",))


@pytest.mark.parametrize(
    ("lo", "hi"), [(0, 0), (-1, 0), (-1, 1), (0, 127), (-128, 127), (0, 128), (-129, 5), (3, 9), (-9, -5)]
)
def test_signed_width_is_the_smallest(lo, hi):
    width = signed_width(lo, hi)
    assert -(1 << (width - 1)) <= lo and hi < 1 << (width - 1)
    assert width == 1 or not (-(1 << (width - 2)) <= lo and hi < 1 << (width - 2))


def test_accumulator_range_is_reached():
    """The bounds are those of the worst picture, and not wider."""
    net = small()
    weights = net.by_name["conv"].arrays["weights"].astype(int).reshape(3, -1)
    best = (np.where(weights > 0, 127, -128) * weights).sum(axis=1).max()
    assert net.types["conv"].hi == best


def test_save_and_load(tmp_path: Path):
    net = small(classes=("a", "b", "c", "d", "e"))
    net.save(tmp_path / "one.safetensors")
    again = Network.load(tmp_path / "one.safetensors")
    again.save(tmp_path / "two.safetensors")
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert again.classes == net.classes and again.types == net.types
    for one, two in zip(net.nodes, again.nodes, strict=True):
        assert (one.kind, one.name, one.inputs, one.attrs) == (two.kind, two.name, two.inputs, two.attrs)
        for key, value in one.arrays.items():
            np.testing.assert_array_equal(value, two.arrays[key])
            assert value.dtype == two.arrays[key].dtype


WINDOWS = [
    ({"kernel": 3, "stride": 1, "padding": 1}, 1, Window((3, 3), (1, 1), (1, 1, 1, 1))),
    ({"kernel": (3, 3), "stride": 1, "padding": 0}, 2, Window((3, 3))),
    ({"kernel": (3, 1), "stride": (2, 1), "padding": (1, 0, 0, 0)}, 2, Window((3, 1), (2, 1), (1, 0, 0, 0))),
    ({"kernel": 2, "stride": 1, "padding": 2, "dilation": (2, 3)}, 2, Window((2, 2), (1, 1), (2,) * 4, (2, 3))),
]


@pytest.mark.parametrize(("attrs", "version", "window"), WINDOWS)
def test_save_and_load_windows(tmp_path: Path, attrs, version, window):
    """A file has the first format version that can hold its attributes."""
    weights = np.ones((3, *window.kernel, 2), np.int8)
    flat = window.count(4, 4)[0] * window.count(4, 4)[1] * 3
    made = network(conv(attrs={"weights": "binary", **attrs}, arrays={"weights": weights}), ternary(),
                   Node("flatten", "flat", ("trits",)), dense(n=flat))
    made.save(tmp_path / "net.safetensors")
    with safetensors.safe_open(tmp_path / "net.safetensors", "np") as file:
        assert json.loads(file.metadata()["tbn_hw"])["version"] == version
    again = Network.load(tmp_path / "net.safetensors")
    assert again.by_name["conv"].attrs == made.by_name["conv"].attrs and again.types == made.types
    assert Window.of(again.by_name["conv"]) == window and again.to_bytes() == made.to_bytes()


@pytest.mark.parametrize("pads", [True, False])
@pytest.mark.parametrize(("attrs", "version", "window"), WINDOWS)
def test_attributes_of_a_window(attrs, version, window, pads):
    found = window.attrs(pads)
    assert Window.of(Node("conv", "conv", ("input",), found)) == window
    assert any(isinstance(value, tuple) for value in found.values()) == (
        window != Window((window.kernel[0],) * 2, (window.stride[0],) * 2, (window.padding[0] if pads else 0,) * 4))


@given(st.integers(1, 12), st.integers(1, 6), st.integers(1, 4), st.integers(1, 5), st.data())
def test_windows_with_nothing_inside(size, kernel, stride, dilation, data):
    extent = (kernel - 1) * dilation + 1
    before, after = (data.draw(st.integers(0, extent - 1)) for _ in "ba")
    window = Window((kernel, 1), (stride, 1), (before, 0, after, 0), (dilation, 1))
    if objection(window, (size, 1, 1)) is None:
        starts = range(-before, size + after - extent + 1, stride)
        inside = [any(0 <= start + k * dilation < size for k in range(kernel)) for start in starts]
        assert always_inside(window, size, 1) == all(inside)


def test_a_window_as_large_as_a_picture_may_be():
    """Checked in little time and memory."""
    x, window = TensorType((1, 1 << 24, 1), "int", 0, 1), {"kernel": (1, 1 << 23), "stride": 1}
    assert infer(Node("max_pool", "p", ("x",), window), [x]).shape == (1, (1 << 23) + 1, 1)


def test_types_of_windows():
    """Padding brings zeros into a sum, and nothing into a maximum."""
    x = TensorType((5, 6, 2), "int", 3, 9)
    attrs = {"kernel": (3, 2), "stride": (2, 3), "padding": (1, 0, 0, 1)}
    assert infer(Node("max_pool", "p", ("x",), attrs), [x]) == TensorType((2, 2, 2), "int", 3, 9)
    assert infer(Node("avg_pool", "p", ("x",), attrs), [x]) == TensorType((2, 2, 2), "int", 0, 54)


def test_binary_weights_are_packed(tmp_path: Path):
    weights = np.ones((64, 3, 3, 64), np.int8)
    nodes = (
        conv(channels=64),
        ternary(channels=64),
        conv("c2", "trits", arrays={"weights": weights}),
        ternary("t2", "c2", 64),
        Node("flatten", "flat", ("t2",)),
        dense(n=16 * 64),
    )
    network(*nodes).save(tmp_path / "net.safetensors")
    dense_bytes = 5 * 16 * 64
    assert (tmp_path / "net.safetensors").stat().st_size < weights.size / 8 + dense_bytes + 5000


def test_write_atomically_leaves_links_pipes_and_modes(tmp_path: Path):
    file, link, pipe = tmp_path / "file", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to("file")
    before = os.umask(0o027)
    try:
        write_atomically(link, b"new")  # a link to no file yet
    finally:
        os.umask(before)
    assert link.is_symlink() and file.read_bytes() == b"new" and file.stat().st_mode & 0o777 == 0o640
    file.chmod(0o604)
    write_atomically(link, b"again")
    assert link.is_symlink() and file.read_bytes() == b"again" and file.stat().st_mode & 0o777 == 0o604
    os.mkfifo(pipe)
    read: list[bytes] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    write_atomically(pipe, b"through")
    reader.join(60)
    assert pipe.is_fifo() and read == [b"through"]
    assert sorted(tmp_path.iterdir()) == [file, link, pipe]


@pytest.mark.parametrize(("place", "kind"), [
    (".", IsADirectoryError), ("none/file", FileNotFoundError), ("file/none", NotADirectoryError), ("loop", OSError),
])
def test_write_atomically_wrong(tmp_path: Path, place, kind):
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(kind) as error:
        write_atomically(tmp_path / place, b"")
    assert error.value.filename == str(tmp_path / place) and error.value.strerror
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "loop"]


def clipped(lo, hi):
    arrays = {"mult": np.ones(2, np.int16), "bias": np.zeros(2, np.int32)}
    return Node("requantize", "wide", ("input",), {"shift": 0, "lo": lo, "hi": hi}, arrays)


def mean(source, shift):
    return Node("avg_pool", "mean", (source,), {"kernel": 2, "stride": 2, "shift": shift})


WRONG = [
    (
        lambda: network(conv(attrs={"kernel": 5}), ternary(), dense()),
        "conv: array 'weights' must have shape (3, 5, 5, 2), not (3, 3, 3, 2)",
    ),
    (lambda: network(conv(attrs={"padding": 3})), "conv: padding 3 must be less than kernel 3"),
    (lambda: network(conv(attrs={"stride": 0})), "conv: stride must be at least 1, not 0"),
    (lambda: network(conv(attrs={"stride": 1.5})), "conv: stride must be an integer or two integers, not 1.5"),
    (lambda: network(conv(attrs={"stride": (1, 0)})), "conv: stride must be at least 1, not 0"),
    (lambda: network(conv(attrs={"kernel": (3, 3, 3)})),
     "conv: kernel must be an integer or two integers, not (3, 3, 3)"),
    (lambda: network(conv(attrs={"padding": (1, 1)})), "conv: padding must be an integer or four integers, not (1, 1)"),
    (lambda: network(conv(attrs={"padding": (0, 3, 0, 0)})), "conv: padding 3 must be less than kernel 3"),
    (lambda: network(conv(attrs={"kernel": (3, 2), "padding": (0, 0, 2, 2)})),
     "conv: padding 2 must be less than kernel 2"),
    (lambda: network(conv(attrs={"dilation": (2, 1), "padding": (5, 0, 0, 0)})),
     "conv: padding 5 must be less than the 5 pixels that kernel 3 spans"),
    (lambda: network(conv(attrs={"dilation": (1, 3)})),
     "conv: the 7 pixels that kernel 3 spans must not exceed the padded input 6x6"),
    (lambda: network(conv(attrs={"kernel": (7, 1), "padding": 0})),
     "conv: kernel 7 must not exceed the padded input 4x4"),
    (lambda: network(conv(attrs={"dilation": 3000, "padding": 6000})),
     "conv: its padded input 12004x12004x2 must be at most 16777216 elements"),
    (lambda: network(Node("max_pool", "pool", ("input",), {"kernel": 2, "stride": 1, "dilation": 6, "padding": 6})),
     "pool: each window must have a pixel of its input 4x4; use less padding or dilation"),
    (lambda: network(conv(attrs={"colour": 1})), "conv: a conv node has no attribute 'colour'"),
    (lambda: network(conv(attrs={"weights": "ternary"})), "conv: weights must be one of binary, int8, not 'ternary'"),
    (
        lambda: network(conv(arrays={"weights": np.zeros((3, 3, 3, 2), np.int8)})),
        "conv: binary weights must be -1 or +1",
    ),
    (
        lambda: network(conv(arrays={"weights": np.ones((3, 3, 3, 2))})),
        "conv: array 'weights' must hold signed integers, not float64",
    ),
    (
        lambda: network(conv(arrays={"pad": np.ones(2, np.int8)})),
        "conv: array 'pad' must hold -1 and +1, for a binary input only",
    ),
    (lambda: network(conv(source="nowhere")), "conv: input 'nowhere' is not made by an earlier node"),
    (lambda: network(conv(), conv()), "conv: the name is used twice"),
    (
        lambda: network(Node("softmax", "s", ("input",))),
        f"s: kind must be one of {', '.join(sorted(KINDS))}, not 'softmax'",
    ),
    (
        lambda: network(conv(), ternary(lo=3, hi=3)),
        "trits: lo must be below hi in every channel; in channel 0 lo is 3 and hi is 3",
    ),
    (
        lambda: network(conv(), dense(source="conv")),
        "logits: input must be flat (1, 1, n), not (4, 4, 3); put flatten before it",
    ),
    (lambda: small(classes=("a", "b")), "2 classes must name 5 logits"),
    (lambda: small(outputs=("nothing",)), "output 'nothing' is not the name of a node"),
    (
        lambda: network(conv(), ternary(), conv("unused"), Node("flatten", "flat", ("trits",)), dense()),
        "unused: nothing uses its output",
    ),
    (lambda: network(Node("add", "sum", ("input",), {"width": 16})), "sum: add must have 2 input(s), not 1"),
    (lambda: network(clipped(-1, 1 << 31)), "wide: its integers must fit 32 bits, not range from -1 to 2147483648"),
    (
        lambda: network(clipped(-(1 << 31), 0), mean("wide", 2)),
        "mean: the sums must fit 32 bits, those of 4 elements reach 8589934592",
    ),
    (
        lambda: network(mean("input", 32)),
        "mean: shift must be at most 31, not 32",
    ),
    (
        lambda: network(conv(arrays={"weights": np.ones((0, 3, 3, 2), np.int8)})),
        "conv: array 'weights' must not be empty, its shape is (0, 3, 3, 2)",
    ),
    (lambda: small(outputs=("logits", "logits")), "output 'logits' must be a top_k of the logits 'logits'"),
    (
        lambda: Network("net", TensorType((1, 1, 4), "int", 5, -3), (dense(source="input", n=4),), ("logits",)),
        "the input must be int from -128 to 127, a picture's bytes less 128, not int from 5 to -3",
    ),
    *(
        (lambda kind=kind, lo=lo, hi=hi: Network("n", TensorType((4, 4, 2), kind, lo, hi), small().nodes, ("logits",)),
         f"the input must be int from -128 to 127, a picture's bytes less 128, not {kind} from {lo} to {hi}")
        for kind, lo, hi in (("int", -128, 5000), ("int", 0, 127), ("int", -128, 126), ("ternary", -1, 1),
                             ("binary", -1, 1), ("real", -128, 127))
    ),
    *(
        (lambda name=name: network(conv(name), ternary(source=name), *small().nodes[2:]),
         f"names must have no control characters, not {name!r}")
        for name in ("a\x1b[2J", "a\nb", "\x00", "\x7f", "\x9b31m", "\ud800")
    ),
    (lambda: small(classes=("a", "b", "c", "d", "\x1b")), "names must have no control characters, not '\\x1b'"),
    (
        lambda: network(*(conv(f"conv{index}") for index in range(4097))),
        "a network must have at most 4096 nodes, not 4097",
    ),
    (
        lambda: network(Node("requantize", "wide", ("input",), {"shift": 0, "lo": 0, "hi": 1}, clipped(0, 1).arrays),
                        Node("pad_channels", "pad", ("wide",), {"before": 1 << 40, "after": 0})),
        "pad: its output 4x4x1099511627778 must be at most 16777216 elements",
    ),
    (
        lambda: network(Node("flatten", "flat", ("input",)), outputs=("flat",)),
        "a network must have a node that computes something",
    ),
]


@pytest.mark.parametrize(("make", "sentence"), WRONG)
def test_network_wrong(make, sentence):
    with pytest.raises(NetworkError) as error:
        make()
    assert str(error.value) == sentence


def saved(tmp_path: Path) -> Path:
    path = tmp_path / "net.safetensors"
    small().save(path)
    return path


def test_load_truncated(tmp_path: Path):
    path = saved(tmp_path)
    whole = path.read_bytes()
    for size in (0, 4, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(NetworkError, match=r"net\.safetensors: "):
            Network.load(path)


def test_load_any_damage_is_refused_or_harmless(tmp_path: Path):
    """Bytes changed anywhere give a sentence or a network, never another exception."""
    path = saved(tmp_path)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for _ in range(200):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 3):
            data[place] = rng.integers(0, 256)
        path.write_bytes(data)
        try:
            Network.load(path)
        except NetworkError as error:
            assert str(error).startswith(str(path))


def test_load_unreadable(tmp_path: Path, monkeypatch):
    def denied(path, mode):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    small().save(tmp_path / "a.safetensors")
    monkeypatch.setattr(Path, "open", denied)  # not by the file's mode: root ignores it
    with pytest.raises(NetworkError, match=r"a\.safetensors: cannot be read; Permission denied$"):
        Network.load(tmp_path / "a.safetensors")


def rewritten(path: Path, change):
    """Save the small network with its graph changed: by a function, or to another text."""
    path = saved(path)
    with safetensors.safe_open(path, "np") as file:
        text = file.metadata()["tbn_hw"]
        arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if callable(change):
        graph = json.loads(text)
        change(graph)
        change = json.dumps(graph)
    safetensors.numpy.save_file(arrays, path, metadata={"tbn_hw": change})
    return path


def put(*place):
    """A change of a graph: its last argument stands where the others lead to, or nothing if it is `del`."""
    *inner, key, value = place

    def change(graph):
        for part in inner:
            graph = graph[part]
        if value == "del":
            del graph[key]
        else:
            graph[key] = value

    return change


SHAPE = ("nodes", 0, "arrays", "weights")
DAMAGED = [
    (put("input", "del"), "input: is missing"),
    (put("input", "lo", float("inf")), "input.lo: must be an integer, not inf"),
    (put("input", "shape", 0, float("inf")), "input.shape[0]: must be an integer, not inf"),
    (put("input", "shape", [4, 4]), "input.shape[2]: is missing"),
    (put("input", "shape", [4, 0, 2]), "input.shape[1]: must be greater than 0, not 0"),
    (put("input", "kind", "real"), "input.kind: must be 'binary', 'ternary' or 'int', not 'real'"),
    (put("input", 3), "input: must be a mapping, not 3"),
    (put(*SHAPE, 0, 1, float("inf")), "nodes[0].arrays.weights[0][1]: must be an integer, not inf"),
    (put(*SHAPE, 0, 1, -3), "nodes[0].arrays.weights[0][1]: must be at least 0, not -3"),
    (put(*SHAPE, [1]), "nodes[0].arrays.weights[0]: must be a list, not 1"),
    (put(*SHAPE, []), "nodes[0].arrays.weights[0]: is missing"),
    (put("nodes", 0, "inputs", "input"), "nodes[0].inputs: must be a list, not 'input'"),
    (put("nodes", 0, "name", 3), "nodes[0].name: must be text, not 3"),
    (put("nodes", 0, "name", "a\x1b[2J"), "nodes[0].name: must have no control characters, not "),
    (put("nodes", 0, "name", "x" * 1025), "nodes[0].name: must have at most 1024 letters, not 'xx"),
    (put("nodes", 0, "attrs", "kernel", 3.5), "nodes[0].attrs.kernel: must be an integer, not 3.5"),
    (put("nodes", 0, "attrs", "kernel", None), "nodes[0].attrs.kernel: must be an integer, not None"),
    (put("nodes", 0, "attrs", "kernel", 1 << 70), "nodes[0].attrs.kernel: must be less than 92233720"),
    (put("nodes", 0, "attrs", "kernel", []), "nodes[0].attrs.kernel: must be an integer, not []"),
    (put("nodes", 0, "colour", "red"), "nodes[0].colour: unknown key 'colour'"),
    (put("nodes", 0, []), "nodes[0]: must be a mapping, not []"),
    (put("name", ["net"]), "name: must be text, not ['net']"),
    (lambda graph: graph.update(nodes=graph["nodes"] * 2000), "nodes: must hold 4096 values or fewer, not "),
    ("{", "not JSON: EOF while parsing"),
    ("[" * 200_000, "not JSON: "),
    ("[]", "must be a mapping, not []"),
    ('{"version": ' + "1" * 5000 + "}", "not JSON: number out of range"),
]
REFUSED = [
    (put("input", "hi", 5000), "the input must be int from -128 to 127, a picture's bytes less 128, not int from -128"),
    (put(*SHAPE, 0, [1 << 30] * 4), "a network must have at most 268435456 weights, not 13292279957849158729038070602"),
    (put("nodes", 0, "arrays", "more", [[1], "int8"]), "conv: array 'more' is missing in the file"),
    (put("version", "1"), "format version must be 1 or 2, not '1'"),
    (put("version", "del"), "format version is missing"),
    (" " * (1 << 23) + "{}", "its graph must have at most 8388608 characters, not 8388610"),
    ("[" + "1," * (1 << 18) + "1,1]", "its graph must have at most 262144 commas, not 262145"),
    *((change, f"holds a damaged graph; {sentence}") for change, sentence in DAMAGED),
]


@pytest.mark.parametrize(("change", "sentence"), REFUSED)
def test_load_damaged_graph(tmp_path: Path, change, sentence):
    """The first fault is named by its place in the graph, and in our words."""
    path = rewritten(tmp_path, change)
    with pytest.raises(NetworkError) as error:
        Network.load(path)
    said = str(error.value)
    assert said.startswith(f"{path}: {sentence}") and len(said) < len(str(path)) + 250 and "\n" not in said


@pytest.mark.parametrize("kind", FOREIGN)
def test_load_foreign_types(tmp_path: Path, kind):
    """Types that a safetensors file may have and NumPy has not."""
    path = saved(tmp_path)
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
    write_tensors(path, {"0.weights": ("U8", (7,)), "3.weights": (kind, (5, 48)), "3.bias": ("I64", (5,))}, metadata)
    with pytest.raises(NetworkError, match=r"net\.safetensors: (is not a whole|array '3\.weights' cannot be read; )"):
        Network.load(path)


def test_load_too_large(tmp_path: Path, monkeypatch):
    path = saved(tmp_path)
    monkeypatch.setattr(arrays, "MOST_FILE_BYTES", 100)
    with pytest.raises(NetworkError, match=r"net\.safetensors: must have at most 100 bytes, not \d+$"):
        Network.load(path)


def test_load_wrong(tmp_path: Path):
    missing = tmp_path / "missing.safetensors"
    with pytest.raises(NetworkError, match="no such file"):
        Network.load(missing)
    foreign = tmp_path / "foreign.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, foreign)
    with pytest.raises(NetworkError, match="a safetensors file without a tbn-hw network in it"):
        Network.load(foreign)
    newer = tmp_path / "newer.safetensors"
    safetensors.numpy.save_file({"w": np.zeros(3)}, newer, metadata={"tbn_hw": '{"version": 99}'})
    with pytest.raises(NetworkError, match="format version must be 1 or 2, not 99"):
        Network.load(newer)
