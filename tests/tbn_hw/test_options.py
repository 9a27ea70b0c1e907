"""The command line of a build as a record: each option has one type and one meaning."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from tbn_hw.options import DEFAULT_SEEDS, Cheapest, Fastest, Options, Stated, parse
from tbn_hw.shared.errors import UsageError
from tbn_hw.targets.catalogue import find_target


def parsed(*more):
    return parse(["--model", "net.yaml", *more])


def test_defaults():
    """What a bare command line asks for is what the record has by itself."""
    assert parsed() == Options("net.yaml", find_target("ecp5"))
    with pytest.raises(FrozenInstanceError):
        parsed().seeds = 4


def test_every_option_arrives():
    found = parsed("--weights", "w", "--target", "icebreaker", "--fps", "2.5", "--clock", "20", "--seeds", "2",
                   "--until", "route", "--images", "a.png", "b.png", "--verify-images", "7", "--output", "out")
    assert found == Options(
        "net.yaml", find_target("icebreaker"), Path("w"), None, Cheapest(2.5), 20.0, 2, "route",
        (Path("a.png"), Path("b.png")), 7, Path("out"))
    assert parsed("--folding", "f.yaml").folding == Path("f.yaml")
    assert len(fields(Options)) == 11, "a new option belongs in this test"


@pytest.mark.parametrize("text, rate", [
    (None, Stated()), ("max", Fastest()), ("inf", Fastest()), ("30", Cheapest(30.0)), ("1e3", Cheapest(1000.0))])
def test_rate(text, rate):
    assert parsed(*([] if text is None else ["--fps", text])).rate == rate


@pytest.mark.parametrize("text", ["0", "-3", "nan", "quick", ""])
def test_rate_wrong(text):
    with pytest.raises(UsageError, match="--fps: must be a positive number of frames a second, or max, not "):
        parsed(f"--fps={text}")


@pytest.mark.parametrize("arguments, seeds", [
    ([], 0), (["--seeds", "1"], 1), (["--until", "route"], DEFAULT_SEEDS), (["--clock", "50"], DEFAULT_SEEDS),
    (["--target", "ecp5"], DEFAULT_SEEDS), (["--target", "ecp5", "--seeds", "0"], 0), (["--target", "xc7"], 0)])
def test_seeds(arguments, seeds):
    """A target that is named is routed where it can be; without a name routing must be asked for."""
    assert parsed(*arguments).seeds == seeds
