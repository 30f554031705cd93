from __future__ import annotations

import re
from typing import Any

import pytest

from sensor.config import lab
from sensor.config.router import Settings, router_settings, routes
from sensor.errors import ConfigError
from sensor.lab.gre.settings import GreSettings
from sensor.lab.sixinfour.settings import (
    IsatapHostSettings,
    IsatapRouterSettings,
    LinkSettings,
    PeerSettings,
    SixToFourSettings,
)
from sensor.wire.addresses import SIXTOFOUR_ANYCAST, packed
from tests.command import ROOT

SAMPLE = ROOT / "deploy" / "lab.yaml"
LOCAL, REMOTE = packed("192.0.2.1"), packed("192.0.2.2")
ENDS = {"local": "192.0.2.1", "remote": "192.0.2.2"}
PREFIX = packed("2001:db8:5::")[:8]


def values(**given: Any) -> lab.Values:
    return lab.read("router", None, (), {name: {name: given[name]} for name in given})


def settings(**given: Any) -> Settings:
    return router_settings(values(**given))


def test_what_the_sample_sets_is_the_default_but_for_the_addresses() -> None:
    sample = lab.read("router", str(SAMPLE), (), {})
    assert router_settings(sample) == PeerSettings(LOCAL, REMOTE)
    assert routes(sample) == ((packed("2001:3::"), 64),)
    assert lab.place(sample) == {"user": "nobody"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"kind": "6in4", **ENDS}, PeerSettings(LOCAL, REMOTE)),
        ({"kind": "gre", **ENDS}, GreSettings(LOCAL, REMOTE)),
        (
            {"kind": "gre", **ENDS, "key": 0, "sequence": True, "checksum": True},
            GreSettings(LOCAL, REMOTE, 0, sequence=True, checksum=True),
        ),
        ({"kind": "6to4", "local": "192.0.2.1"}, SixToFourSettings(LOCAL, None)),
        (
            {"kind": "6to4", "local": "192.0.2.1", "relay": "192.88.99.1"},
            SixToFourSettings(LOCAL, SIXTOFOUR_ANYCAST),
        ),
        (
            {"kind": "isatap", "local": "192.0.2.1", "prefix": "2001:db8:5::/64"},
            IsatapRouterSettings(LOCAL, PREFIX),
        ),
        (
            {"kind": "isatap", "local": "192.0.2.1", "prl": ("192.0.2.2", "192.0.2.3")},
            IsatapHostSettings(LOCAL, (REMOTE, packed("192.0.2.3"))),
        ),
    ],
)
def test_each_kind_has_its_settings(given: dict[str, Any], expected: Settings) -> None:
    assert settings(**given) == expected


@pytest.mark.parametrize("kind", ["6in4", "6to4", "isatap", "gre"])
def test_every_kind_has_an_mtu_and_a_time_to_live(kind: str) -> None:
    own: dict[str, Any] = {"6to4": {}, "isatap": {"prl": ("192.0.2.2",)}}.get(kind, ENDS)
    overrides = ("router.mtu=1400", "router.ttl=9")
    given = {"kind": kind, **own, "local": "192.0.2.1"}
    found = router_settings(lab.read("router", None, overrides, {"KIND": given}))
    if isinstance(found, GreSettings):
        assert (found.mtu, found.ttl) == (1_400, 9)
    else:
        assert found.link == LinkSettings(1_400, 9)


def test_networks_are_named_where_a_tunnel_does_not_tell_them() -> None:
    several = values(kind="gre", routes=("2001:3::/64", "::/0"))
    assert routes(several) == ((packed("2001:3::"), 64), (bytes(16), 0))
    assert routes(values(kind="6to4")) == routes(values(kind="isatap")) == ()
    for kind in ("6in4", "gre"):
        with pytest.raises(ConfigError, match="name the networks beyond it with --routes, or as"):
            routes(values(kind=kind))


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({}, "no kind: name it as KIND, or as router.kind"),
        ({"kind": "6to4"}, "no address: name it with --local, or as router.local"),
        ({"kind": "6in4", "local": "192.0.2.1"}, "no other end: name it with --remote, or as"),
        ({"kind": "gre", "local": "192.0.2.1"}, "no other end: name it with --remote, or as"),
        ({"kind": "6in4", **ENDS, "key": 1}, r"router\.key belongs to gre, not to 6in4: leave it"),
        (
            {"kind": "isatap", **ENDS},
            r"router\.remote belongs to 6in4 and gre, not to isatap: leave it out",
        ),
        ({"kind": "gre", **ENDS, "prefix": "2001:db8:5::/64"}, "belongs to isatap, not to gre"),
        ({"kind": "isatap", "local": "192.0.2.1"}, "either the --prefix of a router, or the --prl"),
        (
            {
                "kind": "isatap",
                "local": "192.0.2.1",
                "prefix": "2001:db8:5::/64",
                "prl": ("192.0.2.2",),
            },
            "either the --prefix of a router, or the --prl of a host",
        ),
        (
            {"kind": "isatap", "local": "192.0.2.1", "prefix": "2001:db8:5::/48"},
            r"router\.prefix has 48 bits: an ISATAP site's has 64",
        ),
    ],
)
def test_what_is_missing_or_of_another_kind_is_told(given: dict[str, Any], fix: str) -> None:
    with pytest.raises(ConfigError, match=fix):
        settings(**given)


@pytest.mark.parametrize(
    ("kind", "key"), [("6in4", "remote"), ("gre", "remote"), ("6to4", "relay"), ("isatap", "prl")]
)
@pytest.mark.parametrize(
    ("named", "fix"),
    [
        ("192.0.2.1", r"192\.0\.2\.1 is this machine's own address: name the other's"),
        ("224.0.0.1", r"224\.0\.0\.1 is no machine's address: name a unicast one"),
        ("0.0.0.0", r"0\.0\.0\.0 is no machine's address: name a unicast one"),
    ],
)
def test_the_other_end_is_another_machine(kind: str, key: str, named: str, fix: str) -> None:
    value = (named,) if key == "prl" else named
    with pytest.raises(ConfigError, match=rf"router\.{key}: {fix}"):
        settings(kind=kind, local="192.0.2.1", **{key: value})


NOT_PASSED_ON = ["ff00::/8", "ff0e::/64", "fe80::/10", "fe80::/64", "::/64", "::1/128", "f000::/4"]


@pytest.mark.parametrize("named", [*NOT_PASSED_ON, "fec0::/10", "::/1", "8000::/1"])
@pytest.mark.parametrize("kind", ["6in4", "gre"])
def test_routes_are_of_addresses_that_routers_pass_on(kind: str, named: str) -> None:
    fix = f"router.routes: {named} has addresses that no router passes on: name a network of"
    with pytest.raises(ConfigError, match=re.escape(fix)):
        routes(values(kind=kind, routes=("2001:3::/64", named)))


@pytest.mark.parametrize("named", [*NOT_PASSED_ON, "::/0"])
def test_a_prefix_is_of_addresses_that_routers_pass_on(named: str) -> None:
    fix = f"router.prefix: {named} has addresses that no router passes on: name a network of"
    with pytest.raises(ConfigError, match=re.escape(fix)):
        settings(kind="isatap", local="192.0.2.1", prefix=named)


@pytest.mark.parametrize("named", ["2000::/3", "fc00::/7", "fd00:5::/64", "64:ff9b::/96"])
def test_global_and_unique_local_networks_may_be_named(named: str) -> None:
    assert routes(values(kind="gre", routes=(named,))) == (lab.network(named),)
