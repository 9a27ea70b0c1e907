"""Made-up contents of `report.json` for the tests of the report's page. Figures differ, so that a wrong one shows."""

import json

from tbn_hw.report import figures
from tbn_hw.report.dataflow import dataflow
from tbn_hw.routing.route import FIGURES
from tbn_hw.streaming.folding import fold
from tbn_hw.streaming.plan import plan
from tbn_hw.targets.catalogue import find_target

ROUTE = dict.fromkeys(FIGURES) | {
    "tool": "nextpnr-ecp5 0.11", "device": "ecp5 85k CABGA756 speed 6", "out_of_context": True, "clock_mhz": 61.25,
    "required_mhz": 61.25, "fmax_mhz": 83.31, "usable_mhz": 83.31, "seed": 2, "median_mhz": 79.5, "least_mhz": 77.07,
    "seeds": [{"seed": 1, "fmax_mhz": 77.07, "cells": 7013, "seconds": 20.2, "cpu_seconds": 18.4},
              {"seed": 2, "fmax_mhz": 83.31, "cells": 7011, "seconds": 21.2, "cpu_seconds": 19.3},
              {"seed": 3, "fmax_mhz": 79.5, "cells": 7012, "seconds": 21.2, "cpu_seconds": 19.7}],
    "seeds_without_place": 1, "used": {"TRELLIS_COMB": 7011}, "available": {"TRELLIS_COMB": 83640},
    "critical_path": {"delay_ns": 12.003, "logic_ns": 4.242, "from": "conv2, products", "to": "conv2, accumulators",
                      "hops": [{"node": "conv2", "part": "products", "component": "2_mvu.pe0", "logic_ns": 1.37,
                                "routing_ns": 2.86}]},
    "bitstream": "net.bit", "bitstream_bytes": 123456, "warnings": ["net <clk> is gated"],
}

BOARD = {"clock_mhz": 60.0, "baud": 3_000_000, "request_bytes": 3084, "answer_bytes": 58, "line_fps": 97.28}


def content(net, routed=True, target="ecp5", accuracy=True, board=None):
    """A report of `net` in the form that a build writes, with made-up figures in place of measured ones."""
    accelerator, target = plan(net, fold(net, {})), find_target(target)
    synthesised = {}
    for index, engine in enumerate(accelerator.engines):
        cells = {"lut": 101 + 7 * index, "ff": 203 + 11 * index, "bram": index % 3, "dsp": index % 2}
        synthesised[engine.name] = {**cells, "parts": {"other": cells}}
    total = {key: sum(cells[key] for cells in synthesised.values()) for key in ("lut", "ff", "bram", "dsp")}
    kinds = [(engine.kind, synthesised[engine.name]) for engine in accelerator.engines]
    verify = {"images": 3, "outputs_compared": 66, "mismatches": 0, "interval_cycles": accelerator.interval + 5,
              "latency_cycles": 4321, "simulator": "Verilator 5.49"}
    route = ROUTE | {"board": board} if routed else dict.fromkeys(FIGURES)
    network = figures.network_figures(net, accelerator)
    known = {"dataset": "digits", "images": 100, "golden_percent": 93.0, "float_percent": 92.0, "correct": 93}
    made = {
        "model": "net", "target": target.name, "device": figures.device(target), "network": network,
        "dataflow": dataflow(accelerator), "layers": figures.layer_figures(accelerator, synthesised), "verify": verify,
        "accuracy": known if accuracy else dict.fromkeys(known),
        "synthesis": figures.synthesis_figures(accelerator, {"tool": "Yosys 0.70", **total}, kinds) | {
            "part": target.part_name, "available": figures.available(target)},
        "route": route, "throughput": figures.throughput(route, verify, network["macs"]),
        "seconds": {"load": 0.25, "fold": 1.5}, "seeds": {"simulation": 1, "random_images": 7},
        "versions": {"yosys": "0.70.0"},
    }
    return json.loads(json.dumps(made))
