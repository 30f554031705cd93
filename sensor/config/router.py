"""The section ``router`` of the laboratory's settings: what each kind needs, and takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sensor.config.lab import Values, network
from sensor.errors import ConfigError
from sensor.lab.gre.settings import GreSettings
from sensor.lab.sixinfour.places import is_unicast4, may_be_forwarded
from sensor.lab.sixinfour.settings import (
    IsatapHostSettings,
    IsatapRouterSettings,
    LinkSettings,
    Network,
    PeerSettings,
    SixToFourSettings,
)
from sensor.wire.addresses import UNSPECIFIED, packed

Settings = (
    PeerSettings | GreSettings | SixToFourSettings | IsatapRouterSettings | IsatapHostSettings
)

# Which kinds a key is for, where it is not for all.
_OWNERS = {
    "remote": ("6in4", "gre"),
    "routes": ("6in4", "gre"),
    "relay": ("6to4",),
    "prefix": ("isatap",),
    "prl": ("isatap",),
    "key": ("gre",),
    "sequence": ("gre",),
    "checksum": ("gre",),
}
_ISATAP_BITS = 64
_EVERYWHERE: Network = (UNSPECIFIED, 0)


def router_settings(values: Values) -> Settings:
    """The settings of the kind; ConfigError where one is missing, or another kind's."""
    if "kind" not in values:
        raise ConfigError("no kind: name it as KIND, or as router.kind in the settings")
    _need_own(values)
    if "local" not in values:
        raise ConfigError("no address: name it with --local, or as router.local in the settings")
    local, link = packed(values["local"]), LinkSettings(**_given(values, "mtu", "ttl"))
    match values["kind"]:
        case "6in4":
            return PeerSettings(local, _remote(values, local), link)
        case "6to4":
            relay = _other(values["relay"], local, "relay") if "relay" in values else None
            return SixToFourSettings(local, relay, link)
        case "isatap":
            return _isatap(values, local, link)
        case _:
            options = _given(values, "key", "sequence", "checksum", "mtu", "ttl")
            return GreSettings(local, _remote(values, local), **options)


def routes(values: Values) -> tuple[Network, ...]:
    """The networks beyond the tunnel, where a person has to name them; ConfigError if nobody did.

    6to4 and ISATAP know theirs by themselves.
    """
    if values["kind"] not in _OWNERS["routes"]:
        return ()
    if "routes" not in values:
        raise ConfigError(
            "nothing is led to the tunnel: name the networks beyond it with --routes, or as"
            " router.routes in the settings"
        )
    return tuple(
        _EVERYWHERE if network(named) == _EVERYWHERE else _unicast(named, "routes")
        for named in values["routes"]
    )


def _need_own(values: Values) -> None:
    kind = values["kind"]
    for key, owners in _OWNERS.items():
        if key in values and kind not in owners:
            raise ConfigError(
                f"router.{key} belongs to {' and '.join(owners)}, not to {kind}: leave it out"
            )


def _remote(values: Values, local: bytes) -> bytes:
    if "remote" not in values:
        raise ConfigError("no other end: name it with --remote, or as router.remote")
    return _other(values["remote"], local, "remote")


def _other(named: str, local: bytes, key: str) -> bytes:
    """The address of another machine; ConfigError if it is this one's, or can be nobody's."""
    address = packed(named)
    if address == local:
        raise ConfigError(f"router.{key}: {named} is this machine's own address: name the other's")
    if not is_unicast4(address):
        raise ConfigError(f"router.{key}: {named} is no machine's address: name a unicast one")
    return address


def _unicast(named: str, key: str) -> Network:
    """A network of addresses that routers pass on, from its first to its last."""
    prefix, bits = network(named)
    last = (int.from_bytes(prefix) | (1 << 128 - bits) - 1).to_bytes(16)
    if not (may_be_forwarded(prefix) and may_be_forwarded(last)):
        raise ConfigError(
            f"router.{key}: {named} has addresses that no router passes on:"
            " name a network of global or unique local unicast ones, such as 2001:db8:5::/64"
        )
    return prefix, bits


def _isatap(
    values: Values, local: bytes, link: LinkSettings
) -> IsatapRouterSettings | IsatapHostSettings:
    if ("prefix" in values) == ("prl" in values):
        raise ConfigError("name either the --prefix of a router, or the --prl of a host")
    if "prl" in values:
        routers = tuple(_other(named, local, "prl") for named in values["prl"])
        return IsatapHostSettings(local, routers, link=link)
    prefix, bits = _unicast(values["prefix"], "prefix")
    if bits != _ISATAP_BITS:
        raise ConfigError(f"router.prefix has {bits} bits: an ISATAP site's has {_ISATAP_BITS}")
    return IsatapRouterSettings(local, prefix[: _ISATAP_BITS // 8], link=link)


def _given(values: Values, *keys: str) -> Mapping[str, Any]:
    return {key: values[key] for key in keys if key in values}
