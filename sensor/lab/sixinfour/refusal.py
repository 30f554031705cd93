"""Why an end of a protocol-41 tunnel does not take or send something, beside Teredo's words."""

from __future__ import annotations

ODD_SOURCE = "ipv6-source-odd"  # that no packet in a tunnel has (RFC 4213 section 3.6)
WRONG_PROTOCOL = "ipv4-protocol"
NOT_MINE = "not-addressed-here"
NOT_UNICAST = "ipv4-not-unicast"
NOT_CONFIGURED = "not-configured"  # an outer source that is not the other end of the tunnel
EMBEDDED_DIFFERS = "embedded-differs"  # the IPv4 address in an IPv6 one, from where it came
FORGED_SOURCE = "forged-source"
NOT_FORWARDED = "not-forwarded"  # addresses that no router passes on
NO_RELAY = "no-relay"
FULL_TURN = "back-into-tunnel"  # through a relay to where there is a direct way

NO_ERROR = "icmp-of-no-use"
QUOTES_TOO_LITTLE = "quotes-too-little"
NOT_SENT = "error-about-others"
ERRORS_LIMITED = "icmp-errors-limited"
