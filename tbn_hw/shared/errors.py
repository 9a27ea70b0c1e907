"""Errors that end a build, each with the exit code the command line returns for it."""


class BuildError(Exception):
    """One sentence for the user; the command line prints it alone and exits with :attr:`exit_code`."""

    exit_code = 1


class ModelRefused(BuildError):
    """The model, its weights or its folding cannot be built."""

    exit_code = 1


class UsageError(BuildError):
    """The command line asks for something that does not exist or cannot be read or written."""

    exit_code = 2


class ToolMissing(BuildError):
    """A program the build needs is absent, too old, or broken."""

    exit_code = 3


class Mismatch(BuildError):
    """The gateware and the golden model differ."""

    exit_code = 4


class DoesNotFit(BuildError):
    """The design exceeds the device or misses its timing."""

    exit_code = 5


class SynthesisError(BuildError):
    """Yosys ended without a netlist. `module` is the module it was working on, and `lines` the end of its log."""

    exit_code = 3

    def __init__(self, module: str, lines: list[str]) -> None:
        self.module, self.lines = module, lines
        wrong = [line for line in lines if "ERROR" in line] or lines or ["no message"]
        super().__init__(f"{module}: Yosys gave no netlist; its last word was {wrong[-1]!r}")


class PlacementError(BuildError):
    """nextpnr ended without a result. The design may still fit."""

    exit_code = 3


class WorkerKilled(BuildError):
    """A worker process of a stage ended before its work was done."""

    exit_code = 3

    def __init__(self, stage: str) -> None:
        super().__init__(f"{stage}: a worker process was killed, perhaps for want of memory")


class BoardError(BuildError):
    """A board does not answer, or answers wrongly."""

    exit_code = 6
