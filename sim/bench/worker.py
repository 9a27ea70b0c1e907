"""`python -m sim.bench.worker JOB.json`: one stage of a simulation, in a process group of its own.

A job's `stage` says what to do: "commands" runs the job's `commands`, "icarus" compiles Verilog, and "run" runs a
cocotb test module on a compiled design. When standard input closes, the parent process is gone. The worker then kills
the whole group.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from cocotb_tools.runner import get_runner


def main() -> None:
    threading.Thread(target=_end_with_parent, daemon=True).start()
    job: dict[str, Any] = json.loads(Path(sys.argv[1]).read_text())
    if job["stage"] == "commands":
        for command in job["commands"]:
            print("+", *command, flush=True)
            status = subprocess.run(command, cwd=job["folder"], stdin=subprocess.DEVNULL).returncode
            if status:
                sys.exit(status)
    elif job["stage"] == "icarus":
        runner = get_runner("icarus")
        runner.build(sources=job["sources"], hdl_toplevel=job["top"], build_dir=job["folder"], always=True,
                     timescale=("1ns", "1ps"), build_args=["-g2012"])
    else:
        runner = get_runner(job["simulator"])
        runner.test(test_module=job["module"], hdl_toplevel=job["top"], hdl_toplevel_lang="verilog",
                    build_dir=job["folder"], test_dir=job["run_folder"], results_xml=job["results"],
                    extra_env={"SIM_JOB": sys.argv[1], "COCOTB_ANSI_OUTPUT": "0"}, seed=job["seed"])


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(os.getpgid(0), signal.SIGKILL)


if __name__ == "__main__":
    main()
