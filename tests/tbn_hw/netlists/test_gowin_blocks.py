"""Gowin's block RAM and multipliers: models against Gowin's description, and Yosys's mapping to them."""

import numpy as np
import pytest
from support.cell_netlist import Cells, merged

from benchmarks.netlist_check import check
from sim.bench import CompileError, SimulationError
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise

CLOCKS = 600
DIGITS = np.random.default_rng(9).integers(0, 2, (2, 288)).tolist()  # of INIT_RAM_00 and INIT_RAM_3F


def unit(kind):
    """Bits of a byte."""
    return 9 if "X9" in kind else 8


def places(kind, width, address):
    """The bits of the word at a port's address lines, lowest first: each width counts its words from the same end."""
    lines = width // unit(kind) * 8 or width  # that a word takes of the 16,384 there are without ninth bits
    return [address // lines * width + n for n in range(width)]


def contents(kind):
    """The bits of a block as it is configured."""
    count = 32 * unit(kind)
    return [*DIGITS[0][:count], *[0] * (62 * count), *DIGITS[1][:count]]


def ram(kind, width_a, width_b=None, mode=0, register=0):
    """A block and its parameters: SP and SPX9 have one port, SDPB and SDPX9B one that writes and one that reads."""
    if width_b is None:
        return kind, {"BIT_WIDTH": width_a, "WRITE_MODE": mode, "READ_MODE": register, **inits(kind)}
    return kind, {"BIT_WIDTH_0": width_a, "BIT_WIDTH_1": width_b, "READ_MODE": register, **inits(kind)}


def dual(kind, width_a, width_b, modes=(0, 0), registers=(0, 0)):
    """The same for DPB and DPX9B. Both of their ports read and write."""
    pairs = {"BIT_WIDTH_": (width_a, width_b), "WRITE_MODE": modes, "READ_MODE": registers}
    return kind, {**{f"{name}{n}": value for name, pair in pairs.items() for n, value in enumerate(pair)},
                  **inits(kind)}


def inits(kind):
    """The parameters that make a block's `contents`."""
    return {name: sum(bit << n for n, bit in enumerate(digits[:32 * unit(kind)]))
            for name, digits in zip(("INIT_RAM_00", "INIT_RAM_3F"), DIGITS, strict=True)}


OUTPUTS = {"SP": {"A": ""}, "SD": {"B": ""}, "DP": {"A": "A", "B": "B"}, "MU": {"": ""}}
"""For the beginning of a kind's name: the ports that have an output, and the end of the output's name."""


def ports(kind, parameters):
    """Of each port the width of its words, WRITE_MODE and READ_MODE."""
    if kind.startswith("SP"):
        return {"A": (parameters["BIT_WIDTH"], parameters["WRITE_MODE"], parameters["READ_MODE"])}
    return {port: (parameters[f"BIT_WIDTH_{n}"], parameters.get(f"WRITE_MODE{n}", 0), parameters.get(
        "READ_MODE", parameters.get(f"READ_MODE{n}"))) for n, port in enumerate("AB")}


def inputs_at(kind, stimulus, clock):
    """What is at the ports; one that only writes or only reads has no WRE."""
    now = {name: int(values[clock]) for name, values in stimulus.items()}
    return now | {"WREA": 1, "WREB": 0} if kind.startswith("SD") else now


def writes(kind, parameters, now):
    """What each port writes: the bits by their places."""
    return {port: {place: now[f"DI{port}"] >> n & 1 for n, place in enumerate(places(kind, width, now[f"AD{port}"]))
                   if now[f"CE{port}"] and now[f"WRE{port}"]
                   and (width < 16 or now[f"AD{port}"] >> n // unit(kind) & 1)}
            for port, (width, *_) in ports(kind, parameters).items()}


def clashes(kind, parameters, stimulus):
    """Where both ports write at one place."""
    found = []
    for clock in range(len(stimulus["DIA"])):
        of_a, *of_b = writes(kind, parameters, inputs_at(kind, stimulus, clock)).values()
        found.append(any(of_a.keys() & other.keys() for other in of_b))
    return np.array(found)


def expected(kind, parameters, stimulus):
    """The value of each output after every clock, by the end of its name."""
    memory, found = contents(kind), {port: [] for port in "AB"}
    latch, register = {"A": 0, "B": 0}, {"A": 0, "B": 0}
    for clock in range(len(stimulus["DIA"])):
        now = inputs_at(kind, stimulus, clock)
        written = writes(kind, parameters, now)
        for port, (width, mode, late) in ports(kind, parameters).items():
            register[port] = latch[port] if now[f"OCE{port}"] else register[port]
            other = written.get("B" if port == "A" else "A", {})  # bits that it is writing are not to be relied on
            seen = [written[port][place] if mode == 1 and place in written[port] else memory[place] ^ (place in other)
                    for place in places(kind, width, now[f"AD{port}"])]
            if now[f"CE{port}"] and (mode or not now[f"WRE{port}"]):
                latch[port] = sum(bit << n for n, bit in enumerate(seen))
            found[port].append(register[port] if late else latch[port])
        for bits in written.values():
            for place, bit in bits.items():
                memory[place] = bit
    return {end: found[port] for port, end in OUTPUTS[kind[:2]].items()}


def products(width, stimulus, signs=None):
    """A times B of `width` bits each. Their signs are inputs or two constants."""
    found = []
    for clock in range(len(stimulus["A"])):
        now = {name: int(values[clock]) for name, values in stimulus.items()}
        a, b = (now[name] % (1 << width) for name in "AB")
        signed_a, signed_b = signs or (now["ASIGN"], now["BSIGN"])
        a, b = (value - (sign and value >> width - 1 << width) for value, sign in ((a, signed_a), (b, signed_b)))
        found.append(a * b % (1 << 2 * width))
    return found


RAMS = {
    "one": ram("SP", 1, mode=2), "two": ram("SP", 2), "four": ram("SP", 4, mode=1), "byte": ram("SP", 8, register=1),
    "half": ram("SP", 16, mode=1), "row": ram("SP", 32), "row_old": ram("SP", 32, mode=2),
    "row_late": ram("SP", 32, mode=1, register=1),
    "byte9": ram("SPX9", 9, mode=1), "half9": ram("SPX9", 18, mode=2, register=1), "row9": ram("SPX9", 36, mode=1),
    "half9_hold": ram("SPX9", 18),
    "dual": ram("SDPB", 32, 32), "narrow": ram("SDPB", 32, 1), "widen": ram("SDPB", 2, 16, register=1),
    "bytes": ram("SDPB", 8, 4), "halves": ram("SDPB", 16, 8), "bits": ram("SDPB", 1, 2), "fours": ram("SDPB", 4, 32),
    "dual9": ram("SDPX9B", 36, 36), "narrow9": ram("SDPX9B", 36, 9, register=1), "widen9": ram("SDPX9B", 9, 18),
    "halves9": ram("SDPX9B", 18, 36),
    "both": dual("DPB", 16, 16, (0, 1)), "both_late": dual("DPB", 16, 16, (1, 1), (1, 1)),
    "one_half": dual("DPB", 1, 16, (1, 1)), "half_one": dual("DPB", 16, 1, (0, 0), (0, 1)),
    "two_byte": dual("DPB", 2, 8, (1, 0)), "byte_two": dual("DPB", 8, 2, (0, 1), (1, 0)),
    "four_four": dual("DPB", 4, 4, (1, 1)), "one_two": dual("DPB", 1, 2, (0, 0)),
    "both9": dual("DPX9B", 18, 18, (1, 0), (0, 1)), "byte_byte9": dual("DPX9B", 9, 9, (0, 0)),
    "byte_half9": dual("DPX9B", 9, 18, (1, 1)), "half_byte9": dual("DPX9B", 18, 9, (0, 1), (1, 0)),
}
MULTIPLIERS = {"small": ("MULT9X9", None), "large": ("MULT18X18", None), "small_signed": ("MULT9X9", (1, 1)),
               "large_mixed": ("MULT18X18", (1, 0))}
INPUTS = {"ADA": 14, "ADB": 14, "DIA": 36, "DIB": 18, "WREA": 1, "WREB": len(RAMS), "CEA": 1, "CEB": 1, "OCEA": 1,
          "OCEB": 1, "A": 18, "B": 18, "ASIGN": 1, "BSIGN": 1}
"""WREB has a bit for each of RAMS, since it depends on widths where both ports would write at one place."""


def netlist(folder, rams, multipliers, **changed):
    """A netlist of the cells side by side, with ports for their inputs and one for each of their outputs.

    Products go through registers. Pins that are `changed` have a constant.
    """
    cells, low = Cells(INPUTS), ["0"]
    bits, clock = cells.bits, cells.bits["clk"]

    def cell(kind, name, parameters, inputs, outputs):
        inputs |= {pin: [value] for pin, value in changed.items() if pin in inputs}
        cells.add(kind, name, {key: format(value, f"0{32 * unit(kind)}b") if "INIT" in key else value
                               for key, value in parameters.items()}, inputs, outputs)

    for number, (name, (kind, parameters)) in enumerate(rams.items()):
        width = (2 if kind.startswith("DP") else 4) * unit(kind)
        inputs = {f"{pin}{end}": bits[f"{pin}{end}"] for pin in ("AD", "CE", "WRE", "OCE") for end in "AB"}
        inputs |= {"WREB": [bits["WREB"][number]]}
        for end in "AB":
            inputs |= {f"DI{end}": bits[f"DI{end}"][:width], f"CLK{end}": clock, f"RESET{end}": low,
                       f"BLKSEL{end}": 3 * low}
        if kind.startswith("SP"):
            inputs = {pin[:-1]: wires for pin, wires in inputs.items() if pin.endswith("A")}
        elif kind.startswith("SD"):
            own = {"DI": inputs["DIA"], "OCE": inputs["OCEB"]}
            inputs = {pin: wires for pin, wires in inputs.items() if pin[:-1] not in ("DI", "WRE", "OCE")} | own
        cell(kind, name, parameters, inputs, {
            f"DO{end}": cells.port(f"{name}{end}", width) for end in OUTPUTS[kind[:2]].values()})
    for name, (kind, signs, *more) in multipliers.items():
        width = 9 if kind == "MULT9X9" else 18
        inputs = dict.fromkeys(("ASEL", "BSEL", "CE", "CLK", "RESET"), low)
        inputs |= dict.fromkeys(("SIA", "SIB"), width * low) | {pin: bits[pin][:width] for pin in "AB"}
        inputs |= {f"{pin}SIGN": bits[f"{pin}SIGN"] if signs is None else [str(sign)]
                   for pin, sign in zip("AB", signs or (0, 0), strict=True)}
        made = cells.nets(2 * width)
        cell(kind, name, dict(*more), inputs, {"DOUT": made})
        for n, (d, q) in enumerate(zip(made, cells.port(name, 2 * width), strict=True)):
            cell("DFF", f"{name}{n}", {}, {"CLK": clock, "D": [d]}, {"Q": [q]})
    return cells.write(folder)


@pytest.mark.verilator
def test_models(tmp_path):
    """Random work at the ports of memories of all widths and modes, collisions among it, and multiplications."""
    rng = np.random.default_rng(0)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in INPUTS.items()}
    for name in ("ADA", "ADB"):  # a few rows at both ends, so that much is read that was written, and at times at once
        stimulus[name] = stimulus[name] & 127 | np.where(rng.random(CLOCKS) < 0.5, 0x3F80, 0)
    near = stimulus["ADA"] ^ rng.integers(0, 16, CLOCKS)
    stimulus["ADB"] = np.where(rng.random(CLOCKS) < 0.6, near, stimulus["ADB"])
    outputs = {}
    for number, (name, cell) in enumerate(RAMS.items()):
        own = stimulus | {"WREB": stimulus["WREB"] >> number & 1}
        wrong = clashes(*cell, own)
        own["WREB"] &= ~wrong
        stimulus["WREB"] &= ~(wrong.astype(int) << number)
        outputs |= {f"{name}{end}": values for end, values in expected(*cell, own).items()}
    outputs |= {name: products(9 if kind == "MULT9X9" else 18, stimulus, signs)
                for name, (kind, signs) in MULTIPLIERS.items()}
    found = check(netlist(tmp_path, RAMS, MULTIPLIERS), "gowin", stimulus, outputs, tmp_path)
    assert (found.beats_compared, found.mismatches) == (CLOCKS, 0)


@pytest.mark.parametrize(("mode", "seen"), [(0, None), (1, 7), (2, 5)])
def test_what_is_seen_while_writing(mode, seen):
    """The reference of `test_models` itself: 5, then 7 written to the lowest byte, between reads of the word."""
    stimulus = {name: [value] * 4 for name, value in {"ADA": 0b100001, "CEA": 1, "OCEA": 1}.items()}
    stimulus |= {"DIA": [0, 0x1105, 0x2207, 0], "WREA": [0, 1, 1, 0]}
    kind, parameters = ram("SP", 32, mode=mode)
    before = sum(bit << n for n, bit in enumerate(DIGITS[0][32:64]))
    found = expected(kind, parameters, stimulus)[""]
    assert found[0] == before and found[3] == before & ~0xFF | 7
    assert found[2] == (before if seen is None else before & ~0xFF | seen)
    late = expected(kind, {**parameters, "READ_MODE": 1}, stimulus)[""]
    assert late == [0, *found[:3]]


@pytest.mark.parametrize(("mode", "seen"), [(0, [0, 0, 0]), (1, [0xAB5A, 0xABEE, 0x5434])])
def test_what_the_other_port_sees(mode, seen):
    """The same of two ports: words are written at A, and of one B reads the lower byte while that is written, then
    writes the upper one while the lower one is."""
    stimulus = {"ADA": [0b10011, 0b10001, 0b10001, 0b10000], "DIA": [0xAB5A, 0x77EE, 0x1234, 0], "WREA": [1, 1, 1, 0],
                "ADB": [0, 0b10000, 0b11000, 0b11000], "DIB": [0, 0, 0xC3, 0], "WREB": [0, 0, 1, 0],
                **dict.fromkeys(("CEA", "CEB", "OCEA", "OCEB"), [1] * 4)}
    block = dual("DPB", 16, 8, (mode, 0))
    first = sum(bit << n for n, bit in enumerate(DIGITS[0][:8]))
    assert expected(*block, stimulus) == {"A": [*seen, 0xC334], "B": [first, 0xA5, 0xA5, 0xC3]}
    assert not any(clashes(*block, stimulus))
    assert clashes(*block, stimulus | {"ADB": [0b10000] * 4}).tolist() == [False, False, True, False]


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("SP", {"BIT_WIDTH": 5}, "BIT_WIDTH must be 1, 2, 4, 8, 16 or 32, not 5"),
    ("SPX9", {"BIT_WIDTH": 4}, "BIT_WIDTH must be 9, 18 or 36, not 4"),
    ("SDPB", {"BIT_WIDTH_1": 9}, "BIT_WIDTH must be 1, 2, 4, 8, 16 or 32, not 9"),
    ("SDPX9B", {"BIT_WIDTH_0": 32}, "BIT_WIDTH must be 9, 18 or 36, not 32"),
    ("SDPB", {"READ_MODE": 2}, "READ_MODE must be 0 or 1, not 2"),
    ("SP", {"WRITE_MODE": 3}, "WRITE_MODE must be 0, 1 or 2, not 3"),
    ("DPB", {"BIT_WIDTH_0": 32}, "BIT_WIDTH must be 1, 2, 4, 8 or 16, not 32"),
    ("DPB", {"BIT_WIDTH_1": 9}, "BIT_WIDTH must be 1, 2, 4, 8 or 16, not 9"),
    ("DPX9B", {"BIT_WIDTH_0": 8}, "BIT_WIDTH must be 9 or 18, not 8"),
    ("DPX9B", {"BIT_WIDTH_1": 36}, "BIT_WIDTH must be 9 or 18, not 36"),
    ("DPB", {"READ_MODE0": 2}, "READ_MODE must be 0 or 1"),
    ("DPX9B", {"READ_MODE1": 2}, "READ_MODE must be 0 or 1"),
    ("DPX9B", {"WRITE_MODE0": 2}, "WRITE_MODE of two ports must be 0 or 1"),
    ("DPB", {"WRITE_MODE1": 2}, "WRITE_MODE of two ports must be 0 or 1"),
    ("MULT9X9", {"OUT_REG": 1}, "MULT9X9: registers are not modelled"),
    ("MULT18X18", {"AREG": 1}, "MULT18X18: registers are not modelled"),
])
def test_modes_that_are_not_modelled(tmp_path, kind, parameters, message):
    with pytest.raises(CompileError, match=message):
        nothing(tmp_path, kind, parameters)


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "parameters", "pins", "message"), [
    ("SPX9", {}, {"RESET": "1"}, "SPX9: RESET and BLKSEL are not modelled"),
    ("SDPB", {"BLK_SEL_1": 1}, {}, "SDPB: RESETA, RESETB and BLKSEL are not modelled"),
    ("DPX9B", {}, {"RESETB": "1"}, "DPX9B: RESETA, RESETB and BLKSEL are not modelled"),
    ("DPB", {"BIT_WIDTH_0": 1, "BIT_WIDTH_1": 8}, dict.fromkeys(("CEA", "CEB", "WREA", "WREB"), "1"),
     "block RAM: both ports write at one place"),
    ("MULT9X9", {}, {"BSEL": "1"}, "MULT9X9: ASEL and BSEL must be low"),
])
def test_pins_that_are_not_modelled(tmp_path, kind, parameters, pins, message):
    with pytest.raises(SimulationError, match=r"/simulation\.log ends:"):
        nothing(tmp_path, kind, parameters, **pins)
    assert message in (tmp_path / "run" / "simulation.log").read_text()


def nothing(folder, kind, parameters, **pins):
    """A block of that kind simulated for two clocks, with zeros at its inputs."""
    width = unit(kind) * (2 if kind.startswith("DP") else 4)
    blocks = {}
    if not kind.startswith("MULT"):
        _, known = (dual if kind.startswith("DP") else ram)(kind, width, None if kind.startswith("SP") else width)
        blocks = {"cell": (kind, known | parameters)}
    multipliers = {} if blocks else {"cell": (kind, None, parameters)}
    zeros = {name: np.zeros(2, int) for name in INPUTS}
    outputs = {f"cell{end}": [0, 0] for end in OUTPUTS[kind[:2]].values()}
    check(netlist(folder, blocks, multipliers, **pins), "gowin", zeros, outputs, folder)


RTL = """
module memories(input clk, input [9:0] wa, ra, input [35:0] d, input [3:0] be, input we, en, input [17:0] a, b,
                output reg [35:0] wide, output reg [31:0] words, output reg [17:0] halves, output reg [3:0] nibbles,
                output reg [3:0] parts, output reg [8:0] squares, output reg signed [17:0] small,
                output reg [15:0] plain, output reg signed [35:0] large);
  (* ram_style = "block" *) reg [35:0] w [0:511];
  (* ram_style = "block" *) reg [31:0] s [0:511];
  (* ram_style = "block" *) reg [17:0] h [0:1023];
  (* ram_style = "block" *) reg [3:0] q [0:1023];
  (* ram_style = "block" *) reg [3:0] p [0:1023];
  (* rom_style = "block" *) reg [8:0] t [0:1023];
  integer n;
  initial for (n = 0; n < 1024; n = n + 1) begin
    if (n < 512) begin w[n] = n * 36'd70000001; s[n] = n * 32'd5000011; end
    h[n] = n * 77;
    q[n] = n * 7;
    p[n] = n * 5;
    t[n] = n * n;
  end
  always @(posedge clk) begin
    if (we) w[wa[8:0]] <= d;
    wide <= w[ra[8:0]];
    for (n = 0; n < 4; n = n + 1) if (we & be[n]) s[wa[8:0]][8 * n +: 8] <= d[8 * n +: 8];
    if (en) words <= s[ra[8:0]];
    if (we) for (n = 0; n < 8; n = n + 1) p[{wa[6:0], n[2:0]}] <= d[4 * n +: 4];
    if (en) parts <= p[{ra[6:0], ra[9:7]}];
    if (en) begin
      if (we & be[0]) h[wa][8:0] <= d[8:0];
      if (we & be[1]) h[wa][17:9] <= d[17:9];
      if (!we) halves <= h[wa];
      if (we) q[wa] <= d[3:0]; else nibbles <= q[wa];
    end
    squares <= t[ra];
    small <= $signed(a[8:0]) * $signed(b[8:0]);
    plain <= a[7:0] * b[7:0];
    large <= $signed(a) * $signed({1'b0, b[16:0]});
  end
endmodule
"""


class Reference:
    """The memories and products of RTL, as it stands there."""

    def __init__(self):
        self.w, self.s = ([n * factor for n in range(512)] for factor in (70000001, 5000011))
        self.h, self.q, self.p = ([n * factor % limit for n in range(1024)]
                                  for factor, limit in ((77, 1 << 18), (7, 16), (5, 16)))
        self.o = dict.fromkeys(("words", "parts", "halves", "nibbles"), 0)

    def clock(self, wa, ra, d, be, we, en, a, b):
        """The outputs, by name, behind a clock with these inputs."""
        signed_a, small_a, small_b = (value - (value >> width - 1 << width) for value, width in (
            (a, 18), (a % 512, 9), (b % 512, 9)))
        self.o |= {"wide": self.w[ra % 512], "squares": ra * ra % 512, "small": small_a * small_b,
                   "plain": a % 256 * (b % 256), "large": signed_a * (b % (1 << 17))}
        if en:
            self.o |= {"words": self.s[ra % 512], "parts": self.p[ra % 128 * 8 + ra // 128]}
        if en and not we:
            self.o |= {"halves": self.h[wa], "nibbles": self.q[wa]}
        if we:
            self.w[wa % 512] = d
            self.s[wa % 512] = merged(self.s[wa % 512], d, be, 4, 8)
            self.p[wa % 128 * 8:wa % 128 * 8 + 8] = [d >> 4 * n & 15 for n in range(8)]
        if en and we:
            self.h[wa], self.q[wa] = merged(self.h[wa], d, be, 2, 9), d & 15
        return self.o


def netlist_equals(name, stimulus, outputs, folder):
    """Compare a module, as it was mapped in that folder, with the expected outputs."""
    joined = json_netlist([folder / f"{name}.v"], name, "gowin", folder / "joined")
    assert check(joined, "gowin", stimulus, outputs, folder / "check").mismatches == 0


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_what_yosys_maps(tmp_path):
    """Memories and products in Verilog, mapped by Yosys to the cells, against NumPy."""
    cells = synthesise({"memories": RTL}, "gowin", tmp_path)["modules"]["memories"]["cells"]
    assert {"SP", "SPX9", "SDPB", "SDPX9B", "MULT9X9", "MULT18X18"} <= set(cells)
    rng = np.random.default_rng(3)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in
                {"wa": 10, "d": 36, "be": 4, "we": 1, "en": 1, "a": 18, "b": 18}.items()}
    stimulus["wa"] &= 31
    stimulus["ra"] = stimulus["wa"] ^ rng.integers(1, 32, CLOCKS) ^ rng.integers(0, 8, CLOCKS) << 7
    # so that none reads in a row where is being written
    reference = Reference()
    found = [dict(reference.clock(**{name: int(values[clock]) for name, values in stimulus.items()}))
             for clock in range(CLOCKS)]
    widths = {"wide": 36, "words": 32, "halves": 18, "nibbles": 4, "parts": 4, "squares": 9, "small": 18, "plain": 16,
              "large": 36}
    outputs = {name: np.array([row[name] & (1 << width) - 1 for row in found]) for name, width in widths.items()}
    netlist_equals("memories", stimulus, outputs, tmp_path)


TWO_PORTS = """
module two_ports(input clk, input [11:0] wa, ra, input [17:0] d, input [1:0] be, input we, en, other, reads,
                 output reg [17:0] pairs, output reg [8:0] bytes, here, there, output reg [3:0] fours, parts);
  (* ram_style = "block" *) reg [17:0] h [0:511];
  (* ram_style = "block" *) reg [8:0] b [0:2047];
  (* ram_style = "block" *) reg [3:0] q [0:4095];
  (* ram_style = "block" *) reg [3:0] p [0:4095];
  (* ram_style = "block" *) reg [8:0] t [0:2047];
  integer n;
  initial for (n = 0; n < 4096; n = n == 127 ? 3968 : n + 1) begin
    h[n[8:0]] = n[8:0] * 501;
    b[n[10:0]] = n[10:0] * 21;
    q[n] = n * 3;
    p[n] = n * 11;
    t[n[10:0]] = n[10:0] * 13;
  end
  always @(posedge clk) begin
    for (n = 0; n < 2; n = n + 1) if (we & be[n]) h[wa[8:0]][9 * n +: 9] <= d[9 * n +: 9];
    if (en) pairs <= h[ra[8:0]];
    if (we) b[wa[10:0]] <= d[8:0];
    bytes <= b[ra[10:0]];
    if (we) q[wa] <= d[3:0];
    if (en) fours <= q[ra];
    if (we) for (n = 0; n < 4; n = n + 1) p[{wa[9:0], n[1:0]}] <= d[4 * n +: 4];
    if (en) parts <= p[{ra[9:0], be}];
  end
  always @(posedge clk) if (en) begin if (we) t[wa[10:0]] <= d[8:0]; else here <= t[wa[10:0]]; end
  always @(posedge clk) if (other) begin if (reads) there <= t[ra[10:0]]; else t[ra[10:0]] <= d[17:9]; end
endmodule
"""


def two_ports(stimulus):
    """The outputs of TWO_PORTS behind every clock."""
    h, b, q, p, t = ([n * factor % (1 << width) for n in range(depth)] for depth, factor, width in (
        (512, 501, 18), (2048, 21, 9), (4096, 3, 4), (4096, 11, 4), (2048, 13, 9)))
    out = dict.fromkeys(("pairs", "bytes", "here", "there", "fours", "parts"), 0)
    for wa, ra, d, be, we, en, other, reads in zip(*(stimulus[name].tolist() for name in (
            "wa", "ra", "d", "be", "we", "en", "other", "reads")), strict=True):
        out["bytes"] = b[ra % 2048]
        if en:
            out |= {"pairs": h[ra % 512], "fours": q[ra], "parts": p[ra % 1024 * 4 + be]}
        if en and not we:
            out["here"] = t[wa % 2048]
        if other and reads:
            out["there"] = t[ra % 2048]
        if we:
            h[wa % 512] = merged(h[wa % 512], d, be, 2, 9)
            b[wa % 2048], q[wa] = d % 512, d % 16
            p[wa % 1024 * 4:wa % 1024 * 4 + 4] = [d >> 4 * n & 15 for n in range(4)]
        if en and we:
            t[wa % 2048] = d % 512
        if other and not reads:
            t[ra % 2048] = d >> 9
        yield dict(out)


@pytest.mark.yosys
@pytest.mark.verilator
def test_what_yosys_maps_to_two_ports(tmp_path):
    """The same of small memories that one port writes and one reads, and of one with two ports that do both."""
    cells = synthesise({"two_ports": TWO_PORTS}, "gowin", tmp_path)["modules"]["two_ports"]["cells"]
    assert (cells["DPB"], cells["DPX9B"]) == (2, 3)
    rng = np.random.default_rng(4)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in
                {"d": 18, "be": 2, "we": 1, "en": 1, "other": 1, "reads": 1}.items()}
    stimulus["wa"] = rng.integers(0, 32, CLOCKS) ^ np.where(rng.random(CLOCKS) < 0.5, 0xFFF, 0)
    stimulus["ra"] = stimulus["wa"] ^ rng.integers(1, 32, CLOCKS) ^ np.where(rng.random(CLOCKS) < 0.5, 0xFFF, 0)
    found = list(two_ports(stimulus))
    outputs = {name: [row[name] for row in found] for name in found[0]}
    netlist_equals("two_ports", stimulus, outputs, tmp_path)
