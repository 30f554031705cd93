"""Fixed-size rows that cross from decode to track and from track to the outputs.

``OBSERVATION`` is the layout the compiled kernel writes; ``Observation`` is one such row as a
Python value, for the scalar twins. Both come from one list of fields, so they cannot differ.
IPv4 addresses stand in the first four bytes of their sixteen, the rest zero.
"""

# No annotations as texts: typing would compile each of them at every start.

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.void]

STACK_LIMIT = 16  # layers of one frame; deeper nesting is reported, not followed
TUNNEL_LIMIT = 8  # tunnels of one frame


class Observation(NamedTuple):
    """One tunnel layer of one frame.

    Offsets count from the frame's first byte. Zero means absent where a field has no ``has_`` bit
    of its own. ``time`` is in nanoseconds since 1970 UTC.
    """

    frame: int  # 1-based number in its capture
    time: int
    inner_digest: int  # over the inner packet without its hop limit
    source: int  # index of the capture
    copy_of: int  # frame number of which this is a mirrored copy, 0: none
    wire_length: int
    captured_length: int
    inner_offset: int
    inner_length: int  # 40 + payload length as the inner header says, 0: no inner packet
    payload_length: int  # octets behind the inner transport header
    auth_offset: int
    trailers_offset: int
    tail_length: int  # octets behind the inner packet and its well-formed trailers
    reasons: int
    anomalies: int
    kinds: int
    fragment_id: int
    tcp_sequence: int
    tcp_acknowledgement: int
    flow_label: int
    outer_key: int  # of GRE
    payload_offset: int  # of what the carrier holds: the UDP payload, the packet in IP or GRE
    vlan: int  # innermost VLAN id + 1, 0: untagged
    outer_source_port: int
    outer_destination_port: int
    outer_id: int  # IPv4 identification
    inner_source_port: int  # ICMPv6 echo: the identifier
    inner_destination_port: int
    icmp_sequence: int
    fragment_offset: int
    origin_port: int
    depth: int  # 0: the outermost tunnel of the frame
    kind: int
    confidence: int
    quoted: int
    outer_version: int
    outer_transport: int
    teredo_packet: int
    has_auth: int
    auth_confirmation: int
    auth_id_length: int
    auth_value_length: int
    has_origin: int
    trailer_count: int
    inner_transport: int  # IPv6 next-header number of the transport
    hop_limit: int
    tcp_flags: int
    icmp_type: int
    icmp_code: int
    has_transport: int  # ports, flags or type were there to be read
    has_fragment: int
    fragment_more: int
    stack_length: int
    nonce: bytes  # 8
    origin_ip: bytes  # 4
    outer_source: bytes  # 16
    outer_destination: bytes  # 16
    inner_source: bytes  # 16
    inner_destination: bytes  # 16
    stack: bytes  # STACK_LIMIT layer codes, outermost first


_LAYOUT = (
    ("u8", ("frame",)),
    ("i8", ("time",)),
    ("u8", ("inner_digest",)),
    (
        "u4",
        (
            "source",
            "copy_of",
            "wire_length",
            "captured_length",
            "inner_offset",
            "inner_length",
            "payload_length",
            "auth_offset",
            "trailers_offset",
            "tail_length",
            "reasons",
            "anomalies",
            "kinds",
            "fragment_id",
            "tcp_sequence",
            "tcp_acknowledgement",
            "flow_label",
            "outer_key",
            "payload_offset",
        ),
    ),
    (
        "u2",
        (
            "vlan",
            "outer_source_port",
            "outer_destination_port",
            "outer_id",
            "inner_source_port",
            "inner_destination_port",
            "icmp_sequence",
            "fragment_offset",
            "origin_port",
        ),
    ),
    (
        "u1",
        (
            "depth",
            "kind",
            "confidence",
            "quoted",
            "outer_version",
            "outer_transport",
            "teredo_packet",
            "has_auth",
            "auth_confirmation",
            "auth_id_length",
            "auth_value_length",
            "has_origin",
            "trailer_count",
            "inner_transport",
            "hop_limit",
            "tcp_flags",
            "icmp_type",
            "icmp_code",
            "has_transport",
            "has_fragment",
            "fragment_more",
            "stack_length",
        ),
    ),
)
_BYTES = (
    ("nonce", 8),
    ("origin_ip", 4),
    ("outer_source", 16),
    ("outer_destination", 16),
    ("inner_source", 16),
    ("inner_destination", 16),
    ("stack", STACK_LIMIT),
)


def _fields(octets: str) -> list[Any]:
    numbers: list[Any] = [(name, code) for code, names in _LAYOUT for name in names]
    if octets == "array":
        return numbers + [(name, "u1", (size,)) for name, size in _BYTES]
    return numbers + [(name, f"V{size}") for name, size in _BYTES]


OBSERVATION = np.dtype(_fields("array"))
# The same octets, but byte strings come out of ``tolist`` as ``bytes`` and not as lists.
_AS_BYTES = np.dtype(_fields("void"))


def unpack(rows: Rows) -> list[Observation]:
    """Rows as Python values, for the scalar twins."""
    return [Observation._make(row) for row in readable(rows).tolist()]


def readable(rows: Rows) -> Rows:
    """The same octets for ``observation``: one view serves for all of its rows."""
    return rows.view(_AS_BYTES)


def observation(rows: Rows, i: int) -> Observation:
    """One of the ``readable`` rows as a Python value."""
    return Observation._make(rows[i].item())


def pack(observations: Iterable[Observation]) -> Rows:
    """Python values as rows."""
    return np.array([tuple(row) for row in observations], dtype=_AS_BYTES).view(OBSERVATION)
