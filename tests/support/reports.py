"""Made-up contents of `report.json` for the tests of the report's page. Figures differ, so that a wrong one shows."""

import json

from tbn_hw.report import figures
from tbn_hw.report.dataflow import dataflow
from tbn_hw.routing.route import FIGURES
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold
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
    design, target = StreamingDesign.of(net, fold(net, {})), find_target(target)
    modules = {design.name: {"parts": {}}}
    for index, block in enumerate(design.blocks()):
        found = {"lut": 101 + 7 * index, "ff": 203 + 11 * index, "bram": index % 3, "dsp": index % 2}
        modules[block.module] = {**found, "parts": {"other": found}}
    total = {key: sum(found.get(key, 0) for found in modules.values()) for key in ("lut", "ff", "bram", "dsp")}
    verify = {"images": 3, "outputs_compared": 66, "mismatches": 0, "interval_cycles": design.interval + 5,
              "latency_cycles": 4321, "simulator": "Verilator 5.49"}
    route = ROUTE | {"board": board} if routed else dict.fromkeys(FIGURES)
    network = figures.network_figures(design)
    known = {"dataset": "digits", "images": 100, "golden_percent": 93.0, "float_percent": 92.0, "correct": 93}
    made = {
        "model": "net", "target": target.name, "device": figures.device(target), "network": network,
        "dataflow": dataflow(design), "layers": figures.layer_figures(design, modules, {}), "verify": verify,
        "accuracy": known if accuracy else dict.fromkeys(known),
        "synthesis": figures.synthesis_figures(design, {"tool": "Yosys 0.70", **total}, modules) | {
            "part": target.part_name, "available": figures.available(target)},
        "route": route, "throughput": figures.throughput(route, verify, network["macs"]),
        "seconds": {"load": 0.25, "fold": 1.5}, "seeds": {"simulation": 1, "random_images": 7, "random_weights": None},
        "versions": {"yosys": "0.70.0"},
    }
    return json.loads(json.dumps(made))


def complete(net, **how):
    """`content` with all that a build adds: estimates, pictures by bench, the check of the netlist, a temperature."""
    made = content(net, **how)
    error = {"engines": 41, "median_percent": 3.25, "worst_percent": 17.5, "total_percent": 1.5, "network_percent": 4.5}
    netlist = {"images": 2, "outputs_compared": 44, "mismatches": 0, "simulator": "Verilator 5.49", "skipped": None}
    layers = [layer | {"lut_estimate": layer["lut"] + 10} for layer in made["layers"]]
    return made | {
        "layers": layers, "estimate": {"lut": 900, "ff": 1000, "bram": 7, "dsp": 3, "error": error},
        "verify": made["verify"] | {"bench_images": {"cocotb": 3, "c++": 0}, "netlist": netlist},
        "accuracy": made["accuracy"] | {"temperature": 5.5 if made["accuracy"]["images"] else None}}
