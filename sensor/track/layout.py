"""The rows that the table keeps, as the compiled code writes them and as Python reads them.

Every layout is one list of fields and two dtypes over the same octets: in the first an address is
two words, which compiled code compares and copies at once; in the second it is 16 octets. IPv4
addresses stand in the first four of them, the rest zero. Times are nanoseconds since 1970 UTC.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

ADDRESS = "address"

HISTORY = 13  # letters: ``^`` and six of each side, each at most once
SYNS_KEPT = 4


class Event(NamedTuple):
    """One event of the table: where something can change an answer. -1: none of that sort."""

    time: int
    value: int  # what the type says: anomaly bits, the absorbed tunnel, whether it was outbound
    row: int  # index in the rows handed to that update
    tunnel: int
    conversation: int
    exposure: int
    type: int


class TunnelState(NamedTuple):
    """One tunnel, or a candidate that nobody answered yet.

    What each packet reads or writes comes last, in as few lines of the cache as hold it.
    """

    asked_server: bytes  # last solicitation before the promotion, where ``asked``
    asked_source: bytes
    asked_nonce: int  # its octets as a word in the machine's order
    # Statistics for covert channels, over the packets counted below; more of them follow there. A
    # sketch is 64 bits, one of them set for each value by a fixed mixing: n distinct values leave
    # 64 * (1 - 1/64)**n unset.
    bubbles: int
    bubble_octets: int  # payload of bubbles, which should have none
    bubble_sketch: int  # distinct bubbles, by their digest
    nonces: int
    nonce_sketch: int
    nonce_nibbles_0: int  # how often each high nibble of a nonce's octets came: four saturating
    nonce_nibbles_1: int  # counters of 16 bits a word, nibble 0 in the lowest bits of word 0
    nonce_nibbles_2: int
    nonce_nibbles_3: int
    parent: int  # serial of the tunnel around it, -1: none
    first: int
    address: bytes  # the client's own Teredo address, where ``has_address``
    far: bytes  # the other end met last
    client: bytes
    minute: int  # of packet time in which ``notices`` are counted
    serial: int  # counts all tunnels; a place in the table is used again, a serial never
    last: int
    last_outbound: int  # where ``has_outbound``
    packets: int
    bytes: int
    inbound: int
    outbound: int
    trailers: int
    tail_octets: int  # behind the inner packets and their trailers
    label_sketch: int  # distinct flow labels
    kinds: int
    reasons: int
    anomalies: int
    peers: int
    attempts: int  # exposures it carries that nobody answered or refused yet
    notices: int
    joined: int  # place of the tunnel that absorbed this one, -1: none
    outer_key: int  # of GRE, 0: none
    client_port: int
    far_port: int
    vlan: int  # id + 1, 0: untagged
    kind: int
    kind_sure: int
    transport: int
    version: int
    confidence: int
    vantages: int  # mask of 1 << Vantage
    inside_known: int
    local: int  # the client's address is one of the inside network itself
    promoted: int
    refused: int  # no room in the budget when it might have been promoted
    midstream: int
    has_address: int
    has_outbound: int
    asked: int
    asked_auth: int

    @property
    def answered(self) -> bool:
        return bool(self.inbound and self.outbound)


TUNNEL_FIELDS = (
    (ADDRESS, "asked_server asked_source"),
    (
        "i8",
        "asked_nonce bubbles bubble_octets bubble_sketch nonces nonce_sketch nonce_nibbles_0"
        " nonce_nibbles_1 nonce_nibbles_2 nonce_nibbles_3 parent first",
    ),
    (ADDRESS, "address far client"),
    (
        "i8",
        "minute serial last last_outbound packets bytes inbound outbound trailers tail_octets"
        " label_sketch",
    ),
    ("i4", "kinds reasons anomalies peers attempts notices joined"),
    ("u4", "outer_key"),
    ("u2", "client_port far_port vlan"),
    (
        "u1",
        "kind kind_sure transport version confidence vantages inside_known local promoted"
        " refused midstream has_address has_outbound asked asked_auth",
    ),
)


class ConversationState(NamedTuple):
    """One inner conversation: who opened it, what was said, how it ended.

    What each packet reads or writes comes last, as in ``TunnelState``.
    """

    responder: bytes
    outer_source: bytes  # of the first packet seen
    outer_destination: bytes
    serial: int
    exposure_serial: int  # with ``exposure``: that place may hold another by now
    first: int
    frame: int  # of the first packet seen
    syn_0: int  # sequence number << 32 | octets behind the header, of the first SYN
    syn_1: int
    syn_2: int
    syn_3: int
    originator: bytes
    history: bytes  # HISTORY letters, zero behind the last
    last: int
    sent_packets: int
    sent_bytes: int
    received_packets: int
    received_bytes: int
    tunnel: int
    exposure: int  # -1: none met
    source: int  # capture of the first packet seen
    originator_port: int
    responder_port: int
    outer_source_port: int
    outer_destination_port: int
    transport: int
    icmp_type: int
    icmp_code: int
    outer_version: int
    outer_transport: int
    from_outside: int  # 1: the originator is outside, 0: inside, 2: nobody knows
    flipped: int  # the first packet seen was the responder's
    syns: int
    sent_syn: int
    sent_closed: int
    sent_reset: int
    received_syn: int
    received_closed: int
    received_reset: int
    answered: int
    completed: int
    first_flags: int  # TCP flags of the first packet seen


CONVERSATION_FIELDS = (
    (ADDRESS, "responder outer_source outer_destination"),
    ("i8", "serial exposure_serial first frame syn_0 syn_1 syn_2 syn_3"),
    (ADDRESS, "originator history"),
    ("i8", "last sent_packets sent_bytes received_packets received_bytes"),
    ("i4", "tunnel exposure source"),
    ("u2", "originator_port responder_port outer_source_port outer_destination_port"),
    (
        "u1",
        "transport icmp_type icmp_code outer_version outer_transport from_outside flipped syns"
        " sent_syn sent_closed sent_reset received_syn received_closed received_reset answered"
        " completed first_flags",
    ),
)


class ExposureState(NamedTuple):
    """One inner service that was opened from outside."""

    address: bytes
    remote: bytes  # of the attempt that reached the strongest state
    serial: int
    first: int
    last: int  # last packet of a conversation with it
    since: int  # when the state was reached
    tunnel: int  # place of the tunnel that last led to it
    remotes: int  # distinct addresses, at most REMOTES_KEPT
    port: int
    remote_port: int
    transport: int
    state: int  # words.ExposureState
    last_state: int
    proofs: int  # mask of what the attempt has shown, see PROOF_*
    first_proof: int


EXPOSURE_FIELDS = (
    (ADDRESS, "address remote"),
    ("i8", "serial first last since"),
    ("i4", "tunnel remotes"),
    ("u2", "port remote_port"),
    ("u1", "transport state last_state proofs first_proof"),
)

PROOF_OPENING = 1
PROOF_ANSWER = 2
PROOF_REFUSAL = 4
PROOF_UNREACHABLE = 8
PROOF_COMPLETED = 16


class HostState(NamedTuple):
    """What was tried on one host, for the detections of scans.

    ``role`` INSIDE: an inside host by its inner address. ``role`` EMBEDDED: an IPv4 address that
    Teredo destinations embed, whatever flags and port they name with it. A sketch is 256 bits, one
    of them set for each value by a fixed mixing: n distinct values leave about 256 * exp(-n / 256)
    of them unset.
    """

    address: bytes
    role: int
    first: int
    last: int
    tries: int  # INSIDE: conversations from outside; EMBEDDED: packets to no known Teredo address
    unanswered: int  # INSIDE: those that ended without any answer
    # INSIDE: distinct inner services tried, (transport, port). EMBEDDED: distinct mapped ports.
    services_0: int
    services_1: int
    services_2: int
    services_3: int
    # INSIDE: distinct ports that never answered. EMBEDDED: the same as services.
    unanswered_0: int
    unanswered_1: int
    unanswered_2: int
    unanswered_3: int
    remotes_0: int  # distinct inner source addresses that tried
    remotes_1: int
    remotes_2: int
    remotes_3: int
    flag_sketch: int  # 64 bits: TCP flags of first packets (INSIDE), Teredo flags (EMBEDDED)


HOST_FIELDS = (
    (ADDRESS, "address"),
    (
        "i8",
        "role first last tries unanswered services_0 services_1 services_2 services_3"
        " unanswered_0 unanswered_1 unanswered_2 unanswered_3"
        " remotes_0 remotes_1 remotes_2 remotes_3 flag_sketch",
    ),
)

INSIDE = 1
EMBEDDED = 2

EVENT_FIELDS = (
    ("i8", "time value"),
    ("i4", "row tunnel conversation exposure type"),
)

Fields = tuple[tuple[str, str], ...]


def words(fields: Fields) -> np.dtype[Any]:
    """The dtype of compiled code, its size a multiple of eight octets."""
    named: list[tuple[str, str]] = []
    for code, names in fields:
        for name in names.split():
            if code == ADDRESS:
                named += [(f"{name}_0", "i8"), (f"{name}_1", "i8")]
            else:
                named.append((name, code))
    return _padded(named)


def octets(fields: Fields) -> np.dtype[Any]:
    """The dtype of Python readers: addresses come out of ``tolist`` as ``bytes``."""
    return _padded(
        [
            (name, "V16" if code == ADDRESS else code)
            for code, names in fields
            for name in names.split()
        ]
    )


def _padded(named: list[tuple[str, str]]) -> np.dtype[Any]:
    size = np.dtype(named).itemsize
    formats = [code for _, code in named]
    offsets = np.cumsum([0, *(np.dtype(code).itemsize for code in formats)])[:-1]
    return np.dtype(
        {
            "names": [name for name, _ in named],
            "formats": formats,
            "offsets": offsets.tolist(),
            "itemsize": -(-size // 8) * 8,
        }
    )


TUNNEL = words(TUNNEL_FIELDS)
CONVERSATION = words(CONVERSATION_FIELDS)
EXPOSURE = words(EXPOSURE_FIELDS)
HOST = words(HOST_FIELDS)
EVENT = words(EVENT_FIELDS)

# A word in each line of the cache with what every packet of a tunnel or conversation needs; rows of
# the second may begin in the middle of a line.
HOT_OF_TUNNEL = (16, 24, 32)
HOT_OF_CONVERSATION = (14, 20, 27)
