"""When a sliding window reads which words of its input: numbers alone, from which its hardware is made.

Words are counted from the start of the stream, through all frames. Windows are numbered in raster order.
"""

import dataclasses
import functools

import numpy as np

from hdl.window_axis import Axis


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowSchedule:
    """The schedule of windows over frames of pixels of `pixel_words` words.

    `down` and `across` are the axes of the picture. `window_cycles` is the time spent on each window.
    """

    down: Axis
    across: Axis
    pixel_words: int
    window_cycles: int

    @property
    def padded(self):
        """Whether the picture has padding."""
        return any((self.down.before, self.down.after, self.across.before, self.across.after))

    @property
    def window_words(self):
        """Words of a window."""
        return self.down.kernel * self.across.kernel * self.pixel_words

    @property
    def windows(self):
        """Windows of a frame."""
        return self.down.count * self.across.count

    @property
    def frame_words(self):
        """Words of a frame."""
        return self.down.size * self.across.size * self.pixel_words

    @property
    def interval(self):
        """Cycles a frame: either the words in or the windows out are the limit."""
        return max(self.frame_words, self.windows * self.window_cycles)

    @functools.cached_property
    def base(self):
        """Word of the top left corner of each window; outside the picture it is merely a number: (windows,)."""
        rows, columns = self.down.starts[:, None], self.across.starts
        return ((rows * self.across.size + columns) * self.pixel_words).ravel()

    @functools.cached_property
    def need(self):
        """Number of words that must be there before each window starts, never falling: (windows,)."""
        rows, columns = (np.minimum(axis.starts + axis.extent, axis.size) for axis in (self.down, self.across))
        return np.maximum.accumulate((((rows[:, None] - 1) * self.across.size + columns) * self.pixel_words).ravel())

    @functools.cached_property
    def kept(self):
        """First word that each window or a later one still needs, never falling: (windows,)."""
        rows, columns = (np.maximum(axis.starts, 0) for axis in (self.down, self.across))
        first = (rows[:, None] * self.across.size + columns) * self.pixel_words
        return np.minimum.accumulate(first.ravel()[::-1])[::-1]

    def steps(self, words):
        """The step of `words` (windows,) from each window to the next, as (rows of windows, windows in a row).

        The last step leads to the first window of the next frame.
        """
        following = np.append(words[1:], words[0] + self.frame_words)
        return (following - words).reshape(self.down.count, self.across.count)

    @functools.cached_property
    def least_depth(self):
        """Fewest words of buffer with which an input at the constant rate of a frame an `interval` never has to wait.

        Word n arrives in cycle `a(n) = n * interval // frame_words`. A window starts in the cycle after its last word
        came, and not before the window before it ended. It frees its words in its last cycle. Three frames reach the
        steady state. The answer is the largest number of words that are held at once.
        """
        frames = np.arange(3)[:, None] * self.frame_words
        need, kept = ((frames + words).ravel() for words in (self.need, self.kept))
        earliest = (need - 1) * self.interval // self.frame_words + 1
        pace = np.arange(len(need)) * self.window_cycles
        last_cycle = np.maximum.accumulate(earliest - pace) + pace + self.window_cycles - 1
        # the last word that has come in cycle c is the largest n with a(n) <= c
        written = ((last_cycle + 1) * self.frame_words - 1) // self.interval + 1
        return int((written - kept).max())
