"""ICMP errors: each quotes the start of the packet that it is about, which is evidence of it."""

from __future__ import annotations

from sensor.decode.inner import Inner
from sensor.decode.span import Span
from sensor.decode.walk import Next, Step, Walk
from sensor.schema.words import Layer, Reason
from sensor.wire import icmpv4, icmpv6


def icmp(walk: Walk, span: Span) -> Next | Reason:
    """ICMP over IPv4 (RFC 792)."""
    walk.push(Layer.ICMP)
    walk.trace.layer("icmp", span.start)
    quote = span.after(span.start + icmpv4.HEADER_LENGTH)
    if quote.present <= 0 or walk.data[span.start] not in icmpv4.ERRORS:
        return Reason.ICMP
    return _quoted(walk, Next(Step.IPV4, quote.quote()), Reason.ICMP)


def icmpv6_message(walk: Walk, span: Span, inner: Inner) -> Next | Reason:
    """ICMPv6 (RFC 4443 section 3)."""
    walk.push(Layer.ICMPV6)
    quote = span.after(span.start + icmpv6.ERROR_LENGTH)
    error = icmpv6.UNREACHABLE <= inner.icmp_type <= icmpv6.PARAMETER_PROBLEM
    if quote.present <= 0 or not error:
        return Reason.IPV6_NATIVE
    return _quoted(walk, Next(Step.IPV6, quote.quote()), Reason.IPV6_NATIVE)


def _quoted(walk: Walk, found: Next, reason: Reason) -> Next | Reason:
    """Quotes are not followed inside quotes."""
    if walk.quoting is not None:
        return reason
    walk.quoting = reason
    walk.trace.layer("quoted packet", found.span.start)
    return found
