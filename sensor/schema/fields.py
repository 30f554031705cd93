"""Every field a document may hold: the origin of index templates, and the check that they fit.

Field names follow the Elastic Common Schema 9.4; what ECS has no field for stands under the
namespace ``v6tunnel``. Types are those that any Elasticsearch licence and OpenSearch know.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sensor.schema.words import Kind, Reason

ECS_VERSION = "9.4.0"
MODULE = "v6tunnel"

TUNNEL = "v6tunnel.tunnel"
FLOW = "v6tunnel.flow"
EXPOSURE = "v6tunnel.exposure"
SENSOR = "v6tunnel.sensor"

Document = dict[str, Any]
Datasets = frozenset[str]

_NONE: Datasets = frozenset()
_T: Datasets = frozenset({TUNNEL})
_F: Datasets = frozenset({FLOW})
_E: Datasets = frozenset({EXPOSURE})
_S: Datasets = frozenset({SENSOR})
_INNER = _F | _E
_EVENTS = _T | _INNER
DATASETS = _EVENTS | _S


@dataclass(frozen=True, slots=True)
class Context:
    """What a document says besides its record: who saw it, where, and when it was written.

    ``created`` is processing time in nanoseconds since 1970 UTC, ``zone`` the zone of the
    interface that saw the frames.
    """

    observer: str
    interface: str | None = None
    namespace: str = "replay"
    created: int = 0
    zone: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field; ``many`` says that it is always an array, ``required`` which datasets need it.

    The type ``object`` stands for an array of objects, whose own fields follow it.
    """

    name: str
    type: str
    description: str
    datasets: Datasets
    many: bool = False
    required: Datasets = _NONE


def _must(name: str, type_: str, description: str, datasets: Datasets = DATASETS) -> Field:
    return Field(name, type_, description, datasets, required=datasets)


def _may(name: str, type_: str, description: str, datasets: Datasets) -> Field:
    return Field(name, type_, description, datasets)


def _list(
    name: str, type_: str, description: str, datasets: Datasets, required: Datasets = _NONE
) -> Field:
    return Field(name, type_, description, datasets, many=True, required=required)


_COMMON = (
    _must("@timestamp", "date", "Packet time"),
    _must("message", "text", "The document in one sentence"),
    _must("ecs.version", "keyword", "Version of the Elastic Common Schema followed"),
    _must("event.id", "keyword", "Deterministic identity, also the document's _id"),
    _must("event.created", "date", "Processing time"),
    _must("event.kind", "keyword", "event, state or metric"),
    _list("event.category", "keyword", "network", DATASETS, DATASETS),
    _list("event.type", "keyword", "connection, start, info, end", DATASETS, DATASETS),
    _must("event.action", "keyword", "What happened to the subject"),
    _must("event.module", "keyword", "Always v6tunnel"),
    _must("event.dataset", "keyword", "Equal to data_stream.dataset"),
    _may("event.outcome", "keyword", "success, failure or unknown", _E),
    _may("event.start", "date", "First packet", DATASETS),
    _may("event.end", "date", "Last packet so far", DATASETS),
    _may("event.duration", "long", "Nanoseconds from first to last packet", DATASETS),
    _must("data_stream.type", "keyword", "logs or metrics"),
    _must("data_stream.dataset", "keyword", "Kind of document"),
    _must("data_stream.namespace", "keyword", "replay, or as configured for live capture"),
    _must("observer.name", "keyword", "Name of the sensor"),
    _must("observer.type", "keyword", "Always ids"),
    _must("observer.product", "keyword", "Always v6tunnel-sensor"),
    _must("observer.version", "keyword", "Version of the sensor"),
    _may("observer.ingress.interface.name", "keyword", "Interface captured on", DATASETS),
    _may("observer.ingress.vlan.id", "keyword", "VLAN of the tunnel's frames", _T),
    _may("observer.ingress.zone", "keyword", "Zone captured in", DATASETS),
    _list("related.ip", "ip", "Every address of every layer", _EVENTS, _EVENTS),
    _must("v6tunnel.observation.vantage", "keyword", "Side of the NAT captured on", _EVENTS),
    _must("v6tunnel.observation.directions", "keyword", "one or both", _EVENTS),
    _must("v6tunnel.observation.midstream", "boolean", "Begun before the capture", _EVENTS),
    _must("v6tunnel.observation.loss_percent", "float", "Frames lost by the capture", _EVENTS),
)

_NETWORK = (
    _must("source.ip", "ip", "Inside end of a tunnel; originator; remote of an exposure", _EVENTS),
    _may("source.port", "long", "Port of source.ip", _EVENTS),
    _may("source.mac", "keyword", "Hardware address of source.ip", _T),
    _may("source.nat.ip", "ip", "Mapped address, as a Teredo address embeds it", _T),
    _may("source.nat.port", "long", "Mapped port, as a Teredo address embeds it", _T),
    _must("source.packets", "long", "Packets from the originator", _F),
    _must("source.bytes", "long", "Octets from the originator", _F),
    _must("destination.ip", "ip", "Other end of a tunnel; responder; exposed address", _EVENTS),
    _may("destination.port", "long", "Port of destination.ip", _EVENTS),
    _must("destination.packets", "long", "Packets from the responder", _F),
    _must("destination.bytes", "long", "Octets from the responder", _F),
    _must("network.type", "keyword", "ipv4 or ipv6", _EVENTS),
    _must("network.transport", "keyword", "Carrier of a tunnel, or inner transport", _EVENTS),
    _must("network.iana_number", "keyword", "Protocol number of network.transport", _EVENTS),
    _may("network.protocol", "keyword", "Tunnel protocol over UDP or TCP", _T),
    Field("network.direction", "keyword", "Seen from the perimeter", _EVENTS, required=_E),
    _may("network.community_id", "keyword", "Community ID 1.0 of source and destination", _EVENTS),
    _must("network.packets", "long", "Packets both ways", _T | _F),
    _must("network.bytes", "long", "Octets both ways", _T | _F),
)

_OUTER = (
    _must("v6tunnel.outer.transport", "keyword", "Carrier: udp, ipv6, gre, tcp", _F),
    _must("v6tunnel.outer.source.ip", "ip", "Outer address on the originator's side", _F),
    _may("v6tunnel.outer.source.port", "long", "Outer port on the originator's side", _F),
    _must("v6tunnel.outer.destination.ip", "ip", "Outer address on the other side", _INNER),
    _may("v6tunnel.outer.destination.port", "long", "Outer port on the other side", _INNER),
    _may("v6tunnel.outer.community_id", "keyword", "Community ID 1.0 of the outer tuple", _F),
    _may(
        "v6tunnel.outer.community_id_suricata",
        "keyword",
        "As Suricata computes it for protocol 41: with two zero ports",
        _T | _F,
    ),
    _may("v6tunnel.outer.key", "long", "Key of GRE", _T),
)

_TUNNEL = (
    _must("v6tunnel.tunnel.id", "keyword", "Identity of the tunnel at this sensor", _EVENTS),
    _must("v6tunnel.tunnel.kind", "keyword", "Tunnel kind", _EVENTS),
    _must("v6tunnel.tunnel.key", "keyword", "Identity that several sensors share", _T),
    _list("v6tunnel.tunnel.kinds", "keyword", "Every kind that fits", _T),
    _may("v6tunnel.tunnel.parent", "keyword", "Tunnel that carries this one", _T),
    _must("v6tunnel.tunnel.state", "keyword", "discovered, qualified or closed", _T),
    _must("v6tunnel.tunnel.confidence", "keyword", "certain, strong or weak", _T),
    _list("v6tunnel.tunnel.reasons", "keyword", "Evidence for the tunnel", _T, _T),
    _list("v6tunnel.tunnel.anomalies", "keyword", "What is odd about its packets", _T),
    _must("v6tunnel.tunnel.first_seen", "date", "First packet", _T),
    _must("v6tunnel.tunnel.last_seen", "date", "Last packet so far", _T),
    _must("v6tunnel.tunnel.packets", "long", "Packets both ways", _T),
    _must("v6tunnel.tunnel.bytes", "long", "Octets both ways", _T),
    _may("v6tunnel.tunnel.closed_reason", "keyword", "Why it ended", _T),
    _may("v6tunnel.inside.ip", "ip", "Inside host, where the NAT does not hide it", _T | _E),
    _may("v6tunnel.inside.port", "long", "Its outer port", _T | _E),
    _may("v6tunnel.inside.mac", "keyword", "Its hardware address", _T | _E),
    _may("v6tunnel.inside.zone", "keyword", "Its zone", _T | _E),
    _may("v6tunnel.inside.address", "ip", "Its IPv6 address in the tunnel", _T | _E),
    _list("v6tunnel.embedded", "object", "IPv4 addresses inside inner addresses", _T),
    _may("v6tunnel.embedded.address", "ip", "Inner address", _T),
    _may("v6tunnel.embedded.scheme", "keyword", "How it embeds IPv4", _T),
    _may("v6tunnel.embedded.ip", "ip", "Embedded address", _T),
)

_TEREDO = (
    _may("v6tunnel.teredo.server.ip", "ip", "Teredo server", _T),
    _may("v6tunnel.teredo.server.known", "boolean", "A published server", _T),
    _may("v6tunnel.teredo.server.secondary", "ip", "Its second address", _T),
    _may("v6tunnel.teredo.mapped.ip", "ip", "Public address the NAT gave the client", _T | _E),
    _may("v6tunnel.teredo.mapped.port", "long", "Public port the NAT gave the client", _T | _E),
    _list("v6tunnel.teredo.mapped.from", "keyword", "Sources that agree on the mapping", _T),
    _may("v6tunnel.teredo.flags", "keyword", "Flags of the Teredo address, in hex", _T),
    _may("v6tunnel.teredo.cone", "boolean", "The cone flag is set", _T),
    _may("v6tunnel.teredo.nat_type", "keyword", "What its traffic says of the NAT", _T),
    _list("v6tunnel.teredo.nat_reasons", "keyword", "Why", _T),
    _may("v6tunnel.teredo.qualified", "boolean", "A server answered its solicitation", _T),
    _may("v6tunnel.teredo.qualified_at", "date", "When", _T),
    _list("v6tunnel.teredo.qualified_reasons", "keyword", "Why this is believed", _T),
    _list("v6tunnel.teredo.relays", "object", "Relays that reached the client", _T),
    _may("v6tunnel.teredo.relays.ip", "ip", "Relay", _T),
    _may("v6tunnel.teredo.relays.port", "long", "Its port", _T),
    _may("v6tunnel.teredo.peers", "long", "Outer ends met", _T),
    _may("v6tunnel.teredo.bubbles", "long", "Bubbles seen", _T),
    _list("v6tunnel.teredo.mapping_changes", "object", "New public endpoints", _T),
    _may("v6tunnel.teredo.mapping_changes.time", "date", "When it changed", _T),
    _may("v6tunnel.teredo.mapping_changes.before.ip", "ip", "Address before", _T),
    _may("v6tunnel.teredo.mapping_changes.before.port", "long", "Port before", _T),
    _may("v6tunnel.teredo.mapping_changes.after.ip", "ip", "Address after", _T),
    _may("v6tunnel.teredo.mapping_changes.after.port", "long", "Port after", _T),
    _list("v6tunnel.teredo.alternates", "object", "Endpoints its trailers announce", _T),
    _may("v6tunnel.teredo.alternates.ip", "ip", "Announced address", _T),
    _may("v6tunnel.teredo.alternates.port", "long", "Announced port", _T),
)

_CONVERSATIONS = (
    _must("v6tunnel.flow.state", "keyword", "Connection state in Zeek's words", _F),
    _may("v6tunnel.flow.history", "keyword", "Zeek's history letters", _F),
    _may("v6tunnel.flow.icmp.type", "long", "ICMPv6 type of the originator", _F),
    _may("v6tunnel.flow.icmp.code", "long", "ICMPv6 code of the originator", _F),
)

_EXPOSURES = (
    _must("v6tunnel.exposure.id", "keyword", "Identity of the exposure at this sensor", _E),
    _must("v6tunnel.exposure.state", "keyword", "Strongest state reached", _E),
    _must("v6tunnel.exposure.last_state", "keyword", "State of the newest attempt", _E),
    _must("v6tunnel.exposure.state_since", "date", "When the strongest state was reached", _E),
    _may("v6tunnel.exposure.service", "keyword", "Usual name of the port", _E),
    _must("v6tunnel.exposure.first_seen", "date", "First attempt", _E),
    _must("v6tunnel.exposure.last_seen", "date", "Newest attempt", _E),
    _must("v6tunnel.exposure.remotes.count", "long", "How many remotes tried", _E),
    _list("v6tunnel.exposure.remotes.ips", "ip", "The first of them", _E),
    _must("v6tunnel.exposure.host_basis", "keyword", "endpoint, behind-endpoint, unknown", _E),
    _may("v6tunnel.exposure.closed_reason", "keyword", "Why it ended", _E),
    _may("v6tunnel.exposure.policy", "keyword", "What the IPv4 policy says of the port", _E),
    _may("v6tunnel.exposure.hole_refreshed", "date", "Inside end last kept the hole open", _E),
    _list("v6tunnel.exposure.evidence", "object", "Frames that show it", _E),
    _may("v6tunnel.exposure.evidence.capture", "keyword", "Capture", _E),
    _may("v6tunnel.exposure.evidence.frame", "long", "Number of the frame in it", _E),
    _may("v6tunnel.exposure.evidence.time", "date", "Time of the frame", _E),
    _may("v6tunnel.exposure.evidence.what", "keyword", "What it shows", _E),
)

_LEDGER = (
    _must("v6tunnel.sensor.frames.read", "long", "Frames read: the sum of the four below", _S),
    _must("v6tunnel.sensor.frames.tunnelled", "long", "Frames that carry a tunnel", _S),
    _must("v6tunnel.sensor.frames.copies", "long", "Mirrored copies", _S),
    _must("v6tunnel.sensor.frames.other", "long", "Readable frames without a tunnel", _S),
    _must("v6tunnel.sensor.frames.unreadable", "long", "Cut or damaged frames", _S),
    *(
        _may(f"v6tunnel.sensor.kinds.{kind.text}", "long", f"Frames of kind {kind.text}", _S)
        for kind in Kind
        if kind is not Kind.NONE
    ),
    *(
        _may(f"v6tunnel.sensor.reasons.{reason.text}", "long", f"Frame: {reason.sentence}", _S)
        for reason in Reason
    ),
    _must("v6tunnel.sensor.dropped.state", "long", "Subjects forgotten for want of room", _S),
    _must("v6tunnel.sensor.dropped.documents", "long", "Documents not delivered", _S),
    _must(
        "v6tunnel.sensor.unpromoted", "long", "Tunnel candidates nobody answered, over budget", _S
    ),
    _must("v6tunnel.sensor.seconds", "float", "Processing time", _S),
    _must("v6tunnel.sensor.frames_per_second", "float", "Frames read per second of it", _S),
)

FIELDS: dict[str, Field] = {
    field.name: field
    for field in (
        *_COMMON,
        *_NETWORK,
        *_OUTER,
        *_TUNNEL,
        *_TEREDO,
        *_CONVERSATIONS,
        *_EXPOSURES,
        *_LEDGER,
    )
}


def check(document: Document) -> list[str]:
    """What is wrong with a document, one line per fault; empty for a good one."""
    dataset = str(document.get("event", {}).get("dataset"))
    if dataset not in DATASETS:
        return [f"event.dataset: {dataset} is no dataset of ours"]
    faults: list[str] = []
    names: set[str] = set()
    for name, value in _leaves(document):
        names.add(name)
        faults += _faults(name, value, dataset)
    required = {field.name for field in FIELDS.values() if dataset in field.required}
    faults += [f"{name}: missing from {dataset}" for name in sorted(required - names)]
    if document.get("data_stream", {}).get("dataset") != dataset:
        faults.append("data_stream.dataset: differs from event.dataset")
    return faults


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Dotted names with their values; arrays of objects are values and entered as well."""
    if _holds_objects(name):
        yield name, value
        for inner in value if isinstance(value, list) else ():
            yield from _members(inner, name) if isinstance(inner, dict) else ()
    elif isinstance(value, dict) and value:
        yield from _members(value, name)
    else:
        yield name, value


def _members(value: Document, name: str) -> Iterator[tuple[str, Any]]:
    for key, inner in value.items():
        yield from _leaves(inner, f"{name}.{key}" if name else key)


def _holds_objects(name: str) -> bool:
    return name in FIELDS and FIELDS[name].type == "object"


def _faults(name: str, value: Any, dataset: str) -> list[str]:
    field = FIELDS.get(name)
    if field is None or dataset not in field.datasets:
        return [f"{name}: no field of {dataset}"]
    if field.many != isinstance(value, list):
        return [f"{name}: {'no list' if field.many else 'a list'}"]
    values = value if isinstance(value, list) else [value]
    if not values:
        return [f"{name}: an empty list"]
    return [f"{name}: {v!r} is no {field.type}" for v in values if not _TESTS[field.type](v)]


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_ip(value: Any) -> bool:
    """Text of an address as RFC 5952 (or, for IPv4, dotted quad) writes it."""
    try:
        address = ipaddress.ip_address(value) if isinstance(value, str) else None
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return value == (f"::ffff:{mapped}" if mapped else str(address)) and "%" not in value


_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def _is_date(value: Any) -> bool:
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        return False
    try:
        datetime.fromisoformat(value[:19])
    except ValueError:
        return False
    return True


def _is_long(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -(1 << 63) <= value < 1 << 63


def _is_float(value: Any) -> bool:
    return isinstance(value, float) and math.isfinite(value)


_TESTS: dict[str, Callable[[Any], bool]] = {
    "keyword": _is_text,
    "text": _is_text,
    "ip": _is_ip,
    "date": _is_date,
    "long": _is_long,
    "float": _is_float,
    "boolean": lambda value: isinstance(value, bool),
    "object": lambda value: isinstance(value, dict) and value != {},
}
