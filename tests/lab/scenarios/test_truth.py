"""How the truth is written down."""

from __future__ import annotations

import json
from dataclasses import replace

from sensor.lab.network.behaviour import CONE
from sensor.lab.scenarios.openings import Outcome
from sensor.lab.scenarios.truth import (
    BoxTruth,
    CaptureTruth,
    EmbeddedTruth,
    ExposureTruth,
    Labelled,
    LinkTruth,
    MappingTruth,
    Met,
    OpeningTruth,
    Truth,
    TunnelTruth,
    time_text,
)
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, NatType, TeredoPacket
from sensor.wire.addresses import SixRdDomain, packed

AT = 1_795_334_400_000_000_001
END = Endpoint(packed("192.168.1.20"), 50_000)
PUBLIC = Endpoint(packed("203.0.113.7"), 40_000)
SERVER = Endpoint(packed("198.51.100.1"), 3_544)
ADDRESS = packed("2001:0:c633:6401::1")
SENT = Labelled(
    number=3,
    at=AT,
    kind=Kind.TEREDO,
    packet=TeredoPacket.BUBBLE,
    sender="alice",
    end=END,
    destination=SERVER,
    quoted=False,
    doubled=False,
    flawed=False,
    cut=False,
    within=(),
)
CARRIED = replace(SENT, number=5, kind=Kind.SIXTOFOUR, packet=TeredoPacket.NONE)
FLAWED = replace(CARRIED, number=6, flawed=True, within=(Kind.SIXINFOUR, Kind.GRE6))
LINK = LinkTruth(
    kinds=(Kind.SIXINFOUR, Kind.SIXTOFOUR),
    ends=(END, SERVER),
    client=END,
    key=7,
    senders=("alice",),
    embedded=(EmbeddedTruth(packed("2002:c633:6401::1"), Kind.SIXTOFOUR, SERVER.ip),),
)
QUOTED = replace(SENT, number=4, sender="desk", end=None, destination=None, quoted=True)
TUNNEL = TunnelTruth(
    name="alice",
    home="home",
    watched=True,
    kind=Kind.TEREDO,
    inside=END,
    macs={"home": bytes.fromhex("020000000020")},
    ends=(END,),
    servers=(SERVER.ip,),
    boxes=(BoxTruth("home-nat", CONE),),
    cone_phase=False,
    concluded=NatType.RESTRICTED,
    state="qualified",
    addresses=(),
    mappings=(MappingTruth(END, PUBLIC, None, AT, None),),
    relays=(Met(None, SERVER, AT),),
    peers=(),
    alternates=(),
)
OPENINGS = (
    OpeningTruth(Endpoint(packed("2001:db8::5"), 1_025), "remote", AT, Outcome.REFUSED),
    OpeningTruth(Endpoint(packed("2001:db8::6"), 1_026), "other", AT, Outcome.ANSWERED),
)
EXPOSURE = ExposureTruth("alice", True, ADDRESS, 6, 80, OPENINGS)
TRUTH = Truth(
    name="name",
    about="about",
    seed=1,
    watched="home",
    networks=((packed("192.168.1.0"), 24),),
    pools=(PUBLIC.ip,),
    sixrd=(SixRdDomain(packed("2001:db8::"), 32, 8, (SERVER.ip,)),),
    captures={"inside": CaptureTruth("inside.pcap", 4, (SENT, QUOTED, FLAWED), (LINK,))},
    tunnels=(TUNNEL,),
    exposures=(EXPOSURE,),
    tries=(),
)


def test_times_are_written_to_the_nanosecond() -> None:
    assert time_text(AT) == "2026-11-22T08:00:00.000000001Z"


def test_the_strongest_outcome_counts() -> None:
    assert EXPOSURE.state is Outcome.ANSWERED
    assert replace(EXPOSURE, openings=OPENINGS[:1]).state is Outcome.REFUSED


def test_ends_of_a_sender_are_told_once_and_errors_have_none() -> None:
    capture = CaptureTruth("inside.pcap", 4, (SENT, replace(SENT, number=5), QUOTED), ())
    assert capture.ends("alice") == (END,)
    assert capture.ends("desk") == ()


def test_keys_are_sorted_and_the_same_truth_is_the_same_text() -> None:
    written = TRUTH.to_json()
    assert written == replace(TRUTH).to_json()
    assert written == json.dumps(json.loads(written), indent=1, sort_keys=True) + "\n"


def test_what_is_unknown_is_left_out() -> None:
    told = json.loads(TRUTH.to_json())
    first, second, third = told["captures"]["inside"]["labelled"]
    assert first == {
        "frame": 3,
        "at": "2026-11-22T08:00:00.000000001Z",
        "kind": "teredo",
        "packet": "bubble",
        "sender": "alice",
        "end": {"ip": "192.168.1.20", "port": 50_000},
        "destination": {"ip": "198.51.100.1", "port": 3_544},
    }
    assert second == {
        "frame": 4,
        "at": "2026-11-22T08:00:00.000000001Z",
        "kind": "teredo",
        "packet": "bubble",
        "sender": "desk",
        "quoted": True,
    }
    assert (third["flawed"], third["within"]) == (True, ["6in4", "gre6"])
    (tunnel,) = told["tunnels"]
    assert tunnel["mappings"] == [
        {
            "inside": {"ip": "192.168.1.20", "port": 50_000},
            "public": {"ip": "203.0.113.7", "port": 40_000},
            "since": "2026-11-22T08:00:00.000000001Z",
        }
    ]
    assert tunnel["relays"] == [
        {"end": {"ip": "198.51.100.1", "port": 3_544}, "at": "2026-11-22T08:00:00.000000001Z"}
    ]


def test_links_and_what_an_operator_knows_are_told() -> None:
    told = json.loads(TRUTH.to_json())
    assert told["networks"] == ["192.168.1.0/24"]
    assert told["pools"] == ["203.0.113.7"]
    assert told["sixrd"] == [
        {"prefix": "2001:db8::/32", "ipv4_mask": 8, "relays": ["198.51.100.1"]}
    ]
    assert told["captures"]["inside"]["links"] == [
        {
            "kinds": ["6in4", "6to4"],
            "ends": [
                {"ip": "192.168.1.20", "port": 50_000},
                {"ip": "198.51.100.1", "port": 3_544},
            ],
            "client": {"ip": "192.168.1.20", "port": 50_000},
            "key": 7,
            "senders": ["alice"],
            "embedded": [{"address": "2002:c633:6401::1", "scheme": "6to4", "ip": "198.51.100.1"}],
        }
    ]


def test_words_are_those_of_the_schema() -> None:
    told = json.loads(TRUTH.to_json())
    (tunnel,) = told["tunnels"]
    assert tunnel["concluded"] == "restricted"
    assert tunnel["macs"] == {"home": "02:00:00:00:00:20"}
    assert tunnel["boxes"] == [
        {
            "name": "home-nat",
            "mapping": "endpoint-independent",
            "filtering": "endpoint-independent",
            "ports": "random",
        }
    ]
    (exposure,) = told["exposures"]
    assert (exposure["transport"], exposure["state"]) == ("tcp", "answered")
    assert [opening["by"] for opening in exposure["openings"]] == ["remote", "other"]
