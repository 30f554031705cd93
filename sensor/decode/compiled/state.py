"""What the walk through a frame keeps: its record, the rows it writes, and its steps."""

from __future__ import annotations

from typing import Any

import numpy as np

from sensor.decode.compiled.octets import WORD_SIZE
from sensor.schema.rows import OBSERVATION

# Steps of the walk; no Reason has such a number.
NOTHING = -1  # what was looked for is not there
UNDECIDED = 99  # nothing was said without a walk
FIRST_STEP = 100
STEP_IPV4 = 100  # an IPv4 header at ``start``
STEP_IPV6 = 101  # an IPv6 header at ``start``, outside of any tunnel
STEP_UDP = 102
STEP_DATAGRAM = 103  # a UDP payload that may hold IPv6
STEP_PROTOCOL_41 = 104
STEP_TUNNEL = 105  # a judged candidate in the row
STEP_INSIDE = 106  # what the IPv6 packet just summarized carries
# The others are those of ``seldom``.
STEP_LINK = 107  # a link header of type ``code``
STEP_MPLS = 108
STEP_PPP = 109
STEP_IP = 110  # IPv4 or IPv6, as the version tells
STEP_GRE = 111
STEP_TUNNELLED = 112  # IPv6 in GRE or L2TP, as ``bridge`` says
STEP_NESTED = 113  # IPv6 directly in IPv6, inside a tunnel
STEP_QUOTED_41 = 114  # protocol 41 with less than an IPv6 header, in an ICMP error
STEP_SEGMENT = 115  # TCP that may be of TSP; without it the frame is what ``code`` says
STEP_ICMP = 116
STEP_AUTHENTICATED = 120  # an authentication header in IPv4
STEP_ICMPV6 = 117  # an error, which quotes
STEP_PPPOE = 118
STEP_OTHERWISE = 119  # a UDP payload that is not believed to be IPv6 by itself


def _row_layout() -> np.dtype[np.void]:
    """OBSERVATION with its octet strings as words, and all of a row as ``octets``.

    ``nonce_0`` holds the first eight octets of the nonce, in the order of memory.
    """
    formats: dict[str, tuple[Any, int]] = {"octets": (("u1", (OBSERVATION.itemsize,)), 0)}
    for name, (dtype, offset, *_) in (OBSERVATION.fields or {}).items():
        if dtype.subdtype is None:
            formats[name] = (dtype, offset)
            continue
        for i, start in enumerate(range(0, dtype.itemsize, WORD_SIZE)):
            size = min(WORD_SIZE, dtype.itemsize - start)
            formats[f"{name}_{i}"] = (f"u{size}", offset + start)
    kinds, offsets = zip(*formats.values(), strict=True)
    return np.dtype(
        {
            "names": list(formats),
            "formats": list(kinds),
            "offsets": list(offsets),
            "itemsize": OBSERVATION.itemsize,
        }
    )


ROW = _row_layout()

WALK = np.dtype(
    [
        (name, "i8")
        for name in (
            # settings
            "layers",
            "tunnels",
            # the batch: its capture, and how many of its frames have fragments
            "source",
            "fragments",
            # the frame
            "number",
            "time",
            "wire",
            "captured",
            "base",
            # its rows: ``first`` up to but without ``count``
            "first",
            "count",
            # layers met
            "depth",
            "unfollowed",  # layers or tunnels beyond the limit, or too many headers
            "too_deep",  # of these, the first two
            "vlan",
            "fragment",  # where the outermost packet that is a fragment starts, -1: none is
            "quoting",  # the Reason of the ICMP error whose quote this is, 0: none
            # the payload in hand: ``end`` may be read, up to ``declared`` was announced, and
            # ``cut`` says why less can be read than that
            "start",
            "end",
            "declared",
            "cut",
            "code",  # what a step was told besides
            "guess",  # what a datagram is if nothing else claims it: a Reason or STEP_DATAGRAM
            # the carrier: its ends, what its header says, and how far it is to be believed
            "version",
            "source_port",
            "destination_port",
            "identification",
            "key",
            "announced",
            "over_udp",  # a UDP header stands between the IP header met last and here
            "bridge",  # the kind of tunnel that IPv6 which stands next is in, 0: none
            "vague",  # a carrier was passed that only a port and a few bits tell
            "ceiling",
            "oddities",  # of the carriers since the last row; they become those of the next
            # the IPv6 packet just summarized
            "offset",
            "length",
            "read_end",
            "payload_length",
            "next_header",
            "hop_limit",
            "transport",
            "position",
            "complete",
            "chain_limit",
            "extensions",
            "routing",
            "later_fragment",
            "first_fragment",
            "sound_fragment",  # one whose reserved bits are zero
            "plausible",
            "has_transport",
            "icmp_kind",
            "tsp_port",
            # the parts of a Teredo datagram
            "authentications",
            "auth_lengths",
            "origins",
            "order_ok",
            "first_origin_port",
            "trailer_junk",
            "unparsed",
        )
    ]
    + [
        (name, "u8")
        for name in (
            "stack_0",
            "stack_1",
            "outer_source_0",
            "outer_source_1",
            "outer_destination_0",
            "outer_destination_1",
            "inner_source_0",
            "inner_source_1",
            "inner_destination_0",
            "inner_destination_1",
        )
    ]
)

# A 6rd domain, as ``SixRdDomain`` computes with it.
DOMAIN = np.dtype(
    [
        ("prefix_0", "u8"),
        ("prefix_1", "u8"),
        ("mask_0", "u8"),
        ("mask_1", "u8"),
        ("shift", "i8"),
        ("embedded", "i8"),  # mask of the IPv4 bits that addresses embed
    ]
)
