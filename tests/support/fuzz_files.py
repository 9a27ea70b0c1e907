"""Damaged model files, networks, checkpoints and pictures, for `support.fuzz`."""

import io
import json
import pickle
import warnings
import zipfile
from contextlib import suppress
from functools import cache

import numpy as np
import safetensors
import safetensors.numpy
from PIL import Image
from support.networks import chain, residual
from support.tensors import BITS, write_tensors

from quantize.network import Network
from quantize.picture import DataError, read_picture
from quantize.spec import load_spec
from quantize.zoo import ZOO, load_pictures
from tbn_hw.shared.errors import BuildError
from tbn_hw.stages.load import load
from tbn_hw.streaming import folding_file
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan

REFUSALS = (ValueError, BuildError)
"""All refusals of files are one of these; `strict` makes sure that they are no library's."""

SCALARS = ("3", "-1", "0", "1e400", ".nan", "true", "~", "''", "x", "[]", "{}", "[1, 2]", "{a: 1}", "*block",
           "&block 1", "!!int x", "!!timestamp 1", "!!binary a", "!x", "9" * 70, "9" * 5000,
           "0x" + "f" * 5000, "1:30", "2020-01-01", "- 1",
           '"\\e[2J"', '"\\UFFFFFFFF"', "a: b: c", "<<", "|", ">-", "%", "@", "`", "\t", "\x00", "\ud7ff", "é" * 9,
           "65536", "4096", "1024", "256", "15", "2147483648", "18446744073709551616", "conv", "residual")
BYTES = (0, 1, 2, 3, 4, 7, 8, 9, 16, 31, 32, 64, 127, 128, 254, 255)


def quiet():
    """The filters of the readers, which a test's own have put aside."""
    warnings.filterwarnings("ignore", module=r"PIL\.")
    warnings.filterwarnings("error", category=Image.DecompressionBombWarning)


def strict(read):
    """What a reader gives. A ValueError that is none of ours is an error of the reader."""
    try:
        return read()
    except ValueError as error:
        ours = type(error).__module__.partition(".")[0] in ("quantize", "tbn_hw") or type(error) is ValueError
        if not ours or type(error).__module__ == "builtins" and not str(error).partition(":")[0].startswith("/"):
            raise RuntimeError(f"{type(error).__name__}: {error}") from error
        raise


def yaml(random, folder):
    """Lines of a model or folding file changed, moved, repeated and nested, and characters in them."""
    texts = [file.read_text() for file in sorted(ZOO.glob("*.yaml"))]
    if random.random() < 0.2:
        network = _networks()[0]
        lines = folding_file.text_of(fold(network, {})).splitlines()
        file = folder / "folding.yaml"
        file.write_text(_mutated(random, lines), encoding="utf-8")
        return strict(lambda: folding_file.read(file, network))
    file = folder / "model.yaml"
    file.write_text(_mutated(random, random.choice(texts).splitlines()), encoding="utf-8")
    return strict(lambda: load_spec(file))


def _mutated(random, lines):
    for _ in range(random.choice((1, 1, 2, 3, 8))):
        at, kind = random.randrange(len(lines) or 1), random.randrange(9)
        line = lines[at] if lines else ""
        key, colon, value = line.partition(": ")
        if kind == 0 and colon:
            lines[at] = f"{key}: {random.choice(SCALARS)}"
        elif kind == 1:
            lines.insert(at, line)
        elif kind == 2 and lines:
            lines.pop(at)
        elif kind == 3:
            lines.insert(at, " " * random.randrange(9) + random.choice(SCALARS))
        elif kind == 4:
            lines[at:at + 1] = [line[:random.randrange(len(line) + 1)]]
        elif kind == 5:
            where = random.randrange(len(line) + 1)
            lines[at:at + 1] = [line[:where] + random.choice(SCALARS) + line[where:]]
        elif kind == 6:
            lines[at:at + 1] = [f"{key}: " + "[" * (deep := random.choice((3, 40, 3000))) + value + "]" * deep]
        elif kind == 7:
            name = f"a{random.randrange(3)}"
            lines[at:at + 1] = [f"{key}: &{name} {{<<: [{', '.join([f'*{name}'] * 9)}], b: [{value}]}}", line]
        else:
            lines *= random.choice((1, 2, 50 if len(lines) < 2000 else 1))
    return "\n".join(lines) + "\n"


@cache
def _networks():
    return chain(), residual()


def network(random, folder):
    """Bytes, the graph's JSON, and types and shapes of the arrays changed; read as networks and as pictures."""
    file = folder / "net.safetensors"
    made = random.choice(_networks())
    made.save(file)
    kind = random.random()
    if kind < 0.25:
        _damage(random, file)
    else:
        with safetensors.safe_open(file, "np") as opened:
            metadata = opened.metadata()
            arrays = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118
        graph = json.loads(metadata["tbn_hw"])
        for _ in range(random.choice((1, 1, 2, 5))):
            _change(random, graph)
        if kind < 0.35:
            held = {key: (random.choice(sorted(BITS)), value.shape) for key, value in arrays.items()}
            write_tensors(file, held, {"tbn_hw": json.dumps(graph)})
        else:
            if kind < 0.5:
                key = random.choice(sorted(arrays))
                arrays[key] = random.choice((
                    arrays[key].astype(random.choice(("f2", "f8", "u1", "i8", "u8", "?", "c8"))), arrays[key][..., :1],
                    np.zeros((0, 3), np.int8), np.zeros((), np.int8), arrays[key][None]))
                arrays[key] = np.ascontiguousarray(arrays[key])
            safetensors.numpy.save_file(arrays, file, metadata={"tbn_hw": json.dumps(graph)})
    if random.random() < 0.1:
        return strict(lambda: load_pictures(file))
    if random.random() < 0.1:
        return strict(lambda: load("tbn_digits", file))
    return strict(lambda: _planned(Network.load(file)))


def _planned(network):
    """The engines of a network that loads, which a build makes before anything is simulated."""
    return plan(network, fold(network, {}))


JSON = (None, True, 0, 1, -1, 3.5, float("inf"), 1 << 31, 1 << 63, 10**400, "", "x", "input", "\x1b[2J", "\ud800",
        "x" * 2000, [], [1], {}, {"a": 1}, [[]], "binary", "int8", "int", "conv", 65536, 128, 4097)


def _change(random, graph):
    """Put another value, or none, at a random place of a tree of lists and mappings."""
    inner = graph
    while True:
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        if not keys:
            return
        key = random.choice(keys)
        if isinstance(inner[key], dict | list) and random.random() < 0.85:
            inner = inner[key]
            continue
        if random.random() < 0.15:
            del inner[key]
        elif isinstance(inner, list) and random.random() < 0.2:
            inner *= random.choice((2, 3))
        elif isinstance(inner[key], int) and random.random() < 0.5:
            inner[key] += random.choice((-1, 1, 2, 127, -128))
        else:
            inner[key] = random.choice(JSON)
        return


def _damage(random, file):
    """Change, cut, repeat or insert bytes of a file."""
    data = bytearray(file.read_bytes())
    for _ in range(random.choice((1, 1, 3, 10, 50))):
        at = random.randrange(len(data) or 1)
        kind = random.random()
        if kind < 0.6 and data:
            data[at] = random.choice((random.randrange(256), random.choice(BYTES)))
        elif kind < 0.7:
            del data[at:at + random.choice((1, 4, 1000))]
        elif kind < 0.8:
            del data[at:]
        elif kind < 0.9:
            data[at:at] = bytes(random.randrange(256) for _ in range(random.choice((1, 4, 64))))
        else:
            data[at:at] = data[at:at + random.choice((4, 100))]
    file.write_bytes(data)


@cache
def _states():
    """A model of the zoo that is not trained, its specification, and an optimizer after one step."""
    import torch

    from quantize.model import build_module
    from quantize.optimizer import build_optimizer
    from quantize.spec import parse_spec

    torch.set_num_threads(1)
    spec = parse_spec((ZOO / "tbn_digits.yaml").read_text(), "tbn_digits.yaml").with_train(epochs=3, batch=30)
    model = build_module(spec)
    optimizer = build_optimizer(model, spec.train)
    model(torch.zeros((4, 8, 8, 1), dtype=torch.uint8)).sum().backward()
    optimizer.step()
    return spec, model, optimizer


def checkpoint(random, folder):
    """Values of a state changed, bytes of its file, foreign pickles and archives; read to go on and to export."""
    import torch

    from quantize.checkpoint import save_checkpoint
    from quantize.data import Dataset
    from quantize.export import export
    from quantize.trained import load_model, save_trained
    from quantize.trainer import Trainer, TrainError, _recipe

    spec, model, optimizer = _states()
    if random.random() < 0.2:
        file = folder / "trained.safetensors"
        save_trained(model, file)
        _damage(random, file)
        return strict(lambda: export(load_model(spec, file)))
    file = folder / "checkpoint.pt"
    (folder / "metrics.csv").unlink(missing_ok=True)
    state = {"model": spec.name, "weights": model.state_dict(), "epoch": 1, "optimizer": optimizer.state_dict(),
             "recipe": _recipe(spec)}
    save_checkpoint(file, state, np.random.default_rng(0))
    kind = random.random()
    if kind < 0.3:
        _damage(random, file)
    elif kind < 0.35:
        file.write_bytes(pickle.dumps(random.choice(JSON)))
    elif kind < 0.4:
        with zipfile.ZipFile(file, "w", random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))) as archive:
            archive.writestr("archive/data.pkl", pickle.dumps(random.choice(JSON), protocol=2))
            archive.writestr("archive/version", "3")
    else:
        held = torch.load(io.BytesIO(file.read_bytes()), weights_only=True)
        for _ in range(random.choice((1, 1, 2, 4))):
            _change_state(random, held)
        torch.save(held, file)
    if random.random() < 0.1:
        (folder / "metrics.csv").write_bytes(bytes(random.choice(b"epoch,1\n\r\"\xff\x00.") for _ in range(60)))
    pictures = Dataset(np.zeros((60, 8, 8, 1), np.uint8), np.zeros(60, np.int64), np.zeros((9, 8, 8, 1), np.uint8),
                       np.zeros(9, np.int64))
    if random.random() < 0.5:
        return strict(lambda: export(load_model(spec, file)))
    try:
        return strict(lambda: Trainer(spec, pictures, folder)._run_epoch(1, lambda: None))
    except TrainError as error:  # values that stop being numbers, which are no file's fault by themselves
        raise DataError(str(error)) from None


TENSORS = (
    lambda tensor: tensor * float("nan"), lambda tensor: tensor - 1e9, lambda tensor: tensor * 0 + 3e38,
    lambda tensor: tensor.double(), lambda tensor: tensor.half(), lambda tensor: tensor.bool(),
    lambda tensor: tensor.flatten(), lambda tensor: tensor[None], lambda tensor: tensor * 1j,
    lambda tensor: tensor.to_sparse(), lambda tensor: tensor.to("meta"),
    lambda tensor: tensor.new_zeros(()).expand(1 << 40), lambda tensor: "tensor", lambda tensor: None,
)


def _change_state(random, state):
    """As `_change`, and values of tensors, their types and shapes."""
    import torch

    inner = state
    while True:
        key = random.choice(list(inner)) if isinstance(inner, dict) else random.randrange(len(inner))
        value = inner[key]
        if isinstance(value, dict | list) and value and random.random() < 0.9:
            inner = value
            continue
        if isinstance(value, torch.Tensor):
            with suppress(RuntimeError):  # what cannot be done to a tensor that was changed before
                inner[key] = random.choice(TENSORS)(value)
        elif random.random() < 0.2:
            inner.pop(key)
        else:
            inner[key] = random.choice([value for value in JSON if value != "\ud800"])
        return


FORMATS = {"png": ("L", "RGB", "RGBA", "P", "LA", "I;16", "1"), "jpg": ("L", "RGB", "CMYK"), "gif": ("P", "L"),
           "bmp": ("RGB", "L", "1"), "tif": ("RGB", "L", "I;16", "F", "CMYK", "LAB"), "webp": ("RGB", "RGBA"),
           "ppm": ("RGB", "L"), "ico": ("RGBA",), "tga": ("RGB", "RGBA"), "pcx": ("RGB", "L"), "jp2": ("RGB",)}


def picture(random, folder):
    """Bytes of pictures of many formats changed, most of them in the head; sizes, scales and shapes of any kind."""
    suffix = random.choice(sorted(FORMATS))
    mode = random.choice(FORMATS[suffix])
    file = folder / f"picture.{suffix}"
    size = random.choice(((1, 1), (8, 8), (40, 3), (1, 900), (64, 48)))
    pixels = np.frombuffer(random.randbytes(size[0] * size[1] * 3), np.uint8).reshape(size[1], size[0], 3)
    image = Image.fromarray(pixels)
    image = Image.fromarray(pixels[:, :, 0] * np.uint16(257)) if mode == "I;16" else image.convert(mode)
    image.save(file)
    data = bytearray(file.read_bytes())
    for _ in range(random.choice((0, 1, 1, 2, 4, 9))):
        at = random.randrange(min(len(data), random.choice((40, 100, len(data)))))
        data[at] = random.choice((random.randrange(256), random.choice(BYTES)))
    if random.random() < 0.1:
        del data[random.randrange(len(data)):]
    file.write_bytes(data)
    shape = (random.choice((1, 8, 32, 224)), random.choice((1, 8, 32, 224)), random.choice((1, 3)))
    return strict(lambda: read_picture(file, shape, random.choice((None, None, 1, 8, 256, 4096))))


KINDS = {"yaml": yaml, "network": network, "checkpoint": checkpoint, "picture": picture}
