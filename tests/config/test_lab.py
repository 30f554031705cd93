from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sensor.config import lab
from sensor.config.lab import PREFIXES, SCHEMA, STYLES
from sensor.config.shapes import Section
from sensor.errors import ConfigError
from sensor.lab.teredo.settings import ClientSettings, PeerLimits, RelaySettings, ServerSettings
from sensor.lab.teredo.style import MIREDO
from sensor.schema.records import Endpoint
from sensor.wire.addresses import UNSPECIFIED, packed
from tests.command import ROOT

SAMPLE = ROOT / "deploy" / "lab.yaml"
SERVER, SECOND, OTHER = (packed(f"198.51.100.{number}") for number in (1, 2, 9))
LOCAL = Endpoint(bytes(4), 0)
BIND = Endpoint(packed("192.0.2.10"), 3545)
HOST = packed("2a00:db8::10")


def read(section: str, *overrides: str, **given: Any) -> Mapping[str, Any]:
    return lab.read(section, None, overrides, {name: {name: given[name]} for name in given})


def uncommented() -> str:
    """The sample with all its keys, those that are commented out too."""
    lines = SAMPLE.read_text().partition("\nclient:")[2].splitlines()
    return "client:" + "\n".join(
        re.sub(r"^(  )# (\S+: |- |  secret|secrets)", r"\1\2", line) for line in lines
    )


def test_the_sample_has_every_key() -> None:
    data = yaml.safe_load(uncommented())
    for section in SCHEMA.keys:
        assert isinstance(section.shape, Section)
        assert list(data[section.name]) != []
        assert set(data[section.name]) == {key.name for key in section.shape.keys}


def test_what_the_sample_sets_is_the_default_but_for_the_addresses() -> None:
    values = {name: lab.read(name, str(SAMPLE), (), {}) for name in ("client", "server", "relay")}
    assert lab.client_settings(values["client"]) == ClientSettings(SERVER, LOCAL, SECOND)
    assert lab.server_settings(values["server"]) == ServerSettings(SERVER, SECOND)
    assert lab.relay_settings(values["relay"]) == RelaySettings(
        BIND, UNSPECIFIED, ((packed("2a00:db8::"), 32),)
    )
    assert lab.place(values["client"]) == {"interface": "teredo", "user": "nobody"}
    assert lab.place(values["server"]) == {"user": "nobody"}


def test_options_come_before_arguments_and_those_before_the_file() -> None:
    overrides = ("client.secondary=198.51.100.9", "client.refresh=20", "client.limits.peers=5")
    values = lab.read("client", str(SAMPLE), overrides, {"SERVER": {"server": "203.0.113.1"}})
    settings = lab.client_settings(values)
    assert settings.server == packed("203.0.113.1")
    assert (settings.secondary, settings.refresh) == (OTHER, 20)
    assert settings.limits == PeerLimits(peers=5)
    assert settings.retry == 100


def test_a_client_is_all_that_is_said_of_it() -> None:
    values = read(
        "client",
        "client.style=miredo",
        "client.symmetric=false",
        "client.identifier=me",
        "client.secret='0123'",
        "client.interval_port=7",
        server="198.51.100.1",
        bind="192.0.2.10:3545",
        user="other",
    )
    assert lab.client_settings(values) == ClientSettings(
        SERVER,
        BIND,
        style=MIREDO,
        symmetric=False,
        identifier=b"me",
        secret=b"0123",
        interval_port=7,
    )
    assert lab.place(values) == {"user": "other"}


def test_a_server_has_its_second_address_after_its_first() -> None:
    assert lab.server_settings(read("server", primary="198.51.100.1")).secondary == SECOND
    values = read("server", primary="198.51.100.1", secondary="198.51.100.9")
    assert lab.server_settings(values).secondary == OTHER


def test_a_server_has_secrets_by_identifier() -> None:
    secrets = "server.secrets=[{identifier: a, secret: b}, {identifier: c, secret: d}]"
    settings = lab.server_settings(read("server", secrets, primary="198.51.100.1"))
    assert settings.secrets == ((b"a", b"b"), (b"c", b"d"))


def test_a_host_specific_relay_serves_and_sends_from_its_host() -> None:
    settings = lab.relay_settings(read("relay", bind="192.0.2.10", host="2a00:db8::10"))
    assert settings == RelaySettings(Endpoint(BIND.ip, 0), HOST, ((HOST, 128),))
    values = read("relay", "relay.source='fe80::1'", bind="192.0.2.10", host="2a00:db8::10")
    assert lab.relay_settings(values).source == packed("fe80::1")


def test_a_relay_serves_several_networks_of_either_prefix() -> None:
    served = ("2a00:db8::/32", "::/0")
    values = read("relay", "relay.prefix='3ffe:831f::/32'", bind="192.0.2.10:3545", served=served)
    settings = lab.relay_settings(values)
    assert settings.served == ((packed("2a00:db8::"), 32), (bytes(16), 0))
    assert settings.prefix == PREFIXES["3ffe:831f::/32"]


def test_options_may_be_numbers_and_truths() -> None:
    values = read("router", kind="gre", key=7, sequence=True, checksum=False)
    assert values == {"kind": "gre", "key": 7, "sequence": True, "checksum": False}


@pytest.mark.parametrize("style", STYLES)
def test_every_style_has_its_name(style: str) -> None:
    values = read("client", f"client.style={style}", server="198.51.100.1")
    assert lab.client_settings(values).style is STYLES[style]


@pytest.mark.parametrize(
    ("section", "overrides", "given", "fix"),
    [
        ("client", ["client.refesh=2"], {}, r"client\.refesh: unknown key, did you mean 'refresh'"),
        (
            "client",
            ["refresh=2"],
            {},
            r"refresh: unknown key, known here: client, relay, router, se",
        ),
        ("client", ["client.hairpin=no"], {}, r"hairpin: found .* 'no'.*expected true or false|no"),
        ("client", ["client.style=linux"], {}, r"expected own or windows-xp or windows-7 or mir"),
        ("client", [], {"server": "teredo.example"}, r"server: client\.server: .*IPv4 address"),
        ("client", [], {"bind": "192.0.2.1:65536"}, r"bind: client\.bind: .*with a port if it ma"),
        ("client", [], {"bind": "192.0.2.256"}, r"expected an IPv4 address, with a port"),
        ("client", [], {"bind": "192.0.2.1:"}, r"expected an IPv4 address, with a port"),
        ("relay", [], {"host": "192.0.2.1"}, r"expected an IPv6 address .*\(this is IPv4\)"),
        ("relay", [], {"host": "fe80::1%eth0"}, r"expected an IPv6 address"),
        ("relay", [], {"served": ("2a00:db8::1/32",)}, r"did you mean 2a00:db8::/32\?"),
        (
            "router",
            [],
            {"kind": "6over4"},
            r"kind: router\.kind: .*expected 6in4 or 6to4 or isatap",
        ),
        ("router", [], {"key": 1 << 32}, r"found the number 4294967296, expected a whole number"),
        ("router", [], {"routes": ("x",)}, r"routes: router\.routes\[0\]: .*an IPv6 network"),
        ("router", ["router.mtu=1500"], {}, r"expected a whole number from 1280 to 1480"),
        ("router", ["router.sequence=1"], {}, r"found the number 1, expected true or false"),
        ("server", ["server.secrets=[{identifier: a}]"], {}, r"the key 'secret' is missing"),
    ],
)
def test_a_mistake_is_told_with_its_place_and_the_fix(
    section: str, overrides: list[str], given: dict[str, Any], fix: str
) -> None:
    with pytest.raises(ConfigError, match=fix):
        read(section, *overrides, **given)


def test_a_mistake_in_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("client:\n  server: 198.51.100.1\n  retry: 0\n")
    with pytest.raises(ConfigError, match=r"lab\.yaml:3: client\.retry: found the number 0, expe"):
        lab.read("client", str(path), (), {})
    path.write_text("- client\n")
    with pytest.raises(ConfigError, match=r"expected a mapping with client, server, relay, router"):
        lab.read("client", str(path), (), {})
    path.write_text("")
    assert lab.read("client", str(path), (), {}) == {"limits": {}}


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError, match=r"no server: name it as SERVER, or as client\.server"):
        lab.client_settings(read("client"))
    with pytest.raises(ConfigError, match=r"no address: name it as PRIMARY, or as server\.prim"):
        lab.server_settings(read("server"))
    with pytest.raises(ConfigError, match=r"no address: name it with --bind, or as relay\.bind"):
        lab.relay_settings(read("relay", host="2a00:db8::10"))


@pytest.mark.parametrize(
    "given", [{}, {"host": "2a00:db8::10", "served": ("2a00:db8::/32",)}], ids=["none", "both"]
)
def test_a_relay_serves_either_a_host_or_networks(given: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="either --host ADDRESS or --served PREFIX"):
        lab.relay_settings(read("relay", bind="192.0.2.10", **given))


@pytest.mark.parametrize("half", ["identifier", "secret"])
def test_a_secret_belongs_to_an_identifier(half: str) -> None:
    """Half of it would qualify unsecured, or never, and say nothing."""
    values = read("client", f"client.{half}=me", server="198.51.100.1")
    with pytest.raises(ConfigError, match=r"client\.identifier and client\.secret go together"):
        lab.client_settings(values)


def test_two_clients_have_two_identifiers() -> None:
    secrets = "server.secrets=[{identifier: a, secret: b}, {identifier: a, secret: d}]"
    with pytest.raises(ConfigError, match=r"server\.secrets: 2 clients are 'a': name each once"):
        lab.server_settings(read("server", secrets, primary="198.51.100.1"))


def test_a_server_has_two_addresses() -> None:
    """With one, every NAT looks restricted, and a symmetric one is never found out."""
    given = {"secondary": "198.51.100.1"}
    with pytest.raises(ConfigError, match=r"both are 198\.51\.100\.1: .* client\.secondary"):
        lab.client_settings(read("client", server="198.51.100.1", **given))
    with pytest.raises(ConfigError, match=r"both are 198\.51\.100\.1: .* server\.secondary"):
        lab.server_settings(read("server", primary="198.51.100.1", **given))


def test_a_relay_serves_nobody_at_no_address() -> None:
    with pytest.raises(ConfigError, match=r"relay\.host: `::` is nobody's address"):
        lab.relay_settings(read("relay", bind="192.0.2.10", host="::"))
