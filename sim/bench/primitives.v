// Simulation models of the cells that gateware and the top levels of boards instantiate. Synthesis has its own models.
// They were written from the vendors' descriptions:
//   Lattice ECP5   slices: LUT4, PFUMX, L6MUX21 and CCU2C
//   Lattice iCE40  SB_LUT4
//   Gowin          UG288: LUT4, MUX2_LUT5 to MUX2_LUT7; UG286: rPLL
//   Xilinx         UG474: LUT6_2 and CARRY4

// Two vendors use this name. Lattice's cell has the ports A to D and Z, Gowin's has I0 to I3 and F.
module LUT4(
  input A, input B, input C, input D, output Z,
  input I0, input I1, input I2, input I3, output F
);
  parameter [15:0] INIT = 0;
  assign Z = INIT[{D, C, B, A}];
  assign F = INIT[{I3, I2, I1, I0}];
endmodule

// PFUMX joins the two LUTs of a slice, L6MUX21 joins slices.
module PFUMX(input BLUT, input ALUT, input C0, output Z);
  assign Z = C0 ? ALUT : BLUT;
endmodule

module L6MUX21(input D0, input D1, input SD, output Z);
  assign Z = SD ? D1 : D0;
endmodule

// Two places of a carry chain. Each has a LUT4. Where its output is 1 the carry passes on; otherwise the carry is the
// same table's entry for C = D = 0.
module CCU2C(
  input CIN, input A0, input B0, input C0, input D0, input A1, input B1, input C1, input D1,
  output S0, output S1, output COUT
);
  parameter [15:0] INIT0 = 0;
  parameter [15:0] INIT1 = 0;
  parameter INJECT1_0 = "NO";
  parameter INJECT1_1 = "NO";
  wire p0 = INIT0[{D0, C0, B0, A0}];
  wire p1 = INIT1[{D1, C1, B1, A1}];
  wire carry = p0 ? CIN : INIT0[{2'b00, B0, A0}];
  assign S0 = p0 ^ CIN;
  assign S1 = p1 ^ carry;
  assign COUT = p1 ? carry : INIT1[{2'b00, B1, A1}];
endmodule

module MUX2_LUT5(input I0, input I1, input S0, output O);
  assign O = S0 ? I1 : I0;
endmodule

module MUX2_LUT6(input I0, input I1, input S0, output O);
  assign O = S0 ? I1 : I0;
endmodule

module MUX2_LUT7(input I0, input I1, input S0, output O);
  assign O = S0 ? I1 : I0;
endmodule

module SB_LUT4(input I0, input I1, input I2, input I3, output O);
  parameter [15:0] LUT_INIT = 0;
  assign O = LUT_INIT[{I3, I2, I1, I0}];
endmodule

module LUT6_2(input I0, input I1, input I2, input I3, input I4, input I5, output O5, output O6);
  parameter [63:0] INIT = 0;
  assign O5 = INIT[{1'b0, I4, I3, I2, I1, I0}];
  assign O6 = INIT[{I5, I4, I3, I2, I1, I0}];
endmodule

module CARRY4(input CI, input CYINIT, input [3:0] DI, input [3:0] S, output [3:0] O, output [3:0] CO);
  wire c0 = S[0] ? CI | CYINIT : DI[0];
  wire c1 = S[1] ? c0 : DI[1];
  wire c2 = S[2] ? c1 : DI[2];
  wire c3 = S[3] ? c2 : DI[3];
  assign CO = {c3, c2, c1, c0};
  assign O = S ^ {c2, c1, c0, CI | CYINIT};
endmodule

// The PLLs of board tops. They pass their input on, so a bench drives it at the clock that the PLL would make. They
// lock after 16 cycles.
module EHXPLLL(
  input CLKI, input CLKFB, input RST, input STDBY, input PHASESEL0, input PHASESEL1, input PHASEDIR, input PHASESTEP,
  input PHASELOADREG, input PLLWAKESYNC, input ENCLKOP, input ENCLKOS, output CLKOP, output CLKOS, output LOCK
);
  parameter PLLRST_ENA = "DISABLED";
  parameter INTFB_WAKE = "DISABLED";
  parameter STDBY_ENABLE = "DISABLED";
  parameter DPHASE_SOURCE = "DISABLED";
  parameter FEEDBK_PATH = "CLKOP";
  parameter OUTDIVIDER_MUXA = "DIVA";
  parameter OUTDIVIDER_MUXB = "DIVB";
  parameter CLKOP_ENABLE = "ENABLED";
  parameter CLKOS_ENABLE = "ENABLED";
  parameter CLKI_DIV = 1;
  parameter CLKFB_DIV = 1;
  parameter CLKOP_DIV = 1;
  parameter CLKOP_CPHASE = 0;
  parameter CLKOP_FPHASE = 0;
  parameter CLKOS_DIV = 1;
  parameter CLKOS_CPHASE = 0;
  parameter CLKOS_FPHASE = 0;
  reg [4:0] cycles = 0;
  assign CLKOP = CLKI;
  assign CLKOS = CLKI;
  assign LOCK = cycles[4];
  always @(posedge CLKI) if (~LOCK) cycles <= cycles + 1;
endmodule

module rPLL(
  input CLKIN, input CLKFB, input RESET, input RESET_P, input [5:0] FBDSEL, input [5:0] IDSEL, input [5:0] ODSEL,
  input [3:0] PSDA, input [3:0] DUTYDA, input [3:0] FDLY,
  output CLKOUT, output CLKOUTP, output CLKOUTD, output CLKOUTD3, output LOCK
);
  parameter FCLKIN = "100";
  parameter DEVICE = "GW1N-1";
  parameter IDIV_SEL = 0;
  parameter FBDIV_SEL = 0;
  parameter ODIV_SEL = 8;
  reg [4:0] cycles = 0;
  assign CLKOUT = CLKIN;
  assign {CLKOUTP, CLKOUTD, CLKOUTD3} = 3'b000;
  assign LOCK = cycles[4];
  always @(posedge CLKIN) if (~LOCK) cycles <= cycles + 1;
endmodule

module SB_PLL40_CORE(input REFERENCECLK, input RESETB, input BYPASS, output PLLOUTGLOBAL, output LOCK);
  parameter FEEDBACK_PATH = "SIMPLE";
  parameter PLLOUT_SELECT = "GENCLK";
  parameter [3:0] DIVR = 0;
  parameter [6:0] DIVF = 0;
  parameter [2:0] DIVQ = 0;
  parameter [2:0] FILTER_RANGE = 0;
  reg [4:0] cycles = 0;
  assign PLLOUTGLOBAL = REFERENCECLK;
  assign LOCK = cycles[4];
  always @(posedge REFERENCECLK) if (~LOCK) cycles <= cycles + 1;
endmodule

module SB_PLL40_PAD(input PACKAGEPIN, input RESETB, input BYPASS, output PLLOUTGLOBAL, output LOCK);
  parameter FEEDBACK_PATH = "SIMPLE";
  parameter PLLOUT_SELECT = "GENCLK";
  parameter [3:0] DIVR = 0;
  parameter [6:0] DIVF = 0;
  parameter [2:0] DIVQ = 0;
  parameter [2:0] FILTER_RANGE = 0;
  reg [4:0] cycles = 0;
  assign PLLOUTGLOBAL = PACKAGEPIN;
  assign LOCK = cycles[4];
  always @(posedge PACKAGEPIN) if (~LOCK) cycles <= cycles + 1;
endmodule
