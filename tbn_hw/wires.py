"""The wire that an ECP5 design takes, before it is placed: of large ones it decides whether a router is ever done.

The inputs of a matrix-vector unit go to each of its PEs, which lie over the unit's area. A net to N sinks in an area A
takes some sqrt(N * A) of wire, A goes with PE * SIMD, and there are as many such nets as bits of SIMD inputs: so that
is lanes * bits * sqrt(SIMD), and of two foldings with as many lanes the one with more PEs takes less of it. What else
there is goes with the LUTs.

The factors are those of three designs on an LFE5U-85F, which they miss by 7 % at most; `wirelen` is nextpnr's, of the
refined placement, in tiles:

====================  =========  =========  ==============================  =======
design                LUTs       `wirelen`  lanes * bits * sqrt(SIMD)       routed
====================  =========  =========  ==============================  =======
tbn_cnv, 6,400        39,808     352,255    240,121                         no
tbn_cnv, 7,200        34,968     244,845    144,687                         yes
tbn_resnet, 6,144     40,812     271,364    90,805                          yes
====================  =========  =========  ==============================  =======
"""

PER_LUT = {"ecp5": 5.25}
PER_INPUT = {"ecp5": 0.535}
"""Tiles of wire for each LUT, and for each of the lanes * bits * sqrt(SIMD), by family; others are not known."""


def of_luts(luts: float, family: str) -> float:
    """Tiles of wire that so many LUTs of any kind take."""
    return PER_LUT.get(family, 0.0) * luts


def of_inputs(lanes: int, simd: int, bits: int, family: str) -> float:
    """Tiles of wire that take the inputs, of so many bits each, to the lanes of a matrix-vector unit."""
    return PER_INPUT.get(family, 0.0) * float(lanes * bits * simd**0.5)
