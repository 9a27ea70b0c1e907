// Simulation models of Gowin's block RAM and multipliers, for netlists made by Yosys, which ships none. They have the
// modes that Yosys maps to, and output registers. Any other mode stops the simulator's build, or its run.
//
// Names and modes are those of Gowin's guides UG285 (memory) and UG287 (DSP). How they are wired is from Yosys's
// techlibs/gowin. They were not compared with a device.

`define INIT_RAM_PARAMETERS \
    INIT_RAM_00 = 0, INIT_RAM_01 = 0, INIT_RAM_02 = 0, INIT_RAM_03 = 0, INIT_RAM_04 = 0, INIT_RAM_05 = 0, \
    INIT_RAM_06 = 0, INIT_RAM_07 = 0, INIT_RAM_08 = 0, INIT_RAM_09 = 0, INIT_RAM_0A = 0, INIT_RAM_0B = 0, \
    INIT_RAM_0C = 0, INIT_RAM_0D = 0, INIT_RAM_0E = 0, INIT_RAM_0F = 0, INIT_RAM_10 = 0, INIT_RAM_11 = 0, \
    INIT_RAM_12 = 0, INIT_RAM_13 = 0, INIT_RAM_14 = 0, INIT_RAM_15 = 0, INIT_RAM_16 = 0, INIT_RAM_17 = 0, \
    INIT_RAM_18 = 0, INIT_RAM_19 = 0, INIT_RAM_1A = 0, INIT_RAM_1B = 0, INIT_RAM_1C = 0, INIT_RAM_1D = 0, \
    INIT_RAM_1E = 0, INIT_RAM_1F = 0, INIT_RAM_20 = 0, INIT_RAM_21 = 0, INIT_RAM_22 = 0, INIT_RAM_23 = 0, \
    INIT_RAM_24 = 0, INIT_RAM_25 = 0, INIT_RAM_26 = 0, INIT_RAM_27 = 0, INIT_RAM_28 = 0, INIT_RAM_29 = 0, \
    INIT_RAM_2A = 0, INIT_RAM_2B = 0, INIT_RAM_2C = 0, INIT_RAM_2D = 0, INIT_RAM_2E = 0, INIT_RAM_2F = 0, \
    INIT_RAM_30 = 0, INIT_RAM_31 = 0, INIT_RAM_32 = 0, INIT_RAM_33 = 0, INIT_RAM_34 = 0, INIT_RAM_35 = 0, \
    INIT_RAM_36 = 0, INIT_RAM_37 = 0, INIT_RAM_38 = 0, INIT_RAM_39 = 0, INIT_RAM_3A = 0, INIT_RAM_3B = 0, \
    INIT_RAM_3C = 0, INIT_RAM_3D = 0, INIT_RAM_3E = 0, INIT_RAM_3F = 0
`define INIT_RAM { \
    INIT_RAM_3F, INIT_RAM_3E, INIT_RAM_3D, INIT_RAM_3C, INIT_RAM_3B, INIT_RAM_3A, INIT_RAM_39, INIT_RAM_38, \
    INIT_RAM_37, INIT_RAM_36, INIT_RAM_35, INIT_RAM_34, INIT_RAM_33, INIT_RAM_32, INIT_RAM_31, INIT_RAM_30, \
    INIT_RAM_2F, INIT_RAM_2E, INIT_RAM_2D, INIT_RAM_2C, INIT_RAM_2B, INIT_RAM_2A, INIT_RAM_29, INIT_RAM_28, \
    INIT_RAM_27, INIT_RAM_26, INIT_RAM_25, INIT_RAM_24, INIT_RAM_23, INIT_RAM_22, INIT_RAM_21, INIT_RAM_20, \
    INIT_RAM_1F, INIT_RAM_1E, INIT_RAM_1D, INIT_RAM_1C, INIT_RAM_1B, INIT_RAM_1A, INIT_RAM_19, INIT_RAM_18, \
    INIT_RAM_17, INIT_RAM_16, INIT_RAM_15, INIT_RAM_14, INIT_RAM_13, INIT_RAM_12, INIT_RAM_11, INIT_RAM_10, \
    INIT_RAM_0F, INIT_RAM_0E, INIT_RAM_0D, INIT_RAM_0C, INIT_RAM_0B, INIT_RAM_0A, INIT_RAM_09, INIT_RAM_08, \
    INIT_RAM_07, INIT_RAM_06, INIT_RAM_05, INIT_RAM_04, INIT_RAM_03, INIT_RAM_02, INIT_RAM_01, INIT_RAM_00 }

// 18 Kbit of RAM with two ports that read and write: 512 rows of four bytes. A byte has UNIT = 8 or 9 bits.
// - A port is at most MOST bits wide. What its address holds depends on its width:
//     4 * UNIT       the row in address[13:5]
//     2 * UNIT       the half of a row in address[13:4]
//     UNIT           the byte in address[13:3]
//     4, 2 or 1      the byte in address[13:3], the place in it in the bits below; only with UNIT = 8
// - The two widest ports have their byte enables, for writing, in the lowest bits of the address.
// - Data comes one clock after `enable`. REGISTERED adds another register, with `oce` as its enable.
// - While a port writes, its output holds (MODE 0), shows the new contents (1) or the old (2).
// - A read is undefined where the other port writes at the same time. Here such bits come out inverted, so that a
//   design that uses them does not pass.
module GOWIN_BLOCK_RAM #(
  parameter UNIT = 8, MOST = 32, WIDTH_A = 32, WIDTH_B = 32, REGISTERED_A = 0, REGISTERED_B = 0, MODE_A = 0, MODE_B = 0,
  parameter [64*32*UNIT-1:0] INIT = 0
) (
  input clk,
  input enable_a, input write_a, input oce_a, input [13:0] address_a, input [4*UNIT-1:0] in_a,
  input enable_b, input write_b, input oce_b, input [13:0] address_b, input [4*UNIT-1:0] in_b,
  output [4*UNIT-1:0] out_a, output [4*UNIT-1:0] out_b
);
  localparam ROW = 4 * UNIT;
  localparam [36:0] WIDTHS = UNIT == 8 ? 37'h1_0001_0116 : 37'h10_0004_0200;  // bit n is set if width n exists
  localparam WRONG = WIDTH_A > MOST || !WIDTHS[WIDTH_A] ? WIDTH_A : WIDTH_B > MOST || !WIDTHS[WIDTH_B] ? WIDTH_B : 0;
  generate
    if (WRONG && MOST == 32) $fatal(1, "block RAM: BIT_WIDTH must be 1, 2, 4, 8, 16 or 32, not %0d", WRONG);
    if (WRONG && MOST == 36) $fatal(1, "block RAM: BIT_WIDTH must be 9, 18 or 36, not %0d", WRONG);
    if (WRONG && MOST == 16) $fatal(1, "block RAM: BIT_WIDTH must be 1, 2, 4, 8 or 16, not %0d", WRONG);
    if (WRONG && MOST == 18) $fatal(1, "block RAM: BIT_WIDTH must be 9 or 18, not %0d", WRONG);
    if (REGISTERED_A > 1) $fatal(1, "block RAM: READ_MODE must be 0 or 1, not %0d", REGISTERED_A);
    if (REGISTERED_B > 1) $fatal(1, "block RAM: READ_MODE must be 0 or 1, not %0d", REGISTERED_B);
  endgenerate

  function [5:0] place(input integer width, input [13:0] address);
    place = width >= ROW ? 0 : width == 2 * UNIT ? (address[4] ? 2 * UNIT : 0) :
            address[4:3] * UNIT + (width < UNIT ? address[2:0] & ~(width - 1) : 0);
  endfunction
  function [ROW-1:0] reach(input integer width, input [13:0] address);
    reach = width >= ROW ? {ROW{1'b1}} : (({{ROW-1{1'b0}}, 1'b1} << width) - 1) << place(width, address);
  endfunction
  function [ROW-1:0] bytes(input integer width, input [13:0] address);
    bytes = width >= ROW ? {{UNIT{address[3]}}, {UNIT{address[2]}}, {UNIT{address[1]}}, {UNIT{address[0]}}} :
            width == 2 * UNIT ? {2{{UNIT{address[1]}}, {UNIT{address[0]}}}} : {ROW{1'b1}};
  endfunction

  reg [ROW-1:0] rows [0:511];
  integer n;
  initial for (n = 0; n < 512; n = n + 1) rows[n] = INIT[ROW * n +: ROW];

  wire [ROW-1:0] written_a = enable_a & write_a ? reach(WIDTH_A, address_a) & bytes(WIDTH_A, address_a) : 0;
  wire [ROW-1:0] written_b = enable_b & write_b ? reach(WIDTH_B, address_b) & bytes(WIDTH_B, address_b) : 0;
  wire [ROW-1:0] moved_a = in_a << place(WIDTH_A, address_a);
  wire [ROW-1:0] moved_b = in_b << place(WIDTH_B, address_b);
  wire same = address_a[13:5] == address_b[13:5];
  wire [ROW-1:0] meets_a = same ? written_b : 0;
  wire [ROW-1:0] meets_b = same ? written_a : 0;
  wire [ROW-1:0] old_a = rows[address_a[13:5]] ^ meets_a;
  wire [ROW-1:0] old_b = rows[address_b[13:5]] ^ meets_b;
  wire [ROW-1:0] seen_a = MODE_A == 1 ? (old_a & ~written_a) | (moved_a & written_a) : old_a;
  wire [ROW-1:0] seen_b = MODE_B == 1 ? (old_b & ~written_b) | (moved_b & written_b) : old_b;
  reg [ROW-1:0] latch_a = 0, latch_b = 0, register_a = 0, register_b = 0;
  always @(posedge clk) begin
    if (|written_b) rows[address_b[13:5]] <= (rows[address_b[13:5]] & ~written_b) | (moved_b & written_b);
    if (|written_a)  // this assignment is the last to the row, so it includes what port B writes there
      rows[address_a[13:5]] <= (rows[address_a[13:5]] & ~written_a & ~meets_a) | (moved_a & written_a) |
                               (moved_b & meets_a);
    if (enable_a && (!write_a || MODE_A != 0))
      latch_a <= (seen_a & reach(WIDTH_A, address_a)) >> place(WIDTH_A, address_a);
    if (enable_b && (!write_b || MODE_B != 0))
      latch_b <= (seen_b & reach(WIDTH_B, address_b)) >> place(WIDTH_B, address_b);
    if (oce_a) register_a <= latch_a;
    if (oce_b) register_b <= latch_b;
    if (|(written_a & meets_a)) $fatal(1, "block RAM: both ports write at one place");
  end
  assign out_a = REGISTERED_A ? register_a : latch_a;
  assign out_b = REGISTERED_B ? register_b : latch_b;
endmodule

module SP(
  output [31:0] DO, input [31:0] DI, input [2:0] BLKSEL, input [13:0] AD, input WRE, input CLK, input CE,
  input OCE, input RESET
);
  parameter READ_MODE = 0, WRITE_MODE = 0, BIT_WIDTH = 32, BLK_SEL = 0, RESET_MODE = "SYNC";
  parameter [255:0] `INIT_RAM_PARAMETERS;
  GOWIN_BLOCK_RAM #(
    .UNIT(8), .MOST(32), .WIDTH_A(BIT_WIDTH), .WIDTH_B(32), .REGISTERED_A(READ_MODE), .MODE_A(WRITE_MODE),
    .INIT(`INIT_RAM)
  ) block (
    .clk(CLK), .enable_a(CE), .write_a(WRE), .oce_a(OCE), .address_a(AD), .in_a(DI), .out_a(DO),
    .enable_b(1'b0), .write_b(1'b0), .oce_b(1'b0), .address_b(14'd0), .in_b(32'd0), .out_b()
  );
  generate
    if (WRITE_MODE > 2) $fatal(1, "SP: WRITE_MODE must be 0, 1 or 2, not %0d", WRITE_MODE);
  endgenerate
  always @(posedge CLK) if (RESET || BLKSEL != BLK_SEL) $fatal(1, "SP: RESET and BLKSEL are not modelled");
endmodule

module SPX9(
  output [35:0] DO, input [35:0] DI, input [2:0] BLKSEL, input [13:0] AD, input WRE, input CLK, input CE,
  input OCE, input RESET
);
  parameter READ_MODE = 0, WRITE_MODE = 0, BIT_WIDTH = 36, BLK_SEL = 0, RESET_MODE = "SYNC";
  parameter [287:0] `INIT_RAM_PARAMETERS;
  GOWIN_BLOCK_RAM #(
    .UNIT(9), .MOST(36), .WIDTH_A(BIT_WIDTH), .WIDTH_B(36), .REGISTERED_A(READ_MODE), .MODE_A(WRITE_MODE),
    .INIT(`INIT_RAM)
  ) block (
    .clk(CLK), .enable_a(CE), .write_a(WRE), .oce_a(OCE), .address_a(AD), .in_a(DI), .out_a(DO),
    .enable_b(1'b0), .write_b(1'b0), .oce_b(1'b0), .address_b(14'd0), .in_b(36'd0), .out_b()
  );
  generate
    if (WRITE_MODE > 2) $fatal(1, "SPX9: WRITE_MODE must be 0, 1 or 2, not %0d", WRITE_MODE);
  endgenerate
  always @(posedge CLK) if (RESET || BLKSEL != BLK_SEL) $fatal(1, "SPX9: RESET and BLKSEL are not modelled");
endmodule

// Both ports have one clock.
module SDPB(
  output [31:0] DO, input [31:0] DI, input [2:0] BLKSELA, input [2:0] BLKSELB, input [13:0] ADA, input [13:0] ADB,
  input CLKA, input CLKB, input CEA, input CEB, input OCE, input RESETA, input RESETB
);
  parameter READ_MODE = 0, BIT_WIDTH_0 = 32, BIT_WIDTH_1 = 32, BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC";
  parameter [255:0] `INIT_RAM_PARAMETERS;
  GOWIN_BLOCK_RAM #(
    .UNIT(8), .MOST(32), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .REGISTERED_B(READ_MODE), .INIT(`INIT_RAM)
  ) block (
    .clk(CLKB), .enable_a(CEA), .write_a(1'b1), .oce_a(1'b0), .address_a(ADA), .in_a(DI), .out_a(),
    .enable_b(CEB), .write_b(1'b0), .oce_b(OCE), .address_b(ADB), .in_b(32'd0), .out_b(DO)
  );
  always @(posedge CLKB)
    if (RESETA || RESETB || BLKSELA != BLK_SEL_0 || BLKSELB != BLK_SEL_1)
      $fatal(1, "SDPB: RESETA, RESETB and BLKSEL are not modelled");
endmodule

// Both ports have one clock.
module SDPX9B(
  output [35:0] DO, input [35:0] DI, input [2:0] BLKSELA, input [2:0] BLKSELB, input [13:0] ADA, input [13:0] ADB,
  input CLKA, input CLKB, input CEA, input CEB, input OCE, input RESETA, input RESETB
);
  parameter READ_MODE = 0, BIT_WIDTH_0 = 36, BIT_WIDTH_1 = 36, BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC";
  parameter [287:0] `INIT_RAM_PARAMETERS;
  GOWIN_BLOCK_RAM #(
    .UNIT(9), .MOST(36), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .REGISTERED_B(READ_MODE), .INIT(`INIT_RAM)
  ) block (
    .clk(CLKB), .enable_a(CEA), .write_a(1'b1), .oce_a(1'b0), .address_a(ADA), .in_a(DI), .out_a(),
    .enable_b(CEB), .write_b(1'b0), .oce_b(OCE), .address_b(ADB), .in_b(36'd0), .out_b(DO)
  );
  always @(posedge CLKB)
    if (RESETA || RESETB || BLKSELA != BLK_SEL_0 || BLKSELB != BLK_SEL_1)
      $fatal(1, "SDPX9B: RESETA, RESETB and BLKSEL are not modelled");
endmodule

// The product of two 9-bit numbers, each signed or unsigned. Its optional registers are not modelled.
module MULT9X9(
  input [8:0] A, input [8:0] SIA, input [8:0] B, input [8:0] SIB, input ASIGN, input BSIGN, input ASEL, input BSEL,
  input CE, input CLK, input RESET, output [17:0] DOUT, output [8:0] SOA, output [8:0] SOB
);
  parameter AREG = 0, BREG = 0, OUT_REG = 0, PIPE_REG = 0, ASIGN_REG = 0, BSIGN_REG = 0, SOA_REG = 0;
  parameter MULT_RESET_MODE = "SYNC";
  generate
    if (AREG || BREG || OUT_REG || PIPE_REG || ASIGN_REG || BSIGN_REG || SOA_REG)
      $fatal(1, "MULT9X9: registers are not modelled");
  endgenerate
  always @* if (ASEL | BSEL) $fatal(1, "MULT9X9: ASEL and BSEL must be low, shift chains are not modelled");
  assign DOUT = $signed({ASIGN & A[8], A}) * $signed({BSIGN & B[8], B});
  assign SOA = 0;
  assign SOB = 0;
endmodule

// The product of two 18-bit numbers, each signed or unsigned. Its optional registers are not modelled.
module MULT18X18(
  input [17:0] A, input [17:0] SIA, input [17:0] B, input [17:0] SIB, input ASIGN, input BSIGN, input ASEL, input BSEL,
  input CE, input CLK, input RESET, output [35:0] DOUT, output [17:0] SOA, output [17:0] SOB
);
  parameter AREG = 0, BREG = 0, OUT_REG = 0, PIPE_REG = 0, ASIGN_REG = 0, BSIGN_REG = 0, SOA_REG = 0;
  parameter MULT_RESET_MODE = "SYNC";
  generate
    if (AREG || BREG || OUT_REG || PIPE_REG || ASIGN_REG || BSIGN_REG || SOA_REG)
      $fatal(1, "MULT18X18: registers are not modelled");
  endgenerate
  always @* if (ASEL | BSEL) $fatal(1, "MULT18X18: ASEL and BSEL must be low, shift chains are not modelled");
  assign DOUT = $signed({ASIGN & A[17], A}) * $signed({BSIGN & B[17], B});
  assign SOA = 0;
  assign SOB = 0;
endmodule

// Both ports have one clock.
module DPB(
  output [15:0] DOA, output [15:0] DOB, input [15:0] DIA, input [15:0] DIB, input [2:0] BLKSELA, input [2:0] BLKSELB,
  input [13:0] ADA, input [13:0] ADB, input WREA, input WREB, input CLKA, input CLKB, input CEA, input CEB, input OCEA,
  input OCEB, input RESETA, input RESETB
);
  parameter READ_MODE0 = 0, READ_MODE1 = 0, WRITE_MODE0 = 0, WRITE_MODE1 = 0, BIT_WIDTH_0 = 16, BIT_WIDTH_1 = 16;
  parameter BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC";
  parameter [255:0] `INIT_RAM_PARAMETERS;
  wire [31:0] a, b;
  GOWIN_BLOCK_RAM #(
    .UNIT(8), .MOST(16), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .REGISTERED_A(READ_MODE0),
    .REGISTERED_B(READ_MODE1), .MODE_A(WRITE_MODE0), .MODE_B(WRITE_MODE1), .INIT(`INIT_RAM)
  ) block (
    .clk(CLKB), .enable_a(CEA), .write_a(WREA), .oce_a(OCEA), .address_a(ADA), .in_a({16'd0, DIA}), .out_a(a),
    .enable_b(CEB), .write_b(WREB), .oce_b(OCEB), .address_b(ADB), .in_b({16'd0, DIB}), .out_b(b)
  );
  assign DOA = a[15:0];
  assign DOB = b[15:0];
  generate
    if (WRITE_MODE0 > 1 || WRITE_MODE1 > 1) $fatal(1, "DPB: WRITE_MODE of two ports must be 0 or 1");
  endgenerate
  always @(posedge CLKB)
    if (RESETA || RESETB || BLKSELA != BLK_SEL_0 || BLKSELB != BLK_SEL_1)
      $fatal(1, "DPB: RESETA, RESETB and BLKSEL are not modelled");
endmodule

// Both ports have one clock.
module DPX9B(
  output [17:0] DOA, output [17:0] DOB, input [17:0] DIA, input [17:0] DIB, input [2:0] BLKSELA, input [2:0] BLKSELB,
  input [13:0] ADA, input [13:0] ADB, input WREA, input WREB, input CLKA, input CLKB, input CEA, input CEB, input OCEA,
  input OCEB, input RESETA, input RESETB
);
  parameter READ_MODE0 = 0, READ_MODE1 = 0, WRITE_MODE0 = 0, WRITE_MODE1 = 0, BIT_WIDTH_0 = 18, BIT_WIDTH_1 = 18;
  parameter BLK_SEL_0 = 0, BLK_SEL_1 = 0, RESET_MODE = "SYNC";
  parameter [287:0] `INIT_RAM_PARAMETERS;
  wire [35:0] a, b;
  GOWIN_BLOCK_RAM #(
    .UNIT(9), .MOST(18), .WIDTH_A(BIT_WIDTH_0), .WIDTH_B(BIT_WIDTH_1), .REGISTERED_A(READ_MODE0),
    .REGISTERED_B(READ_MODE1), .MODE_A(WRITE_MODE0), .MODE_B(WRITE_MODE1), .INIT(`INIT_RAM)
  ) block (
    .clk(CLKB), .enable_a(CEA), .write_a(WREA), .oce_a(OCEA), .address_a(ADA), .in_a({18'd0, DIA}), .out_a(a),
    .enable_b(CEB), .write_b(WREB), .oce_b(OCEB), .address_b(ADB), .in_b({18'd0, DIB}), .out_b(b)
  );
  assign DOA = a[17:0];
  assign DOB = b[17:0];
  generate
    if (WRITE_MODE0 > 1 || WRITE_MODE1 > 1) $fatal(1, "DPX9B: WRITE_MODE of two ports must be 0 or 1");
  endgenerate
  always @(posedge CLKB)
    if (RESETA || RESETB || BLKSELA != BLK_SEL_0 || BLKSELB != BLK_SEL_1)
      $fatal(1, "DPX9B: RESETA, RESETB and BLKSEL are not modelled");
endmodule
