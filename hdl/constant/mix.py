"""The cheapest mix of adders for a column of bits, found by dynamic programming over that column and all later ones.

Only numbers matter here: of signals (`reals`), of virtual bits, and of open carry chains that reach the column. A cost
of 1 is a lookup table or half a CCU2C.
"""

import functools
from typing import NamedTuple

REST_VIRTUAL = 0.6
"""The assumed cost of a virtual bit that is left to a later adder."""


SERIAL = 6
"""Most bits of a column that are added one after the other without carry chains. More bits go side by side."""


class Mix(NamedTuple):
    """How often each kind of adder is used in a column.

    | kind | bits it adds | cost | carry |
    |---|---|---|---|
    | three | three signals | 1 | virtual |
    | pair | a signal and two virtual bits | 2 | virtual |
    | mixed | two signals and a virtual bit | 2 | virtual |
    | new | a chain begins: two signals and a virtual bit | 2 | open |
    | new_real | a chain begins: three signals | 2 | open |
    | on | a chain goes on: a signal and a virtual bit | 1 | open |
    | on_real | a chain goes on: two signals | 1 | open |
    | half_chain | a chain goes on at the end of the column with the last signal | 1 | open |
    | half | the last two bits, if half_chain is 0 and they must be added | 1 | virtual |
    | realised | none; it makes a signal of a virtual bit where signals are too few | 1 | none |
    """

    three: int = 0
    pair: int = 0
    mixed: int = 0
    new: int = 0
    new_real: int = 0
    on: int = 0
    on_real: int = 0
    half_chain: int = 0
    half: int = 0
    realised: int = 0

    @property
    def cost(self):
        """Lookup tables and halves of carry chains."""
        return (self.three + 2 * (self.pair + self.mixed + self.new + self.new_real) + self.on + self.on_real
                + self.half_chain + self.half + self.realised)


@functools.cache
def cheapest(columns, virtuals, opens, least, chains):
    """The least cost of some columns, ((reals, virtuals), ...), with `virtuals` and `opens` carried into the first."""
    if not columns:
        return 0
    (reals, own), *_ = columns
    return best_mix(reals, own + virtuals, opens, (0, 0), columns[1:], least, chains)[0]


@functools.cache
def best_mix(reals, virtuals, opens, made, rest, least, chains):
    """(cost, mix) for a column.

    `made` are the virtual and the open carries that it has made already. `rest` are the later columns, as for
    `cheapest`. `least` is how many bits may be left in each column. `chains` says whether there are carry chains.
    """
    if not rest and least == 1:
        return _modulo(reals, virtuals, opens), None
    total = reals + virtuals + opens
    wanted = 1 if chains else -(-total // SERIAL)
    realised = min(virtuals, max(0, wanted - reals - opens)) if total > 2 or least == 1 else 0
    reals, virtuals = reals + realised, virtuals - realised
    full, pair_left = max(0, (total - 1) // 2), total > 0 and total % 2 == 0
    half = pair_left and least == 1
    best = (1e9, None)
    for new, new_real in _chain_starts(reals, virtuals, full, chains):
        free = full - new - new_real
        # the signal that a chain adds as it goes on is there from the start, or is the end of another chain
        on = min((opens + reals) // 2, opens, virtuals - new, free)
        for on_real in {0, max(0, min((reals + opens - 2 * on) // 3, opens - on, free - on))}:
            for half_chain in {0, int(half and opens - on - on_real > 0)}:
                for left in range(_most_left(total, least, half_chain) + 1):
                    absorbed = virtuals - new - on - left
                    pair, mixed = divmod(absorbed, 2)
                    three = free - on - on_real - pair - mixed
                    ends = opens - on - on_real - half_chain
                    signals = (reals + ends + full - 2 * new - 3 * new_real - on - 2 * on_real - pair - 2 * mixed
                               - 3 * three)
                    if absorbed < 0 or three < 0 or signals != min(total, 1 + pair_left) - left - half_chain:
                        continue
                    mix = Mix(three, pair, mixed, new, new_real, on, on_real, half_chain,
                              int(half and not half_chain), realised)
                    cost = mix.cost + (0 if half else REST_VIRTUAL * left)
                    cost += cheapest(rest, made[0] + pair + mixed + three + mix.half,
                                     made[1] + new + new_real + on + on_real + half_chain, least, chains)
                    if cost < best[0]:
                        best = (cost, mix)
    return best


def _chain_starts(reals, virtuals, full, chains):
    """Numbers of chains that begin with a virtual bit, and with signals alone."""
    if not chains:
        return [(0, 0)]
    step = max(1, full // 24)
    return [(new, real) for new in range(0, min(virtuals, full, reals // 2) + 1, step)
            for real in range(0, min(full - new, reals // 2) + 1, step)]


def _most_left(total, least, half_chain):
    """How many of the last bits of a column may be virtual."""
    if least == 2:
        return min(total, 2 - total % 2)
    return int(total > 0 and total % 2 == 0 and not half_chain)


def _modulo(reals, virtuals, opens):
    """The approximate cost of adding the last column modulo 2, four inputs at a time."""
    weight = max(0, reals + 2 * virtuals - 3 * opens)
    return opens + (0 if not weight else -(-(weight + max(0, opens - 1)) // 3) - (virtuals == 0 and weight == 1))
