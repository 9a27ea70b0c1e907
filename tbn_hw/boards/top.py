"""The top level of a board: an accelerator behind a serial line, with its clock and reset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources

import jinja2
from amaranth.back import verilog as amaranth_verilog

from hdl.link.board_link import BoardLink
from hdl.link.uart import phase_step, phase_width
from hdl.link.words import BAUD
from tbn_hw.families.family import Pin
from tbn_hw.families.frequency import MHZ, Pll
from tbn_hw.families.pll import pll
from tbn_hw.families.registry import board_facts
from tbn_hw.host.protocol import CLOCK_AT, Identity, network_key
from tbn_hw.shared.design import Design
from tbn_hw.shared.errors import UsageError
from tbn_hw.targets.catalogue import Board, Target
from tbn_hw.verilog.hierarchy import merged
from tbn_hw.verilog.joined import join

GAP_MS = 50
"""Silence that ends a request. It is longer than the pauses that a USB adapter makes within a request."""
FASTEST_HZ = 400_000_000
"""A clock above that of every board's top. The counter that times the line is as wide as this clock needs."""
LEDS = ("led_heartbeat", "led_error")
"""Ports for LEDs. A board with fewer LEDs has the first of them."""


@dataclass(frozen=True)
class Settings:
    """A module of the constants that depend on the clock. Each is an output, given as (name, width, value)."""

    name: str
    constants: tuple[tuple[str, int, int], ...]

    @property
    def verilog(self) -> str:
        ports = ", ".join(f"output wire [{width - 1}:0] {name}" for name, width, _ in self.constants)
        values = "".join(f"  assign {name} = {width}'d{value};\n" for name, width, value in self.constants)
        return f"module {self.name} ({ports});\n{values}endmodule\n"


@dataclass(frozen=True)
class BoardTop:
    """The board's top level.

    `modules` has three: the top level itself, `settings` and the link. Yosys reads these and the accelerator's own
    file. `ports` are one bit each and named by their role; `constraints` gives them pins. The design runs at
    `clock_hz`, and the routed Fmax must reach it. If there is a `pll`, it makes this clock from `input_hz` at `clk`.

    Tops with a PLL that have different clocks differ only in the PLL's parameters and the constants of `settings`.
    """

    name: str
    modules: Mapping[str, str]
    settings: Settings
    ports: tuple[str, ...]
    input_hz: int
    clock_hz: int
    baud: int
    identity: Identity
    pll: Pll | None

    @property
    def verilog(self) -> str:
        return join(self.modules)


def identity_of(design: Design, clock_hz: int = 0) -> Identity:
    """What a board with this design says of itself."""
    sizes, source = design.ports, design.network.input
    key = network_key(design.network.to_bytes())
    return Identity(key, clock_hz, source.height * source.width, sizes.input_bytes, sizes.logits, sizes.logit_bytes,
                    sizes.classes, sizes.class_bytes, design.name)


def board_top(design: Design, family: str, *, input_hz: int, clock_hz: int, baud: int = BAUD,
              gap_ms: float = GAP_MS, pll_pad: bool = False, leds: int = len(LEDS), led_active_low: bool = False,
              high: int = 0) -> BoardTop:
    """The board's top level for a design.

    `input_hz` is the frequency at the pin `clk`, and `clock_hz` the highest wanted for the design. `pll_pad` says that
    an iCE40's `clk` is the pin beside the PLL; the PLL must then take its input from that pin. The first `leds` of LEDS
    become ports. With `led_active_low` a 0 lights them. `high` ports are held at 1.

    Raises UsageError for a family without boards, a frequency that its PLL cannot make, or a baud rate above a quarter
    of the clock.
    """
    facts, found = board_facts(family), pll(family, input_hz, clock_hz)
    achieved = found.output_hz if found else input_hz
    if achieved < 4 * baud:
        raise UsageError(f"the clock must be at least four times the line's {baud} baud, not {achieved / MHZ:g} MHz")
    identity = identity_of(design, achieved)
    # two underscores: no engine's module can have such a name
    name, link_name = f"{design.name}__board", f"{design.name}__link"
    width = phase_width(FASTEST_HZ, baud)
    settings = Settings(f"{design.name}__settings", (
        ("step", width, phase_step(achieved, baud, width)), ("clock_hz", 32, achieved)))
    unclocked = replace(identity, clock_hz=0).pack()  # the clock comes from the settings
    link = BoardLink(baud=baud, width=width, gap=max(round(baud * gap_ms / 1000), 20), pixels=identity.pixels,
                     pixel_bytes=identity.pixel_bytes, result_bytes=identity.beat_bytes, identity=unclocked,
                     clock_at=CLOCK_AT)
    input_mhz, clock_mhz = (f"{hz / MHZ:.6g}" for hz in (input_hz, achieved))
    instance = facts.pll.instance(found, input_mhz, clock_mhz, pll_pad) if found else None
    source = resources.files("tbn_hw.boards").joinpath("board.v.j2").read_text()
    template = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True).from_string(source)
    top = template.render(name=name, link=link_name, design=design.name, baud=baud, identity=identity,
                          pll=instance, leds=leds, led_active_low=led_active_low, input_mhz=input_mhz,
                          clock_mhz=clock_mhz, settings=settings, high=_high(high), settle=facts.settle,
                          settle_note=facts.settle_note)
    ports = ("clk", "uart_rx", "uart_tx", *LEDS[:leds], *_high(high))
    text = merged(amaranth_verilog.convert(link, name=link_name, emit_src=False, strip_internal_attrs=True))
    modules = {name: top, settings.name: settings.verilog, link_name: text}
    return BoardTop(name, modules, settings, ports, input_hz, achieved, baud, identity, found)


def for_target(design: Design, target: Target, *, clock_mhz: float | None = None,
               baud: int | None = None) -> tuple[BoardTop, str]:
    """The top level for the board of a target, and its constraint file.

    `clock_mhz` is the highest clock wanted for the design. Without it there is no PLL, and the design runs at the
    board's clock. The line has the board's baud rate unless another is given. Raises UsageError for a target without a
    board, and as `board_top` does.
    """
    board = target.board
    if board is None:
        raise UsageError(f"{target.name} is a part without a board; its pins are not known")
    input_hz = round(board.clock.mhz * MHZ)
    clock_hz = input_hz if clock_mhz is None else round(clock_mhz * MHZ)
    top = board_top(design, target.family, input_hz=input_hz, clock_hz=clock_hz, baud=baud or board.uart.baud,
                    pll_pad=board.clock.pll_pad, leds=min(len(LEDS), len(board.leds.pins)),
                    led_active_low=board.leds.active_low, high=len(board.high))
    return top, constraints(top, board, target.family)


def constraints(top: BoardTop, board: Board, family: str) -> str:
    """The pins of a top level and the frequency of its clock input."""
    given = {"clk": board.clock.pin, "uart_rx": board.uart.rx, "uart_tx": board.uart.tx,
             **dict(zip(LEDS, board.leds.pins, strict=False)),
             **dict(zip(_high(len(board.high)), board.high, strict=True))}
    standards = dict.fromkeys(LEDS, board.leds.io_type)
    pins = [Pin(port, given[port], standards.get(port) or board.io_type) for port in top.ports]
    return board_facts(family).constraints(pins, "clk", f"{top.input_hz / MHZ:.6g}")


def _high(count: int) -> list[str]:
    """Names of the ports that are held at 1."""
    return [f"high{number}" for number in range(count)]
