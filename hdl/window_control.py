"""Position and bookkeeping of a sliding window: which one is current, may it start, and may a word be written."""

import collections

import numpy as np
from amaranth.hdl import Const, Module, Mux, Signal, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


def wrapped_sum(m, depth, a, b, when=()):
    """An address plus a constant, modulo depth, for any depth and sign; at most two adders, side by side.

    The constant is that of the first pair (condition, constant) of `when` with a true condition, or else `b`.
    """
    width = (depth - 1).bit_length()

    def addend(of):
        value = Const(of(b % depth), width + 1)
        for condition, other in reversed(when):
            value = Mux(condition, Const(of(other % depth), width + 1), value)
        return value

    total = (a + addend(lambda constant: constant))[:width]
    if depth == 1 << width:
        return total
    over = Signal(signed(width + 2), name="over")
    m.d.comb += over.eq(a - addend(lambda constant: depth - constant))
    return Mux(over < 0, total, over[:width])


def look_up(m, domain, target, table, row, column):
    """`target = table[row, column]`; cheap where few rows and columns differ from the rest."""
    def switch(items, index, emit):
        places = collections.defaultdict(list)
        for place, item in enumerate(items):
            places[item].append(place)
        usual = max(places, key=lambda item: len(places[item]))
        if len(places) == 1:
            return emit(usual)
        with m.Switch(index):
            for item in places:
                if item != usual:
                    with m.Case(*places[item]):
                        emit(item)
            with m.Default():
                emit(usual)

    def assign(value):
        m.d[domain] += target.eq(value)

    switch([tuple(line) for line in table.tolist()], row, lambda line: switch(line, column, assign))


class WindowControl(wiring.Component):
    """Walks through the windows of a schedule, and counts the words of its buffer.

    Parameters
    ----------
    schedule : WindowSchedule
    depth : int
        Words of the buffer; addresses are modulo this.

    Members
    -------
    write : in
        A word is written in this cycle.
    advance : in
        The last beat of the current window is read in this cycle.
    available : out
        The current window may be read: its last word has been written.
    space : out
        A word may be written.
    base, next_base : out
        Address of the top left corner of the current and of the next window.
    rows_inside, columns_inside : out
        Bit k: row or column k of the current window lies in the picture.
    """

    def __init__(self, *, schedule, depth):
        self._schedule, self._depth = schedule, depth
        address = range(depth)
        super().__init__({
            "write": In(1), "advance": In(1), "available": Out(1), "space": Out(1),
            "base": Out(address, init=int(schedule.base[0]) % depth),
            "next_base": Out(address, init=int(schedule.base[0] + schedule.steps(schedule.base)[0, 0]) % depth),
            "rows_inside": Out(schedule.down.kernel), "columns_inside": Out(schedule.across.kernel),
        })

    def elaborate(self, platform):
        m = Module()
        schedule = self._schedule
        rows, columns = schedule.down.count, schedule.across.count
        # the position runs one window ahead: the next window's table entries are in registers by the time it starts
        ahead = 1 % schedule.windows
        row = Signal(range(rows), init=ahead // columns)
        column = Signal(range(columns), init=ahead % columns)
        last_row, last_column = row == rows - 1, column == columns - 1
        with m.If(self.advance):
            m.d.sync += column.eq(Mux(last_column, 0, column + 1))
            with m.If(last_column):
                m.d.sync += row.eq(Mux(last_row, 0, row + 1))

        def of_window(name, table):
            """A register with the table's entry for the current window."""
            table = np.broadcast_to(table, (rows, columns))
            value = Signal(int(table.max()).bit_length(), name=name, init=int(table[0, 0]))
            with m.If(self.advance):
                look_up(m, "sync", value, table, row, column)
            return value

        m.d.comb += [
            self.rows_inside.eq(of_window("rows_inside_now", schedule.down.inside()[:, None])),
            self.columns_inside.eq(of_window("columns_inside_now", schedule.across.inside()[None, :])),
        ]
        self._addresses(m, last_row, last_column)
        self._levels(m, of_window("need_step", schedule.steps(schedule.need)),
                     of_window("kept_step", schedule.steps(schedule.kept)))
        return m

    def _addresses(self, m, last_row, last_column):
        steps = self._schedule.steps(self._schedule.base)
        last = int(steps[-1, -1]), int(steps[0, -1]), int(steps[0, 0])
        with m.If(self.advance):
            m.d.sync += [
                self.base.eq(self.next_base),
                self.next_base.eq(wrapped_sum(m, self._depth, self.next_base, last[2], [
                    (last_row & last_column, last[0]), (last_column, last[1])])),
            ]

    def _levels(self, m, need_step, kept_step):
        schedule, depth = self._schedule, self._depth
        # words written beyond those the current window needs: negative while it has to wait
        least = max(int(schedule.need[0]), int(schedule.steps(schedule.need).max()))
        ready_words = Signal(range(-least, depth + 1), init=-int(schedule.need[0]))
        # words that may still be written; words that no window needs are freed before they come, hence `spare`
        spare = int((np.append(schedule.kept[1:], schedule.kept[0] + schedule.frame_words) - schedule.need).max())
        free_words = Signal(range(depth + max(spare, 0) + 1), init=depth)
        m.d.comb += [self.available.eq(ready_words >= 0), self.space.eq(free_words.any())]
        m.d.sync += [
            ready_words.eq(ready_words - Mux(self.advance, need_step, 0) + self.write),
            free_words.eq(free_words + Mux(self.advance, kept_step, 0) - self.write),
        ]
