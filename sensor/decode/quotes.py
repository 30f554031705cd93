"""ICMP errors: each quotes the start of the packet that it is about, which is evidence of it."""

from __future__ import annotations

from sensor.decode.inner import Inner
from sensor.decode.span import Span
from sensor.decode.walk import Next, Step, Walk
from sensor.schema.words import Layer, Reason
from sensor.wire import icmpv4, icmpv6

# Messages that may say, in words of so many octets at this place, how long their quote is, for an
# extension follows it (RFC 4884 sections 4.1 to 4.5).
_EXTENSIBLE_4 = frozenset((icmpv4.UNREACHABLE, icmpv4.TIME_EXCEEDED, icmpv4.PARAMETER_PROBLEM))
_EXTENSIBLE_6 = frozenset((icmpv6.UNREACHABLE, icmpv6.TIME_EXCEEDED))
_LENGTH_4, _WORD_4 = 5, 4
_LENGTH_6, _WORD_6 = 4, 8
LEAST_QUOTE = 128  # octets in front of an extension
EXTENSION_VERSION = 2


def icmp(walk: Walk, span: Span) -> Next | Reason:
    """ICMP over IPv4 (RFC 792)."""
    walk.push(Layer.ICMP)
    walk.trace.layer("icmp", span.start)
    quote = span.after(span.start + icmpv4.HEADER_LENGTH)
    if quote.present <= 0 or walk.data[span.start] not in icmpv4.ERRORS:
        return Reason.ICMP
    extensible = walk.data[span.start] in _EXTENSIBLE_4
    end = _end(walk, quote, walk.data[span.start + _LENGTH_4] * _WORD_4 if extensible else 0)
    return _quoted(walk, Next(Step.IPV4, quote.quote(end)), Reason.ICMP)


def icmpv6_message(walk: Walk, span: Span, inner: Inner) -> Next | Reason:
    """ICMPv6 (RFC 4443 section 3)."""
    walk.push(Layer.ICMPV6)
    quote = span.after(span.start + icmpv6.ERROR_LENGTH)
    error = icmpv6.UNREACHABLE <= inner.icmp_type <= icmpv6.PARAMETER_PROBLEM
    if quote.present <= 0 or not error:
        return Reason.IPV6_NATIVE
    extensible = inner.icmp_type in _EXTENSIBLE_6
    end = _end(walk, quote, walk.data[span.start + _LENGTH_6] * _WORD_6 if extensible else 0)
    return _quoted(walk, Next(Step.IPV6, quote.quote(end)), Reason.IPV6_NATIVE)


def _end(walk: Walk, quote: Span, announced: int) -> int:
    """Where a quote ends: at an extension, if one is where the message says, else with the rest."""
    end = quote.start + announced
    if announced < LEAST_QUOTE or end >= quote.end:
        return quote.end
    return end if walk.data[end] >> 4 == EXTENSION_VERSION else quote.end


def _quoted(walk: Walk, found: Next, reason: Reason) -> Next | Reason:
    """Quotes are not followed inside quotes."""
    if walk.quoting is not None:
        return reason
    walk.quoting = reason
    walk.trace.layer("quoted packet", found.span.start)
    return found
