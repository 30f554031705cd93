"""The hidden messages arrive, and what is innocent hides none."""

from __future__ import annotations

import itertools

import pytest

from sensor.lab.deviants.covert import Hearer
from sensor.lab.scenarios import covert
from sensor.lab.scenarios.covert import FILE, MESSAGE, TITBIT
from sensor.lab.scenarios.run import tell
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6, teredo
from sensor.wire.cursor import Cursor
from tests.lab.scenarios.stories import BY_NAME, answers, payload, sent, services, told, tunnel


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("covert-bubbles", FILE),
        ("covert-trailers", FILE),
        ("covert-nonce-trailers", MESSAGE),
        ("covert-nonces", MESSAGE),
        ("covert-authentication", FILE),
        ("covert-flow-labels", MESSAGE),
        ("covert-hop-limits", TITBIT),
    ],
)
def test_the_far_end_reads_the_message(
    name: str, message: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    hearers: list[Hearer] = []

    class Remembered(Hearer):
        def listen(self) -> None:
            hearers.append(self)
            super().listen()

    monkeypatch.setattr(covert, "Hearer", Remembered)
    _, truth = tell(BY_NAME[name])
    assert [hearer.message for hearer in hearers] == [message]
    assert all(each.state == "qualified" for each in truth.tunnels)
    # A body behind what says that nothing follows is the only flaw in any of them.
    flawed = any(frame.flawed for frame in truth.captures["outside"].labelled)
    assert flawed is (name == "covert-bubbles")


@pytest.mark.parametrize("name", ["covert-flow-labels", "covert-hop-limits"])
def test_a_page_is_read_beside_the_message(name: str) -> None:
    _, truth = told(name)
    assert answers(truth) == [("alice", "bob", True), ("bob", "alice", True)]
    assert services(truth) == {("alice", 80): "answered"}


def labels(name: str) -> dict[bytes, list[int]]:
    """The flow labels of alice's data by conversation."""
    found: dict[bytes, list[int]] = {}
    for _, octets in sent(name, "alice", TeredoPacket.DATA):
        header = ipv6.parse(Cursor(octets))
        found.setdefault(header.destination + octets[40:44], []).append(header.flow_label)
    return found


def test_covert_labels_change_in_a_conversation_and_honest_ones_do_not() -> None:
    assert max(len(set(each)) for each in labels("covert-flow-labels").values()) > 20
    honest = labels("flow-labelled").values()
    assert len(honest) == 6
    assert all(len(set(each)) == 1 and len(each) > 3 for each in honest)
    assert len(set(itertools.chain(*honest))) == 6


def trailers(name: str, packet: TeredoPacket) -> set[str]:
    """What trailers alice sends."""
    payloads = (octets for _, octets in sent(name, "alice", packet))
    return {trailer.name for octets in payloads for trailer in teredo.parse(octets).trailers}


def test_genuine_trailers_are_of_all_three_kinds_and_no_other() -> None:
    assert trailers("covert-trailers", TeredoPacket.BUBBLE) >= {"unknown"}
    genuine = trailers("trailers-of-rfc6081", TeredoPacket.BUBBLE)
    assert genuine == {"nonce", "alternate-address", "random-port"}
    _, truth = told("trailers-of-rfc6081")
    assert answers(truth) == [
        ("bob", "alice", True),
        ("carol", "alice", True),
        ("alice", "bob", True),
    ]


def test_genuine_digests_are_taken_by_the_server() -> None:
    _, truth = told("secure-qualification")
    assert [tunnel(truth, name).state for name in ("alice", "bob")] == ["qualified"] * 2
    asked = sent("secure-qualification", "alice", TeredoPacket.ROUTER_SOLICITATION)
    headers = [teredo.parse(octets).authentications[0] for _, octets in asked]
    assert len(headers) > 4
    assert {header.identifier for header in headers} == {b"alice@example.net"}
    assert {len(header.value) for header in headers} == {20}


def test_covert_solicitations_are_answered_by_a_server_that_checks_nothing() -> None:
    world, truth = told("covert-authentication")
    frames = world.watched.taps["outside"].frames
    advertised = [
        teredo.parse(payload(frames[frame.number - 1].octets)).authentications[0]
        for frame in truth.captures["outside"].labelled
        if frame.packet is TeredoPacket.ROUTER_ADVERTISEMENT
    ]
    assert len(advertised) > 6
    assert {(header.identifier, header.value) for header in advertised} == {(b"", b"")}
