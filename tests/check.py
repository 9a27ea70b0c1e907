"""All checks, as CI runs them: lint, types, then the tests, whose summary is the last line. Exits 1 if any fails.

`python tests/check.py --fast` is the inner loop. It leaves out the tests that start Yosys, nextpnr or a simulator of
Verilog, those that need a data set, and slow ones. Other arguments go to pytest: `python tests/check.py -k mvu`.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FAST = "--fast"
PARALLEL = ["-n", str(len(os.sched_getaffinity(0))), "--dist", "loadgroup", "--no-loadscope-reorder"]
INNER_LOOP = ["-m", "not (yosys or nextpnr or verilator or data or slow)", "--hypothesis-profile", "fast"]


def main() -> int:
    more = [argument for argument in sys.argv[1:] if argument != FAST]
    fast = INNER_LOOP if FAST in sys.argv else []
    tools = None if fast else subprocess.Popen([sys.executable, "tests/support/compile_tools.py"], cwd=ROOT)
    failed = [tool for tool, *arguments in (["ruff", "check"], ["mypy"]) if not passes(tool, arguments)]
    if tools is not None:
        tools.wait()
    if not passes("pytest", [*PARALLEL, *fast, *more]):
        failed.append("pytest")
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return bool(failed)


def passes(tool: str, arguments: list[str]) -> bool:
    print(f"== {tool}", flush=True)
    return not subprocess.run([sys.executable, "-m", tool, *arguments], cwd=ROOT).returncode


if __name__ == "__main__":
    sys.exit(main())
