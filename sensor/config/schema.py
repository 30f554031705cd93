"""Every key of the settings; reading, messages and `sensor config schema` follow this tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sensor.config.shapes import (
    ADDRESS4,
    NETWORK,
    NETWORK4,
    NETWORK6,
    SERVICE,
    TEXT,
    Key,
    Later,
    ListOf,
    MapOf,
    Section,
    one_of,
    whole,
)
from sensor.decode.settings import DecodeSettings, FragmentLimits
from sensor.track.settings import DEFAULT_ZONES, TrackLimits, Zone


class TrackLimit(NamedTuple):
    """A limit of a layer: the key people write, in ``unit`` times what ``field`` counts."""

    key: str
    field: str
    unit: int
    highest: int
    description: str


_MILLISECONDS = 1_000_000
_SECONDS = 1_000_000_000
_MANY = 1 << 24  # entries of a table: some GiB, past which no single sensor is sized
_DAY = 86_400

TRACK_LIMITS = (
    TrackLimit("tracked_tunnels", "tunnels", 1, _MANY, "Tunnels remembered at a time."),
    TrackLimit("conversations", "conversations", 1, _MANY, "Inner conversations open at a time."),
    TrackLimit("learned_flows", "flows", 1, _MANY, "Outer flows known to carry a tunnel."),
    TrackLimit("exposures", "exposures", 1, _MANY, "Reached services remembered at a time."),
    TrackLimit("peers", "peers", 1, 65_536, "Outer peers remembered for each tunnel."),
    TrackLimit(
        "promotions_per_minute", "promotions_per_minute", 1, 1_000_000,
        "Unanswered candidates that become tunnels in each minute of packet time.",
    ),
    TrackLimit("names", "names", 1, _MANY, "Look-ups of tunnels' names remembered at a time."),
    TrackLimit(
        "copy_window_ms", "copy_window_ns", _MILLISECONDS, 1_000,
        "Milliseconds within which the same frame again is a mirrored copy.",
    ),
    TrackLimit(
        "join_window_ms", "join_window_ns", _MILLISECONDS, 60_000,
        "Milliseconds within which one packet is recognised on both sides of the NAT.",
    ),
    TrackLimit(
        "teredo_idle_seconds", "teredo_idle_ns", _SECONDS, _DAY,
        "Silence after which a Teredo tunnel has ended.",
    ),
    TrackLimit(
        "tunnel_idle_seconds", "tunnel_idle_ns", _SECONDS, _DAY,
        "Silence after which any other tunnel has ended.",
    ),
    TrackLimit(
        "tcp_idle_seconds", "tcp_idle_ns", _SECONDS, _DAY,
        "Silence after which an open TCP conversation is reported.",
    ),
    TrackLimit(
        "closed_idle_seconds", "closed_idle_ns", _SECONDS, _DAY,
        "Silence after which a closed TCP conversation is reported.",
    ),
    TrackLimit(
        "datagram_idle_seconds", "datagram_idle_ns", _SECONDS, _DAY,
        "Silence after which a UDP or ICMPv6 conversation is reported.",
    ),
)  # fmt: skip


FRAGMENT_LIMITS = (
    TrackLimit(
        "fragmented_datagrams", "datagrams", 1, 1_000_000,
        "Packets in fragments that are waited for at a time.",
    ),
    TrackLimit("fragment_octets", "octets", 1, 1 << 30, "Octets of fragments kept at a time."),
    TrackLimit(
        "fragments_per_datagram", "fragments", 1, 8_192, "Fragments of one packet that are kept."
    ),
    TrackLimit(
        "fragment_idle_seconds", "idle_ns", _SECONDS, 3_600,
        "Seconds after its first fragment until a packet is given up.",
    ),
)  # fmt: skip


def _limit_keys(
    limits: Sequence[TrackLimit], defaults: TrackLimits | FragmentLimits
) -> tuple[Key, ...]:
    return tuple(
        Key(
            limit.key,
            whole(1, limit.highest),
            limit.description,
            getattr(defaults, limit.field) // limit.unit,
        )
        for limit in limits
    )


def _decode_limit(name: str, description: str) -> Key:
    """Rows have room for so many, so that a limit can only be lowered."""
    highest = getattr(DecodeSettings(), name)
    return Key(name, whole(1, highest), description, highest)


def _zone_data(zone: Zone) -> dict[str, Any]:
    side = "inside" if zone.inside else "outside"
    return {"networks": list(map(str, zone.networks)), "side": side}


_ZONE = Section(
    (
        Key("networks", ListOf(NETWORK, 1), "Networks of the zone.", required=True),
        Key("vlans", ListOf(whole(1, 4_094), 1), "VLANs to which the zone is restricted."),
        Key(
            "side", one_of("inside", "outside"), "Side of the NAT on which the zone lies.", "inside"
        ),
    )
)
_SIXRD = Section(
    (
        Key("prefix", NETWORK6, "The provider's 6rd prefix.", required=True),
        Key(
            "ipv4_mask",
            whole(0, 32),
            "High bits that all IPv4 addresses of the domain share and no prefix embeds.",
            0,
        ),
        Key("relays", ListOf(ADDRESS4), "IPv4 addresses of the border relays.", []),
    )
)
_SERVICES = Section(
    (
        Key("allow", ListOf(SERVICE, 1), "Services that may be reached.", required=True),
        Key("networks", ListOf(NETWORK4, 1), "Inside networks where they may; all if not set."),
    )
)
_LIMITS = Section(
    (
        _decode_limit("layers", "Layers of one frame that are followed."),
        _decode_limit("tunnels", "Tunnels within one another that are followed in one frame."),
        *_limit_keys(FRAGMENT_LIMITS, FragmentLimits()),
        *_limit_keys(TRACK_LIMITS, TrackLimits()),
        Key("state", Later(), "Memory for everything remembered."),
    )
)
SCHEMA = Section(
    (
        Key("site", TEXT, "Name of this place."),
        Key(
            "zones",
            MapOf("NAME", _ZONE),
            "Named parts of the network; zones given here replace the default.",
            {zone.name: _zone_data(zone) for zone in DEFAULT_ZONES},
        ),
        Key("nat_pools", ListOf(NETWORK4), "Public addresses of our own NATs.", []),
        Key("nat64_prefixes", Later(), "Prefixes of our own NAT64 translators."),
        Key("sixrd", ListOf(_SIXRD), "6rd domains of our providers.", []),
        Key(
            "services",
            ListOf(_SERVICES),
            "What IPv4 policy lets the Internet reach; an empty list allows nothing.",
        ),
        Key("limits", _LIMITS, "How much is followed and remembered."),
        Key("policy", Later(), "Which zones may use which kinds and servers."),
        Key("allow_file", Later(), "File of known and allowed tunnels."),
        Key("detections", Later(), "Changes to single detections."),
        Key("capture", Later(), "Live capture."),
        Key("store", Later(), "The local store."),
        Key("elasticsearch", Later(), "Shipping to Elasticsearch."),
        Key("outputs", Later(), "Other outputs."),
    )
)
