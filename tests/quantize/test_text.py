"""What reaches a terminal: no control characters, whatever a file or a board says, and no lines without end."""

import sys
from functools import partial

import pytest

from quantize.command import finish
from quantize.network import NetworkError
from quantize.text import MOST_SHOWN, is_printable, printable
from tbn_hw.host.built import Built
from tbn_hw.host.classify import check
from tbn_hw.host.protocol import Identity
from tbn_hw.shared.command import finish as finish_build
from tbn_hw.shared.errors import ModelRefused


@pytest.mark.parametrize("text, shown", [
    ("plain, ä 卷积 \N{NO-BREAK SPACE}", None), ("a\x1b[2Jb", r"a\x1b[2Jb"), ("\r\t\x07", r"\r\t\x07"),
    ("\x9b31m", r"\x9b31m"), ("\ud800", r"\ud800"), ("one\ntwo", None), ("\x7f", r"\x7f"),
])
def test_printable(text, shown):
    assert printable(text) == (text if shown is None else shown)
    assert is_printable(text) == (shown is None and "\n" not in text)
    printable(text).encode()


def test_long_lines_lose_their_middle():
    said = printable("first\n" + "a" * 100_000 + "z")
    assert said.startswith("first\naaa") and said.endswith("aaz") and " ... " in said
    assert max(map(len, said.split("\n"))) <= MOST_SHOWN + 5


def test_errors_are_printed_so(capsys):
    def refuse(kind):
        raise kind("x\x1b[2J" + "y" * 100_000)

    assert finish(lambda: refuse(NetworkError), (NetworkError,), "") == 1
    assert finish_build(lambda: refuse(ModelRefused), partial(print, file=sys.stderr)) == 1
    for line in capsys.readouterr().err.splitlines():
        assert "\x1b" not in line and r"x\x1b[2Jyyy" in line and len(line) < MOST_SHOWN + 50


def test_a_boards_name_is_printed_so(tmp_path, capsys):
    class Network:
        name = "mine"

    identity = Identity(b"k" * 16, 1, 1, 1, 1, 1, 0, 0, "\x1b]0;title\x07")
    built = Built(Network(), b"o" * 16, None, None, 9600)
    assert finish_build(lambda: check(identity, built, tmp_path), partial(print, file=sys.stderr)) == 1
    said = capsys.readouterr().err
    assert r"the board runs \x1b]0;title\x07 (" in said and "\x1b" not in said
