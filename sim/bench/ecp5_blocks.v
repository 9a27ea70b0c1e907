// Simulation models of ECP5's block RAM and multiplier, for netlists made by Yosys, which ships none. They have the
// modes that Yosys maps to, and output and pipeline registers. Any other mode stops the simulator's build, or its run.
//
// Names and modes are those of Lattice's guides FPGA-TN-02204 (memory; before, TN1264) and FPGA-TN-02205 (sysDSP;
// before, TN1267). How they are wired is from Yosys's techlibs/lattice. They were not compared with a device.

// 18 Kbit of RAM with two ports: 1024 rows of two bytes of 9 bits. INITVAL_xx holds 16 rows in 20 bits each; the upper
// 2 bits of the 20 are unused.
// - A port of width 18 has its row in AD[13:4] and, for writing, its byte enables in AD[1:0]. A narrower port has the
//   byte in AD[3], and the place in the byte in the bits below. Widths 4, 2 and 1 do not reach a byte's ninth bit.
// - DATA_WIDTH_A 36 gives a RAM with a write port (A) and a read port (B). A write takes two rows at once: the pair in
//   ADA[13:5], data in {DIB, DIA}, byte enables in ADA[3:0]. A read of 36 bits comes out at {DOB, DOA}, as Yosys
//   connects it; a narrower one comes out at DOB.
// - A port works at a rising clock edge with CE high and CS equal to CSDECODE. It reads, and it writes if WE is high.
//   While it writes, its output holds (NORMAL), shows the old contents (READBEFOREWRITE) or the new (WRITETHROUGH).
// - REGMODE OUTREG adds a register at the output, with OCE as its enable.
// - A read is undefined where the other port writes at the same time. Here such bits come out inverted, so that a
//   design that uses them does not pass. Both ports have one clock, or one port is unused.
module DP16KD(
  input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
  input DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0,
  input ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
  input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
  output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
  output DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0,
  input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
  input DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0,
  input ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
  input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
  output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
  output DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0
);
  parameter DATA_WIDTH_A = 18;
  parameter DATA_WIDTH_B = 18;
  parameter REGMODE_A = "NOREG";
  parameter REGMODE_B = "NOREG";
  parameter RESETMODE = "SYNC";
  parameter ASYNC_RESET_RELEASE = "SYNC";
  parameter CSDECODE_A = "0b000";
  parameter CSDECODE_B = "0b000";
  parameter WRITEMODE_A = "NORMAL";
  parameter WRITEMODE_B = "NORMAL";
  parameter CLKAMUX = "CLKA";
  parameter CLKBMUX = "CLKB";
  parameter GSR = "DISABLED";
  parameter [319:0] INITVAL_00 = 0, INITVAL_01 = 0, INITVAL_02 = 0, INITVAL_03 = 0, INITVAL_04 = 0, INITVAL_05 = 0;
  parameter [319:0] INITVAL_06 = 0, INITVAL_07 = 0, INITVAL_08 = 0, INITVAL_09 = 0, INITVAL_0A = 0, INITVAL_0B = 0;
  parameter [319:0] INITVAL_0C = 0, INITVAL_0D = 0, INITVAL_0E = 0, INITVAL_0F = 0, INITVAL_10 = 0, INITVAL_11 = 0;
  parameter [319:0] INITVAL_12 = 0, INITVAL_13 = 0, INITVAL_14 = 0, INITVAL_15 = 0, INITVAL_16 = 0, INITVAL_17 = 0;
  parameter [319:0] INITVAL_18 = 0, INITVAL_19 = 0, INITVAL_1A = 0, INITVAL_1B = 0, INITVAL_1C = 0, INITVAL_1D = 0;
  parameter [319:0] INITVAL_1E = 0, INITVAL_1F = 0, INITVAL_20 = 0, INITVAL_21 = 0, INITVAL_22 = 0, INITVAL_23 = 0;
  parameter [319:0] INITVAL_24 = 0, INITVAL_25 = 0, INITVAL_26 = 0, INITVAL_27 = 0, INITVAL_28 = 0, INITVAL_29 = 0;
  parameter [319:0] INITVAL_2A = 0, INITVAL_2B = 0, INITVAL_2C = 0, INITVAL_2D = 0, INITVAL_2E = 0, INITVAL_2F = 0;
  parameter [319:0] INITVAL_30 = 0, INITVAL_31 = 0, INITVAL_32 = 0, INITVAL_33 = 0, INITVAL_34 = 0, INITVAL_35 = 0;
  parameter [319:0] INITVAL_36 = 0, INITVAL_37 = 0, INITVAL_38 = 0, INITVAL_39 = 0, INITVAL_3A = 0, INITVAL_3B = 0;
  parameter [319:0] INITVAL_3C = 0, INITVAL_3D = 0, INITVAL_3E = 0, INITVAL_3F = 0;

  localparam [64*320-1:0] INIT = {
    INITVAL_3F, INITVAL_3E, INITVAL_3D, INITVAL_3C, INITVAL_3B, INITVAL_3A, INITVAL_39, INITVAL_38,
    INITVAL_37, INITVAL_36, INITVAL_35, INITVAL_34, INITVAL_33, INITVAL_32, INITVAL_31, INITVAL_30,
    INITVAL_2F, INITVAL_2E, INITVAL_2D, INITVAL_2C, INITVAL_2B, INITVAL_2A, INITVAL_29, INITVAL_28,
    INITVAL_27, INITVAL_26, INITVAL_25, INITVAL_24, INITVAL_23, INITVAL_22, INITVAL_21, INITVAL_20,
    INITVAL_1F, INITVAL_1E, INITVAL_1D, INITVAL_1C, INITVAL_1B, INITVAL_1A, INITVAL_19, INITVAL_18,
    INITVAL_17, INITVAL_16, INITVAL_15, INITVAL_14, INITVAL_13, INITVAL_12, INITVAL_11, INITVAL_10,
    INITVAL_0F, INITVAL_0E, INITVAL_0D, INITVAL_0C, INITVAL_0B, INITVAL_0A, INITVAL_09, INITVAL_08,
    INITVAL_07, INITVAL_06, INITVAL_05, INITVAL_04, INITVAL_03, INITVAL_02, INITVAL_01, INITVAL_00
  };
  localparam PSEUDO = DATA_WIDTH_A == 36;  // one port writes, the other reads
  generate
    if (DATA_WIDTH_A != 1 && DATA_WIDTH_A != 2 && DATA_WIDTH_A != 4 && DATA_WIDTH_A != 9 && DATA_WIDTH_A != 18 &&
        !PSEUDO)
      $fatal(1, "DP16KD: DATA_WIDTH_A must be 1, 2, 4, 9, 18 or 36, not %0d", DATA_WIDTH_A);
    if (DATA_WIDTH_B != 1 && DATA_WIDTH_B != 2 && DATA_WIDTH_B != 4 && DATA_WIDTH_B != 9 && DATA_WIDTH_B != 18 &&
        !(PSEUDO && DATA_WIDTH_B == 36))
      $fatal(1, "DP16KD: DATA_WIDTH_B must be 1, 2, 4, 9, 18, or 36 with DATA_WIDTH_A 36, not %0d", DATA_WIDTH_B);
    if (CLKAMUX != "CLKA" || CLKBMUX != "CLKB")
      $fatal(1, "DP16KD: clocks must not be inverted, but CLKAMUX is %s and CLKBMUX %s", CLKAMUX, CLKBMUX);
    if ((REGMODE_A != "NOREG" && REGMODE_A != "OUTREG") || (REGMODE_B != "NOREG" && REGMODE_B != "OUTREG"))
      $fatal(1, "DP16KD: REGMODE must be NOREG or OUTREG, not %s and %s", REGMODE_A, REGMODE_B);
    if (CSDECODE_A != "0b000" || CSDECODE_B != "0b000")
      $fatal(1, "DP16KD: CSDECODE must be 0b000, not %s and %s", CSDECODE_A, CSDECODE_B);
    if ((WRITEMODE_A != "NORMAL" && WRITEMODE_A != "READBEFOREWRITE" && WRITEMODE_A != "WRITETHROUGH") ||
        (WRITEMODE_B != "NORMAL" && WRITEMODE_B != "READBEFOREWRITE" && WRITEMODE_B != "WRITETHROUGH"))
      $fatal(1, "DP16KD: WRITEMODE must be NORMAL, READBEFOREWRITE or WRITETHROUGH, not %s and %s", WRITEMODE_A,
             WRITEMODE_B);
  endgenerate

  wire [13:0] address_a = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
  wire [17:0] data_a = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4,
      DIA3, DIA2, DIA1, DIA0};
  wire [13:0] address_b = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
  wire [17:0] data_b = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4,
      DIB3, DIB2, DIB1, DIB0};

  // In a pair of rows (36 bits): the bits that a port reaches, the index of their lowest, and the enabled bytes.
  function [35:0] reach(input integer width, input [13:0] address);
    reach = width == 36 ? {36{1'b1}} : ((36'd1 << width) - 36'd1) << place(width, address);
  endfunction
  function [5:0] place(input integer width, input [13:0] address);
    place = width == 36 ? 0 : (address[4] ? 18 : 0) + (width < 18 && address[3] ? 9 : 0) +
            (width == 4 ? {address[2], 2'b00} : width == 2 ? {address[2:1], 1'b0} : width == 1 ? address[2:0] : 0);
  endfunction
  function [35:0] bytes(input integer width, input [13:0] address);
    bytes = width == 36 ? {{9{address[3]}}, {9{address[2]}}, {9{address[1]}}, {9{address[0]}}} :
            width == 18 ? {2{{9{address[1]}}, {9{address[0]}}}} : {36{1'b1}};
  endfunction

  reg [35:0] rows [0:511];
  integer n;
  initial for (n = 0; n < 512; n = n + 1) rows[n] = {INIT[40 * n + 20 +: 18], INIT[40 * n +: 18]};

  wire go_a = CEA & ~(CSA2 | CSA1 | CSA0);
  wire go_b = CEB & ~(CSB2 | CSB1 | CSB0);
  wire [35:0] reach_a = reach(DATA_WIDTH_A, address_a);
  wire [35:0] reach_b = reach(DATA_WIDTH_B, address_b);
  wire [35:0] write_a = go_a & WEA ? reach_a & bytes(DATA_WIDTH_A, address_a) : 36'd0;
  wire [35:0] write_b = go_b & WEB ? reach_b & bytes(DATA_WIDTH_B, address_b) : 36'd0;
  wire [35:0] in_a = PSEUDO ? {data_b, data_a} : {18'd0, data_a} << place(DATA_WIDTH_A, address_a);
  wire [35:0] in_b = {18'd0, data_b} << place(DATA_WIDTH_B, address_b);
  wire same = address_a[13:5] == address_b[13:5];
  wire [35:0] meets_a = same ? write_b : 36'd0;
  wire [35:0] meets_b = same ? write_a : 36'd0;
  wire [35:0] old_a = rows[address_a[13:5]] ^ meets_a;
  wire [35:0] old_b = rows[address_b[13:5]] ^ meets_b;
  wire [35:0] new_a = WRITEMODE_A == "WRITETHROUGH" ? (old_a & ~write_a) | (in_a & write_a) : old_a;
  wire [35:0] new_b = WRITEMODE_B == "WRITETHROUGH" ? (old_b & ~write_b) | (in_b & write_b) : old_b;

  reg [17:0] latch_a = 0;
  reg [35:0] latch_b = 0;
  always @(posedge CLKA) begin
    if (|write_a)
      rows[address_a[13:5]] <= (rows[address_a[13:5]] & ~write_a & ~meets_a) | (in_a & write_a & ~meets_a) |
                               (in_b & meets_a);
    if (!PSEUDO && go_a && (!WEA || WRITEMODE_A != "NORMAL"))
      latch_a <= (new_a & reach_a) >> place(DATA_WIDTH_A, address_a);
    if (RSTA) $fatal(1, "DP16KD: RSTA must stay low, resets are not modelled");
  end
  always @(posedge CLKB) begin
    if (|write_b)
      rows[address_b[13:5]] <= (rows[address_b[13:5]] & ~write_b & ~meets_b) | (in_a & meets_b & ~write_b) |
                               (in_b & write_b);
    if (go_b && (!WEB || WRITEMODE_B != "NORMAL"))
      latch_b <= (new_b & reach_b) >> place(DATA_WIDTH_B, address_b);
    if (RSTB) $fatal(1, "DP16KD: RSTB must stay low, resets are not modelled");
    if (PSEUDO && WEB) $fatal(1, "DP16KD: WEB must stay low where DATA_WIDTH_A is 36");
  end

  reg [17:0] register_a = 0;
  reg [35:0] register_b = 0;
  always @(posedge CLKA) if (OCEA) register_a <= latch_a;
  always @(posedge CLKB) if (OCEB) register_b <= latch_b;
  wire [17:0] out_a = REGMODE_A == "OUTREG" ? register_a : latch_a;
  wire [35:0] out_b = REGMODE_B == "OUTREG" ? register_b : latch_b;
  assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2,
      DOA1, DOA0} = DATA_WIDTH_B == 36 ? out_b[17:0] : out_a;
  assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2,
      DOB1, DOB0} = DATA_WIDTH_B == 36 ? out_b[35:18] : out_b[17:0];
endmodule

// The product of two 18-bit numbers, each signed or unsigned. There may be a register at each input, in the pipeline
// and at the output: it exists where its REG_x_CLK is CLK0, and has the enable CE0 and the reset RST0. With registers,
// SIGNEDA and SIGNEDB must not change.
module MULT18X18D(
  input A17, A16, A15, A14, A13, A12, A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0,
  input B17, B16, B15, B14, B13, B12, B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0,
  input C17, C16, C15, C14, C13, C12, C11, C10, C9, C8, C7, C6, C5, C4, C3, C2, C1, C0,
  input SIGNEDA, SIGNEDB, SOURCEA, SOURCEB,
  input CLK0, CLK1, CLK2, CLK3, CE0, CE1, CE2, CE3, RST0, RST1, RST2, RST3,
  output P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15, P14,
      P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0
);
  parameter REG_INPUTA_CLK = "NONE";
  parameter REG_INPUTA_CE = "CE0";
  parameter REG_INPUTA_RST = "RST0";
  parameter REG_INPUTB_CLK = "NONE";
  parameter REG_INPUTB_CE = "CE0";
  parameter REG_INPUTB_RST = "RST0";
  parameter REG_PIPELINE_CLK = "NONE";
  parameter REG_PIPELINE_CE = "CE0";
  parameter REG_PIPELINE_RST = "RST0";
  parameter REG_OUTPUT_CLK = "NONE";
  parameter REG_OUTPUT_CE = "CE0";
  parameter REG_OUTPUT_RST = "RST0";
  parameter GSR = "DISABLED";
  parameter MULT_BYPASS = "DISABLED";
  parameter RESETMODE = "SYNC";
  generate
    if (MULT_BYPASS != "DISABLED" || RESETMODE != "SYNC")
      $fatal(1, "MULT18X18D: MULT_BYPASS must be DISABLED and RESETMODE SYNC, not %s and %s", MULT_BYPASS, RESETMODE);
    if (REG_INPUTA_CE != "CE0" || REG_INPUTB_CE != "CE0" || REG_PIPELINE_CE != "CE0" || REG_OUTPUT_CE != "CE0" ||
        REG_INPUTA_RST != "RST0" || REG_INPUTB_RST != "RST0" || REG_PIPELINE_RST != "RST0" || REG_OUTPUT_RST != "RST0")
      $fatal(1, "MULT18X18D: registers must have the clock enable CE0 and the reset RST0");
  endgenerate
  always @*
    if (SOURCEA | SOURCEB)
      $fatal(1, "MULT18X18D: SOURCEA and SOURCEB must be low, shift chains are not modelled");

  wire signed [18:0] a, b;
  wire [35:0] product = $signed(a) * $signed(b);
  wire [35:0] middle, p;
  MULT18X18D_REGISTER #(REG_INPUTA_CLK, 19) input_a(CLK0, CE0, RST0, {SIGNEDA & A17, A17, A16, A15, A14, A13, A12,
      A11, A10, A9, A8, A7, A6, A5, A4, A3, A2, A1, A0}, a);
  MULT18X18D_REGISTER #(REG_INPUTB_CLK, 19) input_b(CLK0, CE0, RST0, {SIGNEDB & B17, B17, B16, B15, B14, B13, B12,
      B11, B10, B9, B8, B7, B6, B5, B4, B3, B2, B1, B0}, b);
  MULT18X18D_REGISTER #(REG_PIPELINE_CLK, 36) pipeline(CLK0, CE0, RST0, product, middle);
  MULT18X18D_REGISTER #(REG_OUTPUT_CLK, 36) result(CLK0, CE0, RST0, middle, p);
  assign {P35, P34, P33, P32, P31, P30, P29, P28, P27, P26, P25, P24, P23, P22, P21, P20, P19, P18, P17, P16, P15,
      P14, P13, P12, P11, P10, P9, P8, P7, P6, P5, P4, P3, P2, P1, P0} = p;
endmodule

module MULT18X18D_REGISTER #(parameter CLK = "NONE", parameter WIDTH = 18) (
  input clock, input enable, input reset, input [WIDTH-1:0] d, output [WIDTH-1:0] q
);
  generate
    if (CLK == "CLK0") begin
      reg [WIDTH-1:0] held = 0;
      always @(posedge clock) if (reset) held <= 0; else if (enable) held <= d;
      assign q = held;
    end else if (CLK == "NONE") begin
      assign q = d;
    end else begin
      $fatal(1, "MULT18X18D: a register's clock must be NONE or CLK0, not %s", CLK);
    end
  endgenerate
endmodule
