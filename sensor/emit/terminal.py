"""What `sensor replay` prints: exposures first, then tunnels, then where to look next.

Lines are (text, style) pieces, so that the same lines go to a terminal in colour and to a file
without; colour never carries anything that the words do not.
"""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from sensor.emit.summary import Summary
from sensor.emit.texts import (
    base_name,
    carrier_name,
    clock_text,
    endpoint_text,
    fitted,
    kind_name,
    protocol_text,
    since_text,
    spaced_text,
)
from sensor.emit.visible import visible
from sensor.emit.witness import witness_lines
from sensor.schema.records import (
    Endpoint,
    ExposureRecord,
    Proof,
    Scope,
    SensorRecord,
    Teredo,
    TunnelRecord,
)
from sensor.schema.words import ExposureState, Reason, Transport, Vantage
from sensor.wire.addresses import is_private, text

Piece = tuple[str, str]
Line = list[Piece]

WIDTH = 100
# More rows than a person reads; the documents hold the rest.
TUNNELS_SHOWN = 50
EXPOSURES_SHOWN = 50
_WHILE = 60_000_000_000  # a service last seen later than this after its first answer is in use

_VANTAGES = {
    Vantage.INSIDE: "Seen from inside the NAT",
    Vantage.OUTSIDE: "Seen from outside the NAT",
    Vantage.BOTH: "Seen from inside and outside the NAT",
    Vantage.UNKNOWN: "Side of the NAT unknown",
}
_VERBS = {
    ExposureState.ANSWERED: "answered {}",
    ExposureState.REFUSED: "refused {}",
    ExposureState.ATTEMPTED: "was tried by {}, no answer",
    ExposureState.REPLY_UNSEEN: "was tried by {}, answers not visible here",
}
_SEVERITY_STYLES = {"high": "bold red", "medium": "bold yellow", "low": "cyan"}
# Where a limit's key in the settings is not what the table calls it.
_LIMIT_KEYS = {
    "tunnels": "tracked_tunnels",
    "flows": "learned_flows",
    "promotions": "promotions_per_minute",
}
# What is lost at a limit that no setting can raise.
_LOST = {
    "notices": "some setup packets, errors and trailers were not read",
    "tests": "the oldest connectivity tests were forgotten",
    "remotes": "not every address that reached a service was counted",
    "hosts": "scans of hosts tried long ago were forgotten",
    "askers": "some answers to everybody are not told as theirs",
    "lookups": "some look-ups of tunnels' names were not read",
    "sightings": "copies of packets may have been counted as packets",
}
_HEADING = "bold"
_QUIET = "dim"


def render(
    summary: Summary, captures: Sequence[str], limits: dict[str, int], width: int
) -> Iterator[Line]:
    """All lines of the report; ``captures`` as the user named them, ``limits`` that were hit.

    Sentences are broken at ``width`` columns; a table too wide for them gives columns to the
    sentences below its lines.
    """
    for line in _report(summary, captures, limits, width):
        yield from _broken(line, width)


def _broken(line: Line, width: int) -> Iterator[Line]:
    """Labels and their sentence over as many lines as they need, the sentence in its column.

    A line of one piece is a table's and stays whole.
    """
    if len(line) < 2 or sum(len(words) for words, _ in line) <= width:
        yield line
        return
    *labels, (sentence, style) = line
    indent = sum(len(words) for words, _ in labels)
    room = max(20, width - indent)
    for part in textwrap.wrap(sentence, room, break_long_words=False, break_on_hyphens=False):
        yield [*labels, (part, style)]
        labels = [(" " * indent, "")]


def _report(
    summary: Summary, captures: Sequence[str], limits: dict[str, int], width: int
) -> Iterator[Line]:
    sensor = summary.sensor
    if sensor is None:
        return
    tunnels, exposures = summary.tunnels, summary.exposures  # each sorts
    yield from _ledger(sensor, limits)
    if tunnels:
        yield [(_seen(sensor.scope), "")]
    yield []
    yield from _exposures(exposures, len(summary.answered))
    yield from _unknown(tunnels)
    yield []
    yield from _tunnels(tunnels, width, sensor.first_time or 0)
    yield from witness_lines(summary.witnesses, captures, sensor.first_time or 0, width)
    proof = _next_proof(exposures)
    if proof is not None:
        yield []
        yield [(f"Next: sensor decode {_quoted(proof.capture)} --frame {proof.frame}", _QUIET)]
    elif tunnels and captures[0] != "-":
        yield []
        yield [(f"Next: sensor decode {_quoted(captures[0])}", _QUIET)]


def _ledger(sensor: SensorRecord, limits: dict[str, int]) -> Iterator[Line]:
    counts = (
        f"{_number(sensor.read, 'frame')}: {sensor.tunnelled} tunnelled, "
        f"{sensor.copies} mirrored {'copy' if sensor.copies == 1 else 'copies'}, "
        f"{sensor.other} other, {sensor.unreadable} unreadable."
    )
    if sensor.first_time is not None and sensor.last_time is not None:
        span = (sensor.last_time - sensor.first_time) / 1e9
        counts += f" {spaced_text(sensor.first_time)}, {_span(span)}"
    yield [("", ""), (counts, _HEADING)]
    for name, count in sensor.reasons.items():
        reason = Reason[name.upper().replace("-", "_")]
        if reason.unreadable:
            yield [(f"  unreadable: {count} {reason.sentence}", "yellow")]
        elif reason is Reason.TOO_MANY_LAYERS:
            text = f"not followed: {count} with {reason.sentence}: sensor decode lists them"
            yield [("  ", ""), (text, "yellow")]
    if sensor.unpromoted:
        unanswered = _number(sensor.unpromoted, "tunnel candidate")
        yield [(f"  {unanswered} beyond the budget of unanswered ones, not listed below", "")]
    for name, count in sorted(limits.items()):
        hint = _LOST.get(name) or f"see limits.{_LIMIT_KEYS.get(name, name)} in the settings"
        yield [("  ", ""), (f"limit on {name} reached {_number(count, 'time')}: {hint}", "")]


def _seen(scope: Scope) -> str:
    directions = "both directions" if scope.both_directions else "one direction only"
    return f"{_VANTAGES[scope.vantage]}, {directions}"


def _exposures(exposures: Sequence[ExposureRecord], answered: int) -> Iterator[Line]:
    several = len({proof.capture for found in exposures for proof in found.evidence}) > 1
    heading = f"EXPOSED: {_number(answered, 'service')} open to the IPv6 Internet"
    if not answered:
        heading = "EXPOSED: no service of an inside host was seen to answer the IPv6 Internet"
    tried = len(exposures) - answered
    if tried:
        heading += f", {tried} more tried" if answered else f"; {tried} tried"
    yield [("", ""), (heading, _HEADING)]
    for exposure in exposures[:EXPOSURES_SHOWN]:
        yield from _exposure(exposure, several)
    if len(exposures) > EXPOSURES_SHOWN:
        yield [(f" ... and {len(exposures) - EXPOSURES_SHOWN} more: --format ndjson", _QUIET)]


def _unknown(tunnels: Sequence[TunnelRecord]) -> Iterator[Line]:
    unknown = sum(tunnel.inside is None for tunnel in tunnels)
    if unknown:
        yield [
            (" ", ""),
            (
                f"The inside end of {_number(unknown, 'tunnel')} is unknown, so nothing is claimed"
                " there; name your networks: --set 'zones.lan.networks=[192.0.2.0/24]'",
                _QUIET,
            ),
        ]


def _exposure(exposure: ExposureRecord, several: bool) -> Iterator[Line]:
    severity = exposure.state.severity
    service = f"{protocol_text(exposure.transport)}/{exposure.port}"
    named = f"{service} ({exposure.service})" if exposure.service else service
    verb = _VERBS[exposure.state].format(endpoint_text(exposure.remote))
    answered = exposure.state is ExposureState.ANSWERED
    yield [
        (f" {severity.upper():<8}", _SEVERITY_STYLES[severity]),
        (f"{_host(exposure)} ", "bold"),
        (f"{named} {verb}", ""),
    ]
    details = [
        ("through", f"{kind_name(exposure.tunnel_kind)} at {spaced_text(exposure.state_since)}"),
        (
            "reach it at" if answered else "tried at",
            endpoint_text(Endpoint(exposure.address, exposure.port)),
        ),
        *_hole(exposure),
        *_inside_host(exposure),
        *_others(exposure),
        ("proof", _proofs(exposure.evidence, several)),
        _policy(exposure, service),
    ]
    for name, value in details:
        yield [(f"   {name:<13}", _QUIET), (value, "")]


def _host(exposure: ExposureRecord) -> str:
    inside = exposure.inside
    if inside is not None and inside.ip is not None:
        behind = exposure.host_basis == "behind-endpoint"
        return f"a host behind {text(inside.ip)}" if behind else text(inside.ip)
    public = exposure.mapped or exposure.client
    return f"behind {endpoint_text(public)}"


def _hole(exposure: ExposureRecord) -> Iterator[tuple[str, str]]:
    """Where packets from outside pass the NAT: through the port of a carrier that has ports."""
    hole = _ends_of_hole(exposure)
    if hole is None:
        return
    if exposure.hole_refreshed is not None:
        hole += f", last refreshed {since_text(exposure.hole_refreshed, exposure.state_since)}"
    yield "NAT hole", hole


def _ends_of_hole(exposure: ExposureRecord) -> str | None:
    """The host's endpoint and what the NAT made of it, as far as either was seen."""
    inside, mapped = exposure.inside, exposure.mapped
    host = Endpoint(inside.ip, inside.port) if inside and inside.ip else None
    if mapped is not None:
        public = f"{endpoint_text(mapped)}/udp"
        return f"{endpoint_text(host)} -> {public}" if host else public
    if exposure.carrier is not Transport.UDP or host is None:
        return None
    if len(host.ip) != 4 or not is_private(host.ip):
        return None  # then there need be no NAT
    return f"{endpoint_text(host)}/udp -> public endpoint not known"


def _inside_host(exposure: ExposureRecord) -> Iterator[tuple[str, str]]:
    if exposure.inside is not None and exposure.inside.ip is not None:
        return
    public = exposure.mapped or exposure.client
    carrier = carrier_name(exposure.carrier)
    yield (
        "inside host",
        f"unknown: look up {carrier} {endpoint_text(public)} at {clock_text(exposure.state_since)}"
        " in the NAT's log",
    )


def _others(exposure: ExposureRecord) -> Iterator[tuple[str, str]]:
    last = since_text(exposure.last_seen, exposure.state_since)
    if exposure.remotes_count > 1:
        yield "reached by", f"{exposure.remotes_count} addresses, last seen {last}"
    elif exposure.last_seen - exposure.state_since > _WHILE:
        yield "last seen", last
    if exposure.last_state is not exposure.state:
        yield "since then", f"last opening: {exposure.last_state.text}"


def _proofs(evidence: Sequence[Proof], several: bool) -> str:
    if several:
        return ", ".join(
            f"{base_name(proof.capture)} frame {proof.frame} {proof.what}" for proof in evidence
        )
    return "frame " + ", ".join(f"{proof.frame} {proof.what}" for proof in evidence)


def _policy(exposure: ExposureRecord, service: str) -> tuple[str, str]:
    if exposure.policy is None:
        return "unknown", f"whether IPv4 policy allows {service} (none configured)"
    return "IPv4 policy", f"{exposure.policy}: {service} from the Internet"


# tunnels

_COLUMNS = ("ID", "KIND", "INSIDE", "PUBLIC", "SERVER/PEER", "RELAY", "FRAMES")
_MOVABLE = [_COLUMNS.index(name) for name in ("RELAY", "SERVER/PEER", "PUBLIC")]


def _tunnels(tunnels: Sequence[TunnelRecord], width: int, began: int) -> Iterator[Line]:
    yield [(f"TUNNELS: {len(tunnels) or 'none'}", _HEADING)]
    if not tunnels:
        return
    shown = tunnels[:TUNNELS_SHOWN]
    (heading, *lines), moved = fitted([_COLUMNS, *map(_tunnel_row, shown)], width, _MOVABLE)
    yield [(heading, _QUIET)]
    for tunnel, line, ends in zip(shown, lines, moved, strict=True):
        yield [(line, "")]
        for detail in _tunnel_details(tunnel, ends, began):
            yield [("   ", ""), (detail, _QUIET)]
    if len(tunnels) > TUNNELS_SHOWN:
        yield [(f" ... and {len(tunnels) - TUNNELS_SHOWN} more: --format ndjson", _QUIET)]


def _tunnel_row(tunnel: TunnelRecord) -> tuple[str, ...]:
    teredo, inside = tunnel.teredo, tunnel.inside
    mapped = teredo.mapped if teredo else None
    peer = text(teredo.server if teredo and teredo.server else tunnel.remote.ip)
    public = "-" if mapped is None else endpoint_text(mapped)
    if inside is None:
        # Which of the two is ours nobody knows: neither column may claim one.
        peer = f"{endpoint_text(tunnel.client)}, {peer}"
    elif inside.ip is None:
        public = endpoint_text(mapped or tunnel.client)
    own = endpoint_text(Endpoint(inside.ip, inside.port)) if inside and inside.ip else "?"
    relay = _relay(tunnel) or "-"
    return (tunnel.id[:6], tunnel.kind.text, own, public, peer, relay, str(tunnel.packets))


def _relay(tunnel: TunnelRecord) -> str:
    relays = tunnel.teredo.relays if tunnel.teredo else ()
    more = f" +{len(relays) - 1}" if len(relays) > 1 else ""
    return endpoint_text(relays[0]) + more if relays else ""


def _tunnel_details(tunnel: TunnelRecord, ends: str, began: int) -> Iterator[str]:
    """``ends`` are those that the table has no room for.

    ``began`` is the time that the report's first line tells with its date.
    """
    yield _qualification(tunnel, began)
    if ends:
        yield ends
    if tunnel.parent is not None:
        yield f"inside tunnel {tunnel.parent[:6]}"
    if tunnel.outer_key is not None:
        yield f"GRE key {tunnel.outer_key}"
    if tunnel.inside is not None and tunnel.inside.address is not None:
        yield f"its address is {text(tunnel.inside.address)}"
    for change in tunnel.teredo.mapping_changes if tunnel.teredo else ():
        yield (
            f"NAT mapping changed {since_text(change.time, began)}: {endpoint_text(change.before)}"
            f" -> {endpoint_text(change.after)}"
        )
    if tunnel.embedded:
        first = tunnel.embedded[0]
        more = f" and {len(tunnel.embedded) - 1} more" if len(tunnel.embedded) > 1 else ""
        yield f"{text(first.ip)} embedded in {text(first.address)} ({first.scheme.text}){more}"
    if tunnel.anomalies:
        yield "odd: " + _words(tunnel.anomalies)


def _qualification(tunnel: TunnelRecord, began: int) -> str:
    teredo = tunnel.teredo
    if teredo is None:
        known = "" if tunnel.inside else "; inside end unknown"
        return f"{tunnel.confidence.text}: {_words(tunnel.reasons)}{known}"
    nat = f"NAT {teredo.nat_type.text}" if teredo.nat_type else "NAT type unknown"
    because = _words(teredo.nat_reasons) or "no cone test seen"
    end = f"; {nat} ({because})"
    if teredo.qualified_at is None:
        setup = _unqualified(teredo)
        why = teredo.qualified_reasons or tunnel.reasons
        return f"{setup}, {tunnel.confidence.text}: {_words(why)}{end}"
    when = since_text(teredo.qualified_at, began)
    return f"qualified {when}, {tunnel.confidence.text}: {_words(teredo.qualified_reasons)}{end}"


def _unqualified(teredo: Teredo) -> str:
    if not teredo.qualified_reasons:
        return "setup not seen"
    return "unknown whether qualified" if teredo.qualified is None else "not qualified"


# words


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _words(reasons: Iterable[str]) -> str:
    return ", ".join(reason.replace("-", " ") for reason in reasons)


def _span(seconds: float) -> str:
    """30.0 s, or from an hour on 35 h 33 min."""
    if seconds < 3_600:
        return f"{seconds:.1f} s"
    hours, rest = divmod(round(seconds), 3_600)
    return f"{hours} h {rest // 60} min"


def _quoted(path: str) -> str:
    """A path as a shell takes it, and no command for an option."""
    if path.startswith("-"):
        path = f"./{path}"
    if path.isprintable():
        return shlex.quote(path)
    octets = path.replace("\\", "\\\\").replace("'", "\\'").encode(errors="surrogateescape")
    return f"$'{visible(octets.decode(errors='backslashreplace'))}'"


def _next_proof(exposures: Sequence[ExposureRecord]) -> Proof | None:
    """The frame that shows the strongest exposure best."""
    for exposure in exposures[:1]:
        for proof in exposure.evidence:
            if proof.time == exposure.state_since and proof.capture != "-":
                return proof
    return None
