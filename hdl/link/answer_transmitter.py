"""The sending end of the board's serial protocol: answers as bytes, with their CRC. docs/protocol.md describes it."""

from amaranth.hdl import Array, Const, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.crc.catalog import CRC32_ETHERNET
from amaranth.lib.wiring import In, Out

from hdl.link.request_receiver import REPLY, Status
from hdl.link.words import ANSWER_HEADER_BYTES, ANSWER_SYNC, CRC_BYTES, Kind
from hdl.stream import check_count


class AnswerTransmitter(wiring.Component):
    """Sends an answer: sync, header, body, CRC-32.

    Only an answer with status OK or FAULT has a body: `identity_bytes` for IDENTIFY, `result_bytes` for CLASSIFY. The
    transmitter asks for the bytes of the body one by one.

    Parameters
    ----------
    identity_bytes, result_bytes : int
        Bytes of the two bodies.

    Members
    -------
    i : stream of `REPLY`; taken when the answer's last byte has gone
    index : out, number of the wanted byte of the body
    byte : in, that byte; it must be right two cycles after `index` or `i` changes
    o : stream of bytes

    Raises
    ------
    TypeError, ValueError
        For numbers that are not positive integers.
    """

    def __init__(self, *, identity_bytes, result_bytes):
        self._identity_bytes = check_count("Identity bytes", identity_bytes)
        self._result_bytes = check_count("Result bytes", result_bytes)
        self._most = max(self._identity_bytes, self._result_bytes)
        super().__init__({
            "i": In(stream.Signature(REPLY)),
            "index": Out(range(self._most)),
            "byte": In(8),
            "o": Out(stream.Signature(8)),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.crc = crc = CRC32_ETHERNET(data_width=8).create()
        head = self.i.payload
        has_body = Signal()
        length = Signal(range(self._most + 1))
        position = Signal(range(len(ANSWER_SYNC) + ANSWER_HEADER_BYTES))
        wide = Signal(32)
        sent = self.o.valid & self.o.ready
        m.d.comb += [
            has_body.eq((head.status == Status.OK) | (head.status == Status.FAULT)),
            length.eq(Mux(has_body, Mux(head.kind == Kind.IDENTIFY, self._identity_bytes, self._result_bytes), 0)),
            wide.eq(length),
            crc.data.eq(self.o.payload),
        ]
        header = Array([Const(ANSWER_SYNC[0], 8), Const(ANSWER_SYNC[1], 8), head.kind, head.sequence,
                        head.status.as_value(), *(wide.word_select(n, 8) for n in range(4))])
        with m.FSM():
            with m.State("header"):
                m.d.comb += [self.o.valid.eq(self.i.valid), self.o.payload.eq(header[position])]
                m.d.comb += [crc.start.eq(position < len(ANSWER_SYNC)), crc.valid.eq(sent & ~crc.start)]
                with m.If(sent):
                    m.d.sync += position.eq(position + 1)
                    with m.If(position == len(header) - 1):
                        m.d.sync += position.eq(0)
                        m.next = "body"
                        with m.If(length == 0):
                            m.next = "crc"
            with m.State("body"):  # waits for the byte: a first cycle for its index, and one to settle
                with m.If(position < 2):
                    m.d.sync += position.eq(position + 1)
                m.d.comb += [self.o.valid.eq(position == 2), self.o.payload.eq(self.byte), crc.valid.eq(sent)]
                with m.If(sent):
                    m.d.sync += [position.eq(0), self.index.eq(self.index + 1)]
                    with m.If(self.index == length - 1):
                        m.d.sync += self.index.eq(0)
                        m.next = "crc"
            with m.State("crc"):
                m.d.comb += [self.o.valid.eq(1), self.o.payload.eq(crc.crc.word_select(position[:2], 8))]
                with m.If(sent):
                    m.d.sync += position.eq(position + 1)
                    with m.If(position == CRC_BYTES - 1):
                        m.d.sync += position.eq(0)
                        m.d.comb += self.i.ready.eq(1)
                        m.next = "header"
        return m
