"""The receiving end of the board's serial protocol: bytes in, checked requests out. docs/protocol.md describes it."""

import types

from amaranth.hdl import Const, Module, Mux, Signal, unsigned
from amaranth.lib import data, enum, stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from hdl.link import words
from hdl.link.uart import RECEIVED
from hdl.link.words import CRC_BYTES, REQUEST_HEADER_BYTES, REQUEST_SYNC, Kind
from hdl.stream import check_count

Status = types.new_class("Status", (enum.Enum,), {"shape": unsigned(8)},
                         lambda body: [body.__setitem__(word.name, word.value) for word in words.Status])
"""`hdl.link.words.Status` as an Amaranth enumeration of one byte, so that the Verilog knows the names of its values."""

REPLY = data.StructLayout({"kind": 8, "sequence": 8, "status": Status})
"""The head of an answer. The kind is the request's, even if it is unknown."""


class RequestReceiver(wiring.Component):
    """Finds requests among the bytes of a line, and checks each: sync, kind, length, CRC-32, no silence within.

    One beat at `reply` answers every request, right or wrong, and every run of bytes that is no request. Only an
    accepted picture has no reply: its answer is the result.

    - After a wrong header or a broken byte, nothing is read until the line has been silent for `gap` ticks. The reply
      comes then.
    - After a wrong CRC, the reply comes at once, and the next request may follow at once.
    - Bytes without a sync are noise. A request right behind them is read, and they get no reply. Otherwise their reply
      comes when the line is silent.

    A reply waits in a register until it is taken. A reply that comes while another waits is dropped. The line never
    waits.

    Parameters
    ----------
    picture_bytes : int
        Payload of a CLASSIFY request.
    gap : int
        Ticks of silence that end whatever was being received; longer than a byte takes.

    Members
    -------
    i : stream of bytes from the line, always ready; at least two cycles apart
    tick : in, high for one cycle at regular intervals: the unit of silence
    full : in, there is no place for the next byte of a picture; the reply to CLASSIFY is then BUSY
    start, store, commit : out, high for one cycle: a picture begins, `byte` is its next byte, all of it was right
    byte : out
    sequence : out, the request's sequence number, valid with `commit`
    reply : stream of `REPLY`

    Raises
    ------
    TypeError, ValueError
        For numbers that are not integers in range.
    """

    def __init__(self, *, picture_bytes, gap):
        self._picture_bytes = check_count("Picture bytes", picture_bytes)
        if self._picture_bytes >> 32:
            raise ValueError(f"Picture bytes must be below 2**32, not {picture_bytes!r}")
        self._gap = check_count("Gap", gap, 2)
        super().__init__({
            "i": In(stream.Signature(RECEIVED, always_ready=True)),
            "tick": In(1),
            "full": In(1),
            "start": Out(1),
            "store": Out(1),
            "commit": Out(1),
            "byte": Out(8),
            "sequence": Out(8),
            "reply": Out(stream.Signature(REPLY)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        came, byte = self.i.valid, self.i.payload.data
        silent = self._silence(m, came)
        kind, status = Signal(8), Signal(Status)
        count = Signal(range(max(self._picture_bytes, REQUEST_HEADER_BYTES)))
        noise = Signal()
        refused = Signal()
        length = Mux(kind == Kind.CLASSIFY, Const(self._picture_bytes, 32), 0).word_select(count[:2] ^ 2, 8)
        m.d.comb += [self.byte.eq(byte), crc.data.eq(byte)]

        def answer(of_kind, sequence, what):
            """Put a reply into its register, unless another waits there."""
            with m.If(~self.reply.valid | self.reply.ready):
                m.d.sync += [
                    self.reply.payload.kind.eq(of_kind),
                    self.reply.payload.sequence.eq(sequence),
                    self.reply.payload.status.eq(what),
                    self.reply.valid.eq(1),
                ]

        def abort(why):
            """Ignore the rest of a request; its reply comes when the line is silent."""
            m.d.sync += status.eq(why)
            m.next = "skip"

        def stopped():
            """The branches for what ends a request early; the caller goes on with Elif."""
            with m.If(came & self.i.payload.broken):
                abort(Status.FRAMING)
            with m.Elif(silent):
                answer(kind, self.sequence, Status.SHORT)
                m.next = "sync"

        with m.If(self.reply.ready):
            m.d.sync += self.reply.valid.eq(0)
        with m.FSM():
            with m.State("sync"):
                m.d.sync += [kind.eq(Kind.NONE), self.sequence.eq(0), count.eq(0)]
                with m.If(came & self.i.payload.broken):
                    m.d.sync += noise.eq(1)
                with m.Elif(came & (byte == REQUEST_SYNC[0])):
                    m.next = "second sync"
                with m.Elif(came):
                    m.d.sync += noise.eq(1)
                with m.Elif(silent & noise):
                    m.d.sync += noise.eq(0)
                    answer(Kind.NONE, 0, Status.NOISE)
            with m.State("second sync"):
                m.d.comb += crc.start.eq(1)
                with m.If(silent):
                    m.d.sync += noise.eq(0)
                    answer(Kind.NONE, 0, Status.NOISE)
                    m.next = "sync"
                with m.Elif(came & (byte == REQUEST_SYNC[1]) & ~self.i.payload.broken):
                    m.d.sync += noise.eq(0)
                    m.next = "header"
                with m.Elif(came & ((byte != REQUEST_SYNC[0]) | self.i.payload.broken)):
                    m.d.sync += noise.eq(1)
                    m.next = "sync"
            with m.State("header"):
                stopped()
                with m.Elif(came):
                    m.d.comb += crc.valid.eq(1)
                    m.d.sync += count.eq(count + 1)
                    with m.If(count == 0):
                        m.d.sync += kind.eq(byte)
                    with m.Elif(count == 1):
                        m.d.sync += self.sequence.eq(byte)
                        with m.If((kind != Kind.IDENTIFY) & (kind != Kind.CLASSIFY)):
                            abort(Status.UNKNOWN_KIND)
                    with m.Elif(byte != length):
                        abort(Status.BAD_LENGTH)
                    with m.Elif(count == REQUEST_HEADER_BYTES - 1):
                        m.d.sync += [count.eq(0), refused.eq(0)]
                        m.d.comb += self.start.eq(kind == Kind.CLASSIFY)
                        m.next = "payload"
                        with m.If(kind == Kind.IDENTIFY):
                            m.next = "crc"
            with m.State("payload"):
                stopped()
                with m.Elif(came):
                    m.d.comb += [crc.valid.eq(1), self.store.eq(~refused & ~self.full)]
                    m.d.sync += [count.eq(count + 1), refused.eq(refused | self.full)]
                    with m.If(count == self._picture_bytes - 1):
                        m.d.sync += count.eq(0)
                        m.next = "crc"
            with m.State("crc"):
                stopped()
                with m.Elif(came):
                    m.d.comb += crc.valid.eq(1)
                    m.d.sync += count.eq(count + 1)
                    with m.If(count == CRC_BYTES - 1):
                        m.next = "check"
            with m.State("check"):
                m.next = "sync"
                with m.If(~crc.match_detected):
                    answer(kind, self.sequence, Status.BAD_CRC)
                with m.Elif(kind == Kind.IDENTIFY):
                    answer(kind, self.sequence, Status.OK)
                with m.Elif(refused):
                    answer(kind, self.sequence, Status.BUSY)
                with m.Else():
                    m.d.comb += self.commit.eq(1)
            with m.State("skip"):
                with m.If(silent):
                    answer(kind, self.sequence, status)
                    m.next = "sync"
        return m

    def _silence(self, m, came):
        """High for the cycle in which the line has been silent for `gap` ticks."""
        # counts from 0: on iCE40 a carry chain breaks up where some bits reset to 0 and others to 1
        count = Signal(range(self._gap))
        running, last = Signal(), Signal()
        silent = Signal()
        m.d.comb += silent.eq(last & ~came)
        m.d.sync += last.eq(running & ~came & self.tick & (count == self._gap - 2))
        with m.If(came):
            m.d.sync += [count.eq(0), running.eq(1)]
        with m.Else():
            m.d.sync += count.eq(count + self.tick)
            with m.If(last):
                m.d.sync += running.eq(0)
        return silent
