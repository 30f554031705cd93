"""Tunnels in the layers that Wireshark shows of a frame, and the values that it reads in them."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from sensor.wire import ayiya
from sensor.wire.addresses import packed, text
from sensor.wire.cursor import Cursor

Values = dict[str, str]

ROLES = {"source": "src", "destination": "dst"}  # of an end: ours, and part of Wireshark's names
TEREDO_FIELDS = {"server": "ts_ipv4", "port": "tc_port", "ip": "tc_ipv4"}
EMBEDDED_FIELDS = {"6to4": "6to4_gw_ipv4", "isatap": "isatap_ipv4"}

_NETWORK = ("ip", "ipv6")
_QUOTING = frozenset({"icmp", "icmpv6"})
_HEADERS = {"udp": 8, "tcp": 20}  # the least lengths that those with ports may tell
# What makes IPv6 a tunnel of its own. In any other carrier (VXLAN, GTP-U, MPLS, ...) it is native.
_TUNNELS = frozenset({"teredo", "ayiya", "gre", "l2tp"})
_BESIDE = frozenset({"eth", "vlan", "ieee8021ad", "ppp", "mpls", *_HEADERS})
_TAGS = ("81:00", "88:a8", "91:00")
_REDIRECT = "5"
_ICMP_HEADER = 8
_ALWAYS_QUOTED = 8  # octets behind the IP header (RFC 792); RFC 1812 section 4.3.2.3 allows more
# Extension headers (RFC 7045) that end a packet to Wireshark, and what it calls their next header.
_ENDING = {"mipv6": "mip6.proto", "hip": "hip.proto"}
_NOTHING_FOLLOWS = ("", "59")
_FIXED = struct.Struct("!IHBB")  # the IPv6 header in front of the addresses
_GENEVE = ("6081", str(0x86DD ^ 0xFFFF))  # its port, and its type as an origin's port
# Wireshark's names of layers, and those of a row's stack that mean the same.
_STACK = {
    "vlan": "vlan",
    "ieee8021ad": "vlan",
    "pppoes": "pppoe",
    "mpls": "mpls",
    "ip": "ipv4",
    "ipv6": "ipv6",
    "gre": "gre",
    "vxlan": "vxlan",
    "geneve": "geneve",
    "gtp": "gtpu",
    "l2tp": "l2tp",
    "ayiya": "ayiya",
    "icmp": "icmp",
    "icmpv6": "icmpv6",
}
COMPARED_LAYERS = frozenset(_STACK.values())
NETWORK_LAYERS = frozenset({"ipv4", "ipv6"})


def networks_before(stack: Sequence[str], name: str) -> int:
    """How many IP headers stand in front of a layer of a row's stack."""
    return sum(layer in NETWORK_LAYERS for layer in stack[: stack.index(name)])


@dataclass(frozen=True, slots=True)
class Tunnel:
    """Where a tunnel stands in a frame's layers.

    ``carrier`` is the IP layer that carries it, ``end`` its IPv6 packet, or its own header where
    it holds none.
    """

    carrier: int
    end: int
    empty: bool = False


class Layers:
    """The layers of one frame as Wireshark dissects them, outermost first, quoted ones included."""

    def __init__(self, layers: Sequence[Any]) -> None:
        self._layers = layers
        self._names = [self._name(i) for i in range(len(layers))]
        self.tunnels = self._tunnels()

    @property
    def sees_tunnel(self) -> bool:
        """Whether Wireshark read an IPv6 packet in a tunnel, and does not call it malformed."""
        return any(not tunnel.empty and not self._is_guess(tunnel) for tunnel in self.tunnels)

    @property
    def sees_inner(self) -> bool:
        """Whether Wireshark read the packet in the innermost tunnel."""
        return bool(self.tunnels) and not self.tunnels[-1].empty

    @property
    def calls_transport_damaged(self) -> bool:
        """Whether Wireshark reads ports behind the innermost packet, but no whole header there."""
        i = self._transport(self.tunnels[-1].end) if self.tunnels else None
        if i is None:
            return False
        layer, name = self._layers[i], self._names[i]
        length = show(layer, "tcp.hdr_len" if name == "tcp" else "udp.length")
        return int(length or 0) < _HEADERS[name] or self._is_malformed(i)

    def goes_on_from(self, source: str, destination: str) -> bool:
        """Whether Wireshark goes on from this packet in a tunnel to IPv6 in UDP inside it."""
        return any(
            _addresses("", self._layers[around.end])
            == {".source.ip": source, ".destination.ip": destination}
            and "teredo" in self._between(inside.carrier, inside.end)
            for around, inside in pairwise(self.tunnels)
        )

    @property
    def takes_address_for_control_word(self) -> bool:
        """Whether Wireshark reads a pseudowire's Ethernet header four octets late.

        The type of a tag then stands in the middle of what it shows as the source address.
        """
        return any(
            before == "pwethcw" and show(self._layers[i], "eth.src")[6:11] in _TAGS
            for i, before in enumerate(self._names[:-1], start=1)
        )

    @property
    def stops_in_redirect(self) -> bool:
        """Whether Wireshark ends in a tunnel that a redirect quotes, though more is quoted."""
        if not self.tunnels or not self._is_half(self.tunnels[-1]):
            return False
        quoted = self.tunnels[-1].carrier
        if self._names[:quoted][-2:] != ["ip", "icmp"]:
            return False
        around, error, header = self._layers[quoted - 2 : quoted + 1]
        room = _number(show(around, "ip.len")) - _number(show(around, "ip.hdr_len"))
        read = _ICMP_HEADER + _number(show(header, "ip.hdr_len")) + _ALWAYS_QUOTED
        return show(error, "icmp.type") == _REDIRECT and room > read

    @property
    def stops_at_extension(self) -> bool:
        """Whether Wireshark ends at an extension header of the innermost packet that goes on."""
        if not self.tunnels:
            return False
        behind = range(self.tunnels[-1].end + 1, len(self._names))
        last = next((i for i in behind if not self._names[i].startswith("ipv6.")), None)
        if last is None or self._names[last] not in _ENDING:
            return False
        return show(self._layers[last], _ENDING[self._names[last]]) not in _NOTHING_FOLLOWS

    def takes_ayiya_for_ipv6(self, networks: int) -> bool:
        """Whether an IPv6 header that Wireshark reads in UDP is AYIYA's, which may begin with a 6.

        ``networks`` IP headers stand in front of it; its identity has 64 octets.
        """
        return any(
            self._networks(tunnel) == networks
            and self._between(tunnel.carrier, tunnel.end) in (["udp"], ["udp", "teredo"])
            and not tunnel.empty
            and _is_ayiya(self._layers[tunnel.end])
            for tunnel in self.tunnels
        )

    def _name(self, i: int) -> str:
        """Its name; a Geneve header in front of IPv6 looks like an origin indication to Wireshark.

        Both begin with two zero octets.
        """
        layer = self._layers[i]
        if layer.layer_name == "teredo" and i:
            port = show(self._layers[i - 1], "udp.dstport")
            if (port, show(layer, "teredo.orig.port")) == _GENEVE:
                return "geneve"
        return str(layer.layer_name)

    def _tunnels(self) -> list[Tunnel]:
        """Outermost first: the live ones, or, without any, those that an ICMP error quotes."""
        found: list[Tunnel] = []
        carrier: int | None = None
        for i, name in enumerate(self._names):
            if name in _QUOTING and found:
                break
            if carrier is not None and self._ends_tunnel(carrier, i, bool(found)):
                found.append(Tunnel(carrier, i, empty=not self._has_addresses(i)))
            if name in _NETWORK:
                carrier = i
        while len(found) > 1 and self._is_half(found[-1]):
            del found[-1]  # cut off: what holds it is then the innermost packet
        return found

    def _networks(self, tunnel: Tunnel) -> int:
        return sum(name in _NETWORK for name in self._names[: tunnel.carrier + 1])

    def _is_half(self, tunnel: Tunnel) -> bool:
        """Whether it ends in an IPv6 header that is not whole."""
        return tunnel.empty and self._names[tunnel.end] == "ipv6"

    def _ends_tunnel(self, carrier: int, i: int, inside: bool) -> bool:
        if self._names[i] == "ayiya":
            return self._names[i + 1 : i + 2] != ["ipv6"]
        # Also what is not IPv6 at all has this name, if protocol 41 announced it.
        if self._names[i] != "ipv6" or show(self._layers[i], "ipv6.version") not in ("6", ""):
            return False
        between = self._between(carrier, i)
        if not between:  # IPv6 directly in IPv6 is no tunnel, but inside one the next packet
            return inside or self._names[carrier] == "ip"
        own = _TUNNELS.intersection(between) or between == ["udp"]
        return bool(own) and _BESIDE.union(_TUNNELS).issuperset(between)

    def _between(self, carrier: int, end: int) -> list[str]:
        """Names of the layers between an IP layer and what it carries, without its own headers."""
        between = self._names[carrier + 1 : end]
        return [name for name in between if not name.startswith(("ipv6.", "_ws.")) and name != "ah"]

    def _is_guess(self, tunnel: Tunnel) -> bool:
        """Whether Teredo was tried and failed: at first a 6 in front is all that Wireshark asks."""
        tried = "teredo" in self._between(tunnel.carrier, tunnel.end)
        return tried and self._is_malformed(tunnel.end)

    def _is_malformed(self, i: int) -> bool:
        return self._names[i + 1 : i + 2] == ["_ws.malformed"]

    def _has_addresses(self, i: int) -> bool:
        return all(show(self._layers[i], f"ipv6.{short}") for short in ROLES.values())

    # values

    def values(self, networks: int | None) -> Values:
        """All that is compared; ``networks`` IP headers stand in front of Teredo's (None: any)."""
        if not self.tunnels:
            return {}
        values = self._outer(self.tunnels[0]) | self._inner(self.tunnels[-1])
        values["stack"] = " ".join(self._stack(self.tunnels[-1]))
        for tunnel in self.tunnels:
            if not tunnel.empty:
                values |= _embedded(self._layers[tunnel.end])
        return values | self._teredo(networks)

    def _outer(self, tunnel: Tunnel) -> Values:
        between = self._between(tunnel.carrier, tunnel.end)
        values = {"outer.transport": between[0] if between else "ipv6"}
        if _QUOTING.intersection(self._names[: tunnel.carrier]):
            values["quoted"] = "True"
        values |= _addresses("outer", self._layers[tunnel.carrier])
        return values | self._ports("outer", tunnel.carrier)

    def _inner(self, tunnel: Tunnel) -> Values:
        if tunnel.empty:
            return {}
        layer = self._layers[tunnel.end]
        values = _addresses("inner", layer) | self._ports("inner", tunnel.end)
        return values | dict(_present(("inner.hop_limit", show(layer, "ipv6.hlim"))))

    def _ports(self, group: str, network: int) -> Values:
        """The ports directly behind an IP layer."""
        transport = self._transport(network)
        if transport is None:
            return {}
        return _port_values(group, self._layers[transport], self._names[transport])

    def _transport(self, network: int) -> int | None:
        """Index of the transport layer that has ports directly behind an IP layer."""
        for i in range(network + 1, len(self._layers)):
            name = self._names[i]
            if name in _HEADERS:
                return i
            if name in _NETWORK or name in _QUOTING:
                break
        return None

    def _stack(self, last: Tunnel) -> Iterator[str]:
        """Layers in the words of a row; a stack of labels is one, and half an IPv6 header none."""
        whole = not self._is_half(last)
        for i, name in enumerate(self._names[: last.end + whole]):
            if name in _STACK and not (name == "mpls" and i and self._names[i - 1] == "mpls"):
                yield _STACK[name]
            if name == "ieee8021ad" and show(self._layers[i], "ieee8021ad.cvid"):
                yield "vlan"  # two such tags in a row are one layer to Wireshark

    def _teredo(self, networks: int | None) -> Values:
        """Of the Teredo tunnel with so many IP headers in front, else of the first."""
        found = {
            self._networks(tunnel): tunnel
            for tunnel in reversed(self.tunnels)
            if "teredo" in self._between(tunnel.carrier, tunnel.end)
        }
        if not found:
            return {}
        tunnel = found.get(networks or min(found), found[min(found)])
        header = self._names.index("teredo", tunnel.carrier)
        return _teredo(self._layers[header]) | _teredo_addresses(self._layers[tunnel.end])


def _is_ayiya(layer: Any) -> bool:
    """Whether an IPv6 header's octets are a sound header of AYIYA, as far as they go."""
    version, *numbers = (
        _number(show(layer, f"ipv6.{name}"))
        for name in ("version", "tclass", "flow", "plen", "nxt", "hlim")
    )
    fixed = _FIXED.pack(version << 28 | numbers[0] << 20 | numbers[1], *numbers[2:])
    ends = b"".join(packed(show(layer, f"ipv6.{short}")) for short in ROLES.values())
    # Wireshark shows no more of it; the rest of identity and signature may be anything.
    return ayiya.parse(Cursor(fixed + ends + bytes(ayiya.MAX_IDENTITY))).sound


def _addresses(group: str, layer: Any) -> Values:
    name = layer.layer_name
    return {
        f"{group}.{role}.ip": text(packed(shown))
        for role, short in ROLES.items()
        if (shown := show(layer, f"{name}.{short}"))
    }


def _port_values(group: str, layer: Any, name: str) -> Values:
    return dict(
        _present(
            *(
                (f"{group}.{role}.port", show(layer, f"{name}.{short}port"))
                for role, short in ROLES.items()
            )
        )
    )


def _teredo(layer: Any) -> Values:
    return dict(
        _present(
            ("teredo.auth.nonce", show(layer, "teredo.auth.nonce").replace(":", "")),
            ("teredo.auth.confirmation", _decimal(show(layer, "teredo.auth.conf"))),
            ("teredo.auth.id_length", show(layer, "teredo.auth.idlen")),
            ("teredo.auth.auth_length", show(layer, "teredo.auth.aulen")),
            ("teredo.origin.ip", show(layer, "teredo.orig.addr")),
            ("teredo.origin.port", show(layer, "teredo.orig.port")),
        )
    )


def _teredo_addresses(layer: Any) -> Values:
    return dict(
        _present(
            *(
                (f"teredo.{role}.{name}", show(layer, f"ipv6.{short}_{suffix}"))
                for role, short in ROLES.items()
                for name, suffix in TEREDO_FIELDS.items()
            )
        )
    )


def _embedded(layer: Any) -> Values:
    return dict(
        _present(
            *(
                (
                    f"embedded.{scheme}.{text(packed(show(layer, f'ipv6.{short}')))}",
                    show(layer, f"ipv6.{short}_{suffix}"),
                )
                for short in ROLES.values()
                for scheme, suffix in EMBEDDED_FIELDS.items()
            )
        )
    )


def _present(*pairs: tuple[str, str]) -> Iterator[tuple[str, str]]:
    return (pair for pair in pairs if pair[1])


def show(layer: Any, name: str) -> str:
    """A field as Wireshark shows it; empty if the layer has none."""
    found = layer.get_field(name)
    return "" if found is None else str(found.show)


def _number(shown: str) -> int:
    """A number as Wireshark shows it, decimal or hexadecimal; 0 if absent."""
    return int(shown or "0", 0)


def _decimal(octet: str) -> str:
    return str(int(octet, 16)) if octet else ""
