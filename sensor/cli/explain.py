"""``sensor explain``: what an address, a payload or a packet embeds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from sensor.cli.streams import results
from sensor.cli.subjects import recognised, subjects
from sensor.errors import ConfigError
from sensor.schema.words import Reason
from sensor.wire import ipv4, link, udp

if TYPE_CHECKING:
    from sensor.decode.trace import Trace, TracedCheck, TracedLayer
    from sensor.schema.rows import Observation

# Private, so that nothing embedded is expected to equal it; a network, so that nothing does.
_NOBODY = bytes([10, 0, 0, 0])
_MAX_PAYLOAD = 65507  # octets, RFC 4380 section 5.1.2


@click.command()
@click.argument("texts", nargs=-1, required=True, metavar="TEXT...")
def explain(texts: tuple[str, ...]) -> None:
    """Say what an address or a packet in hex embeds, and what is wrong with it.

    TEXT is an IPv6 or IPv4 address, or hex: a UDP payload, an IPv4 or IPv6 packet, or an Ethernet
    frame. - reads standard input. Hex may be spread over several arguments.
    """
    given = subjects(texts)
    with results() as stream:
        for i, subject in enumerate(given):
            if i:
                stream.write("\n")
            for line in _explained(subject):
                stream.write(line + "\n")


def _explained(subject: bytes) -> Iterator[str]:
    from sensor.emit.explain import explain_ipv4, explain_ipv6

    if len(subject) == 4:
        return explain_ipv4(subject)
    if len(subject) == 16:
        return explain_ipv6(subject)
    name, link_type = recognised(subject)
    if link_type is None:
        return _payload(name, subject)
    return _frame(name, subject, link_type)


def _frame(name: str, data: bytes, link_type: int) -> Iterator[str]:
    """A packet with all its layers, as `sensor decode --frame` shows it."""
    reason, rows, trace = _decoded(data, link_type)
    return _told(f"{name}, {len(data)} bytes", "Verdict: ", data, trace.steps, reason, rows)


def _payload(name: str, data: bytes) -> Iterator[str]:
    """A UDP payload: decoded in a datagram between nobody and nobody, which is then left out."""
    if len(data) > _MAX_PAYLOAD:
        raise ConfigError(f"{len(data)} bytes are more than a UDP datagram holds")
    datagram = udp.build(_NOBODY, _NOBODY, 0, 0, data)
    packet = ipv4.build(_NOBODY, _NOBODY, udp.PROTOCOL, datagram)
    reason, rows, trace = _decoded(packet, link.LINKTYPE_IPV4)
    carrier = next(i for i, step in enumerate(trace.steps) if step.name == "udp")
    start = len(packet) - len(data)
    steps = [_shifted(step, start) for step in trace.steps[carrier + 1 :]]
    title = f"{name}, {len(data)} bytes; its outer addresses are not known, so not compared"
    return _told(title, "Verdict, for a UDP payload: ", data, steps, reason, rows)


def _decoded(data: bytes, link_type: int) -> tuple[Reason, list[Observation], Trace]:
    from sensor.decode.scalar import Frame, decode_frame
    from sensor.decode.settings import DecodeSettings
    from sensor.decode.trace import Trace

    trace = Trace()
    reason, rows = decode_frame(Frame(data, link_type, len(data)), DecodeSettings(), trace)
    return reason, rows, trace


def _shifted(step: TracedLayer | TracedCheck, start: int) -> TracedLayer | TracedCheck:
    """A step with its offsets counted from ``start``."""
    from sensor.decode.inner import Inner
    from sensor.decode.trace import TracedLayer

    if not isinstance(step, TracedLayer):
        return step
    header = step.header
    if isinstance(header, Inner):
        chain = header.chain._replace(position=header.chain.position - start)
        header = replace(header, chain=chain)
    return replace(step, offset=step.offset - start, header=header)


def _told(
    title: str,
    verdict_is: str,
    data: bytes,
    steps: Sequence[TracedLayer | TracedCheck],
    reason: Reason,
    rows: Sequence[Observation],
) -> Iterator[str]:
    from sensor.emit.detail import detail, verdict, wrapped
    from sensor.track.marks import shown

    carried = [row for row in rows if row.inner_length]

    yield title
    yield ""
    yield from detail(steps, rows, data, ())
    yield from _addresses(row.inner_source for row in carried)
    yield from _addresses(row.inner_destination for row in carried)
    yield ""
    told = verdict(reason, [row for row in rows if shown(row)])
    yield from wrapped("", f"{verdict_is}{told}")


def _addresses(found: Iterable[bytes]) -> Iterator[str]:
    """Every inner address that embeds something, bit by bit."""
    from sensor.emit.explain import embeds, explain_ipv6

    for address in found:
        if embeds(address):
            yield ""
            yield from explain_ipv6(address)
