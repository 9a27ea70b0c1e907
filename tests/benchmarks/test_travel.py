"""What the exports are compared with in other tools, and what is said of it. The tools themselves are not started."""

import numpy as np
import pytest

pytest.importorskip("onnx")
pytest.importorskip("qonnx")

from support.qonnx_reference import execute  # noqa: E402

from benchmarks.travel import __main__ as travel  # noqa: E402

DONE = {"failed": "", "compared": 7, "differing": 0}


def test_the_frames_fit_the_export(tmp_path):
    travel.export("tbn_digits", tmp_path, 7, indices=False)
    with np.load(tmp_path / "frames.npz") as frames:
        assert frames["x"].shape == (7, 1, 8, 8) and np.ptp(frames["y"]) > 0
        np.testing.assert_array_equal(execute(tmp_path / "model.onnx", frames["x"]), frames["y"])


@pytest.mark.parametrize(("found", "code", "said"), [
    (DONE, 0, "compiled; 0 of 7 frames differ"),
    ({**DONE, "differing": 2}, 1, "compiled; 2 of 7 frames differ"),
    ({**DONE, "partitions": 1, "outside": ["Transpose"], "steps": {"a": "equal", "b": "differs", "c": "differs"}}, 0,
     "1 partition, outside it Transpose; b, first frame: differs; 0 of 7 frames differ"),
    ({"failed": "KeyError: 'x'", "compared": 0, "differing": None}, 1, "KeyError: 'x'; 0 of 0 frames differ"),
])
def test_what_is_said_of_a_network(found, code, said, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(travel, "environment", lambda tool, folder: tmp_path)
    monkeypatch.setattr(travel, "take", lambda *arguments: found)
    assert travel.main(["--tools", "hls4ml"]) == code
    assert capsys.readouterr().out == f"tbn_digits, hls4ml==1.3.0: {said}\n"


def test_a_network_may_stop_that_is_not_known_to_arrive(monkeypatch, tmp_path):
    monkeypatch.setattr(travel, "environment", lambda tool, folder: tmp_path)
    monkeypatch.setattr(travel, "take", lambda *arguments: {"failed": "why", "compared": 0, "differing": None})
    assert travel.main(["--tools", "finn", "--networks", "tbn_resnet"]) == 0
    assert travel.main(["--tools", "finn", "--networks", "tbn_cnv"]) == 1
