"""Accumulators of scan detections."""

from __future__ import annotations

import pytest

from sensor.track import hosts
from sensor.track.layout import EMBEDDED, INSIDE, HostState
from sensor.track.sketch import address_value, bit64, bit256, words
from sensor.wire.addresses import packed
from tests.track.rows import (
    ACK,
    CLIENT,
    MAPPED,
    NATIVE,
    NATIVE2,
    OTHER_MAPPED,
    RELAY,
    STRANGER,
    SYN,
    TEREDO,
    Shown,
    address_of,
    bubble,
    direct,
    echo,
    row,
    seconds,
    solicitation,
    syn,
    syn_ack,
    udp,
)


def qualified(**limits: int) -> Shown:
    """The client has spoken: its address is known."""
    shown = Shown(**limits)
    shown.see(solicitation(), bubble(CLIENT, RELAY))
    return shown


def inside(shown: Shown) -> list[HostState]:
    return [host for host in shown.table.hosts() if host.role == INSIDE]


def embedded(shown: Shown) -> list[HostState]:
    return [host for host in shown.table.hosts() if host.role == EMBEDDED]


def sketch(host: HostState, name: str) -> list[int]:
    return [getattr(host, f"{name}_{word}") for word in range(4)]


def of(*values: int) -> list[int]:
    bits = 0
    for value in values:
        bits |= bit256(value)
    return words(bits, 4)


def test_conversations_from_outside_are_tries() -> None:
    shown = qualified()
    shown.see(syn(22), syn(22), syn(80, source=NATIVE2), at=5)
    shown.see(udp(RELAY, CLIENT, NATIVE, TEREDO, (5000, 161)), at=6)
    (host,) = inside(shown)
    assert (host.address, host.tries, host.unanswered) == (TEREDO, 3, 0)
    assert (host.first, host.last) == (seconds(5.001), seconds(6.001))
    assert sketch(host, "services") == of(6 << 16 | 22, 6 << 16 | 80, 17 << 16 | 161)
    assert sketch(host, "remotes") == of(address_value(NATIVE), address_value(NATIVE2))
    assert host.flag_sketch == bit64(SYN) | bit64(0)
    assert sketch(host, "unanswered") == [0, 0, 0, 0]


def test_what_ended_without_any_answer_is_counted_with_its_port() -> None:
    shown = qualified()
    shown.see(syn(22), syn(80), syn_ack(80), syn(443))
    last = inside(shown)[0].last
    shown.table.finish()
    (host,) = inside(shown)
    assert (host.tries, host.unanswered) == (3, 2)
    assert sketch(host, "unanswered") == of(22, 443)
    assert host.last == last


def test_an_answer_seen_first_is_a_try_too() -> None:
    shown = qualified()
    shown.see(syn_ack(80))
    (host,) = inside(shown)
    assert (host.address, host.tries, host.flag_sketch) == (TEREDO, 1, bit64(SYN | ACK))


def test_what_goes_out_and_what_has_no_port_is_no_try() -> None:
    shown = qualified()
    shown.see(
        udp(CLIENT, RELAY, TEREDO, NATIVE, (5000, 53)), echo(RELAY, CLIENT, NATIVE, TEREDO, 128)
    )
    shown.table.finish()
    assert inside(shown) == []


def test_candidates_have_no_inside_hosts() -> None:
    shown = Shown(promotions_per_minute=0)
    shown.see(syn())
    shown.table.finish()
    assert inside(shown) == []


def test_teredo_destinations_that_are_not_the_clients_name_embedded_hosts() -> None:
    shown = qualified()
    target = address_of((packed("192.0.2.200"), 4000), flags=0x8123)
    other = address_of((packed("192.0.2.200"), 4001))
    shown.see(row(RELAY, CLIENT, inner_source=NATIVE, inner_destination=target), at=5)
    shown.see(row(STRANGER, CLIENT, inner_source=NATIVE2, inner_destination=other), at=6)
    (host,) = embedded(shown)
    assert host.address == packed("192.0.2.200") + bytes(12)
    assert (host.tries, host.unanswered) == (2, 0)
    assert (host.first, host.last) == (seconds(5.001), seconds(6.001))
    assert sketch(host, "services") == sketch(host, "unanswered") == of(4000, 4001)
    assert sketch(host, "remotes") == of(address_value(NATIVE), address_value(NATIVE2))
    assert host.flag_sketch == words(bit64(0x8123) | bit64(0), 1)[0]


def test_the_clients_own_address_and_other_packets_name_none() -> None:
    shown = qualified()
    elsewhere = address_of(OTHER_MAPPED)
    shown.see(
        bubble(RELAY, CLIENT, NATIVE, TEREDO),
        bubble(CLIENT, RELAY, TEREDO, elsewhere),
        row(RELAY, CLIENT, inner_source=NATIVE, inner_destination=NATIVE2),
        direct(row(RELAY, CLIENT, inner_source=NATIVE, inner_destination=elsewhere)),
    )
    assert embedded(shown) == []


def test_a_packet_that_proves_the_mapping_names_none() -> None:
    shown = Shown()
    shown.see(bubble(RELAY, MAPPED, NATIVE, TEREDO))
    assert shown.table.hosts() == []


def test_the_host_tried_longest_ago_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosts, "HOSTS_KEPT", 2)
    shown = qualified()
    targets = [packed(f"fd00::{number}") for number in range(3)]
    for number in (0, 1, 0, 2):
        ask = udp(RELAY, CLIENT, NATIVE, targets[number], (5000 + shown.frame, 161))
        shown.see(ask)
    assert [(host.address, host.tries) for host in shown.table.hosts()] == [
        (targets[0], 2),
        (targets[2], 1),
    ]
    assert shown.hits == {"hosts": 1}
    shown.table.finish()
    assert [host.unanswered for host in shown.table.hosts()] == [2, 1]
