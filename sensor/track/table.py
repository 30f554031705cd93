"""The compiled table: tunnels, conversations and exposures by packet time, rows in, events out.

``scalar.py`` is its specification: the same rows give the same events and the same states. Maps
are in ``index.py``; what a place holds is declared in ``layout.py``; chains through places (the
conversations of a tunnel, its exposures, ...) are words of the one memory. Compiled functions take
the ``_State``, arrays that are made once, and never allocate, raise or recurse.

An address is two words in the machine's order: its first octet is the lowest of the first word, an
IPv4 address the lower half of the first word.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sensor.errors import SensorError
from sensor.jit import DISABLED, bound, compiled, entry, fixed, pointer_to, prefetch
from sensor.schema.rows import OBSERVATION, Rows
from sensor.schema.words import (
    Anomaly,
    Confidence,
    EventType,
    Evidence,
    Kind,
    TeredoPacket,
    Transport,
    Vantage,
)
from sensor.schema.words import (
    ExposureState as Reached,
)
from sensor.track import layout
from sensor.track.index import (
    HEAD,
    KEY,
    MAP_HEAD,
    SECRETS,
    Memory,
    Shape,
    add,
    after,
    append,
    chain,
    count,
    data,
    drop,
    fetch_bucket,
    fetch_neighbours,
    fetch_oldest,
    fetch_place,
    fetch_side_by_side,
    find,
    fold,
    following,
    hash_at,
    hash_key,
    hide,
    in_order,
    key_of,
    lay_map,
    oldest,
    put,
    recall,
    release,
    rename,
    retire,
    seek,
    signed,
    sow,
    spare,
    touch,
    unlink,
    words_of,
    zeroed,
)
from sensor.track.interface import NEVER
from sensor.track.layout import (
    EMBEDDED,
    HISTORY,
    INSIDE,
    PROOF_ANSWER,
    PROOF_COMPLETED,
    PROOF_OPENING,
    PROOF_REFUSAL,
    PROOF_UNREACHABLE,
    SYNS_KEPT,
    ConversationState,
    Event,
    ExposureState,
    HostState,
    TunnelState,
)
from sensor.track.limits import (
    CLOSED_KEPT,
    COPIES_KEPT,
    EVICTED,
    HOSTS_KEPT,
    MINUTE,
    NOTICES_PER_MINUTE,
    PEERS_KEPT,
    REMOTES_KEPT,
    REMOTES_POOL,
    SECOND,
    TESTS_KEPT,
    UNSEEN_START,
    VIEWS_KEPT,
    VIEWS_SAMPLE,
    VIEWS_SURE,
    WELL_KNOWN_PORTS,
)
from sensor.track.peers import EMBEDDING, INNER
from sensor.track.settings import Network, TrackSettings
from sensor.track.vantage import SERVER_PORTS
from sensor.wire.addresses import SIXA44_RELAY
from sensor.wire.ports import TEREDO_PORT

# Words as plain numbers: compiled code knows no enumerations.

_NO_KIND, _TEREDO = int(Kind.NONE), int(Kind.TEREDO)
_IP6_IN_UDP = int(Kind.IP6_IN_UDP)
_IP6_IN_IP6 = int(Kind.IP6_IN_IP6)
_TSP, _AYIYA, _L2TP6 = int(Kind.TSP), int(Kind.AYIYA), int(Kind.L2TP6)
_SIXA44, _SIXBED4 = int(Kind.SIXA44), int(Kind.SIXBED4)
_TSP_DATA = 1 << Kind.TSP | 1 << Kind.V6UDPV4
_WEAK, _STRONG = int(Confidence.WEAK), int(Confidence.STRONG)
_OVER_UDP, _OVER_TCP = int(Transport.UDP), int(Transport.TCP)
_OVER_IPV6, _BY_PROVIDER = int(Transport.IPV6), 1 << Kind.SIXRD
_SOLICITATION = int(TeredoPacket.ROUTER_SOLICITATION)
_ADVERTISEMENT = int(TeredoPacket.ROUTER_ADVERTISEMENT)
_BUBBLE = int(TeredoPacket.BUBBLE)
_TEST = int(TeredoPacket.CONNECTIVITY_TEST)
_DATA = int(TeredoPacket.DATA)
_NO_PACKET = int(TeredoPacket.NONE)
_LEARNED = int(Evidence.LEARNED_FLOW)
_SETUP_SEEN = int(Evidence.ROUTER_SOLICITATION | Evidence.ROUTER_ADVERTISEMENT)
_MISMATCH = int(Anomaly.EMBEDDED_MISMATCH)
_RESERVED_FLAGS = int(Anomaly.RESERVED_FLAGS)
_UNKNOWN_SIDE, _INSIDE_SIDE = int(Vantage.UNKNOWN), int(Vantage.INSIDE)
_OUTSIDE_SIDE = int(Vantage.OUTSIDE)
_REPLY_UNSEEN, _ATTEMPTED = int(Reached.REPLY_UNSEEN), int(Reached.ATTEMPTED)
_REFUSED, _ANSWERED = int(Reached.REFUSED), int(Reached.ANSWERED)

_E_TUNNEL, _E_SOLICITATION = int(EventType.TUNNEL), int(EventType.SOLICITATION)
_E_ADVERTISEMENT, _E_MAPPING = int(EventType.ADVERTISEMENT), int(EventType.MAPPING)
_E_PEER, _E_TEST_REPLY = int(EventType.PEER), int(EventType.TEST_REPLY)
_E_TRAILERS, _E_OPENING = int(EventType.TRAILERS), int(EventType.OPENING)
_E_ANSWER, _E_REFUSAL = int(EventType.ANSWER), int(EventType.REFUSAL)
_E_ANOMALY, _E_JOIN, _E_END = int(EventType.ANOMALY), int(EventType.JOIN), int(EventType.END)
_E_COMPLETED, _E_UNREACHABLE = int(EventType.COMPLETED), int(EventType.UNREACHABLE)
_E_CLOSED, _E_KINDS = int(EventType.CLOSED), int(EventType.KINDS)
_E_DROPPED = int(EventType.DROPPED)

_TCP, _UDP, _ICMPV6 = 6, 17, 58
_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_UNREACHABLE_TYPE, _FIRST_QUERY_TYPE, _ECHO_REPLY = 1, 128, 129
_HEADER = 40

# Where the addresses of a row stand, in words of eight octets; ``nonce`` lies across two of them.
_OUTER_SOURCE, _OUTER_DESTINATION = (
    OBSERVATION.fields[name][1] // 8  # type: ignore[index]
    for name in ("outer_source", "outer_destination")
)
_INNER_SOURCE, _INNER_DESTINATION = (
    OBSERVATION.fields[name][1] // 8  # type: ignore[index]
    for name in ("inner_source", "inner_destination")
)
_DIGEST = OBSERVATION.fields["inner_digest"][1] // 8  # type: ignore[index]
_NONCE = OBSERVATION.fields["nonce"][1] // 8  # type: ignore[index]
_ROW_WORDS = OBSERVATION.itemsize // 8

# What is known of each row ahead of its turn, ``_A_WIDTH`` words in ``_State.ahead``: the keys of
# its flow, copy and conversation and, for one of two directions, view, each behind its hash, and
# guesses of the places of its flow and its tunnel; -1: not known.
_A_FLOW, _A_COPY, _A_CONVERSATION, _A_VIEW = 1, 8, 11, 18
_A_PLACE, _A_TUNNEL, _A_SOURCE_FIRST, _A_OUTBOUND, _A_WIDTH = 20, 21, 22, 23, 24
_A_SCRATCH = 10  # behind the key of the copy, which is made of 14 words there

# The memory: the head of index.py, the heads of the maps, then the words below. Places in it are
# NumPy's integers: of Python's, Numba compiles each function anew for every number.

_heads: Iterator[Any] = map(np.int64, range(HEAD, HEAD + 10 * MAP_HEAD, MAP_HEAD))
_CLIENTS, _CONVERSATIONS, _EXPOSURES, _FLOWS, _COPIES = (next(_heads) for _ in range(5))
_VIEWS, _PEERS, _REMOTES, _TESTS, _HOSTS = _heads

_words: Iterator[Any] = map(np.int64, itertools.count(HEAD + 10 * MAP_HEAD))
# Ends of chains over all tunnels, exposures, conversations.
_UNANSWERED, _, _ATTEMPTS, _, _PILE, _ = (next(_words) for _ in range(6))
_PILED = next(_words)
# What is let go when the next update begins.
_ENDED_TUNNELS, _, _ENDED_EXPOSURES, _ = (next(_words) for _ in range(4))
_NEXT_TUNNEL, _NEXT_CONVERSATION, _NEXT_EXPOSURE = (next(_words) for _ in range(3))  # serials
_HAS_BEGUN, _BEGAN, _PROMOTION_MINUTE, _PROMOTIONS = (next(_words) for _ in range(4))
_ENDED_UNPROMOTED, _EVENTS = (next(_words) for _ in range(2))
# Counts whatever may change which tunnel a flow belongs to; the flow of the frame at hand, or -1,
# and whether its source is the first end of the key.
_EPOCH, _FLOW, _SOURCE_FIRST = (next(_words) for _ in range(3))
_HIT_NAMES = (
    "tunnels", "promotions", "sightings", "flows", "peers", "conversations", "exposures",
    "notices", "tests", "remotes", "hosts",
)  # fmt: skip
_HITS = [next(_words) for _ in _HIT_NAMES]
(
    _HIT_TUNNELS, _HIT_PROMOTIONS, _HIT_SIGHTINGS, _HIT_FLOWS, _HIT_PEERS, _HIT_CONVERSATIONS,
    _HIT_EXPOSURES, _HIT_NOTICES, _HIT_TESTS, _HIT_REMOTES, _HIT_HOSTS,
) = _HITS  # fmt: skip

_LIMIT_NAMES = (
    "tunnels", "conversations", "flows", "exposures", "peers", "promotions_per_minute",
    "copy_window_ns", "join_window_ns", "teredo_idle_ns", "tunnel_idle_ns", "tcp_idle_ns",
    "closed_idle_ns", "datagram_idle_ns",
)  # fmt: skip
_LIMITS = [next(_words) for _ in _LIMIT_NAMES]
(
    _MAX_TUNNELS, _MAX_CONVERSATIONS, _MAX_FLOWS, _MAX_EXPOSURES, _MAX_PEERS, _MAX_PROMOTIONS,
    _COPY_WINDOW, _JOIN_WINDOW, _TEREDO_IDLE, _TUNNEL_IDLE, _TCP_IDLE, _CLOSED_IDLE, _DATAGRAM_IDLE,
) = _LIMITS  # fmt: skip
_MAX_EVENTS, _NETWORK_WORDS, _VANTAGES = (next(_words) for _ in range(3))  # of those arrays
_FIRST_MAP = int(next(_words)) // 8 * 8 + 8

# Data words of the maps' places. Of a tunnel: first what each packet reads, then its turn among the
# unanswered, among the views of the one that absorbed it and among the ended, and more ends of
# chains. A chain's two words are (before, behind) or (first, last).
_T_IS_UNANSWERED, _T_FAR_KNOWN, _T_VIEWS, _T_OPEN, _T_ALIVE = 0, 1, 2, 4, 6
_T_UNANSWERED, _T_VIEW, _T_SERVICES, _T_PEERS, _T_ENDED = 7, 9, 11, 13, 15
_T_WIDTH = 17
_C_OPEN, _C_WIDTH = 0, 2  # of a conversation: its turn in its tunnel, or on the pile
# Of an exposure: its turn among the attempts, in its tunnel, ends of its remotes, among the ended.
_X_ATTEMPT, _X_IS_ATTEMPT, _X_SERVICE, _X_IS_SERVICE, _X_REMOTES = 0, 2, 3, 5, 6
_X_ENDED, _X_ALIVE = 8, 10
_X_WIDTH = 11
# Of a flow: what was learned, and what it spares: the tunnel found for it (its place, whether its
# client is the first end of the key, when) and which tunnel knows which of its ends as a peer, or
# does not.
_F_KIND, _F_LAST, _F_TUNNEL, _F_CLIENT_FIRST, _F_EPOCH = 0, 1, 2, 3, 4
_F_PEER, _F_WIDTH = 5, 6
_Y_TIME, _Y_FRAME, _Y_WIDTH = 0, 1, 2
_V_TIME, _V_PLACE, _V_SERIAL, _V_WIDTH = 0, 1, 2, 3
_P_TURN, _P_WIDTH = 0, 2  # of a peer: its turn in its tunnel
_R_TURN, _R_WIDTH = 0, 2  # of a remote: its turn in its exposure

# Words of the maps' keys.
_CLIENT_KEY, _CONVERSATION_KEY, _EXPOSURE_KEY, _FLOW_KEY = 7, 6, 4, 6
_FOLDED_KEY, _PEER_KEY, _REMOTE_KEY, _TEST_KEY, _HOST_KEY = 2, 4, 3, 7, 3

# Rows of one frame are at most this many, each with at most one new tunnel, conversation, exposure.
_FRAME_ROOM = 16
_EVENT_ROOM = 512  # events of one frame stay far below


class _State(NamedTuple):
    m: Memory
    tunnels: npt.NDArray[np.void]
    conversations: npt.NDArray[np.void]
    exposures: npt.NDArray[np.void]
    hosts: npt.NDArray[np.void]
    events: npt.NDArray[np.void]
    networks: npt.NDArray[np.int64]  # _N_WIDTH words for each
    vantages: npt.NDArray[np.uint8]
    ahead: Memory  # of the rows at hand


def _example(*others: Any) -> tuple[Any, ...]:
    state = _State(
        m=np.empty(0, dtype=np.int64),
        tunnels=np.empty(0, dtype=layout.TUNNEL),
        conversations=np.empty(0, dtype=layout.CONVERSATION),
        exposures=np.empty(0, dtype=layout.EXPOSURE),
        hosts=np.empty(0, dtype=layout.HOST),
        events=np.empty(0, dtype=layout.EVENT),
        networks=np.empty(0, dtype=np.int64),
        vantages=np.empty(0, dtype=np.uint8),
        ahead=np.empty(0, dtype=np.int64),
    )
    return (state, *others)


def _prepare_example() -> tuple[Any, ...]:
    rows = np.empty(0, dtype=OBSERVATION)
    words, ahead = np.empty((0, _ROW_WORDS), dtype=np.int64), np.empty(0, dtype=np.int64)
    return _example(rows, words, ahead)


def _update_example() -> tuple[Any, ...]:
    return *_prepare_example(), 0, 0


def _refuse_example() -> tuple[Any, ...]:
    return _example(*[0] * 9)


def _expire_example() -> tuple[Any, ...]:
    return _example(0)


def _piled_example() -> tuple[Any, ...]:
    return _example(np.empty(0, dtype=np.int64))


@compiled
def _bare(s: _State, ahead: Memory) -> _State:
    """The same as pointers, and with what is known ahead of the rows at hand: places are the
    table's own, none comes from a packet. Checking each of some hundred accesses for every row, and
    handing whole arrays from function to function, would take most of the time."""
    return _State(
        pointer_to(s.m),
        pointer_to(s.tunnels),
        pointer_to(s.conversations),
        pointer_to(s.exposures),
        pointer_to(s.hosts),
        pointer_to(s.events),
        pointer_to(s.networks),
        pointer_to(s.vantages),
        pointer_to(ahead),
    )


# Addresses


@compiled
def _is_teredo(first: int) -> bool:
    """2001:0::/32 or the former 3ffe:831f::/32."""
    prefix = first & 0xFFFFFFFF
    return prefix == 0x00000120 or prefix == 0x1F83FE3F


@compiled
def _mapped_port(second: int) -> int:
    return ((second >> 16 & 0xFF) << 8 | second >> 24 & 0xFF) ^ 0xFFFF


@compiled
def _mapped_ip(second: int) -> int:
    """As the first word of an outer address."""
    return (second >> 32 & 0xFFFFFFFF) ^ 0xFFFFFFFF


@compiled
def _teredo_flags(second: int) -> int:
    return (second & 0xFF) << 8 | second >> 8 & 0xFF


@compiled
def _is_private(first: int) -> bool:
    """RFC 1918 and 100.64.0.0/10, of an IPv4 address."""
    a, b = first & 0xFF, first >> 8 & 0xFF
    if a == 10 or (a == 192 and b == 168):
        return True
    return (a == 172 and b >> 4 == 1) or (a == 100 and b >> 6 == 1)


@compiled
def _comes_first(a0: int, a1: int, a_port: int, b0: int, b1: int, b_port: int) -> bool:
    """An order of ends: that of the words, which both directions of a flow agree on."""
    if a0 != b0:
        return a0 < b0
    if a1 != b1:
        return a1 < b1
    return a_port <= b_port


# The inside network

_N_SORT, _N_VERSION, _N_FIRST, _N_SECOND, _N_MASK_0, _N_MASK_1 = 0, 1, 2, 3, 4, 5
_N_RANK, _N_VLAN, _N_INSIDE = 6, 7, 8
_N_WIDTH = 9
_ZONE, _POOL = 0, 1
_ANY_VLAN = -1


@compiled
def _holds(networks: Any, at: int, sort: int, version: int, first: int, second: int) -> bool:
    return (
        networks[at + _N_SORT] == sort
        and networks[at + _N_VERSION] == version
        and first & networks[at + _N_MASK_0] == networks[at + _N_FIRST]
        and second & networks[at + _N_MASK_1] == networks[at + _N_SECOND]
    )


@compiled
def _zone_side(s: _State, version: int, first: int, second: int, vlan: int) -> int:
    """1 in a zone of the inside, 0 in another, -1 in none; longest prefix, then named VLAN."""
    best, side = -1, -1
    for at in range(0, s.m[_NETWORK_WORDS], _N_WIDTH):
        if not _holds(s.networks, at, _ZONE, version, first, second):
            continue
        named = s.networks[at + _N_VLAN]
        if named != _ANY_VLAN and named != vlan:
            continue
        rank = s.networks[at + _N_RANK]
        if rank > best:
            best, side = rank, s.networks[at + _N_INSIDE]
    return side


@compiled
def _in_nat_pool(s: _State, version: int, first: int, second: int) -> bool:
    for at in range(0, s.m[_NETWORK_WORDS], _N_WIDTH):
        if _holds(s.networks, at, _POOL, version, first, second):
            return True
    return False


@compiled
def _is_local(s: _State, version: int, first: int, second: int, vlan: int) -> bool:
    """An address of the inside network itself, not of its NAT."""
    side = _zone_side(s, version, first, second, vlan)
    if side >= 0:
        return side == 1
    return version == 4 and _is_private(first)


@compiled
def _mapped_port_at(row: Any, first: int, second: int, outer: int, port: int) -> int:
    """The port that a Teredo address embeds together with the IPv4 of its own outer end, or -1.

    It need not be the end's: a symmetric NAT gives a client another port for every peer. Port 3544
    is a server's, who forwards what its clients say.
    """
    if row.kind != _TEREDO or row.outer_version != 4 or not _is_teredo(first):
        return -1
    mapped = _mapped_port(second)
    if _mapped_ip(second) != outer & 0xFFFFFFFF or (mapped != port and port == TEREDO_PORT):
        return -1
    return mapped


@compiled
def _source_mapped(row: Any, w: Any) -> int:
    first, second = w[_INNER_SOURCE], w[_INNER_SOURCE + 1]
    return _mapped_port_at(row, first, second, w[_OUTER_SOURCE], signed(row.outer_source_port))


@compiled
def _destination_mapped(row: Any, w: Any) -> int:
    first, second = w[_INNER_DESTINATION], w[_INNER_DESTINATION + 1]
    port = signed(row.outer_destination_port)
    return _mapped_port_at(row, first, second, w[_OUTER_DESTINATION], port)


@compiled
def _maps_destination(row: Any, w: Any) -> bool:
    return _destination_mapped(row, w) == signed(row.outer_destination_port)


_UNKNOWN_END, _AT_SOURCE, _AT_DESTINATION = 0, 1, 2


@compiled
def _which(at_source: bool, at_destination: bool) -> int:
    if at_source == at_destination:
        return _UNKNOWN_END
    return _AT_SOURCE if at_source else _AT_DESTINATION


@compiled
def _lying_inside(s: _State, row: Any, w: Any) -> int:
    """The inside end by its outer address alone: zones, pools, private."""
    version, vlan = signed(row.outer_version), signed(row.vlan) - 1
    s0, s1 = w[_OUTER_SOURCE], w[_OUTER_SOURCE + 1]
    d0, d1 = w[_OUTER_DESTINATION], w[_OUTER_DESTINATION + 1]
    if version == 4:
        s0, s1, d0, d1 = s0 & 0xFFFFFFFF, 0, d0 & 0xFFFFFFFF, 0
    end = _which(
        _zone_side(s, version, s0, s1, vlan) == 1, _zone_side(s, version, d0, d1, vlan) == 1
    )
    if end == _UNKNOWN_END:
        end = _which(_in_nat_pool(s, version, s0, s1), _in_nat_pool(s, version, d0, d1))
    if end == _UNKNOWN_END:
        end = _which(_is_local(s, version, s0, s1, vlan), _is_local(s, version, d0, d1, vlan))
    return end


@compiled
def _mapped_end(row: Any, w: Any) -> int:
    """Who sends from the IPv4 that its own Teredo address embeds, or is reached at its mapping."""
    if _source_mapped(row, w) < 0:
        return _AT_DESTINATION if _maps_destination(row, w) else _UNKNOWN_END
    return _AT_SOURCE if _destination_mapped(row, w) < 0 else _UNKNOWN_END


@compiled
def _inside_end(s: _State, row: Any, w: Any, around: int) -> int:
    """The first rule that tells the inside end: where it lies, its mapping, setup; else of two
    Teredo ends the sender, if its own mapping is surely that of a client."""
    end = _lying_inside(s, row, w)
    if end != _UNKNOWN_END:
        return end
    if row.teredo_packet == _SOLICITATION:
        setup = _AT_SOURCE
    else:
        setup = _AT_DESTINATION if row.teredo_packet == _ADVERTISEMENT else _UNKNOWN_END
    if _source_mapped(row, w) < 0:
        return _AT_DESTINATION if _maps_destination(row, w) else setup
    if _destination_mapped(row, w) < 0:
        return _AT_SOURCE
    if setup != _UNKNOWN_END:
        return setup
    source = _mapping_of(s, row, w, True, around)
    if source < 0:
        return _UNKNOWN_END
    other = _mapping_of(s, row, w, False, around)
    return _AT_SOURCE if other < 0 or _is_surer(s, source, other) else _UNKNOWN_END


@compiled
def _mapping_of(s: _State, row: Any, w: Any, from_source: bool, around: int) -> int:
    """The tunnel of a client whose address stands beside another end of the same IPv4, or -1."""
    port = _source_mapped(row, w) if from_source else _destination_mapped(row, w)
    if port < 0:
        return -1
    at = _OUTER_SOURCE if from_source else _OUTER_DESTINATION
    _client_key(s.m, row, w[at], w[at + 1], port, w[at], w[at + 1], around)
    place = signed(find(s.m, _CLIENTS))
    return place if place >= 0 and s.tunnels[place].inside_known else -1


@compiled
def _likely_client(s: _State, row: Any, w: Any, around: int) -> int:
    """The end to file a tunnel under where no rule tells the inside end; or neither."""
    if _mapping_of(s, row, w, False, around) >= 0:
        return _AT_DESTINATION
    if _is_teredo(w[_INNER_SOURCE]):
        return _AT_SOURCE
    if _asks_server(row, w):
        return _UNKNOWN_END if _is_empty_bubble(row) else _AT_SOURCE
    if _is_teredo(w[_INNER_DESTINATION]) or row.has_origin:
        return _AT_DESTINATION
    source_serves = _serves(row, w[_OUTER_SOURCE], row.outer_source_port)
    destination_serves = _serves(row, w[_OUTER_DESTINATION], row.outer_destination_port)
    return _AT_DESTINATION if source_serves and not destination_serves else _AT_SOURCE


@compiled
def _asks_server(row: Any, w: Any) -> bool:
    """Whether a packet goes to the server that its Teredo destination names."""
    return (
        _is_teredo(w[_INNER_DESTINATION])
        and row.kind == _TEREDO
        and row.outer_version == 4
        and row.outer_destination_port == TEREDO_PORT
        and w[_OUTER_DESTINATION] & 0xFFFFFFFF == w[_INNER_DESTINATION] >> 32 & 0xFFFFFFFF
    )


@compiled
def _is_empty_bubble(row: Any) -> bool:
    return row.teredo_packet == _BUBBLE and row.inner_length == _HEADER and row.tail_length == 0


_AYIYA_PORT, _FIRST_AYIYA_PORT = SERVER_PORTS[Kind.AYIYA]
((_TSP_PORT,), (_L2TP_PORT,), (_SIXBED4_PORT,)) = (
    SERVER_PORTS[kind] for kind in (Kind.TSP, Kind.L2TP6, Kind.SIXBED4)
)
_RELAY = int.from_bytes(SIXA44_RELAY, "little")


@compiled
def _serves(row: Any, ip: int, port: int) -> bool:
    """Whether an outer end is where the servers of a kind are."""
    if row.kind == _SIXA44:
        return ip & 0xFFFFFFFF == _RELAY
    if row.kind == _AYIYA:
        return port in (_AYIYA_PORT, _FIRST_AYIYA_PORT)
    return (
        (row.kind == _TSP and port == _TSP_PORT)
        or (row.kind == _L2TP6 and port == _L2TP_PORT)
        or (row.kind == _SIXBED4 and port == _SIXBED4_PORT)
    )


# Sketches

_GOLDEN, _FIRST_MIX, _SECOND_MIX = map(
    np.uint64, (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
)


@compiled
def _mixed(value: int) -> np.uint64:
    """The finaliser of splitmix64."""
    mixed = np.uint64(value) + _GOLDEN
    mixed = (mixed ^ mixed >> np.uint64(30)) * _FIRST_MIX
    mixed = (mixed ^ mixed >> np.uint64(27)) * _SECOND_MIX
    return mixed ^ mixed >> np.uint64(31)


@compiled
def _bit(position: Any) -> int:
    return signed(np.uint64(1) << np.uint64(position))


@compiled
def _sketch_bit(value: int) -> int:
    """The bit of a 64-bit sketch that a value sets."""
    return _bit(_mixed(value) >> np.uint64(58))


@compiled
def _address_value(first: int, second: int) -> int:
    return signed(_mixed(first) ^ np.uint64(second))


# Events


@compiled
def _event(
    s: _State, kind: int, row: int, tunnel: int, time: int, conversation: int, exposure: int,
    value: int,
) -> None:  # fmt: skip
    number = s.m[_EVENTS]
    if number >= s.m[_MAX_EVENTS]:
        return
    s.m[_EVENTS] = number + 1
    event = s.events[number]
    event.type = kind
    event.row = row
    event.tunnel = tunnel
    event.time = time
    event.conversation = conversation
    event.exposure = exposure
    event.value = value


@compiled
def _tell(s: _State, kind: int, row: int, tunnel: int, time: int, value: int) -> None:
    _event(s, kind, row, tunnel, time, -1, -1, value)


@compiled
def _may_notice(s: _State, place: int, time: int) -> bool:
    """Whether a tunnel may raise one more of the events that any packet can cause."""
    tunnel = s.tunnels[place]
    minute = time // MINUTE
    if minute != tunnel.minute:
        tunnel.minute = minute
        tunnel.notices = 0
    if tunnel.notices >= NOTICES_PER_MINUTE:
        s.m[_HIT_NOTICES] += 1
        return False
    tunnel.notices += 1
    return True


# Marks: learned flows and mirrored copies


@compiled
def _is_traffic(row: Any) -> bool:
    return row.kind != _NO_KIND and row.quoted == 0


@compiled
def _accepted(row: Any) -> bool:
    """Of a row that is traffic."""
    return row.confidence > _WEAK or (row.reasons & _LEARNED) != 0


@compiled
def _counts(row: Any) -> bool:
    return _is_traffic(row) and _accepted(row) and row.copy_of == 0


@compiled
def _mark(s: _State, rows: Any, at: int) -> None:
    row = rows[at]
    if not _is_traffic(row):
        return
    if row.depth:
        if at > 0 and rows[at - 1].copy_of:
            row.copy_of = rows[at - 1].copy_of
        return
    s.m[_FLOW] = -1
    if row.outer_transport == _OVER_UDP:
        _learn(s, row, at * _A_WIDTH)
    if _accepted(row):
        _mark_copy(s, row, at * _A_WIDTH + _A_COPY)


@compiled
def _learn(s: _State, row: Any, ahead: int) -> None:
    """Flows seen to tunnel make their later, barer packets credible, never earlier ones."""
    m = s.m
    key = ahead + _A_FLOW
    flow = seek(m, _FLOWS, s.ahead, key)
    m[_FLOW] = flow
    m[_SOURCE_FIRST] = s.ahead[ahead + _A_SOURCE_FIRST]
    known = False
    kind = 0
    if flow >= 0:
        at = data(m, _FLOWS, flow)
        kind = m[at + _F_KIND]
        known = row.time - m[at + _F_LAST] <= m[_TEREDO_IDLE]
    strong, named = row.confidence >= _STRONG, row.kind != _IP6_IN_UDP
    if strong and (not known or (named and kind == _IP6_IN_UDP)):
        _remember_flow(s, flow, key, signed(row.kind), row.time)
        return
    if not known:
        return
    _remember_flow(s, flow, key, kind, row.time)
    if strong and named:
        return
    if not named:
        row.kind = kind
        row.kinds = _TSP_DATA if kind == _TSP else 1 << kind
        row.teredo_packet = _DATA if kind == _TEREDO else _NO_PACKET
    row.reasons = row.reasons | _LEARNED


@compiled
def _flow_key(k: Memory, at: int, row: Any, w: Any) -> bool:
    """Whichever way it runs; returns whether the source is the first end."""
    s0, s1, sp = w[_OUTER_SOURCE], w[_OUTER_SOURCE + 1], signed(row.outer_source_port)
    d0, d1 = w[_OUTER_DESTINATION], w[_OUTER_DESTINATION + 1]
    dp = signed(row.outer_destination_port)
    k[at] = row.outer_version
    return _put_ends(k, at + 1, s0, s1, sp, d0, d1, dp)


@compiled
def _put_ends(k: Memory, at: int, s0: int, s1: int, sp: int, d0: int, d1: int, dp: int) -> bool:
    """Both ends in their order; whether the source comes first."""
    source_first = _comes_first(s0, s1, sp, d0, d1, dp)
    if source_first:
        k[at], k[at + 1], k[at + 2], k[at + 3], k[at + 4] = s0, s1, d0, d1, sp << 16 | dp
    else:
        k[at], k[at + 1], k[at + 2], k[at + 3], k[at + 4] = d0, d1, s0, s1, dp << 16 | sp
    return source_first


@compiled
def _remember_flow(s: _State, flow: int, key: int, kind: int, time: int) -> None:
    """``flow`` is its place, or -1 right after its key was sought."""
    m = s.m
    if flow < 0:
        flow = put(m, _FLOWS, s.ahead, key)
        at = data(m, _FLOWS, flow)
        m[at + _F_TUNNEL] = m[at + _F_EPOCH] = m[at + _F_PEER] = -1
    elif time // SECOND != m[data(m, _FLOWS, flow) + _F_LAST] // SECOND:
        touch(m, _FLOWS, flow)
    at = data(m, _FLOWS, flow)
    m[at + _F_KIND], m[at + _F_LAST] = kind, time
    m[_FLOW] = flow
    if count(m, _FLOWS) > m[_MAX_FLOWS]:
        drop(m, _FLOWS, oldest(m, _FLOWS))
        fetch_oldest(m, _FLOWS)
        m[_HIT_FLOWS] += 1


@compiled
def _forget_flows(m: Memory, now: int) -> None:
    flow = oldest(m, _FLOWS)
    while flow >= 0 and now - m[data(m, _FLOWS, flow) + _F_LAST] > m[_TEREDO_IDLE]:
        drop(m, _FLOWS, flow)
        flow = oldest(m, _FLOWS)


@compiled
def _nonce(w: Any) -> int:
    return (w[_NONCE] >> 32 & 0xFFFFFFFF) | w[_NONCE + 1] << 32


@compiled
def _sign(m: Memory, at: int, row: Any) -> None:
    """Three words of what must agree besides the digest, which resists nobody."""
    m[at] = signed(row.tcp_sequence) << 32 | signed(row.tcp_acknowledgement)
    m[at + 1] = (
        signed(row.inner_length) << 32
        | signed(row.inner_source_port) << 16
        | signed(row.inner_destination_port)
    )
    m[at + 2] = (
        signed(row.inner_transport)
        | signed(row.tcp_flags) << 8
        | signed(row.icmp_type) << 16
        | signed(row.has_origin) << 24
        | signed(row.depth) << 32
        | signed(row.origin_port) << 40
    )


@compiled
def _mark_copy(s: _State, row: Any, key: int) -> None:
    """Same inner packet, outer ends and IPv4 identification: a mirrored copy."""
    m = s.m
    copy = seek(m, _COPIES, s.ahead, key)
    if copy >= 0:
        at = data(m, _COPIES, copy)
        if abs(row.time - m[at + _Y_TIME]) <= m[_COPY_WINDOW]:
            row.copy_of = m[at + _Y_FRAME]
            return
        touch(m, _COPIES, copy)
    else:
        copy = put(m, _COPIES, s.ahead, key)
    at = data(m, _COPIES, copy)
    m[at + _Y_TIME], m[at + _Y_FRAME] = row.time, row.frame
    _age(m, _COPIES, row.time, m[_COPY_WINDOW], COPIES_KEPT)


@compiled
def _copy_key(k: Memory, at: int, row: Any, w: Any) -> None:
    k[at] = w[_DIGEST]
    for i in range(8):  # the four addresses
        k[at + 1 + i] = w[_OUTER_SOURCE + i]
    k[at + 9] = _nonce(w)
    k[at + 10] = (
        signed(row.outer_source_port) << 32
        | signed(row.outer_destination_port) << 16
        | signed(row.outer_id)
    )
    _sign(k, at + 11, row)


@compiled
def _age(m: Memory, sightings: int, now: int, window: int, kept: int) -> None:
    """Forget sightings older than the window; the first of their words is their time."""
    place = oldest(m, sightings)
    while now - m[data(m, sightings, place)] > window:
        retire(m, sightings, place)
        fetch_side_by_side(m, sightings, 6)
        place = oldest(m, sightings)
    if count(m, sightings) > kept:
        retire(m, sightings, place)
        fetch_side_by_side(m, sightings, 6)
        m[_HIT_SIGHTINGS] += 1


# Frames


@compiled
def _take_frames(s: _State, rows: Any, words: Any, start: int, until: int) -> int:
    """Frames up to the first that causes events; returns where to go on."""
    m, number = s.m, words.shape[0]
    index = start
    while index < number and m[_EVENTS] == 0:
        if rows[index].time >= until and until != NEVER:
            break
        room = m[_MAX_CONVERSATIONS] + CLOSED_KEPT - _FRAME_ROOM
        if count(m, _CONVERSATIONS) + m[_PILED] > room:
            _event(s, _E_CLOSED, -1, -1, rows[index].time, -1, -1, 0)
            break
        end = index + 1
        while end < number and rows[end].depth:
            end += 1
        for at in range(index, end):
            _look_ahead(s, rows, words, at)
        _take_frame(s, rows, words, index, end)
        index = end
    return index


@compiled
def _look_ahead(s: _State, rows: Any, words: Any, index: int) -> None:
    """Ask for the memory that the next rows will need.

    A row reads some ten places anywhere in the maps; waiting for one after another would take
    longer than all the rest. They are asked for step by step, as each can be known; nothing is
    decided here.
    """
    m, k, last = s.m, s.ahead, words.shape[0] - 1
    at = index + 20
    for line in range(_ROW_WORDS // 8):
        prefetch(rows, at, 8 * line)
    for line in range(_A_WIDTH // 8):
        prefetch(k, at * _A_WIDTH, 8 * line)
    at = index + 14
    if at <= last and rows[at].depth == 0:
        if rows[at].outer_transport == _OVER_UDP:
            fetch_bucket(m, _FLOWS, k, at * _A_WIDTH + _A_FLOW)
        fetch_bucket(m, _COPIES, k, at * _A_WIDTH + _A_COPY)
    at = index + 11
    if at <= last and rows[at].depth == 0:
        place = -1
        if rows[at].outer_transport == _OVER_UDP:
            place = fetch_place(m, _FLOWS, k, at * _A_WIDTH + _A_FLOW)
            k[at * _A_WIDTH + _A_PLACE] = place
        if place < 0:
            _seek_clients(m, rows[at], pointer_to(words[at]))
    at = index + 8
    if at <= last and rows[at].depth == 0:
        _seek_tunnel(s, rows[at], pointer_to(words[at]), at * _A_WIDTH)
    at = index + 6
    if at <= last and k[at * _A_WIDTH + _A_TUNNEL] >= 0:
        _seek_in_tunnel(s, rows[at], pointer_to(words[at]), at * _A_WIDTH)
    at = index + 3
    if at <= last and k[at * _A_WIDTH + _A_TUNNEL] >= 0:
        _fetch_in_tunnel(s, rows[at], pointer_to(words[at]), at * _A_WIDTH)


@compiled
def _fetch_in_tunnel(s: _State, row: Any, w: Any, ahead: int) -> None:
    m, k, tunnel = s.m, s.ahead, s.ahead[ahead + _A_TUNNEL]
    if k[ahead + _A_CONVERSATION] < 0:
        return
    place = fetch_place(m, _CONVERSATIONS, k, ahead + _A_CONVERSATION)
    if place >= 0:
        _fetch_conversation(s, place)
    else:
        _fetch_opening(s, row, w, tunnel)
    if k[ahead + _A_PLACE] < 0:
        _hash_peer(s, row, w, tunnel)
        fetch_place(m, _PEERS, m, KEY)


@compiled
def _fetch_conversation(s: _State, place: int) -> None:
    for word in layout.HOT_OF_CONVERSATION:
        prefetch(s.conversations, place, word)


@compiled
def _fetch_opening(s: _State, row: Any, w: Any, tunnel: int) -> None:
    """What it takes to open a conversation."""
    m = s.m
    _seek_clients(m, row, w)
    last = m[_words_of(s, _root(s, tunnel)) + _T_OPEN + 1] - 1
    prefetch(m, data(m, _CONVERSATIONS, last), 0)
    _fetch_conversation(s, spare(m, _CONVERSATIONS))


@compiled
def _fetch_oldest_conversation(s: _State) -> None:
    """Ask for what it takes to close the one that has to give way next, and for the one after."""
    m = s.m
    place = oldest(m, _CONVERSATIONS)
    if place < 0:
        return
    fetch_oldest(m, _CONVERSATIONS)
    fetch_neighbours(m, _CONVERSATIONS, _C_OPEN, place)
    tunnel = s.conversations[place].tunnel
    prefetch(m, _words_of(s, tunnel), 0)
    prefetch(s.tunnels, tunnel, layout.HOT_OF_TUNNEL[-1])
    _fetch_conversation(s, after(m, _CONVERSATIONS, place))


@compiled
def _seek_clients(m: Memory, row: Any, w: Any) -> None:
    """Of a flow not met before, either end may be a client."""
    for end in range(_keys_of(row)):
        _key_from(m, row, w, end == 0, -1)
        hash_at(m, _CLIENT_KEY, m, KEY)
        fetch_bucket(m, _CLIENTS, m, KEY)


@compiled
def _fetch_clients(m: Memory, row: Any, w: Any) -> int:
    """The place of one of them, or -1."""
    place = -1
    for end in range(_keys_of(row)):
        _key_from(m, row, w, end == 0, -1)
        hash_at(m, _CLIENT_KEY, m, KEY)
        place = max(place, fetch_place(m, _CLIENTS, m, KEY))
    return place


@compiled
def _has_ports(row: Any) -> bool:
    return row.outer_transport == _OVER_UDP or row.outer_transport == _OVER_TCP


@compiled
def _keys_of(row: Any) -> int:
    """How many client keys a row has: with ports one for each end."""
    return 2 if _has_ports(row) else 1


@compiled
def _seek_tunnel(s: _State, row: Any, w: Any, ahead: int) -> None:
    m = s.m
    flow = s.ahead[ahead + _A_PLACE]
    place = m[data(m, _FLOWS, flow) + _F_TUNNEL] if flow >= 0 else _fetch_clients(m, row, w)
    s.ahead[ahead + _A_TUNNEL] = place
    if place < 0:
        return
    for word in layout.HOT_OF_TUNNEL:
        prefetch(s.tunnels, place, word)
    prefetch(m, _words_of(s, place), 0)


@compiled
def _seek_in_tunnel(s: _State, row: Any, w: Any, ahead: int) -> None:
    """The buckets of what depends on the tunnel, and the keys of what most rows need."""
    m, k = s.m, s.ahead
    seen = k[ahead + _A_TUNNEL]
    serial = s.tunnels[_root(s, seen)].serial
    outbound = _leaves_client(s.tunnels[seen], row, w)
    if row.has_transport:
        _name_tunnel(m, k, ahead + _A_CONVERSATION, row, serial)
        fetch_bucket(m, _CONVERSATIONS, k, ahead + _A_CONVERSATION)
    # Of bare rows it may yet be learned what they are, which is in that key.
    sure = row.kind != _IP6_IN_UDP
    if sure and _is_sought(s, row, w, seen) and _view_key(s, row, w, outbound, ahead + _A_VIEW):
        k[ahead + _A_OUTBOUND] = outbound
        fetch_bucket(m, _VIEWS, k, ahead + _A_VIEW)
    if k[ahead + _A_PLACE] < 0:
        _hash_peer(s, row, w, seen)
        fetch_bucket(m, _PEERS, m, KEY)


@compiled
def _hash_peer(s: _State, row: Any, w: Any, seen: int) -> None:
    tunnel = s.tunnels[_root(s, seen)]
    _peer_key(s.m, row, w, tunnel.serial, _leaves_client(s.tunnels[seen], row, w))
    hash_at(s.m, _PEER_KEY, s.m, KEY)


@entry(_prepare_example)
def prepare(state: _State, rows: Any, words: Any, ahead: Memory) -> None:
    """Make the keys that depend on nothing but the rows."""
    s = _bare(state, ahead)
    some = pointer_to(rows)
    for at in range(words.shape[0]):
        _prepare(s, some[at], pointer_to(words[at]), at * _A_WIDTH)


@compiled
def _prepare(s: _State, row: Any, w: Any, ahead: int) -> None:
    """Another thread may be within ``update``: of its memory only the secrets are read."""
    m, k = s.m, s.ahead
    if row.depth == 0:
        _copy_key(k, ahead + _A_SCRATCH, row, w)
        fold(m, 14, k, ahead + _A_SCRATCH, k, ahead + _A_COPY)
        k[ahead + _A_SOURCE_FIRST] = _flow_key(k, ahead + _A_FLOW, row, w)
        hash_at(m, _FLOW_KEY, k, ahead + _A_FLOW)
    if row.has_transport:
        _conversation_key(k, ahead + _A_CONVERSATION, row, w)
    k[ahead + _A_CONVERSATION] = k[ahead + _A_OUTBOUND] = -1
    k[ahead + _A_PLACE] = k[ahead + _A_TUNNEL] = -1


@entry(_update_example)
def update(state: _State, rows: Any, words: Any, ahead: Memory, start: int, until: int) -> int:
    """See ``interface.TableLike.update``; events are in ``s.events``."""
    s = _bare(state, ahead)
    _begin(s)
    return _take_frames(s, pointer_to(rows), words, start, until)


@compiled
def _take_frame(s: _State, rows: Any, words: Any, index: int, end: int) -> None:
    if not s.m[_HAS_BEGUN]:
        s.m[_HAS_BEGUN] = 1
        s.m[_BEGAN] = rows[index].time
    deepest = -1
    for at in range(index, end):
        _mark(s, rows, at)
        if _counts(rows[at]):
            deepest = at
    parent, outbound = -1, False
    for at in range(index, deepest + 1):
        if _counts(rows[at]):
            w = pointer_to(words[at])
            parent, outbound = _take(s, rows[at], w, at, parent, outbound, at == deepest)


@compiled
def _is_setup(row: Any) -> bool:
    return row.teredo_packet == _SOLICITATION or row.teredo_packet == _ADVERTISEMENT


@compiled
def _take(
    s: _State, row: Any, w: Any, at: int, parent: int, parent_outbound: bool, deepest: bool
) -> tuple[int, bool]:
    """Attribute one row; its tunnel and direction, for the row nested in it."""
    if row.depth and parent < 0:
        return -1, False  # nested in a packet that was seen on the other side already
    if row.kind == _IP6_IN_IP6 and parent >= 0:
        place, outbound = parent, parent_outbound
    else:
        seen, outbound = _tunnel_of(s, row, w, parent, parent_outbound)
        if seen < 0:
            _note_embedded(s, row, w)
            return -1, False
        _see(s, seen, row.time)
        if row.depth == 0 and _second_view(s, row, w, at, seen, outbound):
            return -1, False
        place = _root(s, seen)
        _count(s, row, w, at, place, seen, outbound)
    if deepest and not _is_setup(row):
        _converse(s, row, w, at, place, outbound)
    return place, outbound


# Tunnels


@compiled
def _words_of(s: _State, place: int) -> int:
    return data(s.m, _CLIENTS, place)


@compiled
def _root(s: _State, place: int) -> int:
    joined = s.tunnels[place].joined
    return signed(place) if joined < 0 else signed(joined)


@compiled
def _client_key(
    m: Memory, row: Any, c0: int, c1: int, c_port: int, f0: int, f1: int, parent: int
) -> None:
    """With ports a tunnel is its client's endpoint, without the pair of ends and a key of GRE."""
    m[KEY] = signed(row.outer_transport) << 8 | signed(row.outer_version)
    m[KEY + 6] = parent
    if _has_ports(row):
        m[KEY + 1], m[KEY + 2], m[KEY + 5] = c0, c1, c_port
        m[KEY + 3], m[KEY + 4] = 0, 0
        return
    m[KEY + 5] = signed(row.outer_key)
    if _comes_first(c0, c1, 0, f0, f1, 0):
        m[KEY + 1], m[KEY + 2], m[KEY + 3], m[KEY + 4] = c0, c1, f0, f1
    else:
        m[KEY + 1], m[KEY + 2], m[KEY + 3], m[KEY + 4] = f0, f1, c0, c1


@compiled
def _key_from(m: Memory, row: Any, w: Any, from_source: bool, parent: int) -> None:
    """The client key with the client at the row's source, or at its destination."""
    s0, s1 = w[_OUTER_SOURCE], w[_OUTER_SOURCE + 1]
    d0, d1 = w[_OUTER_DESTINATION], w[_OUTER_DESTINATION + 1]
    if from_source:
        _client_key(m, row, s0, s1, signed(row.outer_source_port), d0, d1, parent)
    else:
        _client_key(m, row, d0, d1, signed(row.outer_destination_port), s0, s1, parent)


@compiled
def _tunnel_of(s: _State, row: Any, w: Any, parent: int, parent_outbound: bool) -> tuple[int, bool]:
    """The tunnel of a row, if it is anybody's, and whether the row leaves its client.

    Nothing but the VLAN, what the epoch counts, and what a packet says to a client that has not
    shown its address, changes the answer for a flow whose tunnel's inside end is known.
    """
    m = s.m
    if parent >= 0 or m[_FLOW] < 0:
        return _find_tunnel(s, row, w, parent, parent_outbound)
    at = data(m, _FLOWS, m[_FLOW])
    vlan = signed(row.vlan) << 1
    same = m[at + _F_EPOCH] == m[_EPOCH] and m[at + _F_CLIENT_FIRST] & -2 == vlan
    if same and _is_settled(s.tunnels[m[at + _F_TUNNEL]], row):
        return m[at + _F_TUNNEL], m[at + _F_CLIENT_FIRST] & 1 == m[_SOURCE_FIRST]
    place, outbound = _find_tunnel(s, row, w, parent, parent_outbound)
    known = place >= 0 and s.tunnels[place].inside_known and not _between_equals(row, w)
    # What this packet alone has corrected, another one may not.
    if known and _is_settled(s.tunnels[place], row) and _known(s, row, w, signed(-1)) == place:
        m[at + _F_TUNNEL], m[at + _F_EPOCH] = place, m[_EPOCH]
        m[at + _F_CLIENT_FIRST] = vlan | (outbound == (m[_SOURCE_FIRST] != 0))
    return place, outbound


@compiled
def _is_settled(tunnel: Any, row: Any) -> bool:
    """Whether nothing that this packet says can make the tunnel's client give way."""
    return tunnel.local or row.kind != _TEREDO or _is_proved(tunnel)


@compiled
def _is_proved(tunnel: Any) -> bool:
    """Whether its own address embeds the very IPv4 that it sends from."""
    if not tunnel.has_address or not _is_teredo(tunnel.address_0):
        return False
    return tunnel.client_0 == _mapped_ip(tunnel.address_1) and tunnel.client_1 == 0


@compiled
def _between_equals(row: Any, w: Any) -> bool:
    """Whether a packet names one outer end twice: nobody can tell its direction by the ends."""
    return (
        w[_OUTER_SOURCE] == w[_OUTER_DESTINATION]
        and w[_OUTER_SOURCE + 1] == w[_OUTER_DESTINATION + 1]
        and row.outer_source_port == row.outer_destination_port
    )


@compiled
def _find_tunnel(
    s: _State, row: Any, w: Any, parent: int, parent_outbound: bool
) -> tuple[int, bool]:
    """The tunnel of a row, if it is anybody's, and whether the row leaves its client."""
    around = signed(-1)
    if parent >= 0:
        around = s.tunnels[parent].serial
        if s.tunnels[parent].inside_known:
            # A nested tunnel lies the way the one around it does, whatever ends it names.
            return _known_or_new(s, row, w, parent_outbound, around), parent_outbound
    place = _known(s, row, w, around)
    if place >= 0:
        if s.tunnels[place].inside_known:
            place = _corrected(s, row, w, place)
        else:
            place = _learned(s, row, w, place)
        return place, _leaves_client(s.tunnels[place], row, w)
    end = _inside_end(s, row, w, around)
    known = end != _UNKNOWN_END
    if not known:
        end = _likely_client(s, row, w, around)
    if end == _UNKNOWN_END:
        return signed(-1), False
    outbound = end == _AT_SOURCE
    return _new_tunnel(s, row, w, outbound, known, around), outbound


@compiled
def _leaves_client(tunnel: Any, row: Any, w: Any) -> bool:
    return (
        tunnel.client_0 == w[_OUTER_SOURCE]
        and tunnel.client_1 == w[_OUTER_SOURCE + 1]
        and tunnel.client_port == row.outer_source_port
    )


@compiled
def _known(s: _State, row: Any, w: Any, around: int) -> int:
    """The tunnel of either end; of two, the same one for both directions."""
    _key_from(s.m, row, w, True, around)
    first = find(s.m, _CLIENTS)
    if not _has_ports(row):
        return first
    _key_from(s.m, row, w, False, around)
    second = find(s.m, _CLIENTS)
    if first < 0:
        return second
    return second if second >= 0 and _is_surer(s, second, first) else first


@compiled
def _is_surer(s: _State, first: int, second: int) -> bool:
    """Whether it is surer of the first that its client is an inside end; of equals, the older."""
    doubt, other_doubt = _doubt(s, first), _doubt(s, second)
    if doubt != other_doubt:
        return doubt < other_doubt
    return s.tunnels[first].serial < s.tunnels[second].serial


@compiled
def _doubt(s: _State, place: int) -> int:
    """The smaller, the surer it is that the tunnel's client is an inside end."""
    tunnel = s.tunnels[place]
    doubt = 0
    if not tunnel.inside_known:
        doubt += 8
    if not tunnel.local:
        doubt += 4
    if not tunnel.reasons & _SETUP_SEEN:
        doubt += 2
    if not _is_proved(tunnel):
        doubt += 1
    return doubt


@compiled
def _corrected(s: _State, row: Any, w: Any, place: int) -> int:
    """A client believed by what packets say gives way to an end that lies inside, and until it has
    shown its own address also to one that shows its own."""
    tunnel = s.tunnels[place]
    if tunnel.local or not _has_ports(row):
        return place
    end = _lying_inside(s, row, w)
    if end == _UNKNOWN_END and not _is_proved(tunnel):
        end = _mapped_end(row, w)
    if end == _UNKNOWN_END:
        return place
    return _known_or_new(s, row, w, end == _AT_SOURCE, tunnel.parent)


@compiled
def _learned(s: _State, row: Any, w: Any, place: int) -> int:
    """A later row may tell the inside end that the first could not."""
    tunnel = s.tunnels[place]
    end = _inside_end(s, row, w, signed(tunnel.parent))
    if end == _UNKNOWN_END:
        return place
    at = _OUTER_SOURCE if end == _AT_SOURCE else _OUTER_DESTINATION
    other = _OUTER_DESTINATION if end == _AT_SOURCE else _OUTER_SOURCE
    port, other_port = row.outer_source_port, row.outer_destination_port
    if end != _AT_SOURCE:
        port, other_port = other_port, port
    if tunnel.client_0 != w[at] or tunnel.client_1 != w[at + 1] or tunnel.client_port != port:
        if _has_ports(row):
            return _known_or_new(s, row, w, end == _AT_SOURCE, tunnel.parent)
        tunnel.client_0, tunnel.client_1, tunnel.client_port = w[at], w[at + 1], port
        tunnel.far_0, tunnel.far_1, tunnel.far_port = w[other], w[other + 1], other_port
        s.m[_words_of(s, place) + _T_FAR_KNOWN] = 0
        tunnel.inbound, tunnel.outbound = tunnel.outbound, tunnel.inbound
        _place_client(s, tunnel)
    _know_inside(s, place)
    return place


@compiled
def _know_inside(s: _State, place: int) -> None:
    """What was said before nobody could call inbound: it must not hide what is said now."""
    if not s.tunnels[place].inside_known:
        s.tunnels[place].inside_known = 1
        s.m[_EPOCH] += 1
        _close_all(s, place)


@compiled
def _place_client(s: _State, tunnel: Any) -> None:
    first, second = tunnel.client_0, tunnel.client_1
    if tunnel.version == 4:
        first, second = first & 0xFFFFFFFF, 0
    vlan = signed(tunnel.vlan) - 1
    tunnel.local = _is_local(s, signed(tunnel.version), first, second, vlan)


@compiled
def _known_or_new(s: _State, row: Any, w: Any, from_source: bool, around: int) -> int:
    """The tunnel of a client that is known to be the inside end."""
    _key_from(s.m, row, w, from_source, around)
    place = find(s.m, _CLIENTS)
    if place < 0:
        return _new_tunnel(s, row, w, from_source, True, around)
    _know_inside(s, place)
    return place


@compiled
def _new_tunnel(s: _State, row: Any, w: Any, from_source: bool, known: bool, around: int) -> int:
    m = s.m
    if count(m, _CLIENTS) >= m[_MAX_TUNNELS]:
        m[_HIT_TUNNELS] += 1
        _evict_tunnel(s)
    _key_from(m, row, w, from_source, around)
    hash_key(m, _CLIENTS)
    place = add(m, _CLIENTS)
    tunnel = s.tunnels[place]
    _clear_tunnel(tunnel)
    at = _OUTER_SOURCE if from_source else _OUTER_DESTINATION
    other = _OUTER_DESTINATION if from_source else _OUTER_SOURCE
    tunnel.client_0, tunnel.client_1 = w[at], w[at + 1]
    tunnel.far_0, tunnel.far_1 = w[other], w[other + 1]
    tunnel.client_port = row.outer_source_port if from_source else row.outer_destination_port
    tunnel.far_port = row.outer_destination_port if from_source else row.outer_source_port
    tunnel.serial = m[_NEXT_TUNNEL]
    m[_NEXT_TUNNEL] += 1
    tunnel.parent = around
    tunnel.first = tunnel.last = row.time
    tunnel.vlan = row.vlan
    tunnel.kind = row.kind
    tunnel.transport = row.outer_transport
    tunnel.outer_key = row.outer_key
    tunnel.version = row.outer_version
    tunnel.inside_known = known
    tunnel.midstream = row.teredo_packet != _SOLICITATION
    _place_client(s, tunnel)
    words = _words_of(s, place)
    for i in range(_T_WIDTH):
        m[words + i] = 0
    m[words + _T_ALIVE] = 1
    m[words + _T_IS_UNANSWERED] = 1
    m[_EPOCH] += 1
    append(m, _UNANSWERED, _CLIENTS, _T_UNANSWERED, place)
    return place


@compiled
def _clear_tunnel(tunnel: Any) -> None:
    tunnel.address_0 = tunnel.address_1 = 0
    tunnel.asked_server_0 = tunnel.asked_server_1 = 0
    tunnel.asked_source_0 = tunnel.asked_source_1 = 0
    tunnel.last_outbound = tunnel.packets = tunnel.bytes = 0
    tunnel.inbound = tunnel.outbound = tunnel.asked_nonce = 0
    tunnel.bubbles = tunnel.bubble_octets = tunnel.bubble_sketch = 0
    tunnel.trailers = tunnel.tail_octets = tunnel.nonces = tunnel.nonce_sketch = 0
    tunnel.nonce_nibbles_0 = tunnel.nonce_nibbles_1 = 0
    tunnel.nonce_nibbles_2 = tunnel.nonce_nibbles_3 = 0
    tunnel.label_sketch = tunnel.minute = 0
    tunnel.kinds = tunnel.reasons = tunnel.anomalies = 0
    tunnel.peers = tunnel.attempts = tunnel.notices = 0
    tunnel.joined = -1
    tunnel.kind_sure = tunnel.confidence = tunnel.vantages = 0
    tunnel.promoted = tunnel.refused = tunnel.has_address = 0
    tunnel.has_outbound = tunnel.asked = tunnel.asked_auth = 0


@compiled
def _see(s: _State, place: int, time: int) -> None:
    """Keep the order in which tunnels were last seen."""
    m = s.m
    tunnel = s.tunnels[place]
    before = tunnel.last
    tunnel.last = max(before, time)
    if time // SECOND == before // SECOND:
        return
    touch(m, _CLIENTS, place)
    if m[_words_of(s, place) + _T_IS_UNANSWERED] and m[_UNANSWERED + 1] != place + 1:
        unlink(m, _UNANSWERED, _CLIENTS, _T_UNANSWERED, place)
        append(m, _UNANSWERED, _CLIENTS, _T_UNANSWERED, place)


@compiled
def _leave_unanswered(s: _State, place: int) -> None:
    words = _words_of(s, place)
    if s.m[words + _T_IS_UNANSWERED]:
        s.m[words + _T_IS_UNANSWERED] = 0
        unlink(s.m, _UNANSWERED, _CLIENTS, _T_UNANSWERED, place)


@compiled
def _evict_tunnel(s: _State) -> None:
    """The oldest that nobody answered goes first, an answered one only if there is none."""
    place = s.m[_UNANSWERED] - 1
    if place < 0:
        place = oldest(s.m, _CLIENTS)
    _end_tunnel(s, place, s.tunnels[place].last, EVICTED)


@compiled
def _end_tunnel(s: _State, place: int, now: int, value: int) -> None:
    """Forget a tunnel together with its views from the other side of the NAT."""
    _close_all(s, place)
    view = s.m[_words_of(s, place) + _T_VIEWS] - 1
    while view >= 0:
        _close_all(s, view)
        _end_one(s, view, now, value)
        view = s.m[_words_of(s, place) + _T_VIEWS] - 1
    _end_one(s, place, now, value)


@compiled
def _close_all(s: _State, place: int) -> None:
    conversation = s.m[_words_of(s, place) + _T_OPEN] - 1
    while conversation >= 0:
        _close(s, conversation)
        conversation = s.m[_words_of(s, place) + _T_OPEN] - 1


@compiled
def _end_one(s: _State, place: int, now: int, value: int) -> None:
    m = s.m
    tunnel = s.tunnels[place]
    words = _words_of(s, place)
    hide(m, _CLIENTS, place)
    _leave_unanswered(s, place)
    _forget_peers(s, place)
    m[words + _T_ALIVE] = 0
    m[_EPOCH] += 1
    if tunnel.joined >= 0:
        root = _words_of(s, signed(tunnel.joined))
        unlink(m, root + _T_VIEWS, _CLIENTS, _T_VIEW, place)
    elif tunnel.promoted:
        _end_services(s, place)
        _event(s, _E_END, -1, place, now, -1, -1, value)
    else:
        m[_ENDED_UNPROMOTED] += 1
    if tunnel.promoted:
        # An event of this frame may name it.
        append(m, _ENDED_TUNNELS, _CLIENTS, _T_ENDED, place)
    else:
        release(m, _CLIENTS, place)


@compiled
def _begin(s: _State) -> None:
    """Forget the events handed out last time, and let go what they named."""
    m = s.m
    m[_EVENTS] = 0
    while m[_ENDED_EXPOSURES]:
        place = m[_ENDED_EXPOSURES] - 1
        unlink(m, _ENDED_EXPOSURES, _EXPOSURES, _X_ENDED, place)
        _leave_services(s, place)
        _forget_remotes(s, place)
        release(m, _EXPOSURES, place)
    while m[_ENDED_TUNNELS]:
        place = m[_ENDED_TUNNELS] - 1
        unlink(m, _ENDED_TUNNELS, _CLIENTS, _T_ENDED, place)
        release(m, _CLIENTS, place)


# The other side of the NAT


@compiled
def _second_view(s: _State, row: Any, w: Any, at: int, seen: int, outbound: bool) -> bool:
    """Whether this packet was already seen on the other side of the NAT; joins the two."""
    m = s.m
    if not _is_sought(s, row, w, seen):
        return False
    ahead = at * _A_WIDTH
    key = ahead + _A_VIEW
    if s.ahead[ahead + _A_OUTBOUND] != outbound and not _view_key(s, row, w, outbound, key):
        return False
    serial = s.tunnels[seen].serial
    view = seek(m, _VIEWS, s.ahead, key)
    if view >= 0:
        words = data(m, _VIEWS, view)
        if abs(row.time - m[words + _V_TIME]) <= m[_JOIN_WINDOW] and m[words + _V_SERIAL] != serial:
            other, other_serial = m[words + _V_PLACE], m[words + _V_SERIAL]
            alive = m[_words_of(s, other) + _T_ALIVE]
            if not alive or s.tunnels[other].serial != other_serial:
                return False
            if _join(s, row, w, at, seen, other, outbound):
                return True
            if not _of_one_host(s, _root(s, seen), _root(s, other)):
                return False
            serial = signed(-1)  # which of its ports the other side shows, nobody can tell
        touch(m, _VIEWS, view)
    else:
        view = put(m, _VIEWS, s.ahead, key)
    words = data(m, _VIEWS, view)
    m[words + _V_TIME], m[words + _V_PLACE], m[words + _V_SERIAL] = row.time, seen, serial
    _age(m, _VIEWS, row.time, m[_JOIN_WINDOW], VIEWS_KEPT)
    return False


@compiled
def _of_one_host(s: _State, first: int, second: int) -> bool:
    a, b = s.tunnels[first], s.tunnels[second]
    if not a.local or not b.local:
        return False
    return a.client_0 == b.client_0 and a.client_1 == b.client_1


@compiled
def _is_sought(s: _State, row: Any, w: Any, seen: int) -> bool:
    """Whether this packet may join two views; see ``limits.VIEWS_SURE``."""
    tunnel = s.tunnels[seen]
    if tunnel.packets < VIEWS_SURE or w[_DIGEST] & VIEWS_SAMPLE == 0 or _is_setup(row):
        return True
    return tunnel.joined >= 0 or s.m[_words_of(s, seen) + _T_VIEWS] != 0


@compiled
def _view_key(s: _State, row: Any, w: Any, outbound: bool, key: int) -> bool:
    """What a packet keeps when a NAT rewrites its inside end; False: nothing tells it apart."""
    if row.inner_length == 0:
        return False
    m = s.m
    far = _OUTER_DESTINATION if outbound else _OUTER_SOURCE
    port = row.outer_destination_port if outbound else row.outer_source_port
    setup = _is_setup(row)
    m[KEY] = (
        signed(setup) | signed(outbound) << 8 | signed(row.teredo_packet) << 16 | signed(port) << 32
    )
    if setup:
        m[KEY + 1] = _nonce(w)
        if m[KEY + 1] == 0:
            return False
        for i in range(4):
            m[KEY + 2 + i] = 0
    else:
        m[KEY + 1] = w[_DIGEST]
        for i in range(4):  # the inner source and destination
            m[KEY + 2 + i] = w[_INNER_SOURCE + i]
    m[KEY + 6], m[KEY + 7] = w[far], w[far + 1]
    _sign(m, KEY + 8, row)
    fold(m, 11, m, KEY, s.ahead, key)
    return True


@compiled
def _join(s: _State, row: Any, w: Any, at: int, seen: int, other: int, outbound: bool) -> bool:
    """Make one of two views of a tunnel; the view from inside names the host and stays."""
    first, second = _root(s, seen), _root(s, other)
    if first == second:
        _see(s, first, row.time)
        return True
    if s.tunnels[first].local == s.tunnels[second].local:
        return False
    root, absorbed = first, second
    if s.tunnels[second].local:
        root, absorbed = second, first
    if not outbound and _is_anothers(s.tunnels[root], row, w):
        return False
    another = outbound and _is_another_mapping(s, row, w, root, absorbed)
    if not another and not _mapping_agrees(s, row, w, first, second):
        return False
    _absorb(s, root, absorbed)
    _see(s, root, row.time)
    if s.tunnels[root].promoted or s.tunnels[absorbed].promoted:
        _promote(s, row, at, root)
        _tell(s, _E_JOIN, at, root, row.time, absorbed)
    return True


@compiled
def _is_client(s: _State, place: int, ip: int, port: int) -> bool:
    tunnel = s.tunnels[place]
    return tunnel.client_0 == ip and tunnel.client_1 == 0 and tunnel.client_port == port


@compiled
def _is_anothers(inside: Any, row: Any, w: Any) -> bool:
    """Whether a packet reaches a client that is known by another address than the packet names."""
    if row.kind != _TEREDO or not _is_teredo(w[_INNER_DESTINATION]):
        return False
    return inside.has_address != 0 and not _is_address(inside, w, _INNER_DESTINATION)


@compiled
def _mapping_agrees(s: _State, row: Any, w: Any, first: int, second: int) -> bool:
    """Where the packet names the client's mapping, it must be the public one of the two.

    Other kinds over UDP name none; their conversations are nobody else's.
    """
    if row.outer_transport != _OVER_UDP:
        return True
    if _is_setup(row):
        ip, port = w[_NONCE + 1] >> 32 & 0xFFFFFFFF, signed(row.origin_port)
        return (
            not row.has_origin or _is_client(s, first, ip, port) or _is_client(s, second, ip, port)
        )
    if row.kind != _TEREDO:
        return row.has_transport and (row.inner_transport == _TCP or row.inner_transport == _UDP)
    for end in (_INNER_SOURCE, _INNER_DESTINATION):
        if _is_teredo(w[end]):
            ip, port = _mapped_ip(w[end + 1]), _mapped_port(w[end + 1])
            if _is_client(s, first, ip, port) or _is_client(s, second, ip, port):
                return True
    return False


@compiled
def _is_another_mapping(s: _State, row: Any, w: Any, inside: int, public: int) -> bool:
    """Whether a symmetric NAT gave the sender one more port of the IPv4 that it had before.

    The mapping that its address embeds must have been joined with the same inside host.
    """
    m, tunnel = s.m, s.tunnels[public]
    first, second = w[_INNER_SOURCE], w[_INNER_SOURCE + 1]
    if row.kind != _TEREDO or not _is_teredo(first):
        return False
    ip = _mapped_ip(second)
    if tunnel.client_0 != ip or tunnel.client_1 != 0:
        return False
    _client_key(m, row, ip, 0, _mapped_port(second), ip, 0, tunnel.parent)
    place = find(m, _CLIENTS)
    if place < 0:
        return False
    host, known = s.tunnels[inside], s.tunnels[_root(s, place)]
    return host.client_0 == known.client_0 and host.client_1 == known.client_1


@compiled
def _absorb(s: _State, root: int, absorbed: int) -> None:
    m = s.m
    stays, goes = s.tunnels[root], s.tunnels[absorbed]
    ends = _words_of(s, root) + _T_VIEWS
    goes.joined = root
    append(m, ends, _CLIENTS, _T_VIEW, absorbed)
    own = _words_of(s, absorbed) + _T_VIEWS
    view = m[own] - 1
    while view >= 0:
        unlink(m, own, _CLIENTS, _T_VIEW, view)
        s.tunnels[view].joined = root
        append(m, ends, _CLIENTS, _T_VIEW, view)
        view = m[own] - 1
    _leave_unanswered(s, absorbed)
    stays.vantages = stays.vantages | goes.vantages | 1 << _INSIDE_SIDE | 1 << _OUTSIDE_SIDE
    if not stays.has_address and goes.has_address:
        stays.has_address = 1
        stays.address_0, stays.address_1 = goes.address_0, goes.address_1
    if not stays.asked and goes.asked:
        _ask(stays, goes)
    stays.midstream = stays.midstream & goes.midstream
    _move_conversations(s, absorbed, root)
    _move_services(s, absorbed, root)


@compiled
def _ask(stays: Any, goes: Any) -> None:
    stays.asked = 1
    stays.asked_auth = goes.asked_auth
    stays.asked_nonce = goes.asked_nonce
    stays.asked_server_0, stays.asked_server_1 = goes.asked_server_0, goes.asked_server_1
    stays.asked_source_0, stays.asked_source_1 = goes.asked_source_0, goes.asked_source_1


@compiled
def _move_conversations(s: _State, absorbed: int, root: int) -> None:
    """Open conversations go on in the tunnel that stays, unless it has seen them itself."""
    m = s.m
    own, ends = _words_of(s, absorbed) + _T_OPEN, _words_of(s, root) + _T_OPEN
    place = m[own] - 1
    while place >= 0:
        recall(m, _CONVERSATIONS, place)
        m[KEY] = s.tunnels[root].serial << 8 | m[KEY] & 0xFF
        if find(m, _CONVERSATIONS) >= 0:
            _close(s, place)
        else:
            rename(m, _CONVERSATIONS, place)
            unlink(m, own, _CONVERSATIONS, _C_OPEN, place)
            append(m, ends, _CONVERSATIONS, _C_OPEN, place)
            s.conversations[place].tunnel = root
        place = m[own] - 1


@compiled
def _move_services(s: _State, absorbed: int, root: int) -> None:
    """Exposures go on in the tunnel that stays, unless they are some of its own already."""
    m = s.m
    place = m[_words_of(s, absorbed) + _T_SERVICES] - 1
    while place >= 0:
        behind = following(m, _EXPOSURES, _X_SERVICE, place)
        recall(m, _EXPOSURES, place)
        if m[KEY + 3] >= 0:
            m[KEY + 3] = s.tunnels[root].serial
            if find(m, _EXPOSURES) >= 0:
                _end_exposure(s, place)
            else:
                rename(m, _EXPOSURES, place)
                _carry(s, place, root)
        else:
            _carry(s, place, root)
        place = behind


# Counting


@compiled
def _count(s: _State, row: Any, w: Any, at: int, place: int, seen: int, outbound: bool) -> None:
    tunnel = s.tunnels[place]
    another_kind = tunnel.packets > 0 and (row.kinds & ~tunnel.kinds) != 0
    if row.reasons & ~tunnel.reasons & _SETUP_SEEN:
        s.m[_EPOCH] += 1  # it is surer now which end is inside
    _add_packet(tunnel, row, outbound)
    _add_statistics(tunnel, row, w)
    tunnel.vantages |= 1 << _vantage(s, row, seen, place)
    if tunnel.inbound and tunnel.outbound:
        _leave_unanswered(s, place)
    if not tunnel.promoted and _may_promote(s, place, row.time):
        _promote(s, row, at, place)
    if tunnel.promoted:
        _observe(s, row, w, at, place, outbound)
        if another_kind:
            _tell(s, _E_KINDS, at, place, row.time, 0)
    elif outbound and row.teredo_packet == _SOLICITATION:
        tunnel.asked = 1
        tunnel.asked_auth = row.has_auth != 0
        tunnel.asked_nonce = _nonce(w)
        tunnel.asked_server_0 = w[_OUTER_DESTINATION]
        tunnel.asked_server_1 = w[_OUTER_DESTINATION + 1]
        tunnel.asked_source_0, tunnel.asked_source_1 = w[_INNER_SOURCE], w[_INNER_SOURCE + 1]
    if row.kind == _TEREDO and not outbound and not _is_address(tunnel, w, _INNER_DESTINATION):
        _note_embedded(s, row, w)


@compiled
def _is_address(tunnel: Any, w: Any, end: int) -> bool:
    """Whether an inner address is the one that the tunnel's client is known to have."""
    return tunnel.has_address != 0 and w[end] == tunnel.address_0 and w[end + 1] == tunnel.address_1


@compiled
def _add_packet(tunnel: Any, row: Any, outbound: bool) -> None:
    tunnel.packets += 1
    tunnel.bytes += row.wire_length
    tunnel.last = max(tunnel.last, row.time)
    tunnel.kinds = tunnel.kinds | row.kinds
    tunnel.reasons = tunnel.reasons | row.reasons
    tunnel.confidence = max(tunnel.confidence, row.confidence)
    if outbound:
        tunnel.outbound += 1
        tunnel.last_outbound = row.time
        tunnel.has_outbound = 1
    else:
        tunnel.inbound += 1
    # The first packet that agrees with its outer ends names the kind, if it has a name.
    bare = tunnel.kind == _IP6_IN_UDP and row.kind != _IP6_IN_UDP
    agrees = (row.anomalies & _MISMATCH) == 0
    if bare or (agrees and not tunnel.kind_sure):
        tunnel.kind = row.kind
        tunnel.kind_sure = agrees


@compiled
def _add_statistics(tunnel: Any, row: Any, w: Any) -> None:
    """See ``layout.TunnelState``."""
    if row.teredo_packet == _BUBBLE:
        tunnel.bubbles += 1
        tunnel.bubble_octets += signed(row.inner_length) - _HEADER
        tunnel.bubble_sketch |= _sketch_bit(w[_DIGEST])
    tunnel.trailers += row.trailer_count
    tunnel.tail_octets += row.tail_length
    tunnel.label_sketch |= _sketch_bit(signed(row.flow_label))
    if row.has_auth:
        nonce = _nonce(w)
        tunnel.nonces += 1
        tunnel.nonce_sketch |= _sketch_bit(nonce)
        for i in range(8):
            _add_nibble(tunnel, nonce >> (8 * i + 4) & 0xF)


@compiled
def _add_nibble(tunnel: Any, nibble: int) -> None:
    word = nibble >> 2
    if word == 0:
        tunnel.nonce_nibbles_0 = _counted_up(tunnel.nonce_nibbles_0, nibble & 3)
    elif word == 1:
        tunnel.nonce_nibbles_1 = _counted_up(tunnel.nonce_nibbles_1, nibble & 3)
    elif word == 2:
        tunnel.nonce_nibbles_2 = _counted_up(tunnel.nonce_nibbles_2, nibble & 3)
    else:
        tunnel.nonce_nibbles_3 = _counted_up(tunnel.nonce_nibbles_3, nibble & 3)


@compiled
def _counted_up(word: int, counter: int) -> int:
    """One of four saturating counters of 16 bits, one higher."""
    shift = np.uint64(16 * counter)
    if np.uint64(word) >> shift & np.uint64(0xFFFF) == np.uint64(0xFFFF):
        return signed(word)
    return signed(np.uint64(word) + (np.uint64(1) << shift))


@compiled
def _vantage(s: _State, row: Any, seen: int, place: int) -> int:
    """The side named for the capture, else what the client's address tells."""
    if row.source < s.m[_VANTAGES] and s.vantages[row.source]:
        return signed(s.vantages[row.source])
    if s.tunnels[seen].local:
        return _INSIDE_SIDE
    return _OUTSIDE_SIDE if s.tunnels[place].inside_known else _UNKNOWN_SIDE


@compiled
def _may_promote(s: _State, place: int, now: int) -> bool:
    """Answered ones at once; unanswered ones within a budget by packet time."""
    m, tunnel = s.m, s.tunnels[place]
    if tunnel.inbound and tunnel.outbound:
        return True
    if tunnel.refused:
        return False
    minute = now // MINUTE
    if minute != m[_PROMOTION_MINUTE]:
        m[_PROMOTION_MINUTE], m[_PROMOTIONS] = minute, 0
    if m[_PROMOTIONS] >= m[_MAX_PROMOTIONS]:
        m[_HIT_PROMOTIONS] += 1
        tunnel.refused = 1
        return False
    m[_PROMOTIONS] += 1
    return True


@compiled
def _promote(s: _State, row: Any, at: int, place: int) -> None:
    if not s.tunnels[place].promoted:
        s.tunnels[place].promoted = 1
        _tell(s, _E_TUNNEL, at, place, row.time, 0)


@compiled
def _observe(s: _State, row: Any, w: Any, at: int, place: int, outbound: bool) -> None:
    """Events of a promoted tunnel."""
    tunnel = s.tunnels[place]
    if row.teredo_packet == _SOLICITATION and outbound:
        _notice(s, _E_SOLICITATION, at, place, row.time, 0)
    elif row.teredo_packet == _ADVERTISEMENT and not outbound:
        _notice(s, _E_ADVERTISEMENT, at, place, row.time, 0)
    if row.kind == _TEREDO:
        _observe_mapping(s, row, w, at, place, outbound)
        _observe_test(s, row, w, at, place, outbound)
    if row.trailer_count and outbound:
        _notice(s, _E_TRAILERS, at, place, row.time, 1)
    if row.inner_length:
        _observe_peers(s, row, w, at, place, outbound)
    new = signed(row.anomalies) & ~signed(tunnel.anomalies)
    if new:
        tunnel.anomalies = tunnel.anomalies | new
        _tell(s, _E_ANOMALY, at, place, row.time, new)


@compiled
def _notice(s: _State, kind: int, at: int, place: int, time: int, value: int) -> None:
    if _may_notice(s, place, time):
        _tell(s, kind, at, place, time, value)


@compiled
def _observe_mapping(s: _State, row: Any, w: Any, at: int, place: int, outbound: bool) -> None:
    """The client's own address: what it says itself, or what has proved to reach it."""
    tunnel = s.tunnels[place]
    end = _INNER_SOURCE if outbound else _INNER_DESTINATION
    first, second = w[end], w[end + 1]
    if not _is_teredo(first) or row.anomalies & _RESERVED_FLAGS:
        return
    if tunnel.has_address:
        if not outbound or _is_address(tunnel, w, end):
            return
    elif not outbound and not _maps_destination(row, w):
        return
    if _may_notice(s, place, row.time):
        tunnel.has_address = 1
        tunnel.address_0, tunnel.address_1 = first, second
        if not tunnel.local:
            s.m[_EPOCH] += 1  # it may be surer now, or less sure, that its client is inside
        _tell(s, _E_MAPPING, at, place, row.time, signed(outbound))


@compiled
def _observe_test(s: _State, row: Any, w: Any, at: int, place: int, outbound: bool) -> None:
    """RFC 4380 section 5.2.9: the reply comes from the relay nearest to the native node.

    At the end of another client, or of none that is known, it answers nothing.
    """
    m, tunnel = s.m, s.tunnels[place]
    if outbound and row.teredo_packet == _TEST:
        _test_key(m, row, w, tunnel, _INNER_SOURCE, _INNER_DESTINATION)
        if find(m, _TESTS) < 0:
            add(m, _TESTS)
            if count(m, _TESTS) > TESTS_KEPT:
                drop(m, _TESTS, oldest(m, _TESTS))
                m[_HIT_TESTS] += 1
    elif not outbound and _is_echo_reply(row) and _is_address(tunnel, w, _INNER_DESTINATION):
        _test_key(m, row, w, tunnel, _INNER_DESTINATION, _INNER_SOURCE)
        test = find(m, _TESTS)
        if test >= 0:
            drop(m, _TESTS, test)
            _notice(s, _E_TEST_REPLY, at, place, row.time, 0)


@compiled
def _test_key(m: Memory, row: Any, w: Any, tunnel: Any, own: int, asked: int) -> None:
    """Without the outer port: a symmetric NAT shows the server one, and the relay another."""
    m[KEY], m[KEY + 1] = w[own], w[own + 1]
    m[KEY + 2], m[KEY + 3] = w[asked], w[asked + 1]
    m[KEY + 4] = signed(row.inner_source_port) << 16 | signed(row.icmp_sequence)
    m[KEY + 5], m[KEY + 6] = tunnel.client_0, tunnel.client_1


@compiled
def _is_echo_reply(row: Any) -> bool:
    return row.has_transport and row.inner_transport == _ICMPV6 and row.icmp_type == _ECHO_REPLY


@compiled
def _observe_peers(s: _State, row: Any, w: Any, at: int, place: int, outbound: bool) -> None:
    new = _meet_far(s, row, w, place, outbound)
    if row.outer_transport == _OVER_IPV6 and row.kinds & EMBEDDING:
        for end in (_INNER_SOURCE, _INNER_DESTINATION):
            if _embeds(row, w[end], w[end + 1]) and _meet_inner(s, w, place, end):
                new = True
    if new and row.outer_transport != _OVER_UDP:
        _tell(s, _E_PEER, at, place, row.time, 0)


@compiled
def _embeds(row: Any, first: int, second: int) -> bool:
    """Whether an inner address embeds an IPv4 one; ``peers.embedding_ends`` says by which."""
    low = second & 0xFFFFFFFF
    if row.kinds & _BY_PROVIDER or first & 0xFFFF == 0x0220 or low & ~2 == 0xFE5E0000:
        return True
    return (first == 0 or first == 0x80FE) and low == 0 and second >> 32 & 0xFF != 0


@compiled
def _meet_inner(s: _State, w: Any, place: int, end: int) -> bool:
    """Whether this inner address is new to the tunnel, and there was room to remember it."""
    m = s.m
    m[KEY] = s.tunnels[place].serial
    m[KEY + 1], m[KEY + 2], m[KEY + 3] = w[end], w[end + 1], INNER
    return find(m, _PEERS) < 0 and _keep_peer(s, place)


@compiled
def _keep_peer(s: _State, place: int) -> bool:
    """Remember what stands at KEY, if there is room."""
    m, tunnel = s.m, s.tunnels[place]
    if tunnel.peers >= m[_MAX_PEERS] or count(m, _PEERS) >= PEERS_KEPT:
        m[_HIT_PEERS] += 1
        return False
    append(m, _words_of(s, place) + _T_PEERS, _PEERS, _P_TURN, add(m, _PEERS))
    tunnel.peers += 1
    return True


@compiled
def _meet_far(s: _State, row: Any, w: Any, place: int, outbound: bool) -> bool:
    """Whether the far end is new to the tunnel, and there was room to remember it."""
    m, tunnel = s.m, s.tunnels[place]
    end = _OUTER_DESTINATION if outbound else _OUTER_SOURCE
    port = row.outer_destination_port if outbound else row.outer_source_port
    known = _words_of(s, place) + _T_FAR_KNOWN
    same = tunnel.far_0 == w[end] and tunnel.far_1 == w[end + 1] and tunnel.far_port == port
    if same and m[known]:
        return False
    tunnel.far_0, tunnel.far_1, tunnel.far_port = w[end], w[end + 1], port
    flow = data(m, _FLOWS, m[_FLOW]) if m[_FLOW] >= 0 and row.depth == 0 else -1
    full = tunnel.peers >= m[_MAX_PEERS] or count(m, _PEERS) >= PEERS_KEPT
    peer_of = (tunnel.serial << 1 | (outbound == (m[_SOURCE_FIRST] != 0))) << 1
    if flow >= 0 and m[flow + _F_PEER] == peer_of | 1:
        m[known] = 1
        return False
    if flow >= 0 and m[flow + _F_PEER] == peer_of and full:
        m[known] = 0
        m[_HIT_PEERS] += 1
        return False
    _peer_key(m, row, w, tunnel.serial, outbound)
    m[known] = find(m, _PEERS) >= 0
    if flow >= 0:
        m[flow + _F_PEER] = peer_of | m[known]
    if m[known] or not _keep_peer(s, place):
        return False
    m[known] = 1
    if flow >= 0:
        m[flow + _F_PEER] = peer_of | 1
    return True


@compiled
def _peer_key(m: Memory, row: Any, w: Any, serial: int, outbound: bool) -> None:
    end = _OUTER_DESTINATION if outbound else _OUTER_SOURCE
    port = row.outer_destination_port if outbound else row.outer_source_port
    m[KEY] = serial
    m[KEY + 1], m[KEY + 2], m[KEY + 3] = w[end], w[end + 1], port


@compiled
def _forget_peers(s: _State, place: int) -> None:
    m = s.m
    peer = m[_words_of(s, place) + _T_PEERS] - 1
    while peer >= 0:
        behind = following(m, _PEERS, _P_TURN, peer)
        drop(m, _PEERS, peer)
        peer = behind


# Hosts


@compiled
def _host_key(m: Memory, role: int, first: int, second: int) -> None:
    m[KEY], m[KEY + 1], m[KEY + 2] = role, first, second


@compiled
def _host(s: _State, role: int, first: int, second: int, time: int) -> int:
    """The place of a host's accumulators, made the newest."""
    m = s.m
    _host_key(m, role, first, second)
    place = find(m, _HOSTS)
    if place >= 0:
        touch(m, _HOSTS, place)
        return place
    place = add(m, _HOSTS)
    host = s.hosts[place]
    host.address_0, host.address_1, host.role = first, second, role
    host.first = host.last = time
    host.tries = host.unanswered = host.flag_sketch = 0
    host.services_0 = host.services_1 = host.services_2 = host.services_3 = 0
    host.unanswered_0 = host.unanswered_1 = host.unanswered_2 = host.unanswered_3 = 0
    host.remotes_0 = host.remotes_1 = host.remotes_2 = host.remotes_3 = 0
    if count(m, _HOSTS) > HOSTS_KEPT:
        drop(m, _HOSTS, oldest(m, _HOSTS))
        m[_HIT_HOSTS] += 1
    return place


@compiled
def _word_bit(value: int, word: int) -> int:
    """The bit of a 256-bit sketch that a value sets, where it lies in that word; else none."""
    position = _mixed(value) >> np.uint64(56)
    if position >> np.uint64(6) != np.uint64(word):
        return 0
    return _bit(position & np.uint64(63))


@compiled
def _add_service(host: Any, value: int) -> None:
    host.services_0 |= _word_bit(value, 0)
    host.services_1 |= _word_bit(value, 1)
    host.services_2 |= _word_bit(value, 2)
    host.services_3 |= _word_bit(value, 3)


@compiled
def _add_unanswered(host: Any, value: int) -> None:
    host.unanswered_0 |= _word_bit(value, 0)
    host.unanswered_1 |= _word_bit(value, 1)
    host.unanswered_2 |= _word_bit(value, 2)
    host.unanswered_3 |= _word_bit(value, 3)


@compiled
def _add_remote(host: Any, value: int) -> None:
    host.remotes_0 |= _word_bit(value, 0)
    host.remotes_1 |= _word_bit(value, 1)
    host.remotes_2 |= _word_bit(value, 2)
    host.remotes_3 |= _word_bit(value, 3)


@compiled
def _note_embedded(s: _State, row: Any, w: Any) -> None:
    """A Teredo destination that is not the client's: somebody tries addresses."""
    first, second = w[_INNER_DESTINATION], w[_INNER_DESTINATION + 1]
    if not _is_teredo(first):
        return
    host = s.hosts[_host(s, EMBEDDED, _mapped_ip(second), 0, row.time)]
    host.last = max(host.last, row.time)
    host.tries += 1
    _add_service(host, _mapped_port(second))
    _add_unanswered(host, _mapped_port(second))
    _add_remote(host, _address_value(w[_INNER_SOURCE], w[_INNER_SOURCE + 1]))
    host.flag_sketch |= _sketch_bit(_teredo_flags(second))


@compiled
def _note_try(s: _State, conversation: Any) -> None:
    """A conversation from outside with an inside host."""
    first, second = conversation.responder_0, conversation.responder_1
    host = s.hosts[_host(s, INSIDE, first, second, conversation.first)]
    host.last = max(host.last, conversation.first)
    host.tries += 1
    service = signed(conversation.transport) << 16 | signed(conversation.responder_port)
    _add_service(host, service)
    _add_remote(host, _address_value(conversation.originator_0, conversation.originator_1))
    host.flag_sketch |= _sketch_bit(signed(conversation.first_flags))


@compiled
def _note_unanswered(s: _State, conversation: Any) -> None:
    """The end of a conversation in which the responder never spoke."""
    _host_key(s.m, INSIDE, conversation.responder_0, conversation.responder_1)
    place = find(s.m, _HOSTS)
    if place >= 0:
        s.hosts[place].unanswered += 1
        _add_unanswered(s.hosts[place], signed(conversation.responder_port))


# Conversations


@compiled
def _converse(s: _State, row: Any, w: Any, at: int, place: int, outbound: bool) -> None:
    """Count the packet in its inner conversation and say what it opens, answers, refuses."""
    transport = row.inner_transport
    if not row.has_transport:
        return
    if transport != _TCP and transport != _UDP and transport != _ICMPV6:
        return
    tunnel = s.tunnels[place]
    if transport == _ICMPV6 and row.icmp_type < _FIRST_QUERY_TYPE:
        if row.icmp_type == _UNREACHABLE_TYPE and outbound and tunnel.promoted and tunnel.attempts:
            _notice(s, _E_UNREACHABLE, at, place, row.time, 0)
        return
    number, new = _conversation_of(s, row, w, at, place, outbound)
    conversation = s.conversations[number]
    if conversation.from_outside == 1 and outbound == _by_originator(conversation, row, w):
        return  # it runs against what it says
    _add_to(conversation, row, w)
    if conversation.exposure >= 0 and _meets_still(s, conversation):
        exposure = s.exposures[conversation.exposure]
        exposure.last = max(exposure.last, row.time)
    if not tunnel.promoted or conversation.from_outside != 1:
        return
    if conversation.responder_0 & 0xFF == 0xFF:
        return  # a group is no host's service
    if transport == _TCP:
        _converse_tcp(s, row, w, at, place, number)
    elif transport == _UDP:
        _converse_udp(s, row, w, at, place, number, new)


@compiled
def _conversation_key(k: Memory, at: int, row: Any, w: Any) -> None:
    """Whichever way it runs; an echo's identifier stands at both ends. All but its first word."""
    sp, dp = signed(row.inner_source_port), signed(row.inner_destination_port)
    if row.inner_transport == _ICMPV6:
        dp = sp
    s0, s1 = w[_INNER_SOURCE], w[_INNER_SOURCE + 1]
    d0, d1 = w[_INNER_DESTINATION], w[_INNER_DESTINATION + 1]
    _put_ends(k, at + 1, s0, s1, sp, d0, d1, dp)


@compiled
def _name_tunnel(m: Memory, k: Memory, key: int, row: Any, serial: int) -> None:
    """The first word of a conversation's key, and its hash."""
    k[key] = serial << 8 | signed(row.inner_transport)
    hash_at(m, _CONVERSATION_KEY, k, key)


@compiled
def _conversation_of(
    s: _State, row: Any, w: Any, at: int, place: int, outbound: bool
) -> tuple[int, bool]:
    m, serial = s.m, s.tunnels[place].serial
    key = at * _A_WIDTH + _A_CONVERSATION
    if s.ahead[key] >> 8 != serial:  # nested, or the tunnel turned out to be another
        _name_tunnel(m, s.ahead, key, row, serial)
    number = seek(m, _CONVERSATIONS, s.ahead, key)
    if number >= 0:
        if not _gives_way(s.conversations[number], row, w):
            if row.time // SECOND != s.conversations[number].last // SECOND:
                touch(m, _CONVERSATIONS, number)
            return number, False
        _close(s, number)
    if count(m, _CONVERSATIONS) >= m[_MAX_CONVERSATIONS]:
        m[_HIT_CONVERSATIONS] += 1
        _close(s, oldest(m, _CONVERSATIONS))
        _fetch_oldest_conversation(s)
    from_outside = _from_outside(s, row, w, place, outbound)
    number = put(m, _CONVERSATIONS, s.ahead, key)
    append(m, _words_of(s, place) + _T_OPEN, _CONVERSATIONS, _C_OPEN, number)
    _open(s, row, w, place, number, from_outside)
    return number, True


@compiled
def _open(s: _State, row: Any, w: Any, place: int, number: int, from_outside: int) -> None:
    conversation, m = s.conversations[number], s.m
    flipped = _opened_before(s, row, place)
    _clear_conversation(conversation)
    a, b = _INNER_SOURCE, _INNER_DESTINATION
    conversation.originator_port = row.inner_source_port
    conversation.responder_port = row.inner_destination_port
    if flipped:
        a, b = b, a
        conversation.originator_port = row.inner_destination_port
        conversation.responder_port = row.inner_source_port
        conversation.history_0 = 0x5E  # ^
        if from_outside < 2:
            from_outside = 1 - from_outside
    conversation.originator_0, conversation.originator_1 = w[a], w[a + 1]
    conversation.responder_0, conversation.responder_1 = w[b], w[b + 1]
    conversation.outer_source_0 = w[_OUTER_SOURCE]
    conversation.outer_source_1 = w[_OUTER_SOURCE + 1]
    conversation.outer_destination_0 = w[_OUTER_DESTINATION]
    conversation.outer_destination_1 = w[_OUTER_DESTINATION + 1]
    conversation.outer_source_port = row.outer_source_port
    conversation.outer_destination_port = row.outer_destination_port
    conversation.outer_version = row.outer_version
    conversation.outer_transport = row.outer_transport
    conversation.serial = m[_NEXT_CONVERSATION]
    m[_NEXT_CONVERSATION] += 1
    conversation.first = conversation.last = row.time
    conversation.frame = row.frame
    conversation.source = row.source
    conversation.tunnel = place
    conversation.transport = row.inner_transport
    conversation.icmp_type, conversation.icmp_code = row.icmp_type, row.icmp_code
    conversation.from_outside = from_outside
    conversation.flipped = flipped
    conversation.first_flags = row.tcp_flags if row.inner_transport == _TCP else 0
    if from_outside == 1 and row.inner_transport != _ICMPV6 and s.tunnels[place].promoted:
        _note_try(s, conversation)
        _exposure_key(s, conversation, place)
        _link(s, number, find(m, _EXPOSURES))


@compiled
def _clear_conversation(conversation: Any) -> None:
    conversation.history_0 = conversation.history_1 = 0
    conversation.exposure_serial = -1
    conversation.sent_packets = conversation.sent_bytes = 0
    conversation.received_packets = conversation.received_bytes = 0
    conversation.syn_0 = conversation.syn_1 = conversation.syn_2 = conversation.syn_3 = 0
    conversation.exposure = -1
    conversation.syns = 0
    conversation.sent_syn = conversation.sent_closed = conversation.sent_reset = 0
    conversation.received_syn = conversation.received_closed = conversation.received_reset = 0
    conversation.answered = conversation.completed = 0


@compiled
def _from_outside(s: _State, row: Any, w: Any, place: int, outbound: bool) -> int:
    """1 if the sender is outside, 0 if not, 2 where no inside end is known, or both are."""
    m, tunnel = s.m, s.tunnels[place]
    end = _OUTER_DESTINATION if outbound else _OUTER_SOURCE
    port = signed(row.outer_destination_port if outbound else row.outer_source_port)
    _client_key(m, row, w[end], w[end + 1], port, tunnel.client_0, tunnel.client_1, tunnel.parent)
    number = find(m, _CLIENTS)
    if number >= 0 and number != place:
        other = s.tunnels[number]
        remote = _INNER_DESTINATION if outbound else _INNER_SOURCE
        if other.local and _is_address(other, w, remote):
            return 2
    if not tunnel.inside_known:
        return 2
    return 0 if outbound else 1


@compiled
def _opened_before(s: _State, row: Any, place: int) -> bool:
    """Whether the first packet seen is an answer to one that was not."""
    if row.inner_transport == _TCP:
        return row.tcp_flags & (_SYN | _ACK) == _SYN | _ACK
    if row.inner_transport != _UDP or not s.tunnels[place].midstream:
        return False
    early = row.time - s.m[_BEGAN] <= UNSEEN_START
    source, destination = row.inner_source_port, row.inner_destination_port
    return early and source < WELL_KNOWN_PORTS and destination >= WELL_KNOWN_PORTS


@compiled
def _by_originator(conversation: Any, row: Any, w: Any) -> bool:
    return (
        conversation.originator_0 == w[_INNER_SOURCE]
        and conversation.originator_1 == w[_INNER_SOURCE + 1]
        and conversation.originator_port == row.inner_source_port
    )


@compiled
def _is_over(conversation: Any) -> bool:
    """A TCP connection that was reset, or closed by both sides."""
    if conversation.sent_reset or conversation.received_reset:
        return True
    return conversation.sent_closed != 0 and conversation.received_closed != 0


@compiled
def _gives_way(conversation: Any, row: Any, w: Any) -> bool:
    """Whether this packet opens another conversation between the same ports."""
    if conversation.transport != _TCP or row.tcp_flags & (_SYN | _ACK | _RST) != _SYN:
        return False
    if _is_over(conversation) and conversation.received_syn:
        return True
    return not conversation.sent_syn and not _by_originator(conversation, row, w)


@compiled
def _add_to(conversation: Any, row: Any, w: Any) -> None:
    """Count one packet and note what it says."""
    originator = _by_originator(conversation, row, w)
    if originator:
        conversation.sent_packets += 1
        conversation.sent_bytes += row.inner_length
    else:
        conversation.received_packets += 1
        conversation.received_bytes += row.inner_length
    conversation.last = max(conversation.last, row.time)
    if conversation.transport == _TCP:
        _add_tcp(conversation, row, originator)
    elif conversation.transport == _UDP:
        _note_letter(conversation, 0x44, originator)  # D


@compiled
def _add_tcp(conversation: Any, row: Any, originator: bool) -> None:
    flags = row.tcp_flags
    if flags & _SYN:
        if originator:
            conversation.sent_syn = 1
        else:
            conversation.received_syn = 1
        _note_letter(conversation, 0x48 if flags & _ACK else 0x53, originator)  # H, S
    if flags & _RST:
        if originator:
            conversation.sent_reset = 1
        else:
            conversation.received_reset = 1
        _note_letter(conversation, 0x52, originator)  # R
    if row.payload_length and not flags & _SYN:
        _note_letter(conversation, 0x44, originator)  # D
    if flags & _FIN:
        if originator:
            conversation.sent_closed = 1
        else:
            conversation.received_closed = 1
        _note_letter(conversation, 0x46, originator)  # F
    if flags & _ACK and not flags & (_SYN | _RST | _FIN) and not row.payload_length:
        _note_letter(conversation, 0x41, originator)  # A


@compiled
def _note_letter(conversation: Any, capital: int, originator: bool) -> None:
    """Each letter once, in the order met; small ones are the responder's."""
    letter = capital if originator else capital | 0x20
    for i in range(HISTORY):
        shift = 8 * (i & 7)
        word = conversation.history_0 if i < 8 else conversation.history_1
        held = word >> shift & 0xFF
        if held == letter:
            return
        if held == 0:
            if i < 8:
                conversation.history_0 = word | signed(letter) << shift
            else:
                conversation.history_1 = word | signed(letter) << shift
            return


@compiled
def _keep_syn(conversation: Any, row: Any) -> None:
    """What a SYN expects to be acknowledged: of the first, and of the last few."""
    syn = signed(row.tcp_sequence) << 32 | signed(row.payload_length)
    for i in range(conversation.syns):
        if _syn(conversation, i) == syn:
            return
    if conversation.syns == SYNS_KEPT:
        conversation.syn_1, conversation.syn_2 = conversation.syn_2, conversation.syn_3
        conversation.syns -= 1
    if conversation.syns == 0:
        conversation.syn_0 = syn
    elif conversation.syns == 1:
        conversation.syn_1 = syn
    elif conversation.syns == 2:
        conversation.syn_2 = syn
    else:
        conversation.syn_3 = syn
    conversation.syns += 1


@compiled
def _syn(conversation: Any, i: int) -> int:
    if i == 0:
        return conversation.syn_0
    if i == 1:
        return conversation.syn_1
    return conversation.syn_2 if i == 2 else conversation.syn_3


@compiled
def _answers_syn(conversation: Any, row: Any) -> bool:
    """Whether this SYN-ACK or RST acknowledges a SYN that was seen, if one was."""
    if conversation.syns == 0:
        return True
    for i in range(conversation.syns):
        syn = _syn(conversation, i)
        ahead = (signed(row.tcp_acknowledgement) - (syn >> 32)) & 0xFFFFFFFF
        if ahead >= 1 and ahead <= 1 + (syn & 0xFFFFFFFF):
            return True
    return False


@compiled
def _converse_tcp(s: _State, row: Any, w: Any, at: int, place: int, number: int) -> None:
    conversation = s.conversations[number]
    flags = row.tcp_flags
    if _by_originator(conversation, row, w):
        if flags & (_SYN | _ACK | _RST) == _SYN:
            _keep_syn(conversation, row)
            _on_opening(s, row, at, place, number)
        elif flags & (_ACK | _RST) == _ACK and conversation.answered and not conversation.completed:
            conversation.completed = 1
            _on_completed(s, row, at, place, number)
    elif _answers_syn(conversation, row):
        if flags & (_SYN | _ACK) == _SYN | _ACK:
            conversation.answered = 1
            _on_reply(s, row, at, place, number, _ANSWERED, PROOF_ANSWER, _E_ANSWER)
        elif flags & _RST and conversation.syns and not conversation.answered:
            _on_reply(s, row, at, place, number, _REFUSED, PROOF_REFUSAL, _E_REFUSAL)


@compiled
def _converse_udp(s: _State, row: Any, w: Any, at: int, place: int, number: int, new: bool) -> None:
    conversation = s.conversations[number]
    if _by_originator(conversation, row, w):
        if new:
            _on_opening(s, row, at, place, number)
    elif conversation.received_packets == 1:
        _on_reply(s, row, at, place, number, _ANSWERED, PROOF_ANSWER, _E_ANSWER)


@compiled
def _close(s: _State, number: int) -> None:
    m, conversation = s.m, s.conversations[number]
    ends = _words_of(s, signed(conversation.tunnel)) + _T_OPEN
    unlink(m, ends, _CONVERSATIONS, _C_OPEN, number)
    hide(m, _CONVERSATIONS, number)
    if not s.tunnels[conversation.tunnel].promoted:
        release(m, _CONVERSATIONS, number)
        return
    if (
        conversation.from_outside == 1
        and conversation.received_packets == 0
        and conversation.transport != _ICMPV6
    ):
        _note_unanswered(s, conversation)
    append(m, _PILE, _CONVERSATIONS, _C_OPEN, number)
    m[_PILED] += 1


# Exposures


@compiled
def _exposure_key(s: _State, conversation: Any, place: int) -> None:
    """A global address is the same service through whatever tunnel; others are not."""
    _service_key(
        s,
        place,
        signed(conversation.transport),
        conversation.responder_0,
        conversation.responder_1,
        signed(conversation.responder_port),
    )


@compiled
def _service_key(s: _State, place: int, transport: int, first: int, second: int, port: int) -> None:
    m = s.m
    m[KEY] = transport << 16 | port
    m[KEY + 1], m[KEY + 2] = first, second
    m[KEY + 3] = -1 if first & 0xE0 == 0x20 else s.tunnels[place].serial


@compiled
def _link(s: _State, number: int, exposure: int) -> None:
    if exposure >= 0:
        s.conversations[number].exposure = exposure
        s.conversations[number].exposure_serial = s.exposures[exposure].serial


@compiled
def _meets_still(s: _State, conversation: Any) -> bool:
    """Whether the exposure that a conversation is with is still there."""
    place = signed(conversation.exposure)
    alive = s.m[data(s.m, _EXPOSURES, place) + _X_ALIVE]
    return alive != 0 and s.exposures[place].serial == conversation.exposure_serial


@compiled
def _on_opening(s: _State, row: Any, at: int, place: int, number: int) -> None:
    tunnel = s.tunnels[place]
    state = _ATTEMPTED if tunnel.inbound and tunnel.outbound else _REPLY_UNSEEN
    _meet_in(s, row, at, place, number, state, PROOF_OPENING, _E_OPENING)


@compiled
def _on_reply(
    s: _State, row: Any, at: int, place: int, number: int, state: int, proof: int, kind: int
) -> None:
    """An answer or a refusal, with the opening that it belongs to where that was seen."""
    if not s.conversations[number].flipped:
        proof = proof | PROOF_OPENING
    _meet_in(s, row, at, place, number, state, proof, kind)


@compiled
def _meet_in(
    s: _State, row: Any, at: int, place: int, number: int, state: int, proofs: int, kind: int
) -> None:
    conversation = s.conversations[number]
    _exposure_key(s, conversation, place)
    exposure = _exposure(s, place, row.time, at)
    if exposure < 0:
        return
    _link(s, number, exposure)
    first, second = conversation.originator_0, conversation.originator_1
    port = signed(conversation.originator_port)
    news = _meet(s, exposure, row.time, state, first, second, port, proofs)
    if news >= 0:
        _event(s, kind, at, place, row.time, number, exposure, news)


@compiled
def _exposure(s: _State, place: int, time: int, at: int) -> int:
    """The exposure of the key at hand, carried by a tunnel from now on; -1 if there is no room."""
    m = s.m
    exposure = find(m, _EXPOSURES)
    if exposure < 0:
        exposure = _new_exposure(s, time, at)
        if exposure < 0:
            return -1
    if s.exposures[exposure].tunnel != place:
        _carry(s, exposure, place)
    return exposure


@compiled
def _new_exposure(s: _State, time: int, at: int) -> int:
    m = s.m
    if count(m, _EXPOSURES) >= m[_MAX_EXPOSURES]:
        m[_HIT_EXPOSURES] += 1
        dropped = m[_ATTEMPTS] - 1
        if dropped < 0:
            return -1
        _event(s, _E_DROPPED, at, s.exposures[dropped].tunnel, time, -1, dropped, 0)
        _end_exposure(s, dropped)
        _leave_services(s, dropped)  # its tunnel may end in the same frame
    number = add(m, _EXPOSURES)
    words = data(m, _EXPOSURES, number)
    for i in range(_X_WIDTH):
        m[words + i] = 0
    m[words + _X_ALIVE] = 1
    m[words + _X_IS_ATTEMPT] = 1
    append(m, _ATTEMPTS, _EXPOSURES, _X_ATTEMPT, number)
    exposure = s.exposures[number]
    exposure.transport, exposure.port = m[KEY] >> 16, m[KEY] & 0xFFFF
    exposure.address_0, exposure.address_1 = m[KEY + 1], m[KEY + 2]
    exposure.remote_0 = exposure.remote_1 = exposure.remote_port = 0
    exposure.serial = m[_NEXT_EXPOSURE]
    m[_NEXT_EXPOSURE] += 1
    exposure.first = exposure.last = exposure.since = time
    exposure.tunnel = -1
    exposure.remotes = exposure.proofs = exposure.first_proof = 0
    exposure.state = exposure.last_state = _REPLY_UNSEEN
    return number


@compiled
def _carry(s: _State, exposure: int, place: int) -> None:
    """The tunnel that was last seen to lead to the service."""
    _leave_services(s, exposure)
    m = s.m
    append(m, _words_of(s, place) + _T_SERVICES, _EXPOSURES, _X_SERVICE, exposure)
    m[data(m, _EXPOSURES, exposure) + _X_IS_SERVICE] = 1
    s.exposures[exposure].tunnel = place
    if s.exposures[exposure].state < _REFUSED:
        s.tunnels[place].attempts += 1


@compiled
def _leave_services(s: _State, exposure: int) -> None:
    m, words = s.m, data(s.m, _EXPOSURES, exposure)
    if not m[words + _X_IS_SERVICE]:
        return
    before = signed(s.exposures[exposure].tunnel)
    m[words + _X_IS_SERVICE] = 0
    unlink(m, _words_of(s, before) + _T_SERVICES, _EXPOSURES, _X_SERVICE, exposure)
    if m[words + _X_ALIVE] and s.exposures[exposure].state < _REFUSED:
        s.tunnels[before].attempts -= 1


@compiled
def _leave_attempts(s: _State, exposure: int) -> None:
    m = s.m
    words = data(m, _EXPOSURES, exposure)
    if m[words + _X_IS_ATTEMPT]:
        m[words + _X_IS_ATTEMPT] = 0
        unlink(m, _ATTEMPTS, _EXPOSURES, _X_ATTEMPT, exposure)


@compiled
def _meet(
    s: _State, place: int, time: int, state: int, first: int, second: int, port: int, proofs: int
) -> int:
    """An opening or what became of it: -1 no news, 0 a new proof, 1 the state grew stronger."""
    exposure = s.exposures[place]
    if state == _ANSWERED:
        _leave_attempts(s, place)
    exposure.last = max(exposure.last, time)
    exposure.last_state = state
    _remember_remote(s, place, first, second)
    same = _is_remote(exposure, first, second, port)
    stronger = state > exposure.state or exposure.proofs == 0
    if stronger:
        exposure.proofs = exposure.proofs & exposure.first_proof if same else 0
        if exposure.state < _REFUSED and state >= _REFUSED:
            s.tunnels[exposure.tunnel].attempts -= 1
        exposure.state = state
        exposure.since = time
        exposure.remote_0, exposure.remote_1, exposure.remote_port = first, second, port
        same = True
    new = False
    if same:
        new = proofs & ~signed(exposure.proofs) != 0
        if exposure.proofs == 0:
            exposure.first_proof = proofs & -proofs
        exposure.proofs = exposure.proofs | proofs
    if stronger:
        return 1
    return 0 if new else -1


@compiled
def _is_remote(exposure: Any, first: int, second: int, port: int) -> bool:
    return (
        exposure.remote_0 == first and exposure.remote_1 == second and exposure.remote_port == port
    )


@compiled
def _remember_remote(s: _State, place: int, first: int, second: int) -> None:
    m, exposure = s.m, s.exposures[place]
    m[KEY], m[KEY + 1], m[KEY + 2] = exposure.serial, first, second
    if exposure.remotes >= REMOTES_KEPT or find(m, _REMOTES) >= 0:
        return
    if count(m, _REMOTES) >= REMOTES_POOL:
        m[_HIT_REMOTES] += 1
        return
    remote = add(m, _REMOTES)
    append(m, data(m, _EXPOSURES, place) + _X_REMOTES, _REMOTES, _R_TURN, remote)
    exposure.remotes += 1


@compiled
def _on_completed(s: _State, row: Any, at: int, place: int, number: int) -> None:
    conversation = s.conversations[number]
    if conversation.exposure < 0 or not _meets_still(s, conversation):
        return
    exposure = s.exposures[conversation.exposure]
    first, second = conversation.originator_0, conversation.originator_1
    if not _is_remote(exposure, first, second, signed(conversation.originator_port)):
        return
    if exposure.proofs & PROOF_COMPLETED:
        return
    exposure.last = max(exposure.last, row.time)
    exposure.proofs = exposure.proofs | PROOF_COMPLETED
    _event(s, _E_COMPLETED, at, place, row.time, number, signed(conversation.exposure), 0)


@entry(_refuse_example)
def refuse(
    state: _State, place: int, transport: int, first: int, second: int, service: int,
    remote_0: int, remote_1: int, port: int, time: int,
) -> int:  # fmt: skip
    """See ``interface.TableLike.refuse``."""
    s = _bare(state, state.ahead)
    _service_key(s, place, transport, first, second, service)
    exposure = find(s.m, _EXPOSURES)
    if exposure < 0:
        return -1
    if s.exposures[exposure].tunnel != place:
        _carry(s, exposure, place)
    news = _meet(s, exposure, time, _REFUSED, remote_0, remote_1, port, PROOF_UNREACHABLE)
    return exposure if news >= 0 else -1


@compiled
def _end_services(s: _State, place: int) -> None:
    exposure = s.m[_words_of(s, place) + _T_SERVICES] - 1
    while exposure >= 0:
        behind = following(s.m, _EXPOSURES, _X_SERVICE, exposure)
        _end_exposure(s, exposure)
        exposure = behind


@compiled
def _end_exposure(s: _State, place: int) -> None:
    """It leaves the maps at once, and its place and its tunnel's chain when the next update
    begins: the events of this one may name it."""
    m, exposure = s.m, s.exposures[place]
    words = data(m, _EXPOSURES, place)
    if not m[words + _X_ALIVE]:
        return
    hide(m, _EXPOSURES, place)
    _leave_attempts(s, place)
    if exposure.state < _REFUSED:
        s.tunnels[exposure.tunnel].attempts -= 1
    m[words + _X_ALIVE] = 0
    append(m, _ENDED_EXPOSURES, _EXPOSURES, _X_ENDED, place)


@compiled
def _forget_remotes(s: _State, place: int) -> None:
    m = s.m
    remote = m[data(m, _EXPOSURES, place) + _X_REMOTES] - 1
    while remote >= 0:
        behind = following(m, _REMOTES, _R_TURN, remote)
        drop(m, _REMOTES, remote)
        remote = behind


# Time


@compiled
def _idle(m: Memory, conversation: Any) -> int:
    """How long a conversation may be silent."""
    if conversation.transport != _TCP:
        return m[_DATAGRAM_IDLE]
    return m[_CLOSED_IDLE] if _is_over(conversation) else m[_TCP_IDLE]


@entry(_expire_example)
def expire(state: _State, now: int) -> None:
    """See ``interface.TableLike.expire``."""
    s = _bare(state, state.ahead)
    _begin(s)
    m = s.m
    number = oldest(m, _CONVERSATIONS)
    while number >= 0:
        behind = after(m, _CONVERSATIONS, number)
        conversation = s.conversations[number]
        if now - conversation.last > _idle(m, conversation):
            _close(s, number)
        number = behind
    place = oldest(m, _CLIENTS)
    while place >= 0:
        tunnel = s.tunnels[place]
        idle = m[_TEREDO_IDLE] if tunnel.kind == _TEREDO else m[_TUNNEL_IDLE]
        if m[_words_of(s, place) + _T_ALIVE] and now - tunnel.last > idle:
            _end_tunnel(s, place, now, 0)
        # What ended stays linked to what came after it: views end with their tunnel.
        place = after(m, _CLIENTS, place)
    _forget_flows(m, now)


@entry(_example)
def finish(state: _State) -> None:
    """See ``interface.TableLike.finish``."""
    s = _bare(state, state.ahead)
    _begin(s)
    number = oldest(s.m, _CONVERSATIONS)
    while number >= 0:
        _close(s, number)
        number = oldest(s.m, _CONVERSATIONS)


# What Python reads


@entry(_piled_example)
def _piled(state: _State, places: Any) -> None:
    """The places of closed conversations, in the order in which they closed."""
    s = _bare(state, state.ahead)
    number = s.m[_PILE] - 1
    for i in range(places.shape[0]):
        places[i] = number
        number = following(s.m, _CONVERSATIONS, _C_OPEN, number)


@entry(_example)
def _clear_pile(state: _State) -> None:
    s = _bare(state, state.ahead)
    m = s.m
    number = m[_PILE] - 1
    while number >= 0:
        behind = following(m, _CONVERSATIONS, _C_OPEN, number)
        release(m, _CONVERSATIONS, number)
        number = behind
    m[_PILE] = m[_PILE + 1] = m[_PILED] = 0


@entry(_example)
def _unpromoted(state: _State) -> int:
    s = _bare(state, state.ahead)
    total = s.m[_ENDED_UNPROMOTED]
    place = oldest(s.m, _CLIENTS)
    while place >= 0:
        if not s.tunnels[place].promoted and s.tunnels[place].joined < 0:
            total += 1
        place = after(s.m, _CLIENTS, place)
    return total


class _Prepared(NamedTuple):
    """Rows with what is known of them ahead, and ``update`` for both."""

    rows: Rows
    ahead: Memory
    update: Callable[[int, int], int]


class Table:
    """See ``interface.TableLike``.

    ``secrets`` are ``SECRETS`` words of chance for the hashes, the system's by default;
    no result depends on them.
    """

    def __init__(
        self,
        settings: TrackSettings,
        vantages: tuple[Vantage, ...] = (),
        secrets: bytes | None = None,
    ) -> None:
        if sys.byteorder != "little":
            raise SensorError("sensor replay needs a little-endian machine, which this is not")
        limits = settings.limits
        tunnels = limits.tunnels + _FRAME_ROOM
        conversations = limits.conversations + CLOSED_KEPT
        exposures = limits.exposures + _FRAME_ROOM
        self._s = _State(
            m=_memory(settings, tunnels, conversations, exposures),
            tunnels=_rows_of(tunnels, layout.TUNNEL),
            conversations=_rows_of(conversations, layout.CONVERSATION),
            exposures=_rows_of(exposures, layout.EXPOSURE),
            hosts=_rows_of(HOSTS_KEPT + 1, layout.HOST),
            events=_rows_of(tunnels + _EVENT_ROOM, layout.EVENT),
            networks=_networks(settings),
            vantages=np.array(vantages, dtype=np.uint8),
            ahead=zeroed(0),
        )
        self._fixed = fixed(self._s)
        self._prepared: deque[_Prepared] = deque()
        self._current: _Prepared | None = None
        self._stopped = 0  # where the last update did
        self._rooms: deque[Memory] = deque()  # that are free for ``_Prepared.ahead``
        self._s.m[_MAX_EVENTS] = len(self._s.events)
        self._s.m[_NETWORK_WORDS] = len(self._s.networks)
        self._s.m[_VANTAGES] = len(vantages)
        chance = secrets or os.urandom(8 * SECRETS)
        sow(self._s.m, np.frombuffer(chance, dtype=np.int64)[:SECRETS])
        self._tunnels = self._s.tunnels.view(layout.octets(layout.TUNNEL_FIELDS))
        self._conversations = self._s.conversations.view(layout.octets(layout.CONVERSATION_FIELDS))
        self._exposures = self._s.exposures.view(layout.octets(layout.EXPOSURE_FIELDS))
        self._hosts = self._s.hosts.view(layout.octets(layout.HOST_FIELDS))

    @property
    def limits_hit(self) -> Counter[str]:
        counts = self._s.m[_HITS].tolist()
        return Counter({name: n for name, n in zip(_HIT_NAMES, counts, strict=True) if n})

    @property
    def unpromoted(self) -> int:
        return int(_unpromoted(self._fixed))

    def update(self, rows: Rows, start: int, until: int = NEVER) -> tuple[int, list[Event]]:
        """See ``interface.TableLike``; ``rows`` of dtype OBSERVATION, C-contiguous, writable.

        A call that goes on where the last one stopped brings the same rows, unchanged.
        """
        current = self._current
        if current is None or rows is not current.rows or start != self._stopped:
            current = self._current = self._turn_to(rows)
        self._stopped = current.update(start, until)
        return self._stopped, self._events()

    def prepare(self, rows: Rows) -> None:
        """Make ahead, perhaps in another thread, what ``update`` will need of these very rows.

        For rows in the order of their updates. Those that never came to be updated are forgotten
        with the next that do; others need not be prepared.
        """
        self._prepared.append(self._made(rows))

    def _made(self, rows: Rows) -> _Prepared:
        size = len(rows) * _A_WIDTH
        try:
            room = self._rooms.pop()
        except IndexError:
            room = zeroed(size)
        if len(room) < size:
            room = zeroed(size)
        words = rows.view(np.int64).reshape(len(rows), _ROW_WORDS)
        arguments = self._fixed, _readable(rows), words, room
        prepare(*arguments)
        return _Prepared(rows, room, bound(update, *arguments))

    def _turn_to(self, rows: Rows) -> _Prepared:
        before = self._current
        if before is not None:
            self._rooms.append(before.ahead)
        # The same rows once more were prepared for one turn; what waits is for later ones.
        again = before is not None and rows is before.rows
        for i in range(0 if again else len(self._prepared)):
            if self._prepared[i].rows is rows:
                self._rooms += [self._prepared.popleft().ahead for _ in range(i)]
                return self._prepared.popleft()
        return self._made(rows)

    def _events(self) -> list[Event]:
        number = int(self._s.m[_EVENTS])
        if not number:
            return []
        return [Event._make(event) for event in self._s.events[:number].tolist()]

    def expire(self, now: int) -> list[Event]:
        """See ``interface.TableLike``."""
        expire(self._fixed, now)
        return self._events()

    def finish(self) -> None:
        """See ``interface.TableLike``."""
        finish(self._fixed)

    def refuse(
        self, tunnel: int, transport: int, service: tuple[bytes, int], remote: bytes, port: int,
        time: int,
    ) -> int:  # fmt: skip
        """See ``interface.TableLike``."""
        first, second = _as_words(service[0])
        ends = (*_as_words(remote), port)
        return int(refuse(self._fixed, tunnel, transport, first, second, service[1], *ends, time))

    def tunnel(self, place: int) -> TunnelState:
        """See ``interface.TableLike``."""
        return TunnelState._make(self._tunnels[place].item())

    def exposure(self, place: int) -> ExposureState:
        """See ``interface.TableLike``."""
        return ExposureState._make(self._exposures[place].item())

    def conversation(self, place: int) -> ConversationState:
        """See ``interface.TableLike``."""
        return ConversationState._make(self._conversations[place].item())

    def services(self, tunnel: int) -> list[int]:
        """See ``interface.TableLike``."""
        ends = words_of(self._s.m, _CLIENTS, tunnel) + _T_SERVICES
        return chain(self._s.m, ends, _EXPOSURES, _X_SERVICE, NEVER)

    def remotes(self, exposure: int, most: int) -> list[bytes]:
        """See ``interface.TableLike``."""
        ends = words_of(self._s.m, _EXPOSURES, exposure) + _X_REMOTES
        places = chain(self._s.m, ends, _REMOTES, _R_TURN, most)
        return [key_of(self._s.m, _REMOTES, place)[1:].tobytes() for place in places]

    def take_closed(self) -> list[ConversationState]:
        """See ``interface.TableLike``."""
        places = np.empty(int(self._s.m[_PILED]), dtype=np.int64)
        _piled(self._fixed, places)
        closed = self._conversations[places].tolist()
        self.drop_closed()
        return [ConversationState._make(row) for row in closed]

    def drop_closed(self) -> None:
        """See ``interface.TableLike``."""
        _clear_pile(self._fixed)

    def hosts(self) -> list[HostState]:
        """See ``interface.TableLike``."""
        places = in_order(self._s.m, _HOSTS)
        return [HostState._make(row) for row in self._hosts[places].tolist()]


def _rows_of(number: int, dtype: np.dtype[Any]) -> npt.NDArray[np.void]:
    return _readable(zeroed(number * dtype.itemsize // 8).view(dtype))


def _readable(rows: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Fields of a row are attributes: always so in compiled code, else in a record array."""
    return rows.view(np.recarray) if DISABLED else rows


def _memory(settings: TrackSettings, tunnels: int, conversations: int, exposures: int) -> Memory:
    """The one memory with its maps laid out; pages never touched cost nothing."""
    limits = settings.limits
    maps = (
        (_CLIENTS, Shape(tunnels, _CLIENT_KEY, _T_WIDTH)),
        (_CONVERSATIONS, Shape(conversations, _CONVERSATION_KEY, _C_WIDTH)),
        (_EXPOSURES, Shape(exposures, _EXPOSURE_KEY, _X_WIDTH)),
        (_FLOWS, Shape(limits.flows + 1, _FLOW_KEY, _F_WIDTH)),
        (_COPIES, Shape(COPIES_KEPT + 1, _FOLDED_KEY, _Y_WIDTH)),
        (_VIEWS, Shape(VIEWS_KEPT + 1, _FOLDED_KEY, _V_WIDTH)),
        (_PEERS, Shape(PEERS_KEPT, _PEER_KEY, _P_WIDTH)),
        (_REMOTES, Shape(REMOTES_POOL, _REMOTE_KEY, _R_WIDTH)),
        (_TESTS, Shape(TESTS_KEPT + 1, _TEST_KEY, 0)),
        (_HOSTS, Shape(HOSTS_KEPT + 1, _HOST_KEY, 0)),
    )
    memory = zeroed(_FIRST_MAP + sum(shape.size for _, shape in maps))
    for at, name in zip(_LIMITS, _LIMIT_NAMES, strict=True):
        memory[at] = getattr(limits, name)
    memory[_PROMOTION_MINUTE] = -1
    position = _FIRST_MAP
    for head, shape in maps:
        position = lay_map(memory, int(head), position, shape)
    return memory


def _as_words(address: bytes) -> tuple[int, int]:
    """An address of 4 or 16 octets as two words in the machine's order."""
    first, second = np.frombuffer(address.ljust(16, b"\0"), dtype=np.int64).tolist()
    return first, second


def _networks(settings: TrackSettings) -> npt.NDArray[np.int64]:
    """Zones and NAT pools, ``_N_WIDTH`` words for each network and VLAN."""
    found: list[tuple[int, ...]] = []
    for zone in settings.zones:
        for member in zone.networks:
            rank = 2 * member.length + bool(zone.vlans)
            for vlan in sorted(zone.vlans) or [_ANY_VLAN]:
                found.append((_ZONE, *_network_words(member), rank, vlan, int(zone.inside)))
    for member in settings.nat_pools:
        found.append((_POOL, *_network_words(member), 0, _ANY_VLAN, 0))
    return np.array(found, dtype=np.int64).reshape(-1)


def _network_words(member: Network) -> tuple[int, ...]:
    """Version, prefix and mask."""
    size = len(member.prefix)
    mask = ((1 << 8 * size) - (1 << 8 * size - member.length)).to_bytes(size)
    return (4 if size == 4 else 6, *_as_words(member.prefix), *_as_words(mask))
