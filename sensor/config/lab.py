"""Settings of the laboratory's own endpoints: a file of four sections, under arguments.

No defaults stand here: what is not said is as the settings of the endpoints have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sensor.config.nodes import Node, Place, merged, read_file, read_override
from sensor.config.shapes import (
    ADDRESS4,
    NETWORK6,
    TEXT,
    Key,
    ListOf,
    Scalar,
    Section,
    mapping,
    one_of,
    whole,
)
from sensor.errors import ConfigError
from sensor.lab.sixinfour.link import LARGEST_MTU, LEAST_MTU
from sensor.lab.teredo.settings import (
    ClientSettings,
    PeerLimits,
    RelaySettings,
    ServerSettings,
    following,
)
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_7, WINDOWS_XP
from sensor.schema.records import Endpoint
from sensor.wire.addresses import LEGACY_TEREDO_PREFIX, TEREDO_PREFIX, UNSPECIFIED, packed, text

STYLES = {"own": OWN, "windows-xp": WINDOWS_XP, "windows-7": WINDOWS_7, "miredo": MIREDO}
KINDS = ("6in4", "6to4", "isatap", "gre")
PREFIXES = {"2001::/32": TEREDO_PREFIX, "3ffe:831f::/32": LEGACY_TEREDO_PREFIX}

_HOUR = 3_600
_HOST_BITS = 128
_ANYWHERE = Endpoint(bytes(4), 0)  # the kernel chooses


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError
    return text == "true"


def _end(text: str) -> str:
    match = re.fullmatch(r"([0-9.]{7,15})(?::(0|[1-9][0-9]{0,4}))?", text)
    if not match or int(match[2] or 0) > 65_535:
        raise ValueError
    ADDRESS4.parse(match[1])
    return text


def _ipv6(text: str) -> str:
    if len(packed(text)) != 16:
        raise ValueError("this is IPv4")
    return text


_TRUTH = Scalar("true or false", _truth, "bool")
_END = Scalar("an IPv4 address, with a port if it matters, such as 192.0.2.1:3545", _end)
_ADDRESS6 = Scalar("an IPv6 address such as 2001:db8::1", _ipv6)
_PORT = whole(1, 65_535)
_INTERFACE = Key("interface", TEXT, "Name of the TUN device.")
_USER = Key("user", TEXT, "User to become when all is open.")
_PREFIX = Key("prefix", one_of(*PREFIXES), "Prefix of Teredo addresses.")
_LIMITS = Section(
    (
        Key("peers", whole(1, 1 << 20), "Peers remembered at a time."),
        Key("queued_packets", whole(1, 1_024), "Packets that wait for one peer."),
        Key("queued_octets", whole(1_280, 1 << 30), "Octets that wait for all peers."),
    )
)
_SECRET = Section(
    (
        Key("identifier", TEXT, "Name of a client.", required=True),
        Key("secret", TEXT, "What it shares with the server.", required=True),
    )
)
CLIENT = Section(
    (
        Key("server", ADDRESS4, "The server's first address."),
        Key("secondary", ADDRESS4, "The server's second address."),
        Key("bind", _END, "Own end on this machine."),
        _INTERFACE,
        _USER,
        Key("style", one_of(*STYLES), "Implementation that it looks like."),
        Key("identifier", TEXT, "Own name in secure qualification."),
        Key("secret", TEXT, "What it shares with the server in secure qualification."),
        Key("refresh", whole(1, _HOUR), "Seconds until the server is asked again."),
        Key("retry", whole(1, _HOUR), "Seconds until it is, after it was silent."),
        Key("local_discovery", _TRUTH, "Whether peers on the same network are looked for."),
        Key("network_bits", whole(8, 32), "Prefix length of that network."),
        Key("interval_port", _PORT, "Second port, to find the refresh interval out."),
        Key("symmetric", _TRUTH, "Whether symmetric NATs are supported (RFC 6081 5.2)."),
        Key("port_preserving", _TRUTH, "Whether port-preserving NATs are (RFC 6081 5.4)."),
        Key("hairpin", _TRUTH, "Whether hairpinning is done without (RFC 6081 5.6)."),
        Key("limits", _LIMITS, "How much is remembered."),
    )
)
SERVER = Section(
    (
        Key("primary", ADDRESS4, "First address."),
        Key("secondary", ADDRESS4, "Second address."),
        Key("port", _PORT, "Port on both."),
        _USER,
        _PREFIX,
        Key("mtu", whole(1_280, 65_535), "MTU that it advertises."),
        Key("origin_always", _TRUTH, "Whether bubbles tell the origin that their source tells."),
        Key("secrets", ListOf(_SECRET, 1), "Clients; others are not answered then."),
    )
)
RELAY = Section(
    (
        Key("bind", _END, "Own end on this machine."),
        Key("host", _ADDRESS6, "The one address it serves."),
        Key("served", ListOf(NETWORK6, 1), "Networks it serves."),
        Key("source", _ADDRESS6, "Source of its bubbles."),
        _INTERFACE,
        _USER,
        _PREFIX,
        Key("direct_bubbles", _TRUTH, "Whether it is behind a NAT itself."),
        Key("limits", _LIMITS, "How much is remembered."),
    )
)
ROUTER = Section(
    (
        Key("kind", one_of(*KINDS), "Kind of tunnel."),
        Key("local", ADDRESS4, "Own IPv4 address."),
        Key("remote", ADDRESS4, "The other end's, of 6in4 and GRE."),
        Key("routes", ListOf(NETWORK6, 1), "Networks beyond a tunnel of 6in4 or GRE."),
        Key("relay", ADDRESS4, "Where 6to4 sends native destinations."),
        Key("prefix", NETWORK6, "Prefix that an ISATAP router advertises."),
        Key("prl", ListOf(ADDRESS4, 1), "Routers that an ISATAP host asks."),
        Key("key", whole(0, (1 << 32) - 1), "Key of GRE."),
        Key("sequence", _TRUTH, "Whether GRE numbers its packets."),
        Key("checksum", _TRUTH, "Whether GRE sums its packets."),
        Key("mtu", whole(LEAST_MTU, LARGEST_MTU), "Largest inner packet."),
        Key("ttl", whole(1, 255), "Time to live of outer packets."),
        _INTERFACE,
        _USER,
    )
)
SCHEMA = Section(
    (
        Key("client", CLIENT, "`sensor lab client`"),
        Key("server", SERVER, "`sensor lab server`"),
        Key("relay", RELAY, "`sensor lab relay`"),
        Key("router", ROUTER, "`sensor lab router`"),
    )
)

Values = Mapping[str, Any]


def read(
    section: str, path: str | None, overrides: Sequence[str], given: Mapping[str, Values]
) -> Values:
    """What a file, ``--set`` and options say of one section, checked; ConfigError if wrong.

    ``given`` has for each option, as it is written, the keys it sets; it comes last.
    """
    root = Node(Place(path or "", 1), "mapping", {})
    if path is not None:
        root = read_file(path) or root
        mapping(root, "", SCHEMA.expects)
    for argument in overrides:
        root = merged(root, read_override(argument))
    for option, keys in given.items():
        root = merged(root, _node(Place(option, 0), {section: keys}))
    values: Values = SCHEMA.read(root, "", {})[section]
    return values


def _node(place: Place, value: Any) -> Node:
    """An option's value as the file would hold it."""
    if isinstance(value, Mapping):
        return Node(place, "mapping", {name: _node(place, item) for name, item in value.items()})
    if isinstance(value, tuple):
        return Node(place, "list", [_node(place, item) for item in value])
    if isinstance(value, str):
        return Node(place, "str", value)
    return Node(place, type(value).__name__, str(value).lower())  # a number, or a truth


def client_settings(values: Values) -> ClientSettings:
    """The client's settings; ConfigError where the server is missing."""
    if "server" not in values:
        raise ConfigError("no server: name it as SERVER, or as client.server in the settings")
    if ("identifier" in values) != ("secret" in values):
        raise ConfigError("client.identifier and client.secret go together: set both, or neither")
    settings = ClientSettings(local=_local(values), **_fields(values))
    _need_two(settings.server, settings.second, "client")
    return settings


def server_settings(values: Values) -> ServerSettings:
    """The server's settings; ConfigError where its address is missing."""
    if "primary" not in values:
        raise ConfigError("no address: name it as PRIMARY, or as server.primary in the settings")
    fields = _fields(values)
    settings = ServerSettings(**{"secondary": following(fields["primary"]), **fields})
    _need_two(settings.primary, settings.secondary, "server")
    _need_distinct(identifier for identifier, _ in settings.secrets)
    return settings


def relay_settings(values: Values) -> RelaySettings:
    """The relay's settings; ConfigError where it does not know where it is and whom it serves."""
    if "bind" not in values:
        raise ConfigError("no address: name it with --bind, or as relay.bind in the settings")
    if ("host" in values) == ("served" in values):
        raise ConfigError("name whom the relay serves: either --host ADDRESS or --served PREFIX")
    fields = _fields(values)
    host = fields.pop("host", None)
    if host == UNSPECIFIED:
        raise ConfigError("relay.host: `::` is nobody's address: name one of this machine's")
    if host is not None:
        fields = {"source": host, **fields, "served": ((host, _HOST_BITS),)}
    return RelaySettings(local=_local(values), **{"source": UNSPECIFIED, **fields})


def _need_two(first: bytes, second: bytes, section: str) -> None:
    if first == second:
        raise ConfigError(
            f"a server has two addresses, and both are {text(first)}: name the other one as"
            f" {section}.secondary"
        )


def _need_distinct(identifiers: Iterable[bytes]) -> None:
    for identifier, count in Counter(identifiers).items():
        if count > 1:
            raise ConfigError(
                f"server.secrets: {count} clients are {identifier.decode()!r}: name each once"
            )


def place(values: Values) -> dict[str, str]:
    """What belongs to the machine it runs on."""
    return {name: values[name] for name in ("interface", "user") if name in values}


def _local(values: Values) -> Endpoint:
    if "bind" not in values:
        return _ANYWHERE
    ip, _, port = values["bind"].partition(":")
    return Endpoint(packed(ip), int(port or 0))


def _fields(values: Values) -> dict[str, Any]:
    """The fields of the settings that keys of the same name set."""
    apart = ("bind", "interface", "user")
    return {
        name: _CONVERTED[name](value) if name in _CONVERTED else value
        for name, value in values.items()
        if name not in apart
    }


def network(text: str) -> tuple[bytes, int]:
    """A prefix of 16 octets and its length in bits."""
    prefix, _, bits = text.partition("/")
    return packed(prefix), int(bits)


_CONVERTED: dict[str, Callable[[Any], Any]] = {
    "server": packed,
    "primary": packed,
    "secondary": packed,
    "host": packed,
    "source": packed,
    "style": STYLES.__getitem__,
    "prefix": PREFIXES.__getitem__,
    "identifier": str.encode,
    "secret": str.encode,
    "secrets": lambda pairs: tuple(
        (pair["identifier"].encode(), pair["secret"].encode()) for pair in pairs
    ),
    "served": lambda networks: tuple(map(network, networks)),
    "limits": lambda limits: PeerLimits(**limits),
}
