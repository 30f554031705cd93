from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.data import known, resource
from sensor.errors import SensorError
from sensor.wire.addresses import is_global_unicast, packed

TCP, UDP = 6, 17


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """Every test reads the files anew, and leaves nothing read behind."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    for table in (
        known._document,
        known._addresses,
        known._names,
        known._labels,
        known._patterns,
        known._services,
    ):
        table.cache_clear()


def test_known_servers_are_public_addresses_and_no_relays() -> None:
    servers = known.known_servers()
    assert len(servers) == 18
    assert all(is_global_unicast(ip) for ip in servers)
    assert packed("65.55.158.118") in servers
    assert packed("83.170.1.38") not in servers


def test_names_of_servers_have_roles() -> None:
    names = known.listed_names().names
    assert names >= {"teredo.ipv6.microsoft.com", "6to4.ipv6.microsoft.com"}
    assert known.name_role("broker.freenet6.net") == "tsp-broker"
    assert {known.name_role(name) for name in names} <= known.ROLES
    assert all(name == name.lower() for name in names)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("teredo.ipv6.microsoft.com", "teredo-server"),
        ("win10.ipv6.microsoft.com", "teredo-server"),
        ("win2022.ipv6.microsoft.com", "teredo-server"),
        ("teredo.ipv6.microsoft.com.nsatc.net", "teredo-server"),
        ("6to4.ipv6.microsoft.com", "6to4-relay"),
        ("broker.freenet6.net", "tsp-broker"),
        ("anon.freenet6.net", "tsp-broker"),
        ("montreal.freenet6.net", "tsp-broker"),
        ("anon-taipei.freenet6.net", "tsp-broker"),
        ("tic.sixxs.net", "tunnel-broker"),
        ("ipv4.tunnelbroker.net", "tunnel-broker"),
        ("tunnelbroker.net", "tunnel-broker"),
        ("tserv9.chi1.ipv6.he.net", "6in4-server"),
        ("tserv2.hkg1.he.net", "6in4-server"),
        ("tserv1.fra1.he.net", "6in4-server"),
        ("isatap", "isatap-router"),
        ("_isatap", "isatap-router"),
        ("isatap.corp.example", "isatap-router"),
        ("teredo.ipv6.microsoft.com.evil.example", None),
        ("win.ipv6.microsoft.com", None),
        ("win20222.ipv6.microsoft.com", None),
        ("xwin10.ipv6.microsoft.com", None),
        ("www.ipv6.microsoft.com", None),
        ("a.teredo.ipv6.microsoft.com", None),
        ("isatapx", None),
        ("xisatap.example", None),
        ("www.isatap.example", None),
        ("ipv6.microsoft.com", None),
        ("he.net", None),
        ("www.he.net", None),
        ("ipv6.he.net", None),
        ("chi1.ipv6.he.net", None),
        ("core1.chi1.ipv6.he.net", None),
        ("tserv1.chi1.ipv6.he.net", None),
        ("tunnel1-pt.tunnel.tserv9.chi1.ipv6.he.net", None),
        ("core1.fra1.he.net", None),
        ("sixxs.net", None),
        ("www.sixxs.net", None),
        ("www.tunnelbroker.net", None),
        ("www.freenet6.net", None),
        ("ipv6.google.com", None),
        ("", None),
    ],
)
def test_names_have_roles(name: str, role: str | None) -> None:
    assert known.name_role(name) == role


def test_what_to_look_for_covers_every_name_with_a_role() -> None:
    names, labels, parents = known.listed_names()
    assert "broker.freenet6.net" in names
    assert labels == {"isatap", "_isatap"}
    assert parents == {"ipv6.microsoft.com", "ipv6.microsoft.com.nsatc.net"}
    assert all(known.name_role(name) in known.ROLES for name in names | labels)


@pytest.mark.parametrize(
    ("transport", "port", "name", "group"),
    [
        (TCP, 22, "ssh", "remote-administration"),
        (TCP, 80, "http", None),
        (TCP, 443, "https", None),
        (UDP, 443, "quic", None),
        (TCP, 445, "smb", "file-sharing"),
        (TCP, 2375, "docker", "remote-administration"),
        (TCP, 3306, "mysql", "database"),
        (TCP, 3389, "rdp", "remote-administration"),
        (TCP, 5432, "postgresql", "database"),
        (TCP, 5900, "vnc", "remote-administration"),
        (TCP, 5985, "winrm", "remote-administration"),
        (TCP, 6379, "redis", "database"),
        (TCP, 6443, "kubernetes-api", "remote-administration"),
        (TCP, 8080, "http-alt", None),
        (TCP, 9200, "elasticsearch", "database"),
        (TCP, 27017, "mongodb", "database"),
        (UDP, 53, "dns", None),
        (UDP, 22, None, None),
        (1, 22, None, None),
        (TCP, 65_000, None, None),
    ],
)
def test_services_have_the_names_people_use(
    transport: int, port: int, name: str | None, group: str | None
) -> None:
    assert known.service_name(transport, port) == name
    assert known.service_group(transport, port) == group


@pytest.mark.parametrize("file", ["servers.json", "services.json"])
def test_files_are_dated(file: str) -> None:
    dated = json.loads(resource(file).read_text())["dated"]
    assert dated >= "2026-11-21"


def test_ports_stand_in_order() -> None:
    entries = json.loads(resource("services.json").read_text())["services"]
    ports = [entry["port"] for entry in entries]
    assert ports == sorted(ports)
    assert len(ports) >= 150


def test_addresses_say_who_and_when() -> None:
    document = json.loads(resource("servers.json").read_text())
    names = document["names"] + document["labels"] + document["patterns"]
    for entry in document["addresses"] + names:
        assert entry["operator"]
        assert str(entry["seen"])[:2] == "20"


ADDRESS = {"ip": "192.0.2.1", "role": "teredo-server", "operator": "X", "seen": "2009-2020"}
NAME = {"name": "a.example", "role": "teredo-server", "operator": "X", "seen": 2026}
LABEL = {"label": "a", "role": "isatap-router", "operator": "X", "seen": 2026}
PATTERN = {
    "pattern": "a|b",
    "parent": "a.example",
    "role": "teredo-server",
    "operator": "X",
    "seen": 2026,
}
SERVICE = {"port": 22, "transports": ["tcp"], "name": "ssh"}


LISTS = ("addresses", "names", "labels", "patterns", "services")


def _without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


@pytest.mark.parametrize(
    ("ask", "entries", "problem"),
    [
        (known.known_servers, [ADDRESS, ADDRESS], "twice"),
        (known.known_servers, [ADDRESS | {"ip": "192.0.2.256"}], "not permitted"),
        (known.known_servers, [ADDRESS | {"ip": "2001:db8::1"}], "4 octets"),
        (known.known_servers, [ADDRESS | {"role": "server"}], "unknown role"),
        (known.known_servers, [ADDRESS | {"role": ["x"]}], "unknown role"),
        (known.known_servers, [ADDRESS | {"operator": ""}], "no operator"),
        (known.known_servers, [ADDRESS | {"seen": "long ago"}], "'seen' is not"),
        (known.known_servers, [ADDRESS | {"note": "x"}], "needs ip"),
        (known.known_servers, [_without(ADDRESS, "seen")], "needs ip"),
        (known.known_servers, ["192.0.2.1"], "needs ip"),
        (known.known_servers, [], "not a list of entries"),
        (known.known_servers, {"a": 1}, "not a list of entries"),
        (known._names, [NAME, NAME], "twice"),
        (known._names, [NAME | {"name": "A.example"}], "'name' is not"),
        (known._names, [NAME | {"name": "localhost"}], "'name' is not"),
        (known.listed_names, [LABEL], "needs name"),
        (known._labels, [LABEL, LABEL], "twice"),
        (known._labels, [LABEL | {"label": "a.b"}], "'label' is not"),
        (known._labels, [LABEL | {"role": "router"}], "unknown role"),
        (known._patterns, [PATTERN | {"pattern": "("}], "unterminated"),
        (known._patterns, [PATTERN | {"parent": "a"}], "'parent' is not"),
        (known._patterns, [PATTERN | {"operator": ""}], "no operator"),
        (lambda: known.service_name(6, 22), [SERVICE, SERVICE], "twice"),
        (lambda: known.service_name(6, 22), [SERVICE | {"port": 0}], "no port"),
        (lambda: known.service_name(6, 22), [SERVICE | {"port": "22"}], "no port"),
        (lambda: known.service_name(6, 22), [SERVICE | {"port": 65_536}], "no port"),
        (lambda: known.service_name(6, 22), [SERVICE | {"transports": []}], "no list"),
        (lambda: known.service_name(6, 22), [SERVICE | {"transports": "tcp"}], "no list"),
        (lambda: known.service_name(6, 22), [SERVICE | {"transports": ["sctp"]}], "transport"),
        (lambda: known.service_name(6, 22), [SERVICE | {"name": "S S H"}], "'name' is not"),
        (lambda: known.service_name(6, 22), [SERVICE | {"group": "odd"}], "unknown group"),
        (lambda: known.service_name(6, 22), [SERVICE | {"group": ["odd"]}], "unknown group"),
    ],
)
def test_a_wrong_entry_is_named(
    ask: Callable[[], object],
    entries: object,
    problem: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "data.json"
    document = {"dated": "2026-01-01"}
    document |= dict.fromkeys(LISTS, entries)  # type: ignore[arg-type]
    file.write_text(json.dumps(document))
    monkeypatch.setattr(known, "resource", lambda name: file)
    with pytest.raises(SensorError, match=problem):
        ask()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "servers.json"),
        (b"null", "'dated' is not a date"),
        (b"[1]", "'dated' is not a date"),
        (b'{"addresses": []}', "'dated' is not a date"),
        (b'{"dated": "2026-11-21 10:00:00"}', "'dated' is not a date"),
        (b'{"dated": "2026-11-21"}', "'addresses' is not a list"),
        (b"[", "servers.json"),
        (b"\xff\xfe\xfd", "servers.json"),
    ],
)
def test_a_damaged_file_is_named(
    content: bytes, problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "data.json"
    file.write_bytes(content)
    monkeypatch.setattr(known, "resource", lambda name: file)
    with pytest.raises(SensorError, match=problem):
        known.known_servers()


def test_a_missing_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "resource", lambda name: tmp_path / "none")
    with pytest.raises(SensorError, match=r"servers\.json: .*No such file"):
        known.known_servers()
