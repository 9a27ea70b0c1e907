"""One picture in block RAM, between a line that may break off and an accelerator that must get whole frames."""

from amaranth.hdl import Cat, Module, Signal
from amaranth.lib import data, memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import check_count


class PictureBuffer(wiring.Component):
    """Takes a picture byte by byte; sends it pixel by pixel once all of it is there and was found right.

    The next picture may come in while one goes out, but must not overtake it: see `full`. One pixel a cycle goes out;
    the first is valid 2 cycles after `go`.

    Parameters
    ----------
    pixels, pixel_bytes : int
        Pixels of a picture, and bytes of a pixel.

    Members
    -------
    start : in, a picture begins; it replaces one that was not committed
    store, byte : in, its next byte, lowest of a pixel first; not while `full`
    commit : in, all of it is there and right
    full : out, the place of the next byte holds a pixel that is still to go out
    go : in, let the picture out, if there is one and the one before has gone
    o : stream of `pixel` and `last`, which marks a picture's last pixel

    Raises
    ------
    TypeError, ValueError
        For numbers that are not positive integers.
    """

    def __init__(self, *, pixels, pixel_bytes):
        self._pixels = check_count("Pixels", pixels)
        self._pixel_bytes = check_count("Pixel bytes", pixel_bytes)
        super().__init__({
            "start": In(1),
            "store": In(1),
            "byte": In(8),
            "commit": In(1),
            "full": Out(1),
            "go": In(1),
            "o": Out(stream.Signature(data.StructLayout({"pixel": 8 * self._pixel_bytes, "last": 1}))),
        })

    def elaborate(self, platform):
        m = Module()
        attrs = {"ram_style": "block"}
        m.submodules.memory = ram = memory.Memory(shape=8 * self._pixel_bytes, depth=self._pixels, init=[], attrs=attrs)
        write, read = ram.write_port(), ram.read_port()
        self._write(m, write)

        held, reading = Signal(), Signal()
        m.d.comb += [
            read.en.eq(~self.o.valid | self.o.ready),
            self.o.payload.pixel.eq(read.data),
            self.full.eq(held & (write.addr >= read.addr)),
        ]
        with m.If(held & self.go & ~self.o.valid):
            m.d.sync += reading.eq(1)
        with m.If(read.en):
            m.d.sync += [self.o.valid.eq(reading), self.o.payload.last.eq(read.addr == self._pixels - 1)]
            with m.If(reading):
                m.d.sync += read.addr.eq(read.addr + 1)
                with m.If(read.addr == self._pixels - 1):
                    m.d.sync += [read.addr.eq(0), reading.eq(0), held.eq(0)]
        with m.If(self.commit):
            m.d.sync += held.eq(1)
        return m

    def _write(self, m, port):
        lower = Signal(8 * (self._pixel_bytes - 1))
        place = Signal(range(self._pixel_bytes))
        whole = Cat(lower, self.byte)
        m.d.comb += [port.data.eq(whole), port.en.eq(self.store & (place == self._pixel_bytes - 1))]
        with m.If(self.start):
            m.d.sync += [port.addr.eq(0), place.eq(0)]
        with m.Elif(self.store):
            m.d.sync += [lower.eq(whole[8:]), place.eq(place + 1)]
            with m.If(place == self._pixel_bytes - 1):
                m.d.sync += [port.addr.eq(port.addr + 1), place.eq(0)]
