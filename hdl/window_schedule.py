"""When a sliding window reads which words of its input: numbers alone, from which its hardware is made.

Words are counted from the start of the stream, through all frames. Windows are numbered in raster order.
"""

import dataclasses
import functools

import numpy as np


@dataclasses.dataclass(frozen=True, kw_only=True)
class WindowSchedule:
    """The schedule of windows over frames of `height * width` pixels of `pixel_words` words.

    `window_cycles` is the time spent on each window; the other parameters are those of the convolution.
    """

    height: int
    width: int
    pixel_words: int
    kernel: int
    stride: int
    padding: int
    window_cycles: int

    @property
    def out_height(self):
        """Rows of windows."""
        return (self.height + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def out_width(self):
        """Windows in a row."""
        return (self.width + 2 * self.padding - self.kernel) // self.stride + 1

    @property
    def windows(self):
        """Windows of a frame."""
        return self.out_height * self.out_width

    @property
    def frame_words(self):
        """Words of a frame."""
        return self.height * self.width * self.pixel_words

    @property
    def interval(self):
        """Cycles a frame: either the words in or the windows out are the limit."""
        return max(self.frame_words, self.windows * self.window_cycles)

    def _corners(self, offset):
        """Rows and columns of a pixel of each window: (out_height, 1) and (1, out_width), unclipped."""
        rows = np.arange(self.out_height)[:, None] * self.stride - self.padding + offset
        columns = np.arange(self.out_width)[None, :] * self.stride - self.padding + offset
        return rows, columns

    @functools.cached_property
    def base(self):
        """Word of the top left corner of each window; outside the picture it is merely a number: (windows,)."""
        rows, columns = self._corners(0)
        return ((rows * self.width + columns) * self.pixel_words).ravel()

    @functools.cached_property
    def need(self):
        """Number of words that must be there before each window starts, never falling: (windows,)."""
        rows, columns = self._corners(self.kernel - 1)
        last = np.minimum(rows, self.height - 1) * self.width + np.minimum(columns, self.width - 1)
        return np.maximum.accumulate(((last + 1) * self.pixel_words).ravel())

    @functools.cached_property
    def kept(self):
        """First word that each window or a later one still needs, never falling: (windows,)."""
        rows, columns = self._corners(0)
        first = (np.maximum(rows, 0) * self.width + np.maximum(columns, 0)) * self.pixel_words
        return np.minimum.accumulate(first.ravel()[::-1])[::-1]

    def steps(self, words):
        """The step of `words` (windows,) from each window to the next, as (out_height, out_width).

        The last step leads to the first window of the next frame.
        """
        following = np.append(words[1:], words[0] + self.frame_words)
        return (following - words).reshape(self.out_height, self.out_width)

    def inside(self, count, size):
        """For each of `count` window positions along an axis of `size` pixels: bit k, kernel position k is inside."""
        bits = [0] * count
        for position in range(count):
            for k in range(self.kernel):
                bits[position] |= (0 <= position * self.stride - self.padding + k < size) << k
        return np.array(bits)

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
