"""The folding solver: it finds the cheapest combination of the nodes' options by mixed integer programming.

Each node has a binary variable for each option. Options that look alike to a stream form a class. Each stream has a
variable for each pair of a maker's class and a reader's class, so that costs between neighbours are exact. The solver
minimises LUTs plus the price of the other COSTS, under the limits of the part. It is HiGHS, through SciPy.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array

from tbn_hw.solver.options import COSTS, Candidates, Option, Stream
from tbn_hw.streaming.terms import Folding, narrowed

PRICES = {"lut": 1.0, "ff": 0.1, "bram": 10.0, "dsp": 10.0, "wire": 0.1}
"""Prices in LUTs; their sum is minimised. A tile of wire costs a tenth of a LUT, because short wires are worth that in
clock and routing. The others have a small price, so that none is spent for nothing."""

SECONDS = 60
"""Most seconds that HiGHS may take for one problem."""


@dataclass(frozen=True)
class Solution:
    """A folding of each node, by name.

    `cycles` are those of the slowest node, a frame. `figures` are the estimated COSTS of all engines, `nodes` those of
    each node without its streams.
    """

    foldings: Mapping[str, Folding]
    cycles: int
    figures: Mapping[str, float]
    nodes: Mapping[str, Mapping[str, float]]


def cheapest(candidates: Candidates, most_cycles: int, limits: Mapping[str, float]) -> Solution | None:
    """The cheapest foldings within `limits` with at most `most_cycles` a frame in each node; None if there are none."""
    if most_cycles < 1:
        return None
    options = {node.name: candidates.options(node, most_cycles) for node in candidates.nodes}
    if not all(options.values()):
        return None
    problem, chosen = _problem(candidates, options)
    values = problem.solve(limits, {variable for variables in chosen.values() for variable in variables})
    if values is None:
        return None
    picked = {name: options[name][int(np.argmax(values[variables]))] for name, variables in chosen.items()}
    return Solution({name: option.folding for name, option in picked.items()},
                    max(option.cycles for option in picked.values()), problem.figures(values),
                    {name: dict(zip(COSTS, option.cost, strict=True)) for name, option in picked.items()})


def is_possible(candidates: Candidates, most_cycles: int, limits: Mapping[str, float]) -> bool:
    """Whether there may be foldings within `limits`. Only the answer no is certain.

    The problem is relaxed: nodes may be partly of one folding and partly of another.
    """
    options = {node.name: candidates.options(node, most_cycles) for node in candidates.nodes}
    return all(options.values()) and _problem(candidates, options)[0].solve(limits, set()) is not None


def _problem(candidates: Candidates, options: Mapping[str, Sequence[Option]]) -> tuple[_Problem, dict[str, list[int]]]:
    """The problem of a choice among options, and the variables of the options by node."""
    problem = _Problem()
    chosen = {name: [problem.variable(candidates.alone(candidates.network.by_name[name], option)) for option in found]
              for name, found in options.items()}
    for variables in chosen.values():
        problem.equal([(variable, 1.0) for variable in variables], 1.0)
    for stream in candidates.streams:
        _add_stream(problem, candidates, stream, options, chosen)
    return problem, chosen


def _add_stream(problem: _Problem, candidates: Candidates, stream: Stream, options: Mapping[str, Sequence[Option]],
                chosen: Mapping[str, Sequence[int]]) -> None:
    """Add the cost of a stream: to the reader's options if it comes from the input, else to pairs of classes."""
    readers = _classes(options[stream.reader], lambda option: option.word)
    if stream.maker is None:
        for index, option in enumerate(options[stream.reader]):
            problem.add(chosen[stream.reader][index], candidates.between(stream, None, option))
        return
    size = candidates.network.types[stream.maker].size
    words = sorted({option.word for option in options[stream.reader]})

    def of_maker(option: Option) -> Hashable:
        way_out = tuple(narrowed(option.pe, word, size, option.spread) for word in words) if stream.alone else ()
        return option.pe, option.constant, way_out

    makers = _classes(options[stream.maker], of_maker)
    pairs = {}
    for a in makers.values():
        for b in readers.values():
            cost = candidates.between(stream, options[stream.maker][a[0]], options[stream.reader][b[0]])
            pairs[a[0], b[0]] = problem.variable(cost)
    for side, (name, classes) in enumerate(((stream.maker, makers), (stream.reader, readers))):
        for members in classes.values():
            terms = [(variable, 1.0) for pair, variable in pairs.items() if pair[side] == members[0]]
            problem.equal(terms + [(chosen[name][index], -1.0) for index in members], 0.0)


def _classes(options: Sequence[Option], key: Callable[[Option], Hashable]) -> dict[Hashable, list[int]]:
    """The places of the options, by their key."""
    found: dict[Hashable, list[int]] = defaultdict(list)
    for index, option in enumerate(options):
        found[key(option)].append(index)
    return found


class _Problem:
    """A mixed integer program: variables with figures, equations, and limits of the figures' sums."""

    def __init__(self) -> None:
        self._costs: list[np.ndarray] = []
        self._terms: list[tuple[int, int, float]] = []
        self._right: list[float] = []

    def variable(self, cost: np.ndarray) -> int:
        self._costs.append(np.asarray(cost, float))
        return len(self._costs) - 1

    def add(self, variable: int, cost: np.ndarray) -> None:
        self._costs[variable] = self._costs[variable] + cost

    def equal(self, terms: Sequence[tuple[int, float]], right: float) -> None:
        """The sum of factor * variable over `terms` equals `right`."""
        self._terms += [(len(self._right), variable, factor) for variable, factor in terms]
        self._right.append(right)

    def figures(self, values: np.ndarray) -> dict[str, float]:
        """The sums of the figures, with these values of the variables."""
        return dict(zip(COSTS, (values @ np.array(self._costs)).tolist(), strict=True))

    def solve(self, limits: Mapping[str, float], whole: set[int]) -> np.ndarray | None:
        """Values of the variables at the least price, `whole` of them integers; None if there are none."""
        costs, right = np.array(self._costs), np.array(self._right)
        rows, columns, factors = zip(*self._terms, strict=True)
        equations = coo_array((factors, (rows, columns)), shape=(len(right), len(costs))).tocsr()
        figures = [COSTS.index(name) for name in limits]
        constraints = [LinearConstraint(equations, right, right)]
        if limits:
            constraints.append(LinearConstraint(costs[:, figures].T, -np.inf, list(limits.values())))
        integral = np.array([variable in whole for variable in range(len(costs))], int)
        found = milp(costs @ [PRICES[name] for name in COSTS], constraints=constraints, bounds=Bounds(0, 1),
                     integrality=integral, options={"time_limit": SECONDS, "mip_rel_gap": 0})
        return None if found.x is None else np.round(found.x * (1 << 20)) / (1 << 20)
