"""The bits of a column that is being added, the earliest first."""

import heapq


class Column:
    """The bits of one weight, the earliest first."""

    def __init__(self, netlist, bits):
        self._netlist, self._reals, self._virtuals, self._count = netlist, [], [], 0
        for bit in bits:
            self.put(bit)

    def __len__(self):
        return len(self._reals) + len(self._virtuals)

    @property
    def reals(self):
        """Number of real bits."""
        return len(self._reals)

    @property
    def virtuals(self):
        """Number of virtual bits."""
        return len(self._virtuals)

    def put(self, bit):
        """Add a bit."""
        self._count += 1
        heap = self._reals if bit.is_real else self._virtuals
        heapq.heappush(heap, (self._netlist.level(bit), self._count, bit))

    def real(self):
        """Take out the earliest real bit."""
        return heapq.heappop(self._reals)[2]

    def virtual(self):
        """Take out the earliest virtual bit."""
        return heapq.heappop(self._virtuals)[2]

    def ready(self, reals, virtuals):
        """The level at which that many real and virtual bits are there, or None if the column has fewer."""
        if reals > self.reals or virtuals > self.virtuals:
            return None
        needed = heapq.nsmallest(reals, self._reals) + heapq.nsmallest(virtuals, self._virtuals)
        return max((entry[0] for entry in needed), default=0)
