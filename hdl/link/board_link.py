"""Between the serial line of a board and the AXI-Stream ends of an accelerator: requests in, answers out."""

from amaranth.hdl import Cat, Module, Mux, Signal
from amaranth.lib import memory, stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.link.answer_transmitter import AnswerTransmitter
from hdl.link.picture_buffer import PictureBuffer
from hdl.link.request_receiver import REPLY, RequestReceiver, Status
from hdl.link.uart import UartReceiver, UartTransmitter
from hdl.link.words import CYCLE_BYTES, Kind
from hdl.stream import check_count, connect


class BoardLink(wiring.Component):
    """Answers the requests of docs/protocol.md: who the accelerator is, and what it makes of a picture.

    A picture enters the accelerator only after its CRC was found right, and only one is in the accelerator at a time.
    The next one may be received meanwhile. It waits in the buffer until the answer to the one before has gone. A result
    starts with the number of cycles from the transfer of the first pixel until the accelerator offers its beat, which
    is the accelerator's latency. The bytes of that beat follow.

    Parameters
    ----------
    baud, width : int
        Bits a second on the line, and bits of the phase that times them, see `hdl.link.uart.phase_width`.
    gap : int
        Bit times of silence that end whatever was being received; above ten.
    pixels, pixel_bytes : int
        Beats of a picture, and bytes of each.
    result_bytes : int
        Bytes of the accelerator's beat.
    identity : bytes
        The answer to IDENTIFY. Its four bytes from `clock_at` on are replaced by those of `clock_hz`, lowest first.
    clock_at : int

    Members
    -------
    step, clock_hz : in, constant: `hdl.link.uart.phase_step` of the clock, and its frequency
    rx, tx : the line, high when idle
    m_axis_tdata, m_axis_tvalid, m_axis_tready, m_axis_tlast : AXI-Stream to the accelerator, a pixel a beat
    s_axis_tdata, s_axis_tvalid, s_axis_tready, s_axis_tuser : AXI-Stream from it, a result a beat
    heartbeat : out, changes every half to whole second
    error : out, high from an answer that is not OK until the next one that is OK

    Raises
    ------
    TypeError, ValueError
        For numbers that are not integers in range, or a gap that is too short.
    """

    def __init__(self, *, baud, width, gap, pixels, pixel_bytes, result_bytes, identity, clock_at):
        self._receiver, self._transmitter = UartReceiver(width=width), UartTransmitter(width=width)
        pixels, pixel_bytes = check_count("Pixels", pixels), check_count("Pixel bytes", pixel_bytes)
        self._buffer = PictureBuffer(pixels=pixels, pixel_bytes=pixel_bytes)
        if check_count("Gap", gap) <= 10:
            raise ValueError(f"Gap must be above the 10 bit times of a byte, not {gap!r}")
        self._requests = RequestReceiver(picture_bytes=pixels * pixel_bytes, gap=gap)
        self._result_bytes = check_count("Result bytes", result_bytes)
        self._identity, self._clock_at = bytes(identity), clock_at
        self._answers = AnswerTransmitter(identity_bytes=len(self._identity),
                                          result_bytes=CYCLE_BYTES + self._result_bytes)
        self._half_second, self._width = max(1, check_count("Baud rate", baud) // 2).bit_length(), width
        super().__init__({
            "step": In(width),
            "clock_hz": In(32),
            "rx": In(1, init=1),
            "tx": Out(1, init=1),
            "m_axis_tdata": Out(8 * pixel_bytes),
            "m_axis_tvalid": Out(1),
            "m_axis_tready": In(1),
            "m_axis_tlast": Out(1),
            "s_axis_tdata": In(8 * self._result_bytes),
            "s_axis_tvalid": In(1),
            "s_axis_tready": Out(1),
            "s_axis_tuser": In(1),
            "heartbeat": Out(1),
            "error": Out(1),
        })

    def elaborate(self, platform):
        m = Module()
        m.submodules.uart_receiver = receiver = self._receiver
        m.submodules.uart_transmitter = transmitter = self._transmitter
        m.submodules.requests = requests = self._requests
        m.submodules.picture = picture = self._buffer
        m.submodules.answers = answers = self._answers
        connect(m, answers.o, transmitter.i)
        m.d.comb += [
            receiver.step.eq(self.step),
            transmitter.step.eq(self.step),
            receiver.rx.eq(self.rx),
            requests.i.payload.eq(receiver.o.payload),
            requests.i.valid.eq(receiver.o.valid),
            self.tx.eq(transmitter.tx),
            *(getattr(picture, name).eq(getattr(requests, name)) for name in ("start", "store", "commit", "byte")),
            self.m_axis_tdata.eq(picture.o.payload.pixel),
            self.m_axis_tvalid.eq(picture.o.valid),
            self.m_axis_tlast.eq(picture.o.payload.last),
            picture.o.ready.eq(self.m_axis_tready),
        ]
        result, cycles = self._frames(m, requests, picture)
        self._choose(m, result, requests.reply, answers)
        self._bodies(m, cycles, answers)

        phase, beat = Signal(self._width), Signal(self._half_second + 1)
        m.d.sync += [Cat(phase, requests.tick).eq(phase + self.step), beat.eq(beat + requests.tick)]
        m.d.comb += self.heartbeat.eq(beat[-1])
        with m.If(answers.i.valid & answers.i.ready):
            m.d.sync += self.error.eq(answers.i.payload.status != Status.OK)
        return m

    def _frames(self, m, requests, picture):
        """One picture at a time through the accelerator: a stream of its reply, and the cycles it took."""
        result = stream.Signature(REPLY).create()
        waiting, waiting_sequence, sequence = Signal(), Signal(8), Signal(8)
        busy, counting, cycles = Signal(), Signal(), Signal(8 * CYCLE_BYTES)
        m.d.comb += [
            requests.full.eq(picture.full),
            picture.go.eq(waiting & ~busy),
            result.payload.kind.eq(Kind.CLASSIFY),
            result.payload.sequence.eq(sequence),
            result.payload.status.eq(Mux(self.s_axis_tuser, Status.FAULT, Status.OK)),
            result.valid.eq(self.s_axis_tvalid),
            self.s_axis_tready.eq(result.ready),
        ]
        first = busy & ~counting & picture.o.valid & picture.o.ready
        with m.If(first):
            m.d.sync += counting.eq(1)
        with m.If(picture.go):
            m.d.sync += [waiting.eq(0), busy.eq(1), sequence.eq(waiting_sequence), cycles.eq(0)]
        with m.Elif((counting | first) & ~self.s_axis_tvalid):
            m.d.sync += cycles.eq(cycles + 1)
        with m.If(requests.commit):
            m.d.sync += [waiting.eq(1), waiting_sequence.eq(requests.sequence)]
        with m.If(result.valid & result.ready):
            m.d.sync += [busy.eq(0), counting.eq(0)]
        return result, cycles

    def _choose(self, m, result, reply, answers):
        """Send results before replies. A reply is taken when its answer begins, a result when its answer ends."""
        chosen, from_result, head = Signal(), Signal(), Signal(REPLY)
        waits = Signal()
        # from a register: from here on, the accelerator's ready goes through gates
        m.d.sync += result.ready.eq(chosen & from_result & answers.i.ready)
        m.d.comb += waits.eq(result.valid & ~result.ready)
        with m.If(chosen):
            m.d.sync += chosen.eq(~answers.i.ready)
        with m.Else():
            m.d.sync += [
                chosen.eq(waits | reply.valid),
                from_result.eq(waits),
                head.eq(Mux(waits, result.payload.as_value(), reply.payload.as_value())),
            ]
        m.d.comb += [
            answers.i.valid.eq(chosen),
            answers.i.payload.eq(head),
            reply.ready.eq(~chosen & ~waits),
        ]

    def _bodies(self, m, cycles, answers):
        """The byte of the identity or of the result that is being sent."""
        m.submodules.identity = rom = memory.Memory(shape=8, depth=len(self._identity), init=self._identity)
        read = rom.read_port()
        byte, of_clock = Signal(8), Signal()
        place = answers.index - self._clock_at
        with m.If(answers.i.payload.kind == Kind.IDENTIFY):
            m.d.sync += byte.eq(self.clock_hz.word_select(place[:2], 8))
        with m.Else():
            m.d.sync += byte.eq(Cat(cycles, self.s_axis_tdata).word_select(answers.index, 8))
        m.d.sync += of_clock.eq((place >= 0) & (place < 4))
        m.d.comb += [
            read.addr.eq(answers.index),
            answers.byte.eq(Mux((answers.i.payload.kind == Kind.IDENTIFY) & ~of_clock, read.data, byte)),
        ]
