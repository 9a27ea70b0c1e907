"""The block RAM of Xilinx 7: models against AMD's description, and Yosys's mapping of memories to it."""

import json
import random
import re

import numpy as np
import pytest
from amaranth.back import rtlil
from amaranth.hdl import Module, Signal
from amaranth.lib.memory import Memory
from support.cell_netlist import Cells, merged
from support.networks import Builder

from benchmarks.netlist_check import check
from sim.bench import CompileError, SimulationError
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.shared.errors import Mismatch
from tbn_hw.stages import netlist_check
from tbn_hw.streaming.design import StreamingDesign
from tbn_hw.streaming.folding import fold

CLOCKS = 600
DATA = {"RAMB18E1": 16, "RAMB36E1": 32}
"""The data pins of a port; a row of the memory is as wide as two ports."""
RNG = np.random.default_rng(9)
WORDS = {name: int.from_bytes(RNG.bytes(32), "little") for name in ("INIT_00", "INITP_00", "last", "last parity")}
LATCHES = {name: int(RNG.integers(1 << 18)) << 18 | int(RNG.integers(1 << 18)) for name in (
    "INIT_A", "INIT_B", "SRVAL_A", "SRVAL_B")}
PINS = {"A": ("ADDRARDADDR", "DIADI", "DIPADIP", "WEA", "ENARDEN", "RSTRAMARSTRAM", "DOADO", "DOPADOP"),
        "B": ("ADDRBWRADDR", "DIBDI", "DIPBDIP", "WEBWE", "ENBWREN", "RSTRAMB", "DOBDO", "DOPBDOP")}


MODES = {"r": "READ_FIRST", "w": "WRITE_FIRST", "n": "NO_CHANGE"}


def true_dual(kind, widths, mode_a, mode_b, ram_mode="TDP"):
    """A cell and its parameters; the widths are those that A reads and writes, and B."""
    names = ("READ_WIDTH_A", "WRITE_WIDTH_A", "READ_WIDTH_B", "WRITE_WIDTH_B")
    return kind, {"RAM_MODE": ram_mode, **dict(zip(names, widths, strict=True)),
                  "WRITE_MODE_A": MODES[mode_a], "WRITE_MODE_B": MODES[mode_b]}


def simple_dual(kind, read, write, mode):
    return true_dual(kind, (read, 0, 0, write), mode, mode, "SDP")


def contents(kind):
    """Data bits and parity bits of a block as it is configured, by their places."""
    memory = {}
    for sort, count, names in (("data", 1024 * DATA[kind], ("INIT_00", "last")),
                               ("parity", 128 * DATA[kind], ("INITP_00", "last parity"))):
        memory |= {(sort, n): 0 for n in range(count)}
        for first, name in zip((0, count - 256), names, strict=True):
            memory |= {(sort, first + n): WORDS[name] >> n & 1 for n in range(256)}
    return memory


def data_bits(width):
    """How many of a word's bits are data; each eight of them have one of parity."""
    return width if width < 9 else width // 9 * 8


def places(kind, width, address):
    """The place of a word in the memory: its data bits, which addresses count one by one, and its parity bits."""
    count = data_bits(width)
    first = address % (1024 * DATA[kind]) // max(count, 1) * count
    return [("data", first + n) for n in range(count)] + [("parity", first // 8 + n) for n in range(width - count)]


def bits(value, count):
    return [value >> n & 1 for n in range(count)]


def number(digits):
    return sum(bit << n for n, bit in enumerate(digits))


def whole_row(kind, width):
    """Whether a word takes the data pins of both ports."""
    return width > 9 * DATA[kind] // 8


def inputs(kind, parameters, now, end):
    """The bits of the word that a port gets for writing, and whether each is enabled."""
    width = parameters[f"WRITE_WIDTH_{end}"]
    count, both = data_bits(width), "AB" if whole_row(kind, width) else end
    data = [bit for port in both for bit in bits(now[PINS[port][1]], DATA[kind])][:count]
    parity = [bit for port in both for bit in bits(now[PINS[port][2]], DATA[kind] // 8)][:width - count]
    enables = [now[PINS[end][3]] >> n & 1 for n in [*(n // 8 for n in range(count)), *range(width - count)]]
    return data + parity, enables


def writes(kind, parameters, now):
    """What each port writes: the bits by their places."""
    found = {}
    for end in "AB":
        word, enables = inputs(kind, parameters, now, end)
        where = places(kind, parameters[f"WRITE_WIDTH_{end}"], now[PINS[end][0]])
        found[end] = {place: bit for place, bit, enable in zip(where, word, enables, strict=True)
                      if enable and now[PINS[end][4]]}
    return found


def latch(kind, parameters, end, name):
    """A latch as INIT or SRVAL makes it."""
    width = parameters[f"READ_WIDTH_{end}"]
    if not whole_row(kind, width):
        return bits(LATCHES[f"{name}_{end}"], width)
    a, b = (bits(LATCHES[f"{name}_{port}"], width // 2) for port in "AB")
    return a[:DATA[kind]] + b[:DATA[kind]] + a[DATA[kind]:] + b[DATA[kind]:]


def outputs(kind, parameters, latches):
    """The output pins of each port, data below parity, with what the latches have."""
    data, parity = ({end: [0] * count for end in "AB"} for count in (DATA[kind], DATA[kind] // 8))
    for end in "AB":
        count = data_bits(parameters[f"READ_WIDTH_{end}"])
        for pins, word in ((data, latches[end][:count]), (parity, latches[end][count:])):
            for n, bit in enumerate(word):
                size = len(pins[end])
                pins[end if n < size else "B"][n % size] = bit
    return {end: number(data[end] + parity[end]) for end in "AB"}


def expected(kind, parameters, stimulus):
    """What the output pins of each port are after every clock, and where both ports write at one place."""
    memory, found, clashes = contents(kind), {"A": [], "B": []}, []
    latches = {end: latch(kind, parameters, end, "INIT") for end in "AB"}
    for clock in range(len(stimulus["WEA"])):
        now = {name: int(values[clock]) for name, values in stimulus.items()}
        written = writes(kind, parameters, now)
        clashes.append(bool(written["A"].keys() & written["B"].keys()))
        for end, other in ("AB", "BA"):
            if not now[PINS[end][4]]:
                continue
            mode, undefined = parameters[f"WRITE_MODE_{end}"], parameters[f"WRITE_MODE_{other}"] != "READ_FIRST"
            if now[PINS[end][5]]:
                latches[end] = latch(kind, parameters, end, "SRVAL")
            elif mode != "NO_CHANGE" or not written[end]:
                latches[end] = [
                    written[end][place] if mode == "WRITE_FIRST" and place in written[end] else
                    memory[place] ^ (undefined and place in written[other])
                    for place in places(kind, parameters[f"READ_WIDTH_{end}"], now[PINS[end][0]])]
        for end, value in outputs(kind, parameters, latches).items():
            found[end].append(value)
        memory |= written["A"] | written["B"]
    return found, np.array(clashes)


RAMS = {name: true_dual(kind, *cell) for kind, cells in {
    "RAMB18E1": {
        "bit_bit": ((1, 1, 1, 1), "r", "w"), "two_four": ((2, 2, 4, 4), "w", "n"),
        "four_byte": ((4, 4, 9, 9), "n", "r"), "byte_half": ((9, 9, 18, 18), "r", "r"),
        "half_bit": ((18, 18, 1, 1), "w", "w"), "half_half": ((18, 18, 18, 18), "n", "n"),
        "mixed": ((18, 9, 4, 18), "w", "r"),
        "mixed_more": ((1, 18, 9, 2), "n", "w"), "only_a": ((9, 9, 0, 0), "w", "r"),
        "only_b": ((0, 0, 18, 18), "r", "w"),
        "reads": ((18, 0, 2, 0), "r", "w"), "one_writes": ((0, 18, 9, 0), "w", "n")},
    "RAMB36E1": {
        "bit_word": ((1, 1, 36, 36), "r", "w"), "word_two": ((36, 36, 2, 2), "n", "r"),
        "four_half": ((4, 4, 18, 18), "w", "n"), "byte_byte": ((9, 9, 9, 9), "w", "w"),
        "half_word": ((18, 18, 36, 36), "r", "r"), "word_word": ((36, 36, 36, 36), "w", "r"),
        "mixed_wide": ((36, 9, 18, 36), "w", "w"), "mixed_much": ((9, 36, 1, 4), "n", "n")},
}.items() for name, cell in cells.items()} | {name: simple_dual(kind, *cell) for kind, cells in {
    "RAMB18E1": {
        "row": (36, 36, "r"), "row_new": (36, 36, "w"), "row_bit": (36, 1, "r"), "four_row": (4, 36, "w"),
        "half_simple": (18, 9, "w"), "two_simple": (2, 18, "r")},
    "RAMB36E1": {
        "long": (72, 72, "r"), "long_new": (72, 72, "w"), "long_word": (72, 36, "r"), "byte_long": (9, 72, "w"),
        "word_simple": (36, 18, "w"), "bit_simple": (1, 4, "r")},
}.items() for name, cell in cells.items()}
INPUTS = {"ADDRARDADDR": 16, "ADDRBWRADDR": 16, "DIADI": 32, "DIBDI": 32, "DIPADIP": 4, "DIPBDIP": 4, "WEA": 4,
          "WEBWE": 8, "ENARDEN": 1, "ENBWREN": len(RAMS), "RSTRAMARSTRAM": 1, "RSTRAMB": 1}
"""ENBWREN has a bit for each of RAMS, since it depends on widths where both ports would write at one place."""
NARROW = {"ADDRARDADDR": 14, "ADDRBWRADDR": 14, "DIADI": 16, "DIBDI": 16, "DIPADIP": 2, "DIPBDIP": 2, "WEA": 2,
          "WEBWE": 4}
"""How many bits of these a RAMB18E1 has."""


def netlist(folder, rams, **changed):
    """A netlist of the cells side by side, with ports for their inputs and for the outputs of each of their ports.

    The port of a cell that does nothing has no clock. Pins that are `changed` have constants.
    """
    cells = Cells(INPUTS)
    for number, (name, (kind, parameters)) in enumerate(rams.items()):
        wires = {pin: nets[:NARROW[pin]] if kind == "RAMB18E1" and pin in NARROW else nets
                 for pin, nets in cells.bits.items() if pin != "clk"}
        wires |= {"ENBWREN": [wires["ENBWREN"][number]]}
        for end, clock in (("A", "CLKARDCLK"), ("B", "CLKBWRCLK")):
            used = parameters[f"READ_WIDTH_{end}"] or parameters[f"WRITE_WIDTH_{end}"]
            wires[clock] = cells.bits["clk"] if used else ["0"]
        wires |= {pin: list(value) for pin, value in changed.items()}
        last = "3F" if kind == "RAMB18E1" else "7F", "07" if kind == "RAMB18E1" else "0F"
        inits = {"INIT_00": WORDS["INIT_00"], "INITP_00": WORDS["INITP_00"], f"INIT_{last[0]}": WORDS["last"],
                 f"INITP_{last[1]}": WORDS["last parity"]}
        inits = {key: f"{value:0256b}" for key, value in inits.items()}
        inits |= {key: f"{value:072b}" for key, value in LATCHES.items()}
        outer = {end: cells.port(f"{name}_{end}", DATA[kind] // 8 * 9) for end in "AB"}
        cells.add(kind, name, inits | parameters, wires, {
            pin: nets for end in "AB" for pin, nets in zip(
                PINS[end][6:], (outer[end][:DATA[kind]], outer[end][DATA[kind]:]), strict=True)})
    return cells.write(folder)


@pytest.mark.verilator
def test_models(tmp_path):
    """Random work at the ports of memories of all widths and modes, collisions among it."""
    rng = np.random.default_rng(0)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in INPUTS.items()}
    for name in ("ADDRARDADDR", "ADDRBWRADDR"):  # a few rows at both ends, so that much is read that was written
        stimulus[name] = stimulus[name] & 0x807F | np.where(rng.random(CLOCKS) < 0.5, 0x7F80, 0)
    near = stimulus["ADDRARDADDR"] ^ rng.integers(0, 16, CLOCKS)
    stimulus["ADDRBWRADDR"] = np.where(rng.random(CLOCKS) < 0.6, near, stimulus["ADDRBWRADDR"])
    for name in ("RSTRAMARSTRAM", "RSTRAMB"):
        stimulus[name] = (rng.random(CLOCKS) < 0.05).astype(int)
    stimulus["WEA"] &= np.where(rng.random(CLOCKS) < 0.5, 15, 0)
    outer = {}
    for bit, (name, cell) in enumerate(RAMS.items()):
        own = stimulus | {"ENBWREN": stimulus["ENBWREN"] >> bit & 1}
        own["ENBWREN"] &= ~expected(*cell, own)[1]
        stimulus["ENBWREN"] &= ~((1 - own["ENBWREN"]) << bit)
        values, clashes = expected(*cell, own)
        assert not clashes.any()
        outer |= {f"{name}_{end}": found for end, found in values.items()}
    found = check(netlist(tmp_path, RAMS), "xc7", stimulus, outer, tmp_path)
    assert (found.beats_compared, found.mismatches) == (CLOCKS, 0)


def steps(**pins):
    """A stimulus of these pins: a list for each, or its constant value. All other pins are low."""
    length = max(len(values) for values in pins.values() if isinstance(values, list))
    return {name: values if isinstance(values, list) else [values] * length
            for name, values in {**dict.fromkeys(INPUTS, 0), **pins}.items()}


@pytest.mark.parametrize(("mode", "seen", "beside"), [
    ("r", [0, 0x2BEEF, 0x3BE34], 0), ("w", [0x2BEEF, 0x3BE34, 0x3BE34], 0x100FF),
    ("n", [LATCHES["INIT_A"] % (1 << 18)] * 2 + [0x3BE34], 0x100FF)])
def test_what_is_seen_while_writing(mode, seen, beside):
    """The reference of `test_models` itself: A writes a word, then its low byte, and reads it; B reads the high one."""
    stimulus = steps(ADDRARDADDR=0x1000, ENARDEN=1, DIADI=[0xBEEF, 0x1234, 0], DIPADIP=[2, 1, 0], WEA=[3, 1, 0],
                     ADDRBWRADDR=0x1008, ENBWREN=1)
    found, clashes = expected(*true_dual("RAMB18E1", (18, 18, 9, 9), mode, "r"), stimulus)
    assert found == {"A": seen, "B": [beside, 0x100BE, 0x100BE]}
    assert not clashes.any()
    stimulus |= {"WEBWE": [1, 1, 0]}
    assert expected(*true_dual("RAMB18E1", (18, 18, 9, 9), mode, "r"), stimulus)[1].tolist() == [True, False, False]


@pytest.mark.parametrize(("read", "write", "address", "a", "b"), [
    (36, 36, 0x1000, 0x11122, 0x23300), (9, 36, 0x1018, 0x10033, 0), (36, 18, 0x1000, 0x23300, 0)])
def test_where_halves_of_a_row_lie(read, write, address, a, b):
    """The same for "SDP": a row is written except its third byte, or half a row, where the second enable counts."""
    stimulus = steps(ADDRBWRADDR=0x1000, ENBWREN=1, DIADI=0x1122, DIPADIP=1, DIBDI=0x3344, DIPBDIP=2,
                     WEBWE=[0b1011 if write == 36 else 0b1110, 0], ADDRARDADDR=address, ENARDEN=1)
    found, _ = expected(*simple_dual("RAMB18E1", read, write, "r"), stimulus)
    assert found == {"A": [0, a], "B": [0, b]}


@pytest.mark.verilator
@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("RAMB18E1", {"RAM_MODE": "FIFO"}, "RAM_MODE must be TDP or SDP, not FIFO"),
    ("RAMB18E1", {"READ_WIDTH_A": 36}, "widths must be 1, 2, 4, 9, 18, 36 or 72, and at most 18, not 36"),
    ("RAMB18E1", {"WRITE_WIDTH_B": 8}, "at most 18, not 8"),
    ("RAMB36E1", {"READ_WIDTH_B": 72}, "at most 36, not 72"),
    ("RAMB36E1", {"WRITE_WIDTH_A": 3}, "at most 36, not 3"),
    ("RAMB18E1", {"RAM_MODE": "SDP", "READ_WIDTH_A": 72}, "at most 36, not 72"),
    ("RAMB36E1", {"RAM_MODE": "SDP", "READ_WIDTH_B": 0}, "SDP must have a WRITE_WIDTH_A and a READ_WIDTH_B of 0"),
    ("RAMB36E1", {"RAM_MODE": "SDP", "WRITE_WIDTH_A": 0}, "SDP must have a WRITE_WIDTH_A and a READ_WIDTH_B of 0"),
    ("RAMB18E1", {"RAM_MODE": "SDP", "WRITE_WIDTH_A": 0, "READ_WIDTH_B": 0, "WRITE_MODE_B": "NO_CHANGE"},
     "WRITE_MODE must be READ_FIRST, WRITE_FIRST or, in TDP, NO_CHANGE, not READ_FIRST and NO_CHANGE"),
    ("RAMB36E1", {"WRITE_MODE_A": "BOTH"}, "WRITE_MODE must be .*, not BOTH and READ_FIRST"),
    ("RAMB36E1", {"WRITE_MODE_B": "BOTH"}, "WRITE_MODE must be .*, not READ_FIRST and BOTH"),
    ("RAMB18E1", {"DOA_REG": 1}, "output registers are not modelled"),
    ("RAMB36E1", {"DOB_REG": 1}, "output registers are not modelled"),
    ("RAMB36E1", {"IS_CLKARDCLK_INVERTED": "1"}, "inverted pins are not modelled"),
    ("RAMB18E1", {"IS_ENBWREN_INVERTED": "1"}, "inverted pins are not modelled"),
    ("RAMB18E1", {"INIT_FILE": "words.mem"}, "INIT_FILE is not modelled"),
    ("RAMB36E1", {"RDADDR_COLLISION_HWCONFIG": "PERFORMANCE"},
     "RDADDR_COLLISION_HWCONFIG must be DELAYED_WRITE, not PERFORMANCE"),
    ("RAMB36E1", {"RAM_EXTENSION_A": "LOWER"}, "RAM_EXTENSION must be .*, not LOWER and NONE"),
    ("RAMB36E1", dict.fromkeys(("RAM_EXTENSION_A", "RAM_EXTENSION_B"), "MIDDLE"), "not MIDDLE and MIDDLE"),
    ("RAMB36E1", dict.fromkeys(("RAM_EXTENSION_A", "RAM_EXTENSION_B"), "UPPER"), "a cascade must be TDP, have words"),
    ("RAMB36E1", dict.fromkeys(("RAM_EXTENSION_A", "RAM_EXTENSION_B"), "LOWER") | {"WRITE_MODE_B": "NO_CHANGE"} | {
        f"{name}_WIDTH_{end}": 1 for name in ("READ", "WRITE") for end in "AB"}, "a cascade must be TDP, have words"),
    ("RAMB36E1", {"EN_ECC_READ": "TRUE"}, "RAMB36E1: ECC is not modelled"),
    ("RAMB36E1", {"EN_ECC_WRITE": "TRUE"}, "RAMB36E1: ECC is not modelled"),
])
def test_modes_that_are_not_modelled(tmp_path, kind, parameters, message):
    with pytest.raises(CompileError, match=message):
        nothing(tmp_path, kind, parameters)


@pytest.mark.verilator
@pytest.mark.parametrize(("parameters", "pins", "message"), [
    ({"WRITE_WIDTH_B": 1}, {"ENARDEN": "1", "ENBWREN": "1", "WEA": "10", "WEBWE": "1000"},
     "block RAM: both ports write at one place"),
    ({}, {"CLKBWRCLK": "0"}, "block RAM: both ports must have one clock"),
])
def test_pins_that_are_not_modelled(tmp_path, parameters, pins, message):
    with pytest.raises(SimulationError, match=r"/simulation\.log ends:"):
        nothing(tmp_path, "RAMB18E1", parameters, **pins)
    assert message in (tmp_path / "run" / "simulation.log").read_text()


def nothing(folder, kind, parameters, **pins):
    """A cell of that kind with words of 9 bits, simulated for two clocks with zeros at its inputs."""
    _, known = true_dual(kind, (9, 9, 9, 9), "r", "r")
    zeros = {name: np.zeros(2, int) for name in INPUTS}
    check(netlist(folder, {"cell": (kind, known | parameters)}, **pins), "xc7", zeros, {"cell_A": [0, 0]}, folder)


MEMORIES = {  # depth, bits, bits of a byte, what it has
    "rom": (1024, 18, 18, "rom"), "deep": (16384, 2, 2, "rom"), "row": (512, 36, 36, "dual"),
    "long": (512, 72, 9, "dual"), "word": (1024, 36, 9, "dual"), "four": (4096, 4, 4, "dual"),
    "fresh": (1024, 16, 8, "dual transparent"), "both": (2048, 9, 9, "both"), "pair": (1024, 32, 8, "both"),
    "pair_fresh": (1024, 18, 9, "both transparent"), "cascade": (65536, 1, 1, "both"),
}
"""Memories with one port that reads, one that writes and one that reads ("dual"), or two that do either ("both")."""


def ports_of(name):
    """For each port of a memory the names of its pins, by their role, and their numbers of bits."""
    depth, width, byte, sort = MEMORIES[name]
    address = (depth - 1).bit_length()
    pins = {"address": address, "reads": 1} | ({} if sort == "rom" else {"data": width, "writes": width // byte})
    pins |= {"to": address} if "dual" in sort else {}
    return [{pin: (f"{name}_{pin}{n}", size) for pin, size in pins.items()} for n in range(1 + ("both" in sort))]


def words_of(name):
    """What a memory holds at first."""
    rng = random.Random(name)
    return [rng.getrandbits(MEMORIES[name][1]) for _ in range(MEMORIES[name][0])]


def memories():
    """A module with MEMORIES side by side."""
    m, ports = Module(), []
    for name, (depth, width, byte, sort) in MEMORIES.items():
        m.submodules[name] = ram = Memory(shape=width, depth=depth, init=words_of(name), attrs={"ram_style": "block"})
        for n, pins in enumerate(ports_of(name)):
            pins = {pin: Signal(size, name=signal) for pin, (signal, size) in pins.items()}
            writers = [ram.write_port(granularity=byte)] if "data" in pins else []
            for writer in writers:
                m.d.comb += [writer.addr.eq(pins.get("to", pins["address"])), writer.data.eq(pins["data"]),
                             writer.en.eq(pins["writes"])]
            reader = ram.read_port(transparent_for=writers if "transparent" in sort else [])
            word = Signal(width, name=f"{name}{n}")
            m.d.comb += [reader.addr.eq(pins["address"]), reader.en.eq(pins["reads"]), word.eq(reader.data)]
            ports += [*pins.values(), word]
    return rtlil.convert(m, name="memories", ports=ports)


def remembered(name, stimulus):
    """The words that come out of a memory's ports behind every clock."""
    _, width, byte, sort = MEMORIES[name]
    ports, words = ports_of(name), words_of(name)
    found = {f"{name}{n}": [0] for n in range(len(ports))}
    for clock in range(CLOCKS):
        after = {}
        for n, pins in enumerate(ports):
            now = {pin: int(stimulus[signal][clock]) for pin, (signal, _) in pins.items()}
            own = {}
            if now.get("writes"):
                where = now.get("to", now["address"])
                own = {where: merged(words[where], now["data"], now["writes"], width // byte, byte)}
            seen = (own if "transparent" in sort else {}).get(now["address"], words[now["address"]])
            found[f"{name}{n}"].append(seen if now["reads"] else found[f"{name}{n}"][-1])
            after |= own
        for where, word in after.items():
            words[where] = word
    return {output: values[1:] for output, values in found.items()}


def mapped(name, text, folder):
    """The netlist of a module for Xilinx 7, and the kinds and modes of the block RAMs in it."""
    synthesise({name: text}, "xc7", folder)
    joined = json_netlist([folder / f"{name}.v"], name, "xc7", folder / "joined")
    cells = json.loads(joined.read_text())["modules"][name]["cells"].values()
    return joined, {(cell["type"], *(cell["parameters"][key] for key in ("RAM_MODE", "WRITE_MODE_A")))
                    for cell in cells if cell["type"] in DATA}


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_what_yosys_maps(tmp_path):
    """Memories of Amaranth, mapped by Yosys to the cells, against lists of words; ports often meet at one place."""
    joined, kinds = mapped("memories", memories(), tmp_path)
    assert {kind[:2] for kind in kinds} == {(kind, mode) for kind in DATA for mode in ("TDP", "SDP")}
    rng = np.random.default_rng(3)
    stimulus = {signal: [int.from_bytes(rng.bytes(9)) >> 72 - width for _ in range(CLOCKS)]
                for name in MEMORIES for pins in ports_of(name) for signal, width in pins.values()}
    for name, (depth, _, _, sort) in MEMORIES.items():
        pins, *more = ports_of(name)
        for signal, _ in (port["reads"] for port in (pins, *more)):
            stimulus[signal][0] = 1  # before, its output is undefined
        if sort == "rom":
            continue
        few = rng.integers(0, 8, CLOCKS) ^ np.where(rng.random(CLOCKS) < 0.5, depth - 1, 0)
        few = np.where(rng.random(CLOCKS) < 0.2, rng.integers(0, depth, CLOCKS), few)
        near = few ^ rng.integers(0, 3, CLOCKS)
        stimulus[pins["address"][0]], stimulus[more[0]["address"][0] if more else pins["to"][0]] = few, near
        if more:  # only one of the ports writes at a place
            stimulus[more[0]["writes"][0]] = np.where(near == few, 0, stimulus[more[0]["writes"][0]])
    outer = {output: words for name in MEMORIES for output, words in remembered(name, stimulus).items()}
    assert check(joined, "xc7", stimulus, outer, tmp_path / "check").mismatches == 0


RTL = """
module widths(input clk, input [11:0] wa, ra, input [35:0] d, input we, en, clear,
              output reg [35:0] wide, words, output reg [17:0] held, output reg [8:0] fresh, output reg [3:0] parts);
  (* ram_style = "block" *) reg [8:0] w [0:2047];
  (* ram_style = "block" *) reg [35:0] q [0:511];
  (* ram_style = "block" *) reg [3:0] p [0:4095];
  (* ram_style = "block" *) reg [17:0] h [0:1023];
  (* ram_style = "block" *) reg [8:0] f [0:2047];
  integer n;
  initial for (n = 0; n < 4096; n = n == 127 ? 3968 : n + 1) begin
    w[n[10:0]] = n[10:0] * 3;
    q[n[8:0]] = n[8:0] * 36'd70000001;
    p[n] = n * 11;
    h[n[9:0]] = n[9:0] * 77;
    f[n[10:0]] = n[10:0] * 7;
  end
  always @(posedge clk) begin
    if (we) w[wa[10:0]] <= d[8:0];
    if (en) wide <= {w[{ra[8:0], 2'd3}], w[{ra[8:0], 2'd2}], w[{ra[8:0], 2'd1}], w[{ra[8:0], 2'd0}]};
    if (we) q[wa[8:0]] <= d;
    if (en) words <= clear ? 36'h512345678 : q[ra[8:0]];
    if (we) for (n = 0; n < 8; n = n + 1) p[{wa[8:0], n[2:0]}] <= d[4 * n +: 4];
    if (en) parts <= p[ra];
    if (en) begin
      if (we) h[wa[9:0]] <= d[17:0]; else held <= h[wa[9:0]];
      if (we) f[wa[10:0]] <= d[8:0];
      fresh <= we ? d[8:0] : f[wa[10:0]];
    end
  end
endmodule
"""


def widths(stimulus):
    """The outputs of RTL behind every clock."""
    w, q, p, h, f = ([n * factor % (1 << width) for n in range(depth)] for depth, factor, width in (
        (2048, 3, 9), (512, 70000001, 36), (4096, 11, 4), (1024, 77, 18), (2048, 7, 9)))
    out = dict.fromkeys(("wide", "words", "parts", "held", "fresh"), 0)
    for wa, ra, d, we, en, clear in zip(*(stimulus[name].tolist() for name in ("wa", "ra", "d", "we", "en", "clear")),
                                      strict=True):
        if en:
            first = ra % 512 * 4
            out |= {"wide": sum(word << 9 * n for n, word in enumerate(w[first:first + 4])),
                    "words": 0x512345678 if clear else q[ra % 512], "parts": p[ra],
                    "fresh": d % 512 if we else f[wa % 2048]} | ({} if we else {"held": h[wa % 1024]})
        if we:
            w[wa % 2048], q[wa % 512] = d % 512, d
            p[wa % 512 * 8:wa % 512 * 8 + 8] = [d >> 4 * n & 15 for n in range(8)]
        if en and we:
            h[wa % 1024], f[wa % 2048] = d % (1 << 18), d % 512
        yield dict(out)


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_what_yosys_maps_of_other_widths(tmp_path):
    """Memories that are read and written in words of different widths, reset, held while written, or read first."""
    joined, kinds = mapped("widths", RTL, tmp_path)
    assert {kind[1:] for kind in kinds} == {("SDP", "READ_FIRST"), ("TDP", "NO_CHANGE"), ("TDP", "WRITE_FIRST")}
    rng = np.random.default_rng(4)
    stimulus = {name: rng.integers(0, 1 << width, CLOCKS) for name, width in
                {"d": 36, "we": 1, "en": 1, "clear": 1}.items()}
    stimulus["wa"], stimulus["ra"] = (rng.integers(0, 32, CLOCKS) ^ np.where(rng.random(CLOCKS) < 0.5, 0xFFF, 0)
                                      for _ in range(2))
    stimulus["en"][0], stimulus["we"][0] = 1, 0  # before, outputs are undefined
    found = list(widths(stimulus))
    outer = {name: [row[name] for row in found] for name in found[0]}
    assert check(joined, "xc7", stimulus, outer, tmp_path / "check").mismatches == 0


@pytest.mark.yosys
@pytest.mark.verilator
@pytest.mark.slow
def test_a_network(tmp_path):
    """The check of a network's netlist reads weights in block RAM, and finds one that is wrong."""
    b = Builder((6, 6, 2))
    net = b.network(b.dense(b.flatten(b.threshold(b.conv("input", 8, 3, padding=0))), 20))
    matrices = [node.name for node in net.nodes if net.macs(node.name)]
    foldings = fold(net, {name: (1, 4 if "dense" in name else 2, "block") for name in matrices})
    design = StreamingDesign.of(net, foldings, "xc7")
    modules = {design.name: design.top(), **design.modules(2)}
    figures = synthesise(modules, "xc7", tmp_path, 2, top=design.name)["total"]
    assert figures["bram"] == 1  # two halves
    netlists = sorted(tmp_path.glob("*.v"))
    images = np.random.default_rng(0).integers(0, 256, (netlist_check.IMAGES, *net.input.shape), np.uint8)

    def verify():
        return netlist_check.check(design, netlists, "xc7", figures["lut"], images, tmp_path / "work", print)

    found = verify()
    assert (found["images"], found["mismatches"], found["skipped"]) == (netlist_check.IMAGES, 0, None)
    (file,) = (path for path in netlists if "RAMB18E1" in path.read_text() and "dense" in path.name)
    text = file.read_text()
    last = re.search(r"\.INIT_00\(256'[hb]\w*(\w)\)", text).start(1)
    file.write_text(f"{text[:last]}{int(text[last], 16) ^ 1:x}{text[last + 1:]}")
    with pytest.raises(Mismatch, match=rf"^{design.name}, netlist: "):
        verify()
