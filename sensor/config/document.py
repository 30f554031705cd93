"""Settings of a file and of arguments: nodes -> plain data -> the settings of the layers.

A file becomes nodes that know their line (``nodes``), ``SCHEMA`` turns them into plain data with
defaults filled in (``Document``), and ``settings`` builds the layers' settings from that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sensor.config import Settings
from sensor.config.nodes import Node, Place, merged, read_file, read_override, wrong
from sensor.config.schema import FRAGMENT_LIMITS, SCHEMA, TRACK_LIMITS, TrackLimit
from sensor.config.shapes import Places, mapping
from sensor.data.known import TRANSPORTS, known_servers, listed_names
from sensor.decode.names import name_hashes
from sensor.decode.settings import DecodeSettings, FragmentLimits
from sensor.track.settings import Network, Service, TrackLimits, TrackSettings, Zone, network
from sensor.wire.addresses import SixRdDomain, packed


class Document(NamedTuple):
    """Settings as plain data with defaults filled in, and the place of what was given, by path."""

    values: Mapping[str, Any]
    places: Mapping[str, Place]


def read_document(path: str | None, overrides: Sequence[str] = ()) -> Document:
    """What a file and ``--set`` arguments say, checked value by value; ConfigError if wrong."""
    root = Node(Place(path or "", 1), "mapping", {})
    if path is not None:
        root = read_file(path) or root
        mapping(root, "", SCHEMA.expects)
    for argument in overrides:
        root = merged(root, read_override(argument))
    places: Places = {}
    return Document(SCHEMA.read(root, "", places), places)


def settings(document: Document) -> Settings:
    """The layers' settings; ConfigError where values contradict one another."""
    values = document.values
    limits, servers = values["limits"], known_servers()
    sixrd = tuple(_sixrd(document, index) for index in range(len(values["sixrd"])))
    return Settings(
        site=values.get("site"),
        decode=DecodeSettings(
            sixrd=sixrd,
            known_servers=servers,
            names=name_hashes(*listed_names()),
            layers=limits["layers"],
            tunnels=limits["tunnels"],
            fragments=FragmentLimits(**_fields(FRAGMENT_LIMITS, limits)),
        ),
        track=TrackSettings(
            zones=_zones(document),
            nat_pools=_networks(values["nat_pools"]),
            services=_services(values.get("services")),
            limits=TrackLimits(**_fields(TRACK_LIMITS, limits)),
            known_servers=servers,
            sixrd=sixrd,
        ),
    )


def _fields(limits: Iterable[TrackLimit], values: Mapping[str, int]) -> dict[str, int]:
    return {limit.field: values[limit.key] * limit.unit for limit in limits}


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(map(network, texts))


def _sixrd(document: Document, index: int) -> SixRdDomain:
    domain = document.values["sixrd"][index]
    prefix = network(domain["prefix"])
    relays = tuple(map(packed, domain["relays"]))
    try:
        return SixRdDomain(prefix.prefix, prefix.length, domain["ipv4_mask"], relays)
    except ValueError as error:
        path = f"sixrd[{index}]"
        raise wrong(document.places[path], path, str(error)) from error


def _zones(document: Document) -> tuple[Zone, ...]:
    """The zones; one network on one VLAN cannot lie in two of them."""
    zones = []
    holders: dict[tuple[Network, int | None], str] = {}
    for name, values in document.values["zones"].items():
        vlans = frozenset(values.get("vlans", ()))
        zone = Zone(name, _networks(values["networks"]), vlans, values["side"] == "inside")
        for key in ((member, vlan) for member in zone.networks for vlan in vlans or (None,)):
            other = holders.setdefault(key, name)
            if other != name:
                path = f"zones.{name}.networks"
                raise wrong(document.places[path], path, f"{key[0]} is in zone {other!r} too")
        zones.append(zone)
    return tuple(zones)


def _services(entries: Sequence[Mapping[str, Any]] | None) -> tuple[Service, ...] | None:
    if entries is None:
        return None
    services = []
    for entry in entries:
        networks = _networks(entry.get("networks", ()))
        for text in entry["allow"]:
            transport, _, port = text.partition("/")
            services.append(Service(TRANSPORTS[transport], int(port), networks))
    return tuple(services)
