"""What is true of a story, as those who made it know it.

No decoder, tracker or detector has a part in it. With the codecs of ``sensor.wire`` alone are read
back: outer ends, inner addresses (to look up who formed them), GRE keys, what trailers told, and
how far a cut frame reaches.

``to_json`` writes one object, keys sorted. Times are RFC 3339 in UTC with nanoseconds; what is
unknown or does not apply is left out. An end is ``{"ip", "port"}``.

``scenario``   ``name``, ``about``, ``seed``
``watched``    the network that both captures are of
``captures``   by vantage (``inside``, ``outside``): ``file``, ``frames`` (how many), ``labelled``:
               the frames of tunnels by their numbers from 1, each with ``frame``, ``at`` (when it
               was seen), ``kind``, ``packet`` (what its maker meant it to be), ``sender``, ``end``
               and ``destination`` (where it comes from and goes to by IPv4, at this place; port 0
               where there is none), ``quoted`` (true where it is an ICMP error about such a packet:
               that has no ends), ``doubled`` (true where a network delivered an earlier frame once
               more), ``flawed`` (true where it is not meant to be well formed), ``cut`` (true where
               the capture does not hold all of its inner header) and ``within`` (the kinds of
               tunnels inside it, outermost first). Of a datagram in fragments that is the frame
               which completes it; its other fragments and all other frames are not in it. And
               ``links``: the tunnels other than Teredo's as they are seen there, each with
               ``kinds`` (all that its packets are of), ``ends`` (by IPv4), ``client`` (the one of
               them that is the watched network's), ``key`` (GRE's), ``senders``, and ``embedded``
               (``address``, ``scheme``, ``ip``: what IPv4 address an inner one was formed from, be
               that true or a lie)
``networks``   of the watched place, ``pools``, the public addresses of its NAT, and ``sixrd``, the
               6rd domains there: what an operator knows
``tunnels``    one per client: ``name``, ``home``, ``watched`` (the captures are of a network on its
               way), ``kind``, ``inside`` (an end), ``macs`` (who its packets come from on each
               network on their way, by the network's name), ``ends`` (all that it sent from),
               ``servers`` (asked, in order), ``boxes`` (the NATs on its way, the home's own first:
               ``name``, ``mapping``, ``filtering``, ``ports``), ``cone_phase`` (it asked whether
               its NAT is a cone), ``concluded`` (the NAT type that it found), ``state``,
               ``addresses`` (``address``, ``mapped``: the end it holds, ``since``), ``mappings``
               (``inside``, ``public``: the end at the Internet, ``remote``: whom alone it holds
               for, port 0 for all ports; ``since``, ``until`` unless it was held to the end),
               ``relays`` and ``peers`` (reached: ``address``, ``end``, ``at``), ``alternates``
               (ends that its trailers told)
``exposures``  one per service behind a tunnel that anybody opened: ``tunnel`` (its client, or who
               sends its packets), ``watched``, ``address``, ``transport``, ``port``, ``state``
               (``answered``, ``refused``, ``attempted``: the strongest outcome), ``openings``
               (``remote``, ``by``: whose that address is, were it forged, ``neighbour``: true where
               that is of the watched network too, ``at``: when it arrived, ``outcome``)
``tries``      what the story let anybody ask: ``by``, ``whom``, ``transport``, ``address``,
               ``port``, ``at``, ``answered`` (something came back), ``whole`` (all of it did)
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sensor.lab.network.behaviour import NatBehaviour
from sensor.lab.scenarios.openings import Outcome
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, NatType, TeredoPacket
from sensor.wire import icmpv6, tcp, udp
from sensor.wire.addresses import SixRdDomain, text

NANOSECONDS = 1_000_000_000
Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A frame of a tunnel; ``number`` counts from 1 in its capture."""

    number: int
    at: int
    kind: Kind
    packet: TeredoPacket
    sender: str
    end: Endpoint | None
    destination: Endpoint | None
    quoted: bool
    doubled: bool
    flawed: bool
    cut: bool
    within: tuple[Kind, ...]


@dataclass(frozen=True, slots=True)
class EmbeddedTruth:
    address: bytes
    scheme: Kind
    ip: bytes


@dataclass(frozen=True, slots=True)
class LinkTruth:
    """A tunnel that is not Teredo's, at one place."""

    kinds: tuple[Kind, ...]
    ends: tuple[Endpoint, ...]
    client: Endpoint | None
    key: int | None
    senders: tuple[str, ...]
    embedded: tuple[EmbeddedTruth, ...]


@dataclass(frozen=True, slots=True)
class CaptureTruth:
    file: str
    frames: int
    labelled: tuple[Labelled, ...]
    links: tuple[LinkTruth, ...]

    def ends(self, sender: str) -> tuple[Endpoint, ...]:
        """Where packets of somebody come from at this place, in order."""
        ends = (frame.end for frame in self.labelled if frame.sender == sender)
        return tuple(dict.fromkeys(end for end in ends if end is not None))


@dataclass(frozen=True, slots=True)
class BoxTruth:
    name: str
    behaviour: NatBehaviour


@dataclass(frozen=True, slots=True)
class AddressTruth:
    """A Teredo address; times here and below in nanoseconds since 1970."""

    address: bytes
    mapped: Endpoint
    since: int


@dataclass(frozen=True, slots=True)
class MappingTruth:
    inside: Endpoint
    public: Endpoint
    remote: Endpoint | None
    since: int
    until: int | None


@dataclass(frozen=True, slots=True)
class Met:
    """A relay or peer; ``address`` is the IPv6 address that was reached there."""

    address: bytes | None
    end: Endpoint
    at: int


@dataclass(frozen=True, slots=True)
class TunnelTruth:
    name: str
    home: str
    watched: bool
    kind: Kind
    inside: Endpoint
    macs: dict[str, bytes]
    ends: tuple[Endpoint, ...]
    servers: tuple[bytes, ...]
    boxes: tuple[BoxTruth, ...]
    cone_phase: bool
    concluded: NatType
    state: str
    addresses: tuple[AddressTruth, ...]
    mappings: tuple[MappingTruth, ...]
    relays: tuple[Met, ...]
    peers: tuple[Met, ...]
    alternates: tuple[Endpoint, ...]


@dataclass(frozen=True, slots=True)
class OpeningTruth:
    remote: Endpoint
    by: str
    at: int
    outcome: Outcome
    neighbour: bool = False


@dataclass(frozen=True, slots=True)
class ExposureTruth:
    tunnel: str
    watched: bool
    address: bytes
    transport: int
    port: int
    openings: tuple[OpeningTruth, ...]

    @property
    def state(self) -> Outcome:
        return max(opening.outcome for opening in self.openings)


@dataclass(frozen=True, slots=True)
class TriedTruth:
    by: str
    whom: str
    transport: int
    service: Endpoint
    at: int
    answered: bool
    whole: bool


@dataclass(frozen=True, slots=True)
class Truth:
    name: str
    about: str
    seed: int
    watched: str
    networks: tuple[tuple[bytes, int], ...]
    pools: tuple[bytes, ...]
    sixrd: tuple[SixRdDomain, ...]
    captures: dict[str, CaptureTruth]
    tunnels: tuple[TunnelTruth, ...]
    exposures: tuple[ExposureTruth, ...]
    tries: tuple[TriedTruth, ...]

    def to_json(self) -> str:
        """The same truth gives the same text."""
        told = {
            "scenario": {"name": self.name, "about": self.about, "seed": self.seed},
            "watched": self.watched,
            "networks": [f"{text(ip)}/{bits}" for ip, bits in self.networks],
            "pools": [text(ip) for ip in self.pools],
            "sixrd": [_sixrd(domain) for domain in self.sixrd],
            "captures": {side: _capture(capture) for side, capture in self.captures.items()},
            "tunnels": [_tunnel(tunnel) for tunnel in self.tunnels],
            "exposures": [_exposure(exposure) for exposure in self.exposures],
            "tries": [_tried(tried) for tried in self.tries],
        }
        return json.dumps(told, indent=1, sort_keys=True) + "\n"


_TRANSPORTS = {tcp.PROTOCOL: "tcp", udp.PROTOCOL: "udp", icmpv6.PROTOCOL: "ipv6-icmp"}


def time_text(time: int) -> str:
    """RFC 3339 in UTC, of nanoseconds since 1970."""
    seconds, rest = divmod(time, NANOSECONDS)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _known(told: Object) -> Object:
    return {key: value for key, value in told.items() if value is not None}


def _end(end: Endpoint | None) -> Object | None:
    return None if end is None else {"ip": text(end.ip), "port": end.port}


def _capture(capture: CaptureTruth) -> Object:
    labelled = [
        _known(
            {
                "frame": frame.number,
                "at": time_text(frame.at),
                "kind": frame.kind.text,
                "packet": frame.packet.text,
                "sender": frame.sender,
                "end": _end(frame.end),
                "destination": _end(frame.destination),
                "quoted": frame.quoted or None,
                "doubled": frame.doubled or None,
                "flawed": frame.flawed or None,
                "cut": frame.cut or None,
                "within": [kind.text for kind in frame.within] or None,
            }
        )
        for frame in capture.labelled
    ]
    return {
        "file": capture.file,
        "frames": capture.frames,
        "labelled": labelled,
        "links": [_link(link) for link in capture.links],
    }


def _link(link: LinkTruth) -> Object:
    told = {
        "kinds": [kind.text for kind in link.kinds],
        "ends": [_end(end) for end in link.ends],
        "client": _end(link.client),
        "key": link.key,
        "senders": list(link.senders),
        "embedded": [
            {"address": text(found.address), "scheme": found.scheme.text, "ip": text(found.ip)}
            for found in link.embedded
        ],
    }
    return _known(told)


def _sixrd(domain: SixRdDomain) -> Object:
    return {
        "prefix": f"{text(domain.prefix)}/{domain.prefix_length}",
        "ipv4_mask": domain.ipv4_mask,
        "relays": [text(relay) for relay in domain.relays],
    }


def _tunnel(tunnel: TunnelTruth) -> Object:
    return {
        "name": tunnel.name,
        "home": tunnel.home,
        "watched": tunnel.watched,
        "kind": tunnel.kind.text,
        "inside": _end(tunnel.inside),
        "macs": {place: mac.hex(":") for place, mac in tunnel.macs.items()},
        "ends": [_end(end) for end in tunnel.ends],
        "servers": [text(server) for server in tunnel.servers],
        "boxes": [_box(box) for box in tunnel.boxes],
        "cone_phase": tunnel.cone_phase,
        "concluded": tunnel.concluded.text,
        "state": tunnel.state,
        "addresses": [
            {
                "address": text(had.address),
                "mapped": _end(had.mapped),
                "since": time_text(had.since),
            }
            for had in tunnel.addresses
        ],
        "mappings": [_mapping(mapping) for mapping in tunnel.mappings],
        "relays": [_met(relay) for relay in tunnel.relays],
        "peers": [_met(peer) for peer in tunnel.peers],
        "alternates": [_end(end) for end in tunnel.alternates],
    }


def _box(box: BoxTruth) -> Object:
    return {
        "name": box.name,
        "mapping": box.behaviour.mapping.value,
        "filtering": box.behaviour.filtering.value,
        "ports": box.behaviour.ports.value,
    }


def _mapping(mapping: MappingTruth) -> Object:
    return _known(
        {
            "inside": _end(mapping.inside),
            "public": _end(mapping.public),
            "remote": _end(mapping.remote),
            "since": time_text(mapping.since),
            "until": None if mapping.until is None else time_text(mapping.until),
        }
    )


def _met(met: Met) -> Object:
    address = None if met.address is None else text(met.address)
    return _known({"address": address, "end": _end(met.end), "at": time_text(met.at)})


def _exposure(exposure: ExposureTruth) -> Object:
    return {
        "tunnel": exposure.tunnel,
        "watched": exposure.watched,
        "address": text(exposure.address),
        "transport": _TRANSPORTS[exposure.transport],
        "port": exposure.port,
        "state": exposure.state.text,
        "openings": [
            _known(
                {
                    "remote": _end(opening.remote),
                    "by": opening.by,
                    "neighbour": opening.neighbour or None,
                    "at": time_text(opening.at),
                    "outcome": opening.outcome.text,
                }
            )
            for opening in exposure.openings
        ],
    }


def _tried(tried: TriedTruth) -> Object:
    return {
        "by": tried.by,
        "whom": tried.whom,
        "transport": _TRANSPORTS[tried.transport],
        "address": text(tried.service.ip),
        "port": tried.service.port,
        "at": time_text(tried.at),
        "answered": tried.answered,
        "whole": tried.whole,
    }
