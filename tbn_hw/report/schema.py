"""`report.json` as a schema: every key of it, with its type, its unit and what it says.

The names of keys do not change, for others rely on them. What was not measured is null.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Number = int | float
"""A figure that may be whole; it stays an int where it is one."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Figures(_Strict):
    lut: Number = Field(description="LUTs, as the family counts them")
    ff: Number = Field(description="flip-flops")
    bram: Number = Field(description="block RAMs; a half is one that is half used")
    dsp: Number = Field(description="multipliers; a half is one that is half used")


class Device(_Strict):
    board: str | None = Field(description="name of the board, null for a part alone")
    part: str = Field(description="name of the part")
    family: str = Field(description="its family, under the name of the family's own target")
    package: str = Field(description="its package")
    speed: int | None = Field(description="its speed grade, where the family has several")
    board_clock_mhz: Number | None = Field(description="the board's oscillator, MHz")


class NetworkFigures(_Strict):
    macs: int = Field(description="multiply-accumulates of a frame")
    weight_bits: int = Field(description="bits of all weight memories")
    float32_bits: int = Field(description="bits of the same weights as 32-bit floats")
    memory_saving: Number | None = Field(description="float32 bits of the binary weights over the bits that hold them; "
                                                     "null without binary weights")


class Link(_Strict):
    source: str = Field(alias="from", description="engine that gives the stream")
    sink: str = Field(alias="to", description="engine that takes it")
    elements: int = Field(description="elements a beat")
    element_bits: int = Field(description="bits of an element")
    beats: int = Field(description="beats of a frame")


class Engine(_Strict):
    name: str = Field(description="instance in the top module")
    kind: str = Field(description="kind of the node, or axi_input, axi_output, fork, queue")
    node: str | None = Field(description="node whose work it does; null for one that only moves data")
    cycles: int | None = Field(description="clock cycles of a frame; null for one that only moves data")
    depth: int | None = Field(description="depth of a queue, in beats; null for others")


class Dataflow(_Strict):
    interval_cycles: int = Field(description="clock cycles between frames, computed: those of the slowest engine")
    links: list[Link] = Field(description="streams between the engines")
    engines: list[Engine] = Field(description="blocks of the design, in the order of the data")


class Layer(_Strict):
    name: str = Field(description="name of the node")
    kind: str = Field(description="its kind, such as conv, dense or threshold")
    input_shape: list[int] = Field(description="height, width and channels of its first input")
    shape: list[int] = Field(description="height, width and channels of its output")
    kernel: int | list[int] | None = Field(
        description="side of its window, in pixels, or its height and width; null without one")
    stride: int | list[int] | None = Field(
        description="step of its window, in pixels, or steps down and across; null without one")
    weights: str | None = Field(description="binary or int8; null without weights")
    macs: int = Field(description="multiply-accumulates of a frame")
    pe: int = Field(description="outputs at once")
    simd: int = Field(description="inputs at once, for each output")
    cycles: int = Field(description="clock cycles of a frame, computed")
    ideal_cycles: int = Field(description="the fewest that PE and SIMD allow")
    lut_estimate: int | None = Field(description="LUTs as estimated before synthesis; null without an estimate")
    lut: Number = Field(description="LUTs after synthesis")
    ff: Number = Field(description="flip-flops after synthesis")
    bram: Number = Field(description="block RAMs after synthesis")
    dsp: Number = Field(description="multipliers after synthesis")
    parts: dict[str, Figures] = Field(description="the same by part of the layer")


class EstimateError(_Strict):
    engines: int = Field(description="engines that the estimates were held to and not fitted to")
    median_percent: Number = Field(description="error of an engine's LUTs in the median, per cent")
    worst_percent: Number = Field(description="the largest such error, per cent")
    total_percent: Number = Field(description="error of the sum of all engines' LUTs, per cent")
    network_percent: Number = Field(description="the largest error of a whole network's LUTs, per cent")


class Estimate(Figures):
    error: EstimateError = Field(description="what such estimates miss by")


class BenchImages(_Strict):
    cocotb: int = Field(description="pictures through cocotb's bench")
    cpp: int = Field(alias="c++", description="pictures through the C++ bench")


class NetlistCheck(_Strict):
    images: int = Field(description="pictures through the netlist, 0 where it was skipped")
    outputs_compared: int = Field(description="values compared")
    mismatches: int | None = Field(description="values that differ; null where it was skipped")
    simulator: str | None = Field(description="the simulator and its version")
    skipped: str | None = Field(description="why nothing was simulated; null where it was")


class Verify(_Strict):
    images: int = Field(description="pictures through the Verilog")
    outputs_compared: int = Field(description="logits and classes compared with the golden model")
    mismatches: int = Field(description="values that differ: 0, or the build has failed")
    latency_cycles: int | None = Field(description="clock cycles from a frame's first beat to its result, counted")
    interval_cycles: Number | None = Field(description="clock cycles between results, counted; a mean if it varies")
    simulator: str = Field(description="the simulator and its version")
    bench_images: BenchImages = Field(description="pictures by bench")
    netlist: NetlistCheck = Field(description="the netlist after synthesis, against the golden model")


class Accuracy(_Strict):
    dataset: str | None = Field(description="data set of the labelled pictures; null without such pictures, or where "
                                            "the model does not name it")
    images: int | None = Field(description="labelled pictures that were classified")
    golden_percent: Number | None = Field(description="accuracy of the golden model on them, per cent")
    float_percent: Number | None = Field(description="accuracy of the float model on them, per cent; null where it is "
                                                     "not known")
    correct: int | None = Field(description="pictures that the golden model names rightly")
    temperature: Number | None = Field(description="what logits are divided by for softmax to be a confidence")


class PartFigures(Figures):
    lut_share: Number = Field(description="share of all LUTs, 0 to 1")


class Synthesis(_Strict):
    tool: str = Field(description="the tool and its version")
    lut: Number = Field(description="LUTs")
    ff: Number = Field(description="flip-flops")
    bram: Number = Field(description="block RAMs")
    dsp: Number = Field(description="multipliers")
    lanes: int = Field(description="multiply-accumulates at once in all layers")
    lut_per_lane: Number | None = Field(description="all LUTs over these lanes; null without lanes")
    parts: dict[str, PartFigures] = Field(description="the figures by part: products, accumulators, weights, windows, "
                                                      "thresholds, requantize, queues, other")
    part: str = Field(description="name of the target's part")
    available: Figures = Field(description="what the part has")


class Seed(_Strict):
    seed: int = Field(description="the seed")
    fmax_mhz: Number | None = Field(description="highest clock, MHz")
    cells: int = Field(description="logic cells in use")
    seconds: Number = Field(description="wall time, seconds")
    cpu_seconds: Number = Field(description="CPU time, seconds")


class Hop(_Strict):
    node: str = Field(description="node, or engine, that the path runs through; top outside of all")
    part: str = Field(description="part of the layer")
    component: str = Field(description="component in the engine")
    logic_ns: Number = Field(description="time in cells, ns")
    routing_ns: Number = Field(description="time in wires, ns; the wire to a place counts for it")


class CriticalPath(_Strict):
    delay_ns: Number = Field(description="its time, ns")
    logic_ns: Number = Field(description="the part of it in cells, ns")
    begin: str = Field(alias="from", description="node and part where it begins")
    end: str = Field(alias="to", description="node and part where it ends")
    hops: list[Hop] = Field(description="the places it runs through, in order")


class BoardLine(_Strict):
    clock_mhz: Number = Field(description="clock of the design on the board, MHz")
    baud: int = Field(description="bits a second of the line to the host")
    request_bytes: int = Field(description="bytes of a request for one picture")
    answer_bytes: int = Field(description="bytes of its answer")
    line_fps: Number = Field(description="frames a second that the line carries, computed")


class Route(_Strict):
    tool: str | None = Field(description="the tool and its version")
    device: str | None = Field(description="family, device, package and speed as nextpnr names them")
    out_of_context: bool | None = Field(description="whether the design has more ports than the package has pins, and "
                                                    "was routed in a shell of registers")
    clock_mhz: Number | None = Field(description="clock that was asked for, MHz")
    required_mhz: Number | None = Field(description="clock that must be met, MHz: the one asked for, that of a rate, "
                                                    "or the board's")
    fmax_mhz: Number | None = Field(description="highest clock of the best seed, MHz")
    bounded_mhz: Number | None = Field(description="the same with the paths that nextpnr leaves out, MHz; null where "
                                                   "it times all")
    usable_mhz: Number | None = Field(description="what of it a clock may have, MHz: less on a board")
    seed: int | None = Field(description="the best seed")
    seeds: list[Seed] | None = Field(description="what came of each seed that found a place")
    seeds_without_place: int | None = Field(description="seeds that found no place for every cell")
    median_mhz: Number | None = Field(description="median of the seeds' highest clocks, MHz")
    least_mhz: Number | None = Field(description="least of them, MHz")
    used: dict[str, int] | None = Field(description="cells in use, by nextpnr's type")
    available: dict[str, int] | None = Field(description="what the part has of these types")
    critical_path: CriticalPath | None = Field(description="the slowest path of the best seed")
    bitstream: str | None = Field(description="name of the bitstream in the folder synth")
    bitstream_bytes: int | None = Field(description="its size, bytes")
    warnings: list[str] | None = Field(description="nextpnr's warnings, less those that are expected")
    board: BoardLine | None = Field(description="clock and line of the board; null for a part alone")


class Throughput(_Strict):
    fps: Number | None = Field(description="frames a second of the accelerator at at_mhz")
    latency_ms: Number | None = Field(description="time of one frame, ms")
    gops: Number | None = Field(description="10^9 operations a second, two a multiply-accumulate")
    at_mhz: Number | None = Field(description="the clock of these figures, MHz")
    source: str | None = Field(description="where that clock is from")
    line_fps: Number | None = Field(description="frames a second that the board's line carries")
    slower: Literal["line", "accelerator"] | None = Field(description="which of both sets the rate")


class Seeds(_Strict):
    simulation: int = Field(description="seed of the pauses in simulation")
    random_images: int = Field(description="seed of random pictures, used where there are too few test pictures")
    random_weights: int | None = Field(description="seed of random weights, whose classes mean nothing; null for the "
                                                   "weights of a file")


class Report(_Strict):
    """The content of `report.json`."""

    model: str = Field(description="name of the top module: the model's name, as Verilog allows it")
    target: str = Field(description="the board or part as it was asked for")
    device: Device = Field(description="what the design is for")
    network: NetworkFigures = Field(description="work and weights of the network")
    dataflow: Dataflow = Field(description="the design's blocks and the streams between them")
    layers: list[Layer] = Field(description="the nodes that take time, in the network's order")
    estimate: Estimate | None = Field(description="figures of the design before synthesis; null where it has none")
    verify: Verify = Field(description="simulation against the golden model")
    accuracy: Accuracy = Field(description="accuracy on labelled pictures beside the model; all null without such")
    synthesis: Synthesis = Field(description="the whole design after synthesis, without a board's top level")
    route: Route = Field(description="place and route; all null where nothing was routed")
    throughput: Throughput = Field(description="speed of what was routed; all null where nothing was")
    seconds: dict[str, Number] = Field(description="wall time of each stage when it last ran, seconds")
    seeds: Seeds = Field(description="seeds of random numbers")
    versions: dict[str, str] = Field(description="version of each tool")
