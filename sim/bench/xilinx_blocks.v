// Simulation models of the block RAM of Xilinx 7, for netlists made by Yosys, which ships only its timing. They have
// the modes that Yosys maps to. Any other mode stops the simulator's build, or its run.
//
// Names and modes are those of AMD's guides UG473 (memory) and UG953 (cells). How they are wired is from Yosys's
// techlibs/xilinx. They were not compared with a device.

`define INIT_18_PARAMETERS \
    INIT_00 = 0, INIT_01 = 0, INIT_02 = 0, INIT_03 = 0, INIT_04 = 0, INIT_05 = 0, INIT_06 = 0, INIT_07 = 0, \
    INIT_08 = 0, INIT_09 = 0, INIT_0A = 0, INIT_0B = 0, INIT_0C = 0, INIT_0D = 0, INIT_0E = 0, INIT_0F = 0, \
    INIT_10 = 0, INIT_11 = 0, INIT_12 = 0, INIT_13 = 0, INIT_14 = 0, INIT_15 = 0, INIT_16 = 0, INIT_17 = 0, \
    INIT_18 = 0, INIT_19 = 0, INIT_1A = 0, INIT_1B = 0, INIT_1C = 0, INIT_1D = 0, INIT_1E = 0, INIT_1F = 0, \
    INIT_20 = 0, INIT_21 = 0, INIT_22 = 0, INIT_23 = 0, INIT_24 = 0, INIT_25 = 0, INIT_26 = 0, INIT_27 = 0, \
    INIT_28 = 0, INIT_29 = 0, INIT_2A = 0, INIT_2B = 0, INIT_2C = 0, INIT_2D = 0, INIT_2E = 0, INIT_2F = 0, \
    INIT_30 = 0, INIT_31 = 0, INIT_32 = 0, INIT_33 = 0, INIT_34 = 0, INIT_35 = 0, INIT_36 = 0, INIT_37 = 0, \
    INIT_38 = 0, INIT_39 = 0, INIT_3A = 0, INIT_3B = 0, INIT_3C = 0, INIT_3D = 0, INIT_3E = 0, INIT_3F = 0, \
    INITP_00 = 0, INITP_01 = 0, INITP_02 = 0, INITP_03 = 0, INITP_04 = 0, INITP_05 = 0, INITP_06 = 0, INITP_07 = 0
`define INIT_36_PARAMETERS \
    INIT_40 = 0, INIT_41 = 0, INIT_42 = 0, INIT_43 = 0, INIT_44 = 0, INIT_45 = 0, INIT_46 = 0, INIT_47 = 0, \
    INIT_48 = 0, INIT_49 = 0, INIT_4A = 0, INIT_4B = 0, INIT_4C = 0, INIT_4D = 0, INIT_4E = 0, INIT_4F = 0, \
    INIT_50 = 0, INIT_51 = 0, INIT_52 = 0, INIT_53 = 0, INIT_54 = 0, INIT_55 = 0, INIT_56 = 0, INIT_57 = 0, \
    INIT_58 = 0, INIT_59 = 0, INIT_5A = 0, INIT_5B = 0, INIT_5C = 0, INIT_5D = 0, INIT_5E = 0, INIT_5F = 0, \
    INIT_60 = 0, INIT_61 = 0, INIT_62 = 0, INIT_63 = 0, INIT_64 = 0, INIT_65 = 0, INIT_66 = 0, INIT_67 = 0, \
    INIT_68 = 0, INIT_69 = 0, INIT_6A = 0, INIT_6B = 0, INIT_6C = 0, INIT_6D = 0, INIT_6E = 0, INIT_6F = 0, \
    INIT_70 = 0, INIT_71 = 0, INIT_72 = 0, INIT_73 = 0, INIT_74 = 0, INIT_75 = 0, INIT_76 = 0, INIT_77 = 0, \
    INIT_78 = 0, INIT_79 = 0, INIT_7A = 0, INIT_7B = 0, INIT_7C = 0, INIT_7D = 0, INIT_7E = 0, INIT_7F = 0, \
    INITP_08 = 0, INITP_09 = 0, INITP_0A = 0, INITP_0B = 0, INITP_0C = 0, INITP_0D = 0, INITP_0E = 0, INITP_0F = 0
`define INIT_18 \
    INIT_3F, INIT_3E, INIT_3D, INIT_3C, INIT_3B, INIT_3A, INIT_39, INIT_38, INIT_37, INIT_36, \
    INIT_35, INIT_34, INIT_33, INIT_32, INIT_31, INIT_30, INIT_2F, INIT_2E, INIT_2D, INIT_2C, \
    INIT_2B, INIT_2A, INIT_29, INIT_28, INIT_27, INIT_26, INIT_25, INIT_24, INIT_23, INIT_22, \
    INIT_21, INIT_20, INIT_1F, INIT_1E, INIT_1D, INIT_1C, INIT_1B, INIT_1A, INIT_19, INIT_18, \
    INIT_17, INIT_16, INIT_15, INIT_14, INIT_13, INIT_12, INIT_11, INIT_10, INIT_0F, INIT_0E, \
    INIT_0D, INIT_0C, INIT_0B, INIT_0A, INIT_09, INIT_08, INIT_07, INIT_06, INIT_05, INIT_04, \
    INIT_03, INIT_02, INIT_01, INIT_00
`define INIT_36 \
    INIT_7F, INIT_7E, INIT_7D, INIT_7C, INIT_7B, INIT_7A, INIT_79, INIT_78, INIT_77, INIT_76, \
    INIT_75, INIT_74, INIT_73, INIT_72, INIT_71, INIT_70, INIT_6F, INIT_6E, INIT_6D, INIT_6C, \
    INIT_6B, INIT_6A, INIT_69, INIT_68, INIT_67, INIT_66, INIT_65, INIT_64, INIT_63, INIT_62, \
    INIT_61, INIT_60, INIT_5F, INIT_5E, INIT_5D, INIT_5C, INIT_5B, INIT_5A, INIT_59, INIT_58, \
    INIT_57, INIT_56, INIT_55, INIT_54, INIT_53, INIT_52, INIT_51, INIT_50, INIT_4F, INIT_4E, \
    INIT_4D, INIT_4C, INIT_4B, INIT_4A, INIT_49, INIT_48, INIT_47, INIT_46, INIT_45, INIT_44, \
    INIT_43, INIT_42, INIT_41, INIT_40
`define INITP_18 \
    INITP_07, INITP_06, INITP_05, INITP_04, INITP_03, INITP_02, INITP_01, INITP_00
`define INITP_36 \
    INITP_0F, INITP_0E, INITP_0D, INITP_0C, INITP_0B, INITP_0A, INITP_09, INITP_08

`define RAM_PARAMETERS \
    RAM_MODE = "TDP", WRITE_MODE_A = "WRITE_FIRST", WRITE_MODE_B = "WRITE_FIRST", READ_WIDTH_A = 0, READ_WIDTH_B = 0, \
    WRITE_WIDTH_A = 0, WRITE_WIDTH_B = 0, DOA_REG = 0, DOB_REG = 0, INIT_FILE = "NONE", \
    RSTREG_PRIORITY_A = "RSTREG", RSTREG_PRIORITY_B = "RSTREG", RDADDR_COLLISION_HWCONFIG = "DELAYED_WRITE", \
    SIM_COLLISION_CHECK = "ALL", SIM_DEVICE = "7SERIES", IS_CLKARDCLK_INVERTED = 0, IS_CLKBWRCLK_INVERTED = 0, \
    IS_ENARDEN_INVERTED = 0, IS_ENBWREN_INVERTED = 0, IS_RSTRAMARSTRAM_INVERTED = 0, IS_RSTRAMB_INVERTED = 0, \
    IS_RSTREGARSTREG_INVERTED = 0, IS_RSTREGB_INVERTED = 0
`define RAM_CONFIGURATION \
    .RAM_MODE(RAM_MODE), .MODE_A(WRITE_MODE_A), .MODE_B(WRITE_MODE_B), .READ_A(READ_WIDTH_A), .READ_B(READ_WIDTH_B), \
    .WRITE_A(WRITE_WIDTH_A), .WRITE_B(WRITE_WIDTH_B), .FIRST_A(INIT_A), .FIRST_B(INIT_B), .RESET_A(SRVAL_A), \
    .RESET_B(SRVAL_B), .REGISTERED(DOA_REG || DOB_REG), .COLLISION(RDADDR_COLLISION_HWCONFIG), .FILE(INIT_FILE), \
    .INVERTED(IS_CLKARDCLK_INVERTED || IS_CLKBWRCLK_INVERTED || IS_ENARDEN_INVERTED || IS_ENBWREN_INVERTED || \
              IS_RSTRAMARSTRAM_INVERTED || IS_RSTRAMB_INVERTED || IS_RSTREGARSTREG_INVERTED || IS_RSTREGB_INVERTED)
`define RAM_PINS \
    .clk_a(CLKARDCLK), .enable_a(ENARDEN), .reset_a(RSTRAMARSTRAM), .data_a(DIADI), .parity_a(DIPADIP), \
    .outp_a(DOPADOP), \
    .clk_b(CLKBWRCLK), .enable_b(ENBWREN), .reset_b(RSTRAMB), .data_b(DIBDI), .parity_b(DIPBDIP), .outp_b(DOPBDOP)

// 18 or 36 Kbit of RAM with two ports: 512 rows of four or eight BYTES. A byte has 8 bits, and a parity bit as its 9th.
// - Addresses count bits without parity, so that words of 9, 18, ... bits begin at multiples of 8, 16, ... A port may
//   read and write words of different widths, at one address. Words of 1, 2 or 4 bits have no parity.
// - RAM_MODE "TDP": both ports read and write words of up to half a row. "SDP": A reads and B writes up to a whole row.
//   A whole row has its lower half at the data pins of A and its upper half at the data pins of B. A smaller word is at
//   the data pins of the port that reads or writes it.
// - There is a write enable for each byte. Enables beyond a word's bytes are ignored.
// - While a port writes, its output shows the new contents (WRITE_FIRST), shows the old (READ_FIRST) or holds
//   (NO_CHANGE). The output starts as FIRST. A reset makes it RESET, and needs `enable` as well.
// - Where the other port writes at the same time, a read gets the old contents if that port is READ_FIRST. Otherwise
//   it is undefined: such bits come out inverted, so that a design that uses them does not pass.
// - Both ports have one clock, or one port is unused.
module XILINX_BLOCK_RAM #(
  parameter BYTES = 4, RAM_MODE = "TDP", MODE_A = "WRITE_FIRST", MODE_B = "WRITE_FIRST", READ_A = 0, READ_B = 0,
  WRITE_A = 0, WRITE_B = 0, REGISTERED = 0, INVERTED = 0, FILE = "NONE", COLLISION = "DELAYED_WRITE",
  parameter [9*BYTES/2-1:0] FIRST_A = 0, FIRST_B = 0, RESET_A = 0, RESET_B = 0,
  parameter [512*8*BYTES-1:0] INIT = 0,
  parameter [512*BYTES-1:0] INITP = 0
) (
  input clk_a, input enable_a, input reset_a, input [$clog2(BYTES)+11:0] address_a, input [BYTES/2-1:0] write_a,
  input [4*BYTES-1:0] data_a, input [BYTES/2-1:0] parity_a,
  output [4*BYTES-1:0] out_a, output [BYTES/2-1:0] outp_a,
  input clk_b, input enable_b, input reset_b, input [$clog2(BYTES)+11:0] address_b, input [BYTES-1:0] write_b,
  input [4*BYTES-1:0] data_b, input [BYTES/2-1:0] parity_b,
  output [4*BYTES-1:0] out_b, output [BYTES/2-1:0] outp_b
);
  localparam ROW = 9 * BYTES, HALF = ROW / 2, LOW = $clog2(BYTES) + 3, SDP = RAM_MODE == "SDP";
  localparam [72:0] WIDTHS = 73'h100_0000_0010_0004_0217;  // bit n is set if width n exists
  localparam MOST = SDP ? ROW : HALF;
  localparam WRONG = READ_A > MOST || !WIDTHS[READ_A] ? READ_A : WRITE_A > MOST || !WIDTHS[WRITE_A] ? WRITE_A :
                     READ_B > MOST || !WIDTHS[READ_B] ? READ_B : WRITE_B > MOST || !WIDTHS[WRITE_B] ? WRITE_B : 0;
  generate
    if (!SDP && RAM_MODE != "TDP") $fatal(1, "block RAM: RAM_MODE must be TDP or SDP, not %s", RAM_MODE);
    if (WRONG) $fatal(1, "block RAM: widths must be 1, 2, 4, 9, 18, 36 or 72, and at most %0d, not %0d", MOST, WRONG);
    if (SDP && (WRITE_A || READ_B)) $fatal(1, "block RAM: SDP must have a WRITE_WIDTH_A and a READ_WIDTH_B of 0");
    if ((MODE_A != "READ_FIRST" && MODE_A != "WRITE_FIRST" && (SDP || MODE_A != "NO_CHANGE")) ||
        (MODE_B != "READ_FIRST" && MODE_B != "WRITE_FIRST" && (SDP || MODE_B != "NO_CHANGE")))
      $fatal(1, "block RAM: WRITE_MODE must be READ_FIRST, WRITE_FIRST or, in TDP, NO_CHANGE, not %s and %s", MODE_A,
             MODE_B);
    if (REGISTERED) $fatal(1, "block RAM: output registers are not modelled");
    if (INVERTED) $fatal(1, "block RAM: inverted pins are not modelled");
    if (FILE != "NONE") $fatal(1, "block RAM: INIT_FILE is not modelled");
    if (COLLISION != "DELAYED_WRITE")
      $fatal(1, "block RAM: RDADDR_COLLISION_HWCONFIG must be DELAYED_WRITE, not %s", COLLISION);
  endgenerate

  // A mask of a word of some width at the lowest place, and the index of the bit where its address puts it.
  function [ROW-1:0] word(input integer width);
    word = ({{ROW{1'b0}}, 1'b1} << width) - 1;
  endfunction
  function [6:0] place(input integer width, input [LOW-1:0] address);
    place = width < 9 ? 9 * address[LOW-1:3] + (address[2:0] & ~(width - 1)) :
            9 * (address[LOW-1:3] & ~(width / 9 - 1));
  endfunction
  // Parameters have a word's parity bits above all other bits. This puts each one above its own byte.
  function [ROW-1:0] woven(input integer width, input [ROW-1:0] value);
    integer n;
    begin
      woven = value & word(width);
      for (n = 0; n < width / 9; n = n + 1) woven[9 * n +: 9] = {value[width / 9 * 8 + n], value[8 * n +: 8]};
    end
  endfunction
  function [ROW-1:0] latched(input [HALF-1:0] a, input [HALF-1:0] b);  // port A's latch, from both ports' parameters
    latched = SDP && READ_A == ROW ?
        woven(ROW, {b[HALF-1:4*BYTES], a[HALF-1:4*BYTES], b[4*BYTES-1:0], a[4*BYTES-1:0]}) : woven(READ_A, a);
  endfunction

  localparam USED_A = READ_A || WRITE_A, USED_B = READ_B || WRITE_B;
  wire clk = USED_A ? clk_a : clk_b;
  wire [ROW-1:0] enabled_a, enabled_b;
  wire [HALF-1:0] half_a, half_b;
  reg [ROW-1:0] latch_a = latched(FIRST_A, FIRST_B);
  reg [HALF-1:0] latch_b = woven(READ_B, FIRST_B);
  wire [HALF-1:0] shown_b = SDP ? latch_a[ROW-1:HALF] : latch_b;
  genvar b;
  generate
    for (b = 0; b < BYTES / 2; b = b + 1) begin
      assign half_a[9*b +: 9] = {parity_a[b], data_a[8*b +: 8]};
      assign half_b[9*b +: 9] = {parity_b[b], data_b[8*b +: 8]};
      assign enabled_a[9*b +: 9] = {9{write_a[b]}};
      assign {outp_a[b], out_a[8*b +: 8]} = latch_a[9*b +: 9];
      assign {outp_b[b], out_b[8*b +: 8]} = shown_b[9*b +: 9];
    end
    for (b = 0; b < BYTES; b = b + 1) assign enabled_b[9*b +: 9] = {9{write_b[b]}};
  endgenerate
  assign enabled_a[ROW-1:HALF] = 0;

  reg [ROW-1:0] rows [0:511];
  integer n;
  initial for (n = 0; n < 512; n = n + 1) rows[n] = woven(ROW, {INITP[BYTES*n +: BYTES], INIT[8*BYTES*n +: 8*BYTES]});

  wire [8:0] row_a = address_a[LOW +: 9];
  wire [8:0] row_b = address_b[LOW +: 9];
  wire [6:0] write_place_a = place(WRITE_A, address_a[LOW-1:0]);
  wire [6:0] write_place_b = place(WRITE_B, address_b[LOW-1:0]);
  wire [ROW-1:0] written_a = enable_a ? (enabled_a & word(WRITE_A)) << write_place_a : 0;
  wire [ROW-1:0] written_b = enable_b ? (enabled_b & word(WRITE_B)) << write_place_b : 0;
  wire [ROW-1:0] moved_a = {{HALF{1'b0}}, half_a} << write_place_a;
  wire [ROW-1:0] moved_b = {SDP && WRITE_B == ROW ? {half_b, half_a} : {{HALF{1'b0}}, half_b}} << write_place_b;
  wire [ROW-1:0] meets_a = row_a == row_b ? written_b : 0;
  wire [ROW-1:0] meets_b = row_a == row_b ? written_a : 0;
  wire [ROW-1:0] old_a = MODE_B == "READ_FIRST" ? rows[row_a] : rows[row_a] ^ meets_a;
  wire [ROW-1:0] old_b = MODE_A == "READ_FIRST" ? rows[row_b] : rows[row_b] ^ meets_b;
  wire [ROW-1:0] seen_a = MODE_A == "WRITE_FIRST" ? (old_a & ~written_a) | (moved_a & written_a) : old_a;
  wire [ROW-1:0] seen_b = MODE_B == "WRITE_FIRST" ? (old_b & ~written_b) | (moved_b & written_b) : old_b;
  always @(posedge clk) begin
    if (|written_b) rows[row_b] <= (rows[row_b] & ~written_b) | (moved_b & written_b);
    if (|written_a)  // this assignment is the last to the row, so it includes what port B writes there
      rows[row_a] <= (rows[row_a] & ~written_a & ~meets_a) | (moved_a & written_a) | (moved_b & meets_a);
    if (enable_a && (reset_a || MODE_A != "NO_CHANGE" || !(|written_a)))
      latch_a <= reset_a ? latched(RESET_A, RESET_B) : (seen_a >> place(READ_A, address_a[LOW-1:0])) & word(READ_A);
    if (enable_b && (reset_b || MODE_B != "NO_CHANGE" || !(|written_b)))
      latch_b <= reset_b ? woven(READ_B, RESET_B) : (seen_b >> place(READ_B, address_b[LOW-1:0])) & word(READ_B);
    if (|(written_a & meets_a)) $fatal(1, "block RAM: both ports write at one place");
    if (USED_A && USED_B && !clk_b) $fatal(1, "block RAM: both ports must have one clock");
  end
endmodule

module RAMB18E1(
  input CLKARDCLK, input ENARDEN, input RSTRAMARSTRAM, input REGCEAREGCE, input RSTREGARSTREG,
  input [13:0] ADDRARDADDR, input [1:0] WEA, input [15:0] DIADI, input [1:0] DIPADIP,
  output [15:0] DOADO, output [1:0] DOPADOP,
  input CLKBWRCLK, input ENBWREN, input RSTRAMB, input REGCEB, input RSTREGB,
  input [13:0] ADDRBWRADDR, input [3:0] WEBWE, input [15:0] DIBDI, input [1:0] DIPBDIP,
  output [15:0] DOBDO, output [1:0] DOPBDOP
);
  parameter `RAM_PARAMETERS;
  parameter [17:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
  parameter [255:0] `INIT_18_PARAMETERS;
  XILINX_BLOCK_RAM #(.BYTES(4), .INIT({`INIT_18}), .INITP({`INITP_18}), `RAM_CONFIGURATION) block (
    .address_a(ADDRARDADDR), .write_a(WEA), .out_a(DOADO),
    .address_b(ADDRBWRADDR), .write_b(WEBWE), .out_b(DOBDO), `RAM_PINS
  );
endmodule

// Two in a cascade make one RAM of 64 Kbit with words of 1 bit. Its address has one bit more, and its word comes out of
// the UPPER one. Without a cascade the additional address bit is unused.
module RAMB36E1(
  input CLKARDCLK, input ENARDEN, input RSTRAMARSTRAM, input REGCEAREGCE, input RSTREGARSTREG, input CASCADEINA,
  input [15:0] ADDRARDADDR, input [3:0] WEA, input [31:0] DIADI, input [3:0] DIPADIP,
  output [31:0] DOADO, output [3:0] DOPADOP, output CASCADEOUTA,
  input CLKBWRCLK, input ENBWREN, input RSTRAMB, input REGCEB, input RSTREGB, input CASCADEINB,
  input [15:0] ADDRBWRADDR, input [7:0] WEBWE, input [31:0] DIBDI, input [3:0] DIPBDIP,
  output [31:0] DOBDO, output [3:0] DOPBDOP, output CASCADEOUTB,
  input INJECTDBITERR, input INJECTSBITERR, output DBITERR, output SBITERR, output [7:0] ECCPARITY,
  output [8:0] RDADDRECC
);
  parameter `RAM_PARAMETERS;
  parameter RAM_EXTENSION_A = "NONE", RAM_EXTENSION_B = "NONE", EN_ECC_READ = "FALSE", EN_ECC_WRITE = "FALSE";
  parameter [35:0] INIT_A = 0, INIT_B = 0, SRVAL_A = 0, SRVAL_B = 0;
  parameter [255:0] `INIT_18_PARAMETERS, `INIT_36_PARAMETERS;
  wire [31:0] word_a, word_b;
  localparam NONE = RAM_EXTENSION_A == "NONE", UPPER = RAM_EXTENSION_A == "UPPER";
  generate
    if (RAM_EXTENSION_A != RAM_EXTENSION_B || !(NONE || UPPER || RAM_EXTENSION_A == "LOWER"))
      $fatal(1, "RAMB36E1: RAM_EXTENSION must be NONE, or LOWER or UPPER of both ports, not %s and %s", RAM_EXTENSION_A,
             RAM_EXTENSION_B);
    if (!NONE && (RAM_MODE != "TDP" || READ_WIDTH_A > 1 || WRITE_WIDTH_A > 1 || READ_WIDTH_B > 1 || WRITE_WIDTH_B > 1 ||
                  WRITE_MODE_A == "NO_CHANGE" || WRITE_MODE_B == "NO_CHANGE"))
      $fatal(1, "RAMB36E1: a cascade must be TDP, have words of 1 bit, and show them while it writes");
    if (EN_ECC_READ != "FALSE" || EN_ECC_WRITE != "FALSE") $fatal(1, "RAMB36E1: ECC is not modelled");
  endgenerate
  XILINX_BLOCK_RAM #(.BYTES(8), .INIT({`INIT_36, `INIT_18}), .INITP({`INITP_36, `INITP_18}), `RAM_CONFIGURATION) block (
    .address_a(ADDRARDADDR[14:0]), .write_a(NONE || ADDRARDADDR[15] == UPPER ? WEA : 4'd0), .out_a(word_a),
    .address_b(ADDRBWRADDR[14:0]), .write_b(NONE || ADDRBWRADDR[15] == UPPER ? WEBWE : 8'd0), .out_b(word_b), `RAM_PINS
  );
  reg upper_a = 0, upper_b = 0;
  always @(posedge CLKARDCLK) if (ENARDEN) upper_a <= ADDRARDADDR[15];
  always @(posedge CLKBWRCLK) if (ENBWREN) upper_b <= ADDRBWRADDR[15];
  assign CASCADEOUTA = word_a[0];
  assign CASCADEOUTB = word_b[0];
  assign DOADO = UPPER && !upper_a ? {31'd0, CASCADEINA} : word_a;
  assign DOBDO = UPPER && !upper_b ? {31'd0, CASCADEINB} : word_b;
endmodule
