"""ECP5's block RAM and multiplier: models against Lattice's description, and Yosys's mapping to them."""

import numpy as np
import pytest
from support.cell_netlist import Cells

from benchmarks.netlist_check import check
from sim.bench import CompileError
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise

CLOCKS = 600
INIT = [int(word) for word in np.random.default_rng(9).integers(0, 1 << 18, 16)]  # the rows of INITVAL_00


class Bytes:
    """The 2048 bytes of 9 bits of a block RAM, and a port's view of them: an independent account of the guide."""

    def __init__(self, words):
        self.bits = np.zeros((2048, 9), int)
        for row, word in enumerate(words):
            self.bits[2 * row], self.bits[2 * row + 1] = _bits(word & 511, 9), _bits(word >> 9, 9)

    @staticmethod
    def places(width, address):
        """(byte, bit) of each bit of the word at a port's address lines, lowest first."""
        if width >= 9:
            count = width // 9
            first = (address >> (3 + count.bit_length() - 1)) * count
            return [(first + n // 9, n % 9) for n in range(width)]
        return [(address >> 3, (address & 7) // width * width + n) for n in range(width)]


def _bits(value, count):
    return [value >> n & 1 for n in range(count)]


def ram(width_a, width_b, mode="NORMAL", register="NOREG"):
    return {"DATA_WIDTH_A": width_a, "DATA_WIDTH_B": width_b, "WRITEMODE_A": mode, "WRITEMODE_B": mode,
            "REGMODE_A": register, "REGMODE_B": register, "CLKAMUX": "CLKA", "CLKBMUX": "CLKB",
            "INITVAL_00": sum(word << 20 * row for row, word in enumerate(INIT))}


def expected(parameters, stimulus):
    """What the outputs of both ports (18 bits each) are after every clock."""
    memory, width = Bytes(INIT), {end: parameters[f"DATA_WIDTH_{end}"] for end in "AB"}
    pseudo, mode = width["A"] == 36, parameters["WRITEMODE_A"]
    latch, register, found = {"A": 0, "B": 0}, {"A": 0, "B": 0}, {"A": [], "B": []}
    for clock in range(CLOCKS):
        now = {name: int(values[clock]) for name, values in stimulus.items()}
        places = {end: memory.places(width[end], now[f"AD{end}"]) for end in "AB"}
        data = {"A": now["DIA"] | (now["DIB"] << 18 if pseudo else 0), "B": now["DIB"]}
        writes = {"A": {}, "B": {}}
        for end in "A" if pseudo else "AB":
            if now[f"CE{end}"] and now[f"WE{end}"]:
                writes[end] = {place: data[end] >> n & 1 for n, place in enumerate(places[end])
                               if width[end] < 18 or now[f"AD{end}"] >> n // 9 & 1}
        for end, other in ("AB", "BA"):
            register[end] = latch[end] if now[f"OCE{end}"] else register[end]
            writing = now[f"WE{end}"] and not (pseudo and end == "B")
            if now[f"CE{end}"] and not (pseudo and end == "A") and (not writing or mode != "NORMAL"):
                seen = [memory.bits[place] ^ (place in writes[other]) for place in places[end]]
                if mode == "WRITETHROUGH":
                    seen = [writes[end].get(place, bit) for place, bit in zip(places[end], seen, strict=True)]
                latch[end] = sum(int(bit) << n for n, bit in enumerate(seen))
        for end in "AB":
            for place, bit in writes[end].items():
                memory.bits[place] = bit
        out = {end: (register if parameters["REGMODE_A"] == "OUTREG" else latch)[end] for end in "AB"}
        if width["B"] == 36:
            out = {"A": out["B"] & (1 << 18) - 1, "B": out["B"] >> 18}
        for end in "AB":
            found[end].append(out[end])
    return found


def multiplier(*registers):
    return {f"REG_{name}_CLK": "CLK0" for name in registers}


def products(stages, stimulus, signs=None):
    """36 bits of A times B behind `stages` (1 to 3) registers with enable and reset."""
    held, found = [(0, 0)] + [0] * 2, []
    for clock in range(CLOCKS):
        now = {name: int(values[clock]) for name, values in stimulus.items()}
        signed_a, signed_b = signs or (now["SIGNEDA"], now["SIGNEDB"])
        a, b = (now[name] - (sign and now[name] >> 17 << 18) for name, sign in (("A", signed_a), ("B", signed_b)))
        if now["RST0"]:
            held = [(0, 0), 0, 0]
        elif now["CE0"]:
            held = [(a, b), held[0][0] * held[0][1], held[1]]
        found.append((held[0][0] * held[0][1], held[1], held[2])[stages - 1] & (1 << 36) - 1)
    return found


CELLS = {
    "normal": ram(18, 18), "old": ram(18, 9, "READBEFOREWRITE"), "new": ram(9, 18, "WRITETHROUGH"),
    "four": ram(4, 2), "one": ram(1, 9, "READBEFOREWRITE"), "late": ram(9, 4, "READBEFOREWRITE", "OUTREG"),
    "wide": ram(36, 36), "narrow": ram(36, 9), "half": ram(36, 18, register="OUTREG"),
}
MULTIPLIERS = {"signs": (1, multiplier("OUTPUT")), "input": (1, multiplier("INPUTA", "INPUTB")),
               "pipeline": (2, multiplier("INPUTA", "INPUTB", "PIPELINE")),
               "output": (3, multiplier("INPUTA", "INPUTB", "PIPELINE", "OUTPUT"))}
INPUTS = {"ADA": 14, "ADB": 14, "DIA": 18, "DIB": 18, "CEA": 1, "CEB": 1, "WEA": 1, "WEB": 1, "OCEA": 1, "OCEB": 1,
          "A": 18, "B": 18, "SIGNEDA": 1, "SIGNEDB": 1, "CE0": 1, "RST0": 1}


def netlist(folder, cells, multipliers):
    """A netlist of the cells side by side, with ports for their inputs and one for each of their outputs."""
    design = Cells(INPUTS)
    bits = design.bits

    def cell(kind, name, parameters, inputs, outputs):
        design.add(kind, name, {key: f"{value:0320b}" if "INIT" in key else value for key, value in parameters.items()},
                   *({pin: [net] for pin, net in pins.items()} for pins in (inputs, outputs)))

    def spread(names):
        return {f"{name}{n}" if len(bits[name]) > 1 else name: net
                for name in names for n, net in enumerate(bits[name])}

    for name, parameters in cells.items():
        inputs = spread(["ADA", "ADB", "DIA", "DIB", "CEA", "CEB", "WEA", "WEB", "OCEA", "OCEB"])
        inputs |= {"CLKA": bits["clk"][0], "CLKB": bits["clk"][0]}
        if parameters["DATA_WIDTH_A"] == 36:
            inputs["WEB"] = "0"
        made = {f"DO{end}{n}": net for end in "AB" for n, net in enumerate(design.port(f"{name}{end}", 18))}
        cell("DP16KD", name, parameters, inputs, made)
    for name, (_, parameters) in multipliers.items():
        inputs = spread(["A", "B", "CE0", "RST0"]) | {"CLK0": bits["clk"][0]}
        inputs |= {"SIGNEDA": "1", "SIGNEDB": "1"} if name != "signs" else spread(["SIGNEDA", "SIGNEDB"])
        cell("MULT18X18D", name, parameters, inputs,
             {f"P{n}": net for n, net in enumerate(design.port(name, 36))})
    return design.write(folder)


@pytest.mark.verilator
@pytest.mark.slow
def test_models(tmp_path):
    """Random work at both ports of memories of all widths and modes, collisions among it, and multiplications."""
    rng = np.random.default_rng(0)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in INPUTS.items()}
    for name in ("ADA", "ADB"):
        stimulus[name] &= 127  # a few rows, so that much is read that was written, and at times at once
    stimulus["RST0"] = (rng.random(CLOCKS) < 0.05).astype(int)
    outputs = {}
    for name, parameters in CELLS.items():
        outputs |= {f"{name}{end}": values for end, values in expected(parameters, stimulus).items()}
    outputs |= {name: products(stages, stimulus, None if name == "signs" else (1, 1))
                for name, (stages, _) in MULTIPLIERS.items()}
    found = check(netlist(tmp_path, CELLS, MULTIPLIERS), "ecp5", stimulus, outputs, tmp_path)
    assert (found.beats_compared, found.mismatches) == (CLOCKS, 0)


@pytest.mark.parametrize(("mode", "seen"), [("NORMAL", 0), ("READBEFOREWRITE", 5), ("WRITETHROUGH", 7)])
def test_what_is_seen_while_writing(mode, seen):
    """The reference of `test_models` itself, on 5 written, then 7 over it; before the port's first read it shows 0."""
    constant = {"ADA": 0b10011, "ADB": 0, "DIB": 0, "CEA": 1, "CEB": 0, "WEA": 1, "WEB": 0, "OCEA": 1, "OCEB": 1}
    stimulus = {name: [value] * CLOCKS for name, value in constant.items()} | {"DIA": [5] + [7] * (CLOCKS - 1)}
    assert expected(ram(18, 18, mode), stimulus)["A"][1] == seen
    stimulus["WEA"] = [1, 1] + [0] * (CLOCKS - 2)
    assert expected(ram(18, 18, mode), stimulus)["A"][2] == 7


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("ram", {"CLKAMUX": "INV"}, "clocks must not be inverted, but CLKAMUX is INV"),
    ("ram", {"DATA_WIDTH_A": 5}, "DATA_WIDTH_A must be 1, 2, 4, 9, 18 or 36, not 5"),
    ("multiplier", {"REG_OUTPUT_CLK": "CLK1"}, "a register's clock must be NONE or CLK0, not CLK1"),
])
def test_modes_that_are_not_modelled(tmp_path, kind, parameters, message):
    cells = {"cell": ram(18, 18) | parameters} if kind == "ram" else {}
    multipliers = {} if cells else {"cell": (3, parameters)}
    zeros = {name: np.zeros(2, int) for name in INPUTS}
    outputs = {"cellA": [0, 0]} if cells else {"cell": [0, 0]}
    with pytest.raises(CompileError, match=message):
        check(netlist(tmp_path, cells, multipliers), "ecp5", zeros, outputs, tmp_path)


RTL = """
module memories(input clk, input [9:0] wa, ra, input [35:0] d, input [1:0] be, input we, input signed [11:0] a,
                input signed [9:0] b, output reg [35:0] wide, output reg [17:0] bytes, output reg [8:0] deep,
                output reg signed [21:0] product);
  (* ram_style = "block" *) reg [35:0] w [0:511];
  (* ram_style = "block" *) reg [17:0] h [0:1023];
  (* ram_style = "block" *) reg [8:0] t [0:1023];
  integer n;
  initial for (n = 0; n < 1024; n = n + 1) begin
    if (n < 512) w[n] = n * 36'd70000001;
    h[n] = n * 77;
    t[n] = n * 3;
  end
  always @(posedge clk) begin
    if (we) w[wa[8:0]] <= d;
    if (we & be[0]) h[wa][8:0] <= d[8:0];
    if (we & be[1]) h[wa][17:9] <= d[17:9];
    if (we) t[wa] <= d[8:0];
    wide <= w[ra[8:0]];
    bytes <= h[ra];
    deep <= t[ra];
    product <= a * b;
  end
endmodule
"""


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_what_yosys_maps(tmp_path):
    """Memories and a product in Verilog, mapped by Yosys to the cells, against NumPy."""
    figures = synthesise({"memories": RTL}, "ecp5", tmp_path)["total"]
    assert figures["bram"] >= 3 and figures["dsp"] == 1
    rng = np.random.default_rng(3)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in
                {"wa": 10, "d": 36, "be": 2, "we": 1, "a": 12, "b": 10}.items()}
    stimulus["wa"] &= 31
    stimulus["ra"] = stimulus["wa"] ^ rng.integers(1, 32, CLOCKS)  # never where is being written
    wide, halves, deep = ([n * factor for n in range(1024)] for factor in (70000001, 77, 3))
    outputs = {name: [] for name in ("wide", "bytes", "deep", "product")}
    for clock in range(CLOCKS):
        now = {name: int(values[clock]) for name, values in stimulus.items()}
        outputs["wide"].append(wide[now["ra"]])
        outputs["bytes"].append(halves[now["ra"]])
        outputs["deep"].append(deep[now["ra"]] % 512)
        outputs["product"].append((now["a"] - (now["a"] >> 11 << 12)) * (now["b"] - (now["b"] >> 9 << 10)))
        if now["we"]:
            mask = 0x1FF * (now["be"] & 1) | 0x3FE00 * (now["be"] >> 1)
            wide[now["wa"]], deep[now["wa"]] = now["d"], now["d"] % 512
            halves[now["wa"]] = halves[now["wa"]] & ~mask | now["d"] & mask
    joined = json_netlist([tmp_path / "memories.v"], "memories", "ecp5", tmp_path / "joined")
    outputs = {name: np.array([value & (1 << bits) - 1 for value in outputs[name]]) for name, bits in
               {"wide": 36, "bytes": 18, "deep": 9, "product": 22}.items()}
    assert check(joined, "ecp5", stimulus, outputs, tmp_path / "check").mismatches == 0
