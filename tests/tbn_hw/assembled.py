"""An accelerator's engines wired up in Amaranth, without the AXI-Stream ends: for its own simulator."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from hdl.stream import connect


class Assembled(wiring.Component):
    """Streams `i` (pixels) and `o` (logits) of a planned accelerator; a watched stream's transfers show at its port."""

    def __init__(self, accelerator):
        self._accelerator = accelerator
        self._sink = next(engine for engine in accelerator.engines if engine.kind == "axi_output").inputs["i"]
        super().__init__({"i": In(stream.Signature(accelerator.links["input"].payload)),
                          "o": Out(stream.Signature(accelerator.links[self._sink].payload))})

    def elaborate(self, platform):
        m = Module()
        sources, sinks = {"input": wiring.flipped(self.i)}, {self._sink: wiring.flipped(self.o)}
        for engine in self._accelerator.engines:
            if engine.kind in ("axi_input", "axi_output"):
                continue
            m.submodules[engine.name] = component = engine.component()
            sources |= {name: getattr(component, port) for port, name in engine.outputs.items()}
            sinks |= {name: getattr(component, port) for port, name in engine.inputs.items()}
        for name, source in sources.items():
            connect(m, source, sinks[name])
        return m
