"""A board's top level, simulated whole, against the code that runs on the host."""

import json

import numpy as np
import pytest
from PIL import Image
from support.networks import residual

from hdl.link.words import BAUD, Status
from sim.bench import PRIMITIVES
from sim.bench.board import simulate_board
from tbn_hw.boards.top import board_top, identity_of
from tbn_hw.shared.errors import UsageError
from tbn_hw.stages.golden import golden
from tbn_hw.stages.load import load
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
from tbn_hw.verilog.joined import join

CLOCK_HZ, BAUD_RATE = 12_000_000, 3_000_000
"""Four cycles a bit: the fewest there may be."""
GAP_MS = 0.25
SCENARIOS = ("identify", "classify", "garbage", "garbage_before_a_request", "short_frame", "wrong_crc", "wrong_length",
             "unknown_kind", "broken_byte", "back_to_back", "burst", "flood", "rates", "repeated", "cut_off", "leds")
pytestmark = [pytest.mark.slow, pytest.mark.yosys, pytest.mark.verilator]
VISIBLE = ("s_axis_tvalid", "s_axis_tready", "m_axis_tvalid")


@pytest.fixture(scope="module")
def digits():
    return load("tbn_digits.yaml", None)


@pytest.fixture(scope="module")
def design(digits):
    return StreamingDesign.of(digits.network, fold(digits.network, digits.foldings), "ice40")


@pytest.fixture(scope="module")
def build_folder(digits, tmp_path_factory):
    """The files of a build that `run` reads, a picture of 16 by 16, and a build of another network."""
    folder = tmp_path_factory.mktemp("build")
    for name, network in (("digits", digits.network), ("other", residual())):
        (folder / name).mkdir()
        network.save(folder / name / "network.safetensors")
        facts = {"resize": 8, "temperature": 5.0, "board": {"baud": BAUD_RATE}}
        (folder / name / "manifest.json").write_text(json.dumps(facts))
    for n, picture in enumerate(digits.pictures.images[:2]):
        Image.fromarray(picture[:, :, 0]).save(folder / f"{n}.png")
    return folder


@pytest.fixture(scope="module")
def spoken(digits, design, build_folder, tmp_path_factory):
    """The results of every scenario of board_bench."""
    work = tmp_path_factory.mktemp("board")
    top = board_top(design, "ice40", input_hz=CLOCK_HZ, clock_hz=CLOCK_HZ, baud=BAUD_RATE, gap_ms=GAP_MS)
    sources = [work / "board.v", work / "accelerator.v", PRIMITIVES]
    sources[0].write_text(top.verilog)
    sources[1].write_text(join({design.name: design.top(), **design.modules(2)}))
    np.save(work / "pictures.npy", digits.pictures.images[:3])
    right = ["--build", str(build_folder / "digits"), str(build_folder / "0.png"), str(build_folder / "1.png")]
    wrong = ["--build", str(build_folder / "other"), str(build_folder / "0.png")]
    job = {"pictures": str(work / "pictures.npy"), "clock_hz": CLOCK_HZ, "baud": BAUD_RATE, "patience": 20_000,
           "pixels": 64, "scenarios": SCENARIOS, "command_lines": [right, wrong]}
    return simulate_board(sources, top.name, "support.board_bench", work, visible=VISIBLE, job=job)


@pytest.fixture(scope="module")
def result(digits, design):
    """Logits and the best class of the first picture."""
    logits = golden(digits.network, digits.pictures.images[:1])[0]
    return [*logits.tolist(), int(logits.argmax())]


def answers(*expected):
    return [[kind, sequence, status.value] for kind, sequence, status in expected]


def test_identify(spoken, design):
    identity = identity_of(design, CLOCK_HZ)
    assert spoken["identify"] == vars(identity) | {"key": identity.key.hex()}


def test_classify(spoken, digits):
    """Logits and classes of the golden model; the cycles are those between pixel and result, in the simulation too."""
    found, expected = spoken["classify"], golden(digits.network, digits.pictures.images[:3])
    assert found["logits"] == expected.tolist()
    assert found["classes"] == expected.argmax(axis=1)[:, None].tolist()
    assert found["cycles"] == found["latencies"] and min(found["cycles"]) > 64
    assert found["pixels"] == 3 * 64


def test_garbage(spoken, result):
    assert spoken["garbage"] == [answers((0, 0, Status.NOISE)), result]
    assert spoken["garbage_before_a_request"] == answers((1, 9, Status.OK))


def test_short_frame(spoken, result):
    found, after = spoken["short_frame"]
    heads = [(0, 0, Status.NOISE), (0, 0, Status.SHORT), (2, 0, Status.SHORT), *[(2, 17, Status.SHORT)] * 5]
    assert found == [answers(head) for head in heads] and after == result


def test_wrong_crc(spoken, result):
    """The request behind it is answered; no pixel went into the accelerator."""
    found, pixels, after = spoken["wrong_crc"]
    assert found == [answers((2, 18, Status.BAD_CRC), (1, 19, Status.OK))] * 2 and pixels == 0 and after == result


def test_wrong_length(spoken, result):
    found, after = spoken["wrong_length"]
    heads = [*[(2, 20, Status.BAD_LENGTH)] * 4, (1, 21, Status.BAD_LENGTH)]
    assert found == [answers(head) for head in heads] and after == result


def test_unknown_kind(spoken, result):
    assert spoken["unknown_kind"] == [answers((77, 22, Status.UNKNOWN_KIND)), result]


def test_broken_byte(spoken, result):
    assert spoken["broken_byte"] == [answers((2, 23, Status.FRAMING)), result]


def test_back_to_back(spoken):
    """With two requests under way none is lost or refused, and each has one answer."""
    expected = answers(*((2, 30 + n, Status.OK) for n in range(6)), (1, 36, Status.OK))
    found, more = spoken["back_to_back"]
    assert sorted(found) == sorted(expected) and not more


def test_burst(spoken, result):
    """If pictures come faster than they are worked on, some are refused, each once. Results keep their order."""
    found, after = spoken["burst"]
    assert sorted(sequence for _, sequence, _ in found) == [50, 51, 52, 53, 54, 55] and after == result
    right = [sequence for _, sequence, status in found if status == Status.OK.value]
    assert right[:2] == [50, 51] and right == sorted(right)
    assert {status for _, _, status in found} == {Status.OK.value, Status.BUSY.value}


def test_flood(spoken, result):
    """If requests come faster than their answers, some are dropped. Afterwards the line works again."""
    found, after = spoken["flood"]
    assert found[:2] == answers((1, 40, Status.OK), (1, 41, Status.OK)) and len(found) < 12 and after == result


def test_rates(spoken, result):
    """Two percent slow, and two percent fast."""
    assert spoken["rates"] == [[result, result], []]


def test_repeated(spoken, result):
    """The host asks again, by itself, after a spoilt request or answer."""
    assert spoken["repeated"] == [result] * 7


def test_cut_off(spoken, result):
    assert spoken["cut_off"] == result


def test_leds(spoken):
    assert spoken["leds"] == [True, False]


def test_command_line(spoken, digits, build_folder):
    """`python -m tbn_hw.run` itself names the digits, and refuses another build's board."""
    (code, out, err), (wrong_code, wrong_out, wrong_err) = spoken["command_line"]
    assert (code, err) == (0, "")
    best = golden(digits.network, digits.pictures.images[:2]).argmax(axis=1)
    for line, n in zip(out.splitlines(), range(2), strict=True):
        assert line.startswith(f"{build_folder / f'{n}.png'}: {best[n]}, confidence ")
        assert f"({spoken['classify']['cycles'][0]} cycles at 12 MHz)" in line
    assert (wrong_code, wrong_out) == (1, "")
    assert wrong_err.startswith("error: the board runs tbn_digits (") and wrong_err.count("\n") == 1


@pytest.mark.parametrize(("family", "input_hz", "clock_hz", "pad", "cell"), [
    ("ice40", 12_000_000, 48_000_000, False, "SB_PLL40_CORE"), ("ice40", 12_000_000, 48_000_000, True, "SB_PLL40_PAD"),
    ("ecp5", 25_000_000, 60_000_000, False, "EHXPLLL"), ("gowin", 27_000_000, 60_000_000, False, "rPLL")])
def test_pll_in_the_top(design, family, input_hz, clock_hz, pad, cell):
    top = board_top(design, family, input_hz=input_hz, clock_hz=clock_hz, pll_pad=pad, led_active_low=True)
    assert f"  {cell} #(" in top.verilog and "assign led_error = ~error" in top.verilog
    assert (top.input_hz, top.clock_hz, top.baud) == (input_hz, top.identity.clock_hz, BAUD)
    assert 0.99 * clock_hz < top.clock_hz <= clock_hz


def test_board_top_wrong(design):
    with pytest.raises(UsageError, match="^the clock must be at least four times the line's 4000000 baud, not 12 MHz$"):
        board_top(design, "ecp5", input_hz=12_000_000, clock_hz=12_000_000, baud=4_000_000)
    with pytest.raises(UsageError, match="^a board's clock can be made for .*, not for 'ecp6'$"):
        board_top(design, "ecp6", input_hz=100_000_000, clock_hz=50_000_000)
