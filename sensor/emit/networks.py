"""What ranges of addresses are for, in the words of their specifications."""

from __future__ import annotations

import ipaddress

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# The first that holds an address names it: the narrower stand before the wider.
_IPV4 = {
    "0.0.0.0/8": "this network",
    "10.0.0.0/8": "private, RFC 1918",
    "100.64.0.0/10": "shared by carriers, RFC 6598",
    "127.0.0.0/8": "loopback",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private, RFC 1918",
    "192.0.2.0/24": "documentation, RFC 5737",
    "192.88.99.0/24": "6to4 relay anycast, deprecated by RFC 7526",
    "192.168.0.0/16": "private, RFC 1918",
    "198.18.0.0/15": "benchmarking, RFC 2544",
    "198.51.100.0/24": "documentation, RFC 5737",
    "203.0.113.0/24": "documentation, RFC 5737",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
}

# Those beginning with 2001: are not Teredo, whose prefix is 2001:0000::/32 and nothing else.
_IPV6 = {
    "::/128": "the unspecified address",
    "::1/128": "loopback",
    "::ffff:0:0/96": "IPv4-mapped, never to be seen on a wire, RFC 4213 section 3.6",
    "::/96": "IPv4-compatible, deprecated by RFC 4291",
    "64:ff9b::/96": "NAT64, RFC 6052",
    "64:ff9b:1::/48": "local NAT64, RFC 8215",
    "100::/64": "discard only, RFC 6666",
    "2001::/32": "Teredo, RFC 4380",
    "2001:1::1/128": "Port Control Protocol anycast, RFC 7723, not Teredo",
    "2001:1::2/128": "TURN anycast, RFC 8155, not Teredo",
    "2001:2::/48": "benchmarking, RFC 5180, not Teredo",
    "2001:3::/32": "AMT, RFC 7450, not Teredo",
    "2001:4:112::/48": "AS112, RFC 7535, not Teredo",
    "2001:5::/32": "LISP EID, RFC 7954, not Teredo",
    "2001:10::/28": "ORCHID, RFC 4843, not Teredo",
    "2001:20::/28": "ORCHIDv2, RFC 7343, not Teredo",
    "2001:db8::/32": "documentation, RFC 3849, not Teredo",
    "2001::/23": "IETF protocol assignments, not Teredo",
    "2002::/16": "6to4, RFC 3056",
    "3ffe:831f::/32": "former Teredo prefix, in the 6bone space given back in 2006",
    "3ffe::/16": "6bone, given back in 2006, RFC 5156",
    "3fff::/20": "documentation, RFC 9637",
    "2000::/3": "global unicast",
    "fc00::/7": "unique local, RFC 4193",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local, deprecated by RFC 3879",
    "ff00::/8": "multicast",
}


def _table(texts: dict[str, str]) -> list[tuple[Network, str]]:
    return [(ipaddress.ip_network(text), use) for text, use in texts.items()]


_NETWORKS = {4: _table(_IPV4), 16: _table(_IPV6)}


def network(address: bytes) -> tuple[str, str]:
    """The range that an address of 4 or 16 bytes is in, and what that is for."""
    found = ipaddress.ip_address(address)
    for known, words in _NETWORKS[len(address)]:
        if found in known:
            return str(known), words
    return ("0.0.0.0/0", "global") if len(address) == 4 else ("::/0", "not assigned")


def use(address: bytes) -> str:
    """What the range of an address is for."""
    return network(address)[1]
