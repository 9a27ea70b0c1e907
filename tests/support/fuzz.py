"""Runs readers of files on damaged files, in a process of their own: what they raise, their CPU seconds, their memory.

A case is a seed. A kind of file is a function in `support.fuzz_files` that takes a random generator and a folder. It
writes a file there, reads it as a command would, and returns. What it raises must be a refusal of ours, in one line.
"""

import multiprocessing
import random
import resource
import time
import traceback
import warnings
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

SECONDS, MEGABYTES = 10, 1536


class Outcome(NamedTuple):
    """What the cases of a kind did: which went wrong and how, how many were refused, the slowest, and the peak."""

    wrong: list[str]
    refused: int
    slowest: float
    megabytes: int


def fuzz(kind, cases, folder, first=0):
    """The outcome of the cases `first` to `first + cases` of a kind of file."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(_run, kind, first, cases, folder).result()


def _run(kind, first, cases, folder):
    from support import fuzz_files

    case, refusals = fuzz_files.KINDS[kind], fuzz_files.REFUSALS
    wrong, refused, slowest = [], 0, 0.0
    with suppress(*refusals):  # imports take their time once
        case(random.Random(kind), Path(folder))
    for seed in range(first, first + cases):
        start = time.process_time()
        try:
            with warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                fuzz_files.quiet()
                case(random.Random(f"{kind} {seed}"), Path(folder))
            wrong += [f"{kind} {seed}: warns {entry.message}" for entry in said]
        except refusals as error:
            refused += 1
            if not str(error) or "\n" in str(error):
                wrong.append(f"{kind} {seed}: refused in other than one line, {str(error)!r:.300}")
        except BaseException:  # the process must not end without a word for a panic of a library
            wrong.append(f"{kind} {seed}: {traceback.format_exc()[-1500:]}")
        taken = time.process_time() - start
        slowest = max(slowest, taken)
        if taken > SECONDS:
            wrong.append(f"{kind} {seed}: {taken:.1f} s of CPU")
    return Outcome(wrong, refused, slowest, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
