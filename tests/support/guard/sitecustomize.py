"""Lets a test start no tool that it is not marked for; every Python that has this folder on its path runs it first.

ALLOWED holds the markers of the test that runs. It is an environment variable, so that it holds for the processes that
a test starts too. Outside tests it is not set, and nothing is refused.
"""

import os
import re
import sys

ALLOWED = "TBN_HW_TEST_TOOLS"
TOOLS = {  # marker -> what the command lines of its tools have in them
    "yosys": r"(yowasp|amaranth)_yosys\b",
    "nextpnr": r"yowasp_nextpnr_|\bapycula\.",
    "verilator": r"-m sim\.bench\.worker\b|\bverilator_bin\b",
}
NEEDS = {"nextpnr": "yosys"}  # what a tool's netlists come from


def refuse(event, arguments):
    if event != "subprocess.Popen" or ALLOWED not in os.environ:
        return
    marked = os.environ[ALLOWED].split()
    allowed = {*marked, *(NEEDS.get(marker) for marker in marked)}
    command = " ".join(os.fsdecode(part) for part in arguments[1])
    for marker, pattern in TOOLS.items():
        if marker not in allowed and re.search(pattern, command):
            raise RuntimeError(f"This test starts {marker} without being marked with it: {command}")


sys.addaudithook(refuse)
