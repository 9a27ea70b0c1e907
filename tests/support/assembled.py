"""An accelerator's engines wired up in Amaranth for its own simulator, with or without the AXI-Stream ends."""

from amaranth.hdl import Module, unsigned
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from support.axi_bench import axi_in, axi_out

from hdl.stream import Signature, connect
from tbn_hw.streaming.generate import ports


class Assembled(wiring.Component):
    """A planned accelerator without its AXI-Stream ends: stream `i` takes pixels, stream `o` gives logits."""

    def __init__(self, accelerator):
        self._accelerator = accelerator
        self._sink = next(engine for engine in accelerator.engines if engine.kind == "axi_output").inputs["i"]
        super().__init__({"i": In(stream.Signature(accelerator.links["input"].payload)),
                          "o": Out(stream.Signature(accelerator.links[self._sink].payload))})

    def elaborate(self, platform):
        m = Module()
        wire(m, [engine for engine in self._accelerator.engines if engine.kind not in ("axi_input", "axi_output")],
             {"input": wiring.flipped(self.i)}, {self._sink: wiring.flipped(self.o)})
        return m


class Whole(wiring.Component):
    """A whole planned accelerator: `i` takes a pixel's bytes and tlast, `o` gives a result's bytes and its flags.

    The flags are tuser + 2 * tlast.
    """

    def __init__(self, accelerator):
        self._accelerator, sizes = accelerator, ports(accelerator)
        super().__init__({"i": In(Signature(unsigned(8), sizes.input_bytes + 1)),
                          "o": Out(Signature(unsigned(8), sizes.output_bytes + 1))})

    def elaborate(self, platform):
        m = Module()
        engines = wire(m, self._accelerator.engines, {}, {})
        axi_in(m, self.i, engines["axi_input"])
        axi_out(m, engines["axi_output"], self.o)
        return m


def wire(m, engines, sources, sinks):
    """Make the components of `engines`, connect all streams with the same name, and return the components by name.

    `sources` and `sinks` (name -> stream) are connected too.
    """
    components = {engine.name: engine.component() for engine in engines}
    for engine in engines:
        m.submodules[engine.name] = component = components[engine.name]
        sources |= {name: getattr(component, port) for port, name in engine.outputs.items()}
        sinks |= {name: getattr(component, port) for port, name in engine.inputs.items()}
    for name, source in sources.items():
        connect(m, source, sinks[name])
    return components
