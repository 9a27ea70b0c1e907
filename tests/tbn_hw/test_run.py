"""`python -m tbn_hw.run`: its sentences and exit codes. What it does with a board is in test_board."""

import json
import re
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image
from serial.tools import list_ports
from support.networks import residual

from hdl.link.words import BAUD
from tbn_hw.host.built import read_build
from tbn_hw.host.classify import check
from tbn_hw.host.confidence import fit_temperature, softmax
from tbn_hw.host.protocol import Identity
from tbn_hw.run import main
from tbn_hw.shared.errors import BoardError


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    folder = tmp_path_factory.mktemp("build")
    residual().save(folder / "network.safetensors")
    Image.fromarray(np.zeros((6, 6, 3), np.uint8)).save(folder / "a.png")
    return folder


def test_sentences(build, tmp_path, capsys):
    picture, here, loop = str(build / "a.png"), ["--build", str(build)], ["--port", "loop://"]
    (tmp_path / "network.safetensors").write_bytes(b"nothing")
    closed = "--port: /dev/null cannot be opened; Inappropriate ioctl for device$"
    cases = [
        (2, ["--build", str(tmp_path / "none"), *loop, picture], "--build: .*none holds no build; make "),
        (1, ["--build", str(tmp_path), *loop, picture], ".*network.safetensors"),
        (2, [*here, *loop, str(build / "b.png")], "FILE: .*b.png: no such file$"),
        (2, [*here, "--port", "/dev/none", picture], "--port: /dev/none cannot be opened; No such file or directory; "),
        (2, [*here, "--port", "/dev/null", picture], closed),
        (2, [*here, "--port", "none://", picture], "--port: none:// cannot be opened; "),
        (2, [*here, "--port", "socket://127.0.0.1:1", picture], "--port: .* cannot be opened; Connection refused$"),
        (2, [*here, picture], "the following arguments are required: --port; see "),
        (2, [*here, *loop, "--baud", "0", picture], "--baud must be a positive integer up to 2147483647, not 0$"),
        (2, [*here, *loop, "--baud", "2147483648", picture], "--baud must be a positive integer up to 2"),
        (2, [*here, "--port", "loop://?logging=loud", picture], r"--port: loop://\?logging=loud cannot be .*; py"),
        (2, [*here, "--port", "loop://?unknown=1", picture], r"--port: loop://\?unknown=1 cannot be opened; \w"),
        (2, [*here, "--port", "tty\0", picture], "--port: tty.* cannot be opened; "),
        (2, [*here, "--port", "hwgrep://no such port", picture], "--port: hwgrep://no such port cannot be opened; "),
        (2, [*here, *loop, "--timeout", "-1", picture], "--timeout must be a positive number of seconds "),
        (6, [*here, *loop, "--timeout", "0.05", picture], "the board's answers cannot be read: 12 bytes "),
    ]
    for code, arguments, expected in cases:
        assert main(arguments) == code, arguments
        out, err = capsys.readouterr()
        assert out == "" and err.startswith("error: ") and err.count("\n") == 1
        assert re.match(expected, err[len("error: "):-1]), err


@pytest.mark.parametrize(("text", "place"), [
    (b"", ""), (b"{", ""), (b"\xff", ""), (b"[" * 10**5, ""), (b"[]", ""), (b"3", ""), (b"null", ""),
    (b'{"board": 3}', "board: "), (b'{"board": []}', "board: "), (b'{"board": {"baud": "x"}}', "board: baud: "),
    (b'{"board": {"baud": 0}}', "board: baud: "), (b'{"board": {"baud": null}}', "board: baud: "),
    (b'{"board": {"baud": true}}', "board: baud: "), (b'{"resize": "x"}', "resize: "), (b'{"resize": 0}', "resize: "),
    (b'{"resize": 100000}', "resize: "), (b'{"temperature": 0}', "temperature: "),
    (b'{"temperature": NaN}', "temperature: "), (b'{"temperature": []}', "temperature: ")])
def test_damaged_manifest(text, place, build, tmp_path, capsys):
    (tmp_path / "network.safetensors").write_bytes((build / "network.safetensors").read_bytes())
    (tmp_path / "manifest.json").write_bytes(text)
    assert main(["--build", str(tmp_path), "--port", "loop://", str(build / "a.png")]) == 1
    expected = rf"error: {re.escape(str(tmp_path))}: the build is damaged; manifest\.json: {place}\w.*\n"
    assert re.fullmatch(expected, capsys.readouterr().err)


@pytest.mark.parametrize(("text", "resize", "baud"), [
    ('{"board": {"baud": 9600, "line_fps": 1.5}, "resize": 40, "temperature": 2, "model": "a"}', 40, 9600),
    ('{"board": null, "resize": null, "temperature": null}', None, BAUD), ("{}", None, BAUD)])
def test_manifest(text, resize, baud, build, tmp_path):
    (tmp_path / "network.safetensors").write_bytes((build / "network.safetensors").read_bytes())
    (tmp_path / "manifest.json").write_text(text)
    found = read_build(tmp_path)
    assert (found.resize, found.baud) == (resize, baud)


RIGHT = {"clock_hz": 12_000_000, "pixels": 36, "pixel_bytes": 3, "logits": 5, "logit_bytes": 2, "classes": 1,
         "class_bytes": 1}


@pytest.mark.parametrize(("changed", "said"), [
    ({"pixels": 0}, "pixels of a picture are 0, where the build in {} has 36; load its bitstream again"),
    ({"pixels": 63}, "pixels of a picture are 63, where the build in {} has 36; load its bitstream again"),
    ({"pixel_bytes": 1}, "bytes of a pixel are 1, where the build in {} has 3; load its bitstream again"),
    ({"logits": 0}, "logits are 0, where the build in {} has 5; load its bitstream again"),
    ({"logits": 20}, "logits are 20, where the build in {} has 5; load its bitstream again"),
    ({"logit_bytes": 20}, "bytes of a logit are 20, where the build in {} has 2; load its bitstream again"),
    ({"classes": 0}, "best classes are 0, where the build in {} has 1; load its bitstream again"),
    ({"class_bytes": 9}, "bytes of a class are 9, where the build in {} has 1; load its bitstream again"),
    ({"clock_hz": 1}, "hertz of the clock are 1, where the build in {} has 12000000; load its bitstream again"),
])
def test_a_board_that_says_what_the_build_is_not(changed, said, build, tmp_path):
    (tmp_path / "network.safetensors").write_bytes((build / "network.safetensors").read_bytes())
    (tmp_path / "manifest.json").write_text(json.dumps({
        "board": {"baud": 9600, "clock_mhz": 12.0},
        "ports": {"input_bytes": 3, "logits": 5, "logit_bytes": 2, "classes": 1, "class_bytes": 1}}))
    built = read_build(tmp_path)
    assert built.network.types[built.network.outputs[0]].size == RIGHT["logits"]
    check(Identity(built.key, name="net", **RIGHT), built, tmp_path)
    with pytest.raises(BoardError) as refused:
        check(Identity(built.key, name="net", **RIGHT | changed), built, tmp_path)
    assert str(refused.value) == "the board says that " + said.format(tmp_path)


def test_a_clock_that_stands_still_without_a_manifest(build):
    built = read_build(build)
    check(Identity(built.key, name="net", **RIGHT), built, build)
    with pytest.raises(BoardError, match="^the board says that its clock stands still; load the bitstream of "):
        check(Identity(built.key, name="net", **RIGHT | {"clock_hz": 0}), built, build)


@pytest.mark.parametrize(("changed", "said"), [
    ({"pixel_bytes": 0}, "bytes of a pixel are 0, where the build"),
    ({"logit_bytes": 0}, "a logit has no bytes; load")])
def test_bytes_that_cannot_be_without_a_manifest(changed, said, build):
    with pytest.raises(BoardError, match=f"^the board says that {said}"):
        check(Identity(read_build(build).key, name="net", **RIGHT | changed), read_build(build), build)


@pytest.mark.parametrize(("found", "said"), [
    (["/dev/ttyUSB1", "/dev/ttyUSB0"], "the ports there are: /dev/ttyUSB0, /dev/ttyUSB1"),
    ([], "there is no serial port on this machine")])
def test_ports_there_are(found, said, build, monkeypatch, capsys):
    monkeypatch.setattr(list_ports, "comports", lambda: [SimpleNamespace(device=name) for name in found])
    assert main(["--build", str(build), "--port", "/dev/none", str(build / "a.png")]) == 2
    assert capsys.readouterr().err == f"error: --port: /dev/none cannot be opened; No such file or directory; {said}\n"


@pytest.mark.parametrize("scale", [0.1, 1, 40])
def test_temperature(scale):
    """Labels drawn from the softmax of logits at a temperature: it is found again."""
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(20_000, 5))
    labels = (softmax(logits, 0.5).cumsum(axis=1) < rng.random((20_000, 1))).sum(axis=1)
    assert fit_temperature(scale * logits, labels) == pytest.approx(0.5 * scale, rel=0.05)


def test_confidence_of_the_never_wrong_stays_below_one():
    logits = np.eye(4) * 10
    temperature = fit_temperature(logits, np.arange(4))
    assert 0.8 < softmax(logits, temperature).max() < 0.95
