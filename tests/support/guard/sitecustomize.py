"""Lets a test without a tool's marker start no tool; every Python that has this folder on its path runs it first.

The inner loop leaves out every test with such a marker, so a test without one must need none.

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


def refuse(event, arguments):
    if event != "subprocess.Popen" or ALLOWED not in os.environ:
        return
    if not TOOLS.keys().isdisjoint(os.environ[ALLOWED].split()):
        return
    command = " ".join(os.fsdecode(part) for part in arguments[1])
    for marker, pattern in TOOLS.items():
        if re.search(pattern, command):
            raise RuntimeError(f"This test starts {marker} without being marked with it: {command}")


sys.addaudithook(refuse)
