"""What tells the programs apart on the wire, and whether a conversation shows it."""

from __future__ import annotations

import ipaddress
from typing import NamedTuple

from .dissected import ADVERTISEMENT, SOLICITATION, Conversation, End, Frame
from .programs import SERVER_PORT
from .world import NATIVE_IPV6, RELAY_IPV6, SECONDARY, SERVER

SERVER_LINK_LOCAL = "fe80::8000:f227:39cc:9bfe"  # flags, port and 198.51.100.1, the latter inverted
SOLICITED = "fe80::ffff:ffff:ffff"
AUTHENTICATED_ADVERTISEMENT = 117  # octets, with origin indication and MTU option


class ClientHabits(NamedTuple):
    """Of a client: whom it asks, its bubbles' form, the form of its connectivity test.

    ``trailing`` are the octets that may follow a bubble: 6 repeat a nonce (RFC 6081 section 5.2).
    """

    asks: frozenset[str]
    bubble_hop_limit: int
    trailing: frozenset[int]
    trial_length: int
    trial_hop_limit: int


MIREDO_CLIENT = ClientHabits(frozenset({SERVER}), 0, frozenset({0}), 26, 128)
SENSOR_CLIENT = ClientHabits(frozenset({SERVER, SECONDARY}), 21, frozenset({0, 6}), 24, 64)


class RelayHabits(NamedTuple):
    """Of a relay: its bubbles' hop limit, and the address they come from.

    ``source`` None: link-local and drawn at random.
    """

    bubble_hop_limit: int
    source: str | None


MIREDO_RELAY = RelayHabits(0, None)
SENSOR_RELAY = RelayHabits(21, RELAY_IPV6)
SENSOR_HOST_RELAY = RelayHabits(21, NATIVE_IPV6)


def check_client(seen: Conversation, habits: ClientHabits) -> None:
    """What the client sent is as its kind sends it."""
    solicitations = seen.of(SOLICITATION)
    assert {frame.size for frame in solicitations} == {61}
    assert {frame.inner_source for frame in solicitations} == {SOLICITED}
    assert {frame.destination.ip for frame in solicitations} == habits.asks
    nonces = [frame.nonce for frame in solicitations]
    assert len(set(nonces)) == len(nonces)
    trials = seen.trials()
    assert {(f.length, f.hop_limit) for f in trials} <= {
        (habits.trial_length, habits.trial_hop_limit)
    }
    bubbles = seen.bubbles_out()
    assert bubbles
    assert {frame.hop_limit for frame in bubbles} == {habits.bubble_hop_limit}
    assert {frame.trailing for frame in bubbles} <= habits.trailing


def check_server(seen: Conversation, mapped: End) -> None:
    """Advertisements repeat the nonce and tell the mapping; bubbles tell who sent them."""
    nonces = {frame.nonce for frame in seen.of(SOLICITATION)}
    advertisements = seen.of(ADVERTISEMENT)
    assert advertisements
    for frame in advertisements:
        assert frame.size == AUTHENTICATED_ADVERTISEMENT
        assert frame.nonce in nonces
        assert frame.source.port == SERVER_PORT
        assert frame.inner_source == SERVER_LINK_LOCAL
        assert frame.hop_limit == 255
        assert frame.origin == mapped
    forwarded = [frame for frame in seen.bubbles_in() if frame.source.port == SERVER_PORT]
    assert forwarded
    assert all(frame.origin is not None for frame in forwarded)


def check_relay(seen: Conversation, habits: RelayHabits, relay: End) -> None:
    """Its bubbles, which come by the server, bear its end and its kind's address."""
    bubbles = [frame for frame in seen.bubbles_in() if frame.origin == relay]
    assert bubbles
    for frame in bubbles:
        assert frame.hop_limit == habits.bubble_hop_limit
        assert _is_from(frame, habits)


def _is_from(frame: Frame, habits: RelayHabits) -> bool:
    if habits.source is not None:
        return frame.inner_source == habits.source
    source = ipaddress.IPv6Address(frame.inner_source)
    # Universal and group bit of the interface identifier are zero (RFC 4291 section 2.5.1).
    return source.is_link_local and source.packed[8] & 0x03 == 0
