"""`python -m benchmarks.gowin_timing`: our bound on the clock's period beside nextpnr's on Gowin parts.

The designs are LUT4s, carry chains and flip-flops, all of whose paths nextpnr times. Both take the delays of cells and
wires from Apycula, so this compares how paths are followed and not the delays themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from benchmarks.tables import Row, show, write_csv
from tbn_hw.families.gowin import GOWIN
from tbn_hw.netlists.join import json_netlist
from tbn_hw.netlists.synthesis import synthesise
from tbn_hw.routing.nextpnr import place_and_route, placer_options
from tbn_hw.shared.errors import BuildError
from tbn_hw.targets.catalogue import find_target

BOARDS = {"tangnano9k": (52, 25, 26), "tangnano20k": (4, 25, 26)}
"""The pins of the clock, the input and the output."""
AIM_MHZ = 250
BODIES = {
    "adders": """reg [15:0] a, b; reg [16:0] t;
        always @(posedge clk) begin a <= s[15:0] + s[31:16]; b <= a + s[47:32]; t <= a + b + s[63:48]; q <= ^t; end""",
    "counts": """integer i; reg [6:0] c, r;
        always @* begin c = 0; for (i = 0; i < 64; i = i + 1) c = c + s[i]; end
        always @(posedge clk) begin r <= c; q <= r > 30; end""",
    "parities": """integer i; reg [63:0] x;
        always @(posedge clk) begin
            for (i = 0; i < 64; i = i + 1) x[i] <= ^(s & (64'h9e3779b97f4a7c15 * (i * 2 + 1)));
            q <= ^x;
        end""",
    "comparisons": """reg [31:0] m;
        always @(posedge clk) begin
            if ($signed(s[31:0]) > $signed(m)) m <= s[31:0]; else m <= m - s[63:32];
            q <= m < s[40:9];
        end""",
    "selections": """reg [127:0] f; reg [7:0] o; integer i;
        always @(posedge clk) begin
            for (i = 0; i < 16; i = i + 1)
                if (s[3:0] == i && s[63]) f[8 * i +: 8] <= s[11:4] ^ f[8 * ((i + 5) % 16) +: 8];
            o <= f >> {s[15:12], 3'b0}; q <= ^o;
        end""",
}


def verilog(body: str) -> str:
    """A design whose 64 bits of state come from one pin, through a shift register."""
    return f"""module design(input clk, input d, output reg q);
    reg [63:0] s;
    always @(posedge clk) s <= {{s[62:0], d}};
    {body}
endmodule"""


def add_pads(netlist: Path) -> None:
    """Put a buffer between each port of one bit and its net."""
    content = json.loads(netlist.read_text())
    module = content["modules"]["design"]
    for number, (name, port) in enumerate(module["ports"].items(), 1_000_000):
        kind, outside = ("IBUF", "I") if port["direction"] == "input" else ("OBUF", "O")
        inside = "IO".replace(outside, "")
        module["cells"][f"{name}_pad"] = {
            "type": kind, "parameters": {}, "attributes": {}, "port_directions": {"I": "input", "O": "output"},
            "connections": {outside: [number], inside: port["bits"]}}
        port["bits"] = [number]
    netlist.write_text(json.dumps(content))


def row(name: str, board: str) -> Row:
    """Both periods of a design, in ns, and ours over nextpnr's."""
    device = find_target(board).device
    assert device is not None
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        synthesise({"design": verilog(BODIES[name])}, GOWIN.name, folder)
        netlist = json_netlist([folder / "design.v"], "design", GOWIN.name, folder)
        add_pads(netlist)
        ports = zip(("clk", "d", "q"), BOARDS[board], strict=True)
        (folder / "pins").write_text("".join(f'IO_LOC "{port}" {pin};\n' for port, pin in ports))
        run, = place_and_route(netlist, device, folder / "route", target_mhz=AIM_MHZ, outputs=True,
                               constraints=folder / "pins", options=placer_options(GOWIN.name, 1000))
    assert run.bound is not None and run.slowest_mhz is not None
    period = 1000 / run.slowest_mhz
    return {"board": board, "design": name, "nextpnr ns": period, "ours ns": run.bound.period_ns,
            "ratio": run.bound.period_ns / period}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gowin_timing",
                                     description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--output", type=Path, default=Path("build/benchmarks"), help="folder (%(default)s)")
    parser.add_argument("--designs", nargs="+", choices=BODIES, default=list(BODIES), help="(%(default)s)")
    parser.add_argument("--boards", nargs="+", choices=BOARDS, default=list(BOARDS), help="(%(default)s)")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        rows = [row(name, board) for board in options.boards for name in options.designs]
    except BuildError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    write_csv(options.output / "gowin_timing.csv", rows)
    show(Console(), "the least period of routed designs", rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
