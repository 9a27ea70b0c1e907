"""nextpnr's timing on ECP5 and iCE40 leaves no kind of cell out that designs have. On Gowin it does."""

import re

import pytest

from tbn_hw.netlists.join import json_netlist
from tbn_hw.routing.nextpnr import place_and_route
from tbn_hw.targets.device import Device

DEVICES = {"ecp5": Device("ecp5", "25k", "CABGA381", 6), "ice40": Device("ice40", "hx8k", "ct256")}
ECP5 = """
module top(input write_clk, input read_clk, input [3:0] x, output y);
  wire a, b, c, d, lut, wide, wider, carry, sum, small, product, large, enable;
  wire [3:0] words, unused;
  TRELLIS_FF first(.CLK(write_clk), .LSR(1'b0), .CE(1'b1), .DI(x[0]), .Q(a));
  TRELLIS_FF second(.CLK(write_clk), .LSR(1'b0), .CE(1'b1), .DI(x[1]), .Q(b));
  LUT4 #(.INIT(16'h9669)) u_lut(.A(a), .B(b), .C(x[2]), .D(x[3]), .Z(lut));
  LUT4 #(.INIT(16'h6996)) u_wide(.A(a), .B(b), .C(x[2]), .D(x[3]), .Z(c));
  PFUMX multiplexer(.ALUT(lut), .BLUT(c), .C0(x[1]), .Z(wide));
  CCU2C #(.INIT0(16'h96AA), .INIT1(16'h96AA), .INJECT1_0("NO"), .INJECT1_1("NO")) u_carry(
    .CIN(1'b0), .A0(wide), .B0(b), .C0(1'b0), .D0(1'b1), .A1(a), .B1(b), .C1(1'b0), .D1(1'b1),
    .S0(unused[0]), .S1(unused[1]), .COUT(carry));
  CCU2C #(.INIT0(16'h96AA), .INIT1(16'h96AA), .INJECT1_0("NO"), .INJECT1_1("NO")) u_sum(
    .CIN(carry), .A0(a), .B0(b), .C0(1'b0), .D0(1'b1), .A1(a), .B1(b), .C1(1'b0), .D1(1'b1),
    .S0(unused[2]), .S1(sum), .COUT(unused[3]));
  TRELLIS_DPR16X4 u_small(.DI({3'b0, a}), .WAD({3'b0, b}), .WRE(x[0]), .WCK(write_clk), .RAD({3'b0, sum}), .DO(words));
  assign small = words[0];
  MULT18X18D #(.REG_INPUTA_CLK("NONE"), .REG_INPUTB_CLK("NONE"), .REG_PIPELINE_CLK("NONE"), .REG_OUTPUT_CLK("NONE"))
    u_product(.A0(small), .A1(b), .B0(a), .B1(b), .SIGNEDA(1'b1), .SIGNEDB(1'b1), .P20(product));
  DP16KD #(.DATA_WIDTH_A(9), .DATA_WIDTH_B(9)) u_large(
    .CLKA(write_clk), .CEA(1'b1), .OCEA(1'b1), .WEA(a), .DIA0(b), .ADA3(product),
    .CLKB(read_clk), .CEB(1'b1), .OCEB(1'b1), .WEB(1'b0), .ADB3(d), .DOB0(large));
  LUT4 #(.INIT(16'h9669)) u_enable(.A(large), .B(d), .C(x[2]), .D(x[3]), .Z(enable));
  TRELLIS_FF #(.CEMUX("CE")) u_held(.CLK(read_clk), .LSR(1'b0), .CE(enable), .DI(x[0]), .Q(d));
  assign y = d;
endmodule
"""
ICE40 = """
module top(input write_clk, input read_clk, input [3:0] x, output y);
  wire a, b, d, lut, carry, sum, large, enable;
  SB_DFF first(.C(write_clk), .D(x[0]), .Q(a));
  SB_DFF second(.C(write_clk), .D(x[1]), .Q(b));
  SB_LUT4 #(.LUT_INIT(16'h9669)) u_lut(.I0(a), .I1(b), .I2(x[2]), .I3(x[3]), .O(lut));
  SB_CARRY u_carry(.I0(lut), .I1(b), .CI(1'b0), .CO(carry));
  SB_LUT4 #(.LUT_INIT(16'hC33C)) u_sum(.I0(1'b0), .I1(a), .I2(b), .I3(carry), .O(sum));
  SB_RAM40_4K #(.READ_MODE(0), .WRITE_MODE(0)) u_large(
    .WCLK(write_clk), .WCLKE(1'b1), .WE(a), .WADDR({10'b0, sum}), .MASK(16'b0), .WDATA({15'b0, b}),
    .RCLK(read_clk), .RCLKE(1'b1), .RE(1'b1), .RADDR({10'b0, d}), .RDATA(large));
  SB_LUT4 #(.LUT_INIT(16'h9669)) u_enable(.I0(large), .I1(d), .I2(x[2]), .I3(x[3]), .O(enable));
  SB_DFFE u_held(.C(read_clk), .E(enable), .D(x[0]), .Q(d));
  assign y = d;
endmodule
"""
CHAINS = {
    "ecp5": (ECP5, ["u_lut", "u_wide", "u_carry", "u_sum", "u_small", "u_product", "u_large"]),
    "ice40": (ICE40, ["u_lut", "u_carry", "u_sum", "u_large"]),
}
"""A netlist, and the cells from a flip-flop to a block RAM's address on the first clock, one of each kind."""


@pytest.mark.nextpnr
@pytest.mark.parametrize("family", CHAINS)
def test_paths_through_all_kinds_of_cells(family, tmp_path):
    text, through = CHAINS[family]
    (tmp_path / "chain.v").write_text(text)
    netlist = json_netlist([tmp_path / "chain.v"], "top", family, tmp_path)
    run, = place_and_route(netlist, DEVICES[family], tmp_path / "route", target_mhz=20)
    within = {path.begin: path for path in run.critical_paths if path.begin == path.end}
    write, read = (next(path for clock, path in within.items() if name in clock) for name in ("write_clk", "read_clk"))
    assert cells(write)[1:] == through
    assert cells(read) == ["u_large", "u_enable", "u_held"]
    for path in (write, read):
        kinds = [step.kind for step in path.steps]
        assert "clk-to-q" in kinds and kinds[-1] == "setup"


def cells(path):
    """The netlist's cells on a path, in order. nextpnr adds endings to their names."""
    return list(dict.fromkeys(re.match("(u_)?[a-z]+", step.begin)[0] for step in path.steps))
