"""`python -m tbn_hw.explore`: the front, the results kept between runs, its files, and any executor."""

import csv
import io
import json
import os
import re
import socket
import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest
import yaml
from PIL import Image
from rich.console import Console
from support.networks import chain, residual

import tbn_hw.exploration.run as explore_run
from quantize.network import Network
from quantize.zoo import ZOO
from tbn_hw import explore
from tbn_hw.costs.model import CostModel, Error
from tbn_hw.exploration.measured import built
from tbn_hw.exploration.points import distinct, estimated, sweep
from tbn_hw.exploration.run import Exploration, Job, executor_of
from tbn_hw.exploration.table import show, write
from tbn_hw.shared.errors import DoesNotFit, UsageError, WorkerKilled
from tbn_hw.streaming import folding_file
from tbn_hw.streaming.folding import Folding, fold
from tbn_hw.streaming.plan import plan

DIGITS = "tbn_digits.yaml"


class Each(dict):
    """Coefficients that are all one, `depth` names deep."""

    def __init__(self, depth):
        super().__init__()
        self._depth = depth

    def get(self, name, default=None):
        return Each(self._depth - 1) if self._depth else 1.0


@pytest.fixture
def costs(monkeypatch):
    """A cost model in place of the fitted ones: every bit, register and row is a LUT and a flip-flop."""
    for user in ("exploration.points", "exploration.run"):
        monkeypatch.setattr(f"tbn_hw.{user}.cost_model", lambda family: CostModel(family, Each(2), Error(1, 0, 0, 0)))


def quiet():
    return Console(file=io.StringIO(), width=160)


def point(name, cycles, lut, target="ice40-hx8k", **more):
    return {"point": f"{target}/{name}", "target": target, "cycles": cycles, "fps": cycles and 75e6 / cycles,
            "lut": lut, "ff": 10, "bram": 2, "dsp": 0, "folding": f"{name}: {{pe: 1, simd: 1}}\n", **more}


def test_sweep():
    """From an input beat a cycle to one lane, each point's cycles about 1.41 times those before."""
    net = chain()
    found = sweep(net)
    assert found[0] == 144 and max(net.macs(node.name) for node in net.nodes) <= found[-1]
    assert all(1.38 < after / before < 1.45 for before, after in zip(found, found[1:], strict=False))


def test_front():
    """What is slower and no smaller is not on it; a target is compared with itself; no folding twice."""
    none = {**point("none", None, None), "folding": None}
    found = distinct([
        point("a", 100, 50), point("b", 200, 50), point("c", 200, 40), point("d", 400, 41), point("e", 50, 400),
        {**point("f", 100, 50), "folding": "a: {pe: 1, simd: 1}\n"}, none,
        point("g", 1000, 1000, "ecp5-25k")])
    assert {found["point"].split("/")[1]: found["front"] for found in found} == {
        "a": True, "b": False, "c": True, "d": False, "e": True, "g": True}


def test_files(tmp_path):
    """A line a point, a folding file each, a picture that shows something, and a table of the front."""
    measured = {"cycles": 101, "lut": 60, "ff": 11, "bram": 2, "dsp": 0, "error": None}
    failed = dict.fromkeys(measured) | {"error": "no, no"}
    points = distinct([point("a", 100, 66), point("b", 200, 70), point("c", 200, 40)])
    points[0]["measured"], points[2]["measured"] = measured, failed
    for made in points:
        (tmp_path / "points" / made["point"]).mkdir(parents=True)
    write(tmp_path, "net", points)
    with (tmp_path / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["cycles"], row["front"], row["measured_lut"], row["measured_error"]) for row in rows] == [
        ("100", "1", "60", ""), ("200", "0", "", ""), ("200", "1", "", "no, no")]
    for row, made in zip(rows, points, strict=True):
        assert (tmp_path / row["folding"]).read_text() == made["folding"] and row["fps"] == str(made["fps"])
    picture = np.array(Image.open(tmp_path / "points.png").convert("L"))
    assert picture.shape[0] > 400 and picture.min() < 50 < 250 < picture.max()
    console = quiet()
    show(points, console)
    text = console.file.getvalue()
    assert "750,000" in text and "+10.0 %" in text and "no, no" in text and " 70 " not in text


def twice(value):
    CALLS.append(value)
    if value == 3:
        raise ValueError("three")
    return {"value": 2 * value}


CALLS: list[int] = []


def test_resumed(tmp_path):
    """What was done before an error is not done again; another key, or a file that is none, is."""
    jobs = {f"t/{value}": Job(twice, (value,), "key") for value in range(5)}
    with ThreadPoolExecutor(1) as pool:
        run = Exploration(tmp_path, pool, quiet())
        with pytest.raises(ValueError, match="three"):
            run.work("double", jobs)
        kept = {path.parent.name for path in tmp_path.rglob("double.json")}
        assert {"0", "1", "2"} <= kept and "3" not in kept
        jobs["t/3"] = Job(twice, (30,), "key")
        CALLS.clear()
        expected = {f"t/{value}": {"value": 2 * value if value != 3 else 60} for value in range(5)}
        assert run.work("double", jobs) == expected
        assert 30 in CALLS and not set(CALLS) & {0, 1, 2}
        CALLS.clear()
        assert run.work("double", jobs) == expected and not CALLS
        file = tmp_path / "points" / "t" / "1" / "double.json"
        whole = json.loads(file.read_text())
        for damaged in ("{half", "[]", "3", "[" * 10**5, '{"found": {"value": 2}}', json.dumps(whole | {"found": {}}),
                        json.dumps(whole | {"found": {"value": "2"}}), json.dumps(whole | {"found": None})):
            file.write_text(damaged)
            assert run.work("double", jobs) == expected and CALLS == [1]
            CALLS.clear()
        file.write_bytes(b"\xff")
        assert run.work("double", jobs) == expected and CALLS == [1]
        CALLS.clear()
        jobs = {name: job._replace(key="other") for name, job in jobs.items()}
        assert run.work("double", jobs) == expected and sorted(CALLS) == [0, 1, 2, 4, 30]


class Inline(ThreadPoolExecutor):
    """An executor that works in this thread and counts its jobs."""

    def __init__(self):
        super().__init__(1)
        self.names = []

    def submit(self, function, /, *arguments):
        self.names.append(function.__name__)
        done = Future()
        done.set_result(function(*arguments))
        return done


def test_estimated(costs):
    """Fewer cycles cost more; the folding is legal, keeps its promise, and none is said where none fits."""
    net = residual(size=8, channels=(4, 8))
    found = [estimated(net.to_bytes(), "ecp5-25k", cycles) for cycles in (None, 600, 5000)]
    assert found[0]["cycles"] <= found[1]["cycles"] <= 600 < found[2]["cycles"] <= 5000
    assert found[0]["lut"] >= found[1]["lut"] > found[2]["lut"] > 100
    for made in found:
        foldings = {name: Folding(**entry) for name, entry in yaml.safe_load(made["folding"]).items()}
        assert plan(net, fold(net, {}) | foldings, "ecp5").interval == made["cycles"]
    assert estimated(net.to_bytes(), "ecp5-25k", 10) == dict.fromkeys(found[0])


def options(*arguments):
    return explore.parse(["--model", DIGITS, *map(str, arguments)])


def test_explore(tmp_path, monkeypatch, costs):
    """The digits on two targets, in this process; the second run asks for nothing; the foldings are the build's."""
    monkeypatch.setattr(explore_run, "sweep", lambda network: [1000, 5000, 20000])
    monkeypatch.setattr(explore_run, "sources", lambda *packages: "unchanged")
    arguments = options("--targets", "icebreaker", "ice40-hx8k", "--output", tmp_path)
    executor = Inline()
    points = explore_run.explore(arguments, executor, quiet())
    assert {made["target"] for made in points} == {"icebreaker", "ice40-hx8k"}
    assert set(executor.names) == {"estimated"} and len(points) >= 6
    for target in ("icebreaker", "ice40-hx8k"):
        front = sorted((made["cycles"], made["lut"]) for made in points if made["target"] == target and made["front"])
        assert len(front) > 2 and front == sorted(front, key=lambda pair: -pair[1])
    executor.names.clear()
    assert explore_run.explore(arguments, executor, quiet()) == points and not executor.names
    net = Network.load(ZOO / "tbn_digits.safetensors")
    for file in tmp_path.rglob("folding.yaml"):
        assert set(folding_file.read(file, net)) >= {node.name for node in net.nodes if net.macs(node.name)}


def test_nothing_fits(tmp_path, monkeypatch):
    """A line for each target that nothing fits, and an error only where nothing fits any."""
    def estimated(network, target, cycles):
        fits = {key: value for key, value in point("a", 100, 50).items() if key not in ("point", "target")}
        return fits if target == "ecp5-25k" else {**fits, "folding": None}

    monkeypatch.setattr(explore_run, "estimated", estimated)
    small, console, output = ["icebreaker", "ice40-up5k"], quiet(), ["--output", tmp_path]
    lines = [f"{name} (iCE40UP5K): no folding of tbn_digits fits" for name in small]
    with pytest.raises(DoesNotFit, match="^--targets: no folding of tbn_digits fits; python -m tbn_hw.build --fps max"):
        explore_run.explore(options("--targets", *small, *output), Inline(), console)
    assert all(line in console.file.getvalue() for line in lines) and not (tmp_path / "points.csv").exists()
    console = quiet()
    points = explore_run.explore(options("--targets", *small, "ecp5-25k", *output), Inline(), console)
    assert {made["target"] for made in points} == {"ecp5-25k"}
    assert all(line in console.file.getvalue() for line in lines)


def test_synthesis(tmp_path, monkeypatch, costs):
    """The points of the front are built with their foldings. The measured figures are kept beside the estimates."""
    asked = []

    def built(arguments, folding, folder):
        asked.append((arguments, folding, folder))
        return {"cycles": 1, "lut": len(asked), "ff": 3, "bram": 4, "dsp": 5, "error": None}

    monkeypatch.setattr(explore_run, "sweep", lambda network: [5000, 5001])
    monkeypatch.setattr(explore_run, "built", built)
    points = explore_run.explore(options("--targets", "ice40-hx8k", "--until", "synthesis", "--output", tmp_path),
                                 Inline(), quiet())
    front = [made for made in points if made["front"]]
    assert [made["measured"]["lut"] for made in front] == [1, 2] and all("measured" in made for made in front)
    assert asked == [(["--model", DIGITS, "--target", "ice40-hx8k"], made["folding"],
                      str(tmp_path / "points" / made["point"])) for made in front]


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_built(tmp_path, costs):
    """A build takes the cycles that were promised; its figures are those of its report."""
    net = Network.load(ZOO / "tbn_digits.safetensors")
    made = estimated(net.to_bytes(), "ice40-hx8k", 20000)
    found = built(["--model", DIGITS, "--target", "ice40-hx8k"], made["folding"], str(tmp_path))
    assert found["error"] is None and found["cycles"] == made["cycles"]
    report = json.loads((tmp_path / "build" / "report.json").read_text())
    assert found["lut"] == report["synthesis"]["lut"] > 500 and (tmp_path / "build" / "report.html").exists()


def test_built_failed(tmp_path):
    """A build that fails leaves its sentence, and no figures."""
    found = built(["--model", DIGITS, "--target", "ice40-hx8k"], "nothing: {pe: 1, simd: 1}\n",
                                 str(tmp_path))
    assert found.pop("error").startswith("error: ") and set(found.values()) == {None}


def test_killed_worker(tmp_path, monkeypatch):
    monkeypatch.setattr(explore_run, "_worker", partial(os._exit, 1))
    with (pytest.raises(WorkerKilled, match="^explore: a worker process was killed, perhaps for want of memory$"),
          executor_of(None) as executor):
        Exploration(tmp_path, executor, quiet()).work("value", {"t/0": Job(dict, (), "key")})


def test_dask(tmp_path):
    """The same points from a Dask cluster."""
    distributed = pytest.importorskip("distributed")
    jobs = {f"t/{value}": Job(dict, ([("value", value)],), "key") for value in range(3)}
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
                                 host="tcp://127.0.0.1") as cluster,
        executor_of(cluster.scheduler_address) as executor,
    ):
        found = Exploration(tmp_path, executor, quiet()).work("value", jobs)
    assert found == {f"t/{value}": {"value": value} for value in range(3)}


@pytest.mark.parametrize("arguments, code, sentence", [
    (["--targets", "icebraker"], 2, "--targets: there is no target 'icebraker'; near it are icebreaker"),
    (["--targets", "icebreaker", "--until", "dawn"], 2, "invalid choice: 'dawn'"),
    ([], 2, "required: --targets"),
    (["--targets", "icebreaker", "--scheduler", "tcp://127.0.0.1:1"], 2, "--scheduler: no Dask cluster answers at"),
    (["--targets", "icebreaker", "--scheduler", "nonsense://x"], 2, "--scheduler: no Dask cluster answers at"),
    (["--targets", "icebreaker", "--scheduler", "tls://127.0.0.1:1"], 2, "answers at tls://127.0.0.1:1; TLS expects"),
    (["--targets", "icebreaker", "--scheduler", "ucx://127.0.0.1:1"], 2, "answers at ucx://127.0.0.1:1; "),
    (["--targets", "icebreaker", "--scheduler", "inproc://x"], 2, "answers at inproc://x; not enough values"),
])
def test_wrong(arguments, code, sentence, capsys, monkeypatch):
    monkeypatch.setattr(explore_run, "SECONDS_TO_CONNECT", 1)
    assert explore.main(["--model", DIGITS, *arguments]) == code
    assert sentence in " ".join(capsys.readouterr().err.split())


def test_a_scheduler_that_says_nothing(monkeypatch):
    """It accepts the connection. The wait for its greeting has an end."""
    monkeypatch.setattr(explore_run, "SECONDS_TO_CONNECT", 0.5)
    monkeypatch.setattr(explore_run, "SECONDS_TO_GREET", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        sentence = f"--scheduler: no Dask cluster answers at {address}; what is there says nothing"
        with pytest.raises(UsageError, match=f"^{re.escape(sentence)}$"), executor_of(address):
            pass


def test_missing_package(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert explore.main(["--model", DIGITS, "--targets", "icebreaker"]) == 3
    assert "matplotlib is missing; install it with pip install '.[explore]'" in capsys.readouterr().err
