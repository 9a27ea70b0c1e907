"""The wire that an ECP5 design takes, estimated before it is placed. It decides whether a large design can be routed.

The estimate has three terms:

- The inputs of a matrix-vector unit go to all its PEs, which are spread over the unit's area. A net to N sinks in an
  area A takes about sqrt(N * A) of wire. N is PE, and A is proportional to PE * SIMD. Each bit of the SIMD inputs has
  such a net, so together they take lanes * bits * sqrt(SIMD). Of two foldings with equal lanes, the one with more PEs
  takes less wire.
- The outputs of a block RAM have a long way to go.
- The rest is proportional to the LUTs.

The three factors are fitted to the first four of these designs on an LFE5U-85F, so they are only roughly known. The
fifth and the sixth design are the solver's answers with these factors. LUTs and block RAMs are the estimates for the
accelerator alone. `wirelen` is nextpnr's, in tiles, of the refined placement by `--placer static`; it includes the
board's link. The second design was not routed to its end:

=================  ======  ==========  ==========================  =========  ========  ======
design             LUTs    block RAMs  lanes * bits * sqrt(SIMD)   `wirelen`  estimate  routed
=================  ======  ==========  ==========================  =========  ========  ======
tbn_cnv, 6,400     39,808  186         240,121                     352,255    -5 %      no
tbn_cnv, 7,200     30,875  201         124,678                     278,901    -6 %
tbn_cnv, 7,200     34,968  175         144,687                     244,845    +12 %     yes
tbn_resnet, 6,144  40,812  142         90,805                      271,364    -3 %      yes
tbn_cnv, 7,200     34,327  176         153,953                     248,902    +11 %     yes
tbn_resnet, 6,144  38,211  174         92,197                      306,391    -19 %     yes
=================  ======  ==========  ==========================  =========  ========  ======
"""

from __future__ import annotations

from tbn_hw.families.family import Wire
from tbn_hw.families.registry import FAMILIES


def of_cells(luts: float, blocks: float, family: str) -> float:
    """Tiles of wire that so many LUTs and block RAMs take; 0 where it is not known for the family."""
    wire = _wire(family)
    return wire.per_lut * luts + wire.per_block * blocks if wire else 0.0


def of_inputs(lanes: int, simd: int, bits: int, family: str) -> float:
    """Tiles of wire that take the inputs, of so many bits each, to the lanes of a matrix-vector unit.

    It is 0 where it is not known for the family.
    """
    wire = _wire(family)
    return wire.per_input * float(lanes * bits * simd**0.5) if wire else 0.0


def _wire(family: str) -> Wire | None:
    """What is known of a family's wire; None for plain logic too, which ports and forks are made of."""
    return FAMILIES[family].estimates.wire if family in FAMILIES else None
