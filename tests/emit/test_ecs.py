"""Documents as Elasticsearch and people read them.

The expected documents stand in tests/golden; after a wanted change write them anew with
    python -m tests.emit.test_ecs
and read the difference before committing it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sensor import __version__
from sensor.emit.ecs import Context, Document, document
from sensor.schema.fields import check
from sensor.schema.records import Endpoint, ExposureRecord
from sensor.schema.words import ExposureState, Kind, NatType, Transport
from sensor.wire.addresses import packed
from tests.emit import factory
from tests.emit.factory import CHANGES, CONTEXT, changed

GOLDEN = Path(__file__).resolve().parents[1] / "golden"
BARE = Context("s")


def golden_form(name: str) -> Document:
    """A document without the version, which each release changes."""
    made = document(CHANGES[name], CONTEXT)
    assert made["observer"].pop("version") == __version__
    return made


def golden_path(name: str) -> Path:
    return GOLDEN / f"document-{name}.json"


@pytest.mark.parametrize("name", CHANGES)
def test_documents_are_as_recorded(name: str) -> None:
    assert golden_form(name) == json.loads(golden_path(name).read_text())


@pytest.mark.parametrize("context", [CONTEXT, BARE], ids=["full", "bare"])
@pytest.mark.parametrize("name", CHANGES)
def test_documents_fit_the_field_table(name: str, context: Context) -> None:
    assert check(document(CHANGES[name], context)) == []


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("tunnel", {"teredo": None, "inside": None, "anomalies": ()}),
        ("tunnel", {"inside": factory.HIDDEN, "vlan": None, "closed_reason": "idle"}),
        ("tunnel", {"transport": Transport.GRE, "kind": Kind.GRE6, "teredo": None}),
        ("tunnel", {"transport": Transport.GRE, "kind": Kind.GRE6, "outer_key": 5}),
        ("tunnel", {"transport": Transport.TCP, "kind": Kind.TSP, "teredo": None}),
        ("tunnel", {"client": Endpoint(packed("2001:db8::5"), 5072), "inside": None}),
        ("exposure", {"inside": None, "mapped": None, "service": None, "evidence": ()}),
        ("exposure", {"transport": 58, "port": 0, "remote": Endpoint(factory.REMOTE.ip, 0)}),
        ("exposure", {"policy": "denied", "closed_reason": "idle", "remotes": ()}),
        ("flow", {"transport": 50, "inbound": None}),
        ("flow", {"transport": 59, "history": ""}),
        ("sensor", {"first_time": None, "last_time": None, "kinds": {}, "reasons": {}}),
        ("sensor", {"read": 0, "seconds": 0.0}),
    ],
)
def test_documents_of_less_known_subjects_fit_too(name: str, fields: dict[str, Any]) -> None:
    assert check(document(changed(name, **fields), CONTEXT)) == []


@pytest.mark.parametrize("kind", list(Kind)[1:])
def test_every_kind_has_its_field_in_the_ledger(kind: Kind) -> None:
    made = document(changed("sensor", kinds={kind.text: 1}), CONTEXT)
    assert check(made) == []
    assert made["v6tunnel"]["sensor"]["kinds"] == {kind.text: 1}


def test_what_is_hidden_by_the_nat_is_absent() -> None:
    made = document(changed("tunnel", inside=factory.HIDDEN, client=factory.MAPPED), BARE)
    assert made["v6tunnel"]["inside"] == {"address": "2001:0:c633:6401:180e:5d45:34ff:8efd"}
    assert made["source"] == {
        "ip": "203.0.113.2",
        "port": 41658,
        "nat": {"ip": "203.0.113.2", "port": 41658},
    }
    assert made["observer"].get("ingress") == {"vlan": {"id": "7"}}
    unknown = document(changed("exposure", inside=None, mapped=None), BARE)
    assert unknown["v6tunnel"].keys() == {"observation", "tunnel", "exposure", "outer"}


def test_a_teredo_client_of_which_little_was_seen_says_no_more() -> None:
    little = factory.TEREDO._replace(
        server=None,
        secondary_server=None,
        mapped=None,
        mapped_from=(),
        flags=None,
        nat_type=NatType.UNKNOWN,
        nat_reasons=(),
        qualified_at=None,
        qualified_reasons=(),
        relays=(),
        mapping_changes=(),
        alternate_addresses=(),
    )
    made = document(changed("tunnel", teredo=little), CONTEXT)
    assert check(made) == []
    assert made["v6tunnel"]["teredo"] == {
        "nat_type": "unknown",
        "qualified": False,
        "peers": 3,
        "bubbles": 4,
    }
    assert "nat" not in made["source"]


def test_protocol_41_has_no_ports_and_two_community_ids() -> None:
    made = document(CHANGES["tunnel-6to4"], CONTEXT)
    assert made["source"] == {"ip": "203.0.113.2"}
    assert made["destination"] == {"ip": "192.88.99.1"}
    assert made["network"]["iana_number"] == "41"
    assert made["network"]["transport"] == "ipv6"
    both = (made["network"]["community_id"], made["v6tunnel"]["outer"]["community_id_suricata"])
    assert len(set(both)) == 2
    assert all(text.startswith("1:") for text in both)


def test_an_echo_identifier_is_no_port() -> None:
    made = document(CHANGES["flow-ping"], CONTEXT)
    assert made["source"].keys() == {"ip", "packets", "bytes"}
    assert made["network"]["transport"] == "ipv6-icmp"
    assert made["v6tunnel"]["flow"]["icmp"] == {"type": 128, "code": 0}


def test_addresses_are_written_as_rfc_5952_says() -> None:
    mapped = packed("::ffff:192.0.2.1")
    made = document(changed("flow", source=Endpoint(mapped, 1)), CONTEXT)
    assert made["source"]["ip"] == "::ffff:192.0.2.1"
    assert check(made) == []
    zeros = packed("2001:db8:0:0:1:0:0:1")
    made = document(changed("flow", source=Endpoint(zeros, 1)), CONTEXT)
    assert made["source"]["ip"] == "2001:db8::1:0:0:1"


def test_related_ip_holds_every_layer_once_and_sorted() -> None:
    related = document(CHANGES["tunnel"], CONTEXT)["related"]["ip"]
    assert related == [
        "10.0.0.9",
        "192.0.2.10",
        "192.168.0.2",
        "198.51.100.1",
        "198.51.100.2",
        "203.0.113.2",
        "2001:0:c633:6401:180e:5d45:34ff:8efd",
    ]


def test_related_ip_opens_addresses_that_embed_others() -> None:
    flow = changed(
        "flow",
        source=Endpoint(packed("2002:c000:21e::1"), 1),
        destination=Endpoint(packed("2001:db8::5efe:10.1.2.3"), 2),
        outer_source=Endpoint(bytes(4), 0),
    )
    related = document(flow, CONTEXT)["related"]["ip"]
    assert {"192.0.2.30", "10.1.2.3"} <= set(related)
    assert "0.0.0.0" not in related
    teredo = document(CHANGES["flow"], CONTEXT)["related"]["ip"]
    assert {"198.51.100.1", "203.0.113.2"} <= set(teredo)


def test_at_most_twenty_remotes_are_shown_and_all_are_counted() -> None:
    remotes = tuple(packed(f"2001:db8::{n:x}") for n in range(1, 31))
    made = document(changed("exposure", remotes=remotes, remotes_count=30), CONTEXT)
    shown = made["v6tunnel"]["exposure"]["remotes"]
    assert len(shown["ips"]) == 20
    assert shown["count"] == 30


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        (ExposureState.ANSWERED, "success"),
        (ExposureState.REFUSED, "failure"),
        (ExposureState.ATTEMPTED, "failure"),
        (ExposureState.REPLY_UNSEEN, "unknown"),
    ],
)
def test_the_outcome_follows_the_state(state: ExposureState, outcome: str) -> None:
    made = document(changed("exposure", state=state), CONTEXT)
    assert made["event"]["outcome"] == outcome
    assert made["v6tunnel"]["exposure"]["state"] == state.text


@pytest.mark.parametrize(
    ("name", "direction"), [("flow", "inbound"), ("flow-ping", "outbound"), ("tunnel", "outbound")]
)
def test_the_direction_is_seen_from_the_perimeter(name: str, direction: str) -> None:
    assert document(CHANGES[name], CONTEXT)["network"]["direction"] == direction


def test_a_direction_that_is_unknown_is_absent() -> None:
    assert "direction" not in document(changed("flow", inbound=None), CONTEXT)["network"]
    assert "direction" not in document(CHANGES["tunnel-6to4"], CONTEXT)["network"]
    near = changed("tunnel", remote=Endpoint(packed("10.0.0.1"), 3544))
    assert document(near, CONTEXT)["network"]["direction"] == "internal"


@pytest.mark.parametrize(
    ("action", "types"),
    [
        ("tunnel-discovered", ["connection", "start"]),
        ("tunnel-updated", ["connection", "info"]),
        ("tunnel-closed", ["connection", "end"]),
    ],
)
def test_the_type_follows_the_change_of_a_tunnel(action: str, types: list[str]) -> None:
    change = CHANGES["tunnel"]
    made = document(type(change)(action, change.time, 0, 0, change.record), CONTEXT)
    assert made["event"]["type"] == types
    assert made["event"]["action"] == action


def test_the_source_has_a_hardware_address_only_where_it_is_the_host() -> None:
    made = document(CHANGES["tunnel"], CONTEXT)
    assert made["source"]["mac"] == made["v6tunnel"]["inside"]["mac"] == "00-00-5E-00-53-23"
    outside = document(changed("tunnel", client=factory.MAPPED), CONTEXT)
    assert "mac" not in outside["source"]


def test_times_keep_their_nanoseconds() -> None:
    made = document(CHANGES["tunnel"], CONTEXT)
    assert made["@timestamp"] == "2026-11-21T07:01:55.123456789Z"
    assert made["event"]["created"] == "2026-11-21T08:01:54.123456789Z"
    assert made["event"]["duration"] == 30 * factory.SECOND


def test_a_capture_whose_name_is_no_text_is_still_json() -> None:
    record = CHANGES["exposure"].record
    assert isinstance(record, ExposureRecord)
    odd = record.evidence[0].__class__("\udcff.pcap", 1, 0, "SYN in")
    made = document(changed("exposure", evidence=(odd,)), CONTEXT)
    assert made["v6tunnel"]["exposure"]["evidence"][0]["capture"] == "\ufffd.pcap"


def test_community_ids_that_would_need_the_unseen_are_absent() -> None:
    portless = changed(
        "flow",
        source=Endpoint(factory.REMOTE.ip, 0),
        destination=Endpoint(factory.ADDRESS, 0),
    )
    assert "community_id" not in document(portless, CONTEXT)["network"]
    echo = changed("exposure", transport=58, port=0)
    assert "community_id" not in document(echo, CONTEXT)["network"]
    other = document(changed("flow", transport=50), CONTEXT)["network"]
    assert other["transport"] == "50"
    assert other["community_id"].startswith("1:")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for each in CHANGES:
        golden_path(each).write_text(json.dumps(golden_form(each), indent=2) + "\n")


@pytest.mark.parametrize(
    ("kind", "carrier", "number", "protocol"),
    [
        (Kind.AYIYA, Transport.UDP, "17", "ayiya"),
        (Kind.TSP, Transport.TCP, "6", "tsp"),
        (Kind.L2TP6, Transport.UDP, "17", "l2tp"),
        (Kind.SIXA44, Transport.UDP, "17", "6a44"),
        (Kind.SIXBED4, Transport.UDP, "17", "6bed4"),
        (Kind.GRE6, Transport.GRE, "47", None),
        (Kind.IP6_IN_UDP, Transport.UDP, "17", None),
    ],
)
def test_each_kind_names_its_carrier_and_protocol(
    kind: Kind, carrier: Transport, number: str, protocol: str | None
) -> None:
    made = document(changed("tunnel", kind=kind, transport=carrier, teredo=None), CONTEXT)
    network = made["network"]
    assert (network["transport"], network["iana_number"]) == (carrier.text, number)
    assert network.get("protocol") == protocol
    assert made["v6tunnel"]["tunnel"]["kind"] == kind.text
    assert check(made) == []


def test_the_key_of_gre_is_a_field() -> None:
    made = document(changed("tunnel", kind=Kind.GRE6, outer_key=5, teredo=None), CONTEXT)
    assert made["v6tunnel"]["outer"] == {"key": 5}
