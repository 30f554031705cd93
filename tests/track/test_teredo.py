"""Qualification, mapping, NAT type, relays and trailers of Teredo clients (RFC 4380, RFC 6081)."""

from __future__ import annotations

import pytest

from sensor.schema.records import Endpoint, Teredo
from sensor.schema.rows import Observation
from sensor.schema.words import NatType
from sensor.track import connectivity
from sensor.track.teredo import (
    ALTERNATE_LIMIT,
    BODIES_KEPT,
    CHANGE_LIMIT,
    COMMON_BODY,
    NONCE_LIMIT,
    RELAY_LIMIT,
    Qualification,
    _advertised_server,
    _server_again,
    read_trailers,
)
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from tests.track.rows import (
    CLIENT,
    LINK_LOCAL,
    MAPPED,
    NATIVE,
    NATIVE2,
    NONCE,
    NONCE2,
    OTHER_MAPPED,
    RELAY,
    SECOND,
    SERVER,
    STRANGER,
    TEREDO,
    End,
    Sensor,
    actions,
    address_of,
    advertisement,
    advertisement_frame,
    bubble,
    connectivity_test,
    datagram,
    decoded,
    echo,
    qualified,
    row,
    seconds,
    solicitation,
    solicitation_frame,
    syn,
)

ANYONE = Endpoint(*CLIENT)


def state_of(sensor: Sensor) -> Teredo:
    state = sensor.tunnel().teredo
    assert state is not None
    return state


# qualification


def test_matching_nonce_qualifies() -> None:
    sensor = Sensor()
    changes = sensor.see(solicitation(), advertisement())
    assert actions(changes) == ["tunnel-discovered", "tunnel-qualified"]
    assert sensor.tunnel().state == "qualified"
    state = state_of(sensor)
    assert state.mapped == MAPPED
    assert state.mapped_from == ("origin",)
    assert state.qualified_at == seconds(0.001)
    assert state.qualified_reasons == ("nonce-matches", "origin-port-equals-inside-port")
    assert state.server == SERVER[0]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (advertisement(nonce=NONCE2), "nonce-mismatch"),
        (advertisement(nonce=None), "nonce-missing"),
        (advertisement(confirmation=1), "answer-refused"),
        (advertisement(origin=None), "answer-refused"),
    ],
)
def test_an_answer_that_the_client_must_drop_proves_nothing(
    answer: Observation, reason: str
) -> None:
    sensor = Sensor()
    sensor.see(solicitation())
    changes = sensor.see(answer)
    assert actions(changes) == ["tunnel-updated"]
    state = state_of(sensor)
    assert sensor.tunnel().state == "discovered"
    assert (state.qualified_at, state.mapped) == (None, None)
    assert state.qualified_reasons == (reason,)
    assert sensor.see(answer) == []


def test_a_refused_answer_does_not_stand_in_the_way_of_a_good_one() -> None:
    sensor = Sensor()
    sensor.see(solicitation(), advertisement(nonce=NONCE2, origin=OTHER_MAPPED), advertisement())
    assert state_of(sensor).mapped == MAPPED
    assert state_of(sensor).qualified_reasons[:2] == ("nonce-mismatch", "nonce-matches")
    assert state_of(sensor).mapping_changes == ()


def test_without_authentication_there_is_no_nonce_to_match() -> None:
    sensor = Sensor()
    sensor.see(solicitation(nonce=None), advertisement(nonce=NONCE2))
    assert state_of(sensor).qualified_reasons[0] == "no-authentication"
    assert sensor.tunnel().state == "qualified"


def test_an_answer_to_an_unseen_solicitation_qualifies_who_uses_it() -> None:
    sensor = Sensor()
    sensor.see(advertisement())
    assert sensor.tunnel().state == "discovered", "anybody can be sent one"
    (change,) = sensor.see(row(CLIENT, RELAY))[-1:]
    assert (change.action, sensor.tunnel().state) == ("tunnel-qualified", "qualified")
    assert state_of(sensor).qualified_reasons[0] == "solicitation-unseen"
    assert sensor.tunnel().scope.midstream


def test_who_asks_for_itself_has_not_taken_what_it_was_offered() -> None:
    sensor = Sensor()
    sensor.see(advertisement(), solicitation())
    assert sensor.tunnel().state == "discovered", "the server has not answered"
    sensor.see(row(CLIENT, RELAY))
    assert sensor.tunnel().state == "discovered"
    sensor.see(advertisement())
    assert sensor.tunnel().state == "qualified"


def test_two_servers_have_a_nonce_each() -> None:
    sensor = Sensor()
    sensor.see(
        solicitation(),
        solicitation(server=SECOND, nonce=NONCE2),
        advertisement(server=SECOND, nonce=NONCE2),
        advertisement(),
    )
    assert state_of(sensor).qualified_reasons[0] == "nonce-matches"
    assert "nonce-mismatch" not in state_of(sensor).qualified_reasons


def test_an_answer_may_come_after_the_client_asked_again() -> None:
    sensor = Sensor()
    sensor.see(solicitation(), solicitation(nonce=NONCE2), advertisement(nonce=NONCE))
    assert state_of(sensor).qualified_reasons[0] == "nonce-matches"


def test_old_nonces_are_forgotten() -> None:
    sensor = Sensor()
    nonces = [bytes([number + 1]) * 8 for number in range(NONCE_LIMIT + 1)]
    sensor.see(*(solicitation(nonce=nonce) for nonce in nonces), advertisement(nonce=nonces[0]))
    assert state_of(sensor).qualified_reasons == ("nonce-mismatch",)
    sensor.see(advertisement(nonce=nonces[1]))
    assert sensor.tunnel().state == "qualified"


def test_the_prefix_names_the_server_and_a_second_address_that_answered() -> None:
    sensor = Sensor()
    sensor.see_frame(solicitation_frame())
    sensor.see_frame(advertisement_frame(server=SECOND, named=SERVER))
    state = state_of(sensor)
    assert (state.server, state.secondary_server) == (SERVER[0], SECOND[0])
    assert "prefix-names-server" in state.qualified_reasons


def test_the_first_server_stays_when_the_second_names_itself() -> None:
    """As Windows clients ask: each of two servers advertises its own prefix."""
    sensor = Sensor()
    sensor.see_frame(solicitation_frame())
    sensor.see_frame(advertisement_frame())
    sensor.see_frame(advertisement_frame(server=SECOND, named=SECOND))
    assert (state_of(sensor).server, state_of(sensor).secondary_server) == (SERVER[0], SECOND[0])


def test_the_clients_own_address_names_the_server_it_uses() -> None:
    sensor = qualified(Sensor())
    sensor.see(bubble(CLIENT, RELAY, address_of(server=SECOND)))
    assert state_of(sensor).server == SECOND[0]


def test_an_advertisement_of_another_prefix_first_is_read_to_its_end() -> None:
    sensor = Sensor()
    sensor.see_frame(solicitation_frame())
    sensor.see_frame(advertisement_frame(prefixes=2))
    assert state_of(sensor).server == SERVER[0]


def test_a_damaged_advertisement_names_no_server() -> None:
    sensor = Sensor()
    sensor.see(solicitation(), advertisement())
    assert "prefix-names-server" not in state_of(sensor).qualified_reasons


def test_an_advertisement_without_teredo_prefix_names_no_server() -> None:
    frame = advertisement_frame()
    (made,) = decoded(frame)
    zeroed = frame.replace(packed("2001::")[:4] + SERVER[0] + bytes(8), bytes(16))
    fresh = Qualification()
    assert fresh.advertise(made, zeroed, ANYONE)
    assert "prefix-names-server" not in fresh.reasons


def test_known_servers_are_told() -> None:
    known = frozenset({SERVER[0]})
    fresh = Qualification()
    fresh.ask(SERVER[0], LINK_LOCAL, NONCE)
    assert fresh.record(known, 0, 0).server_known
    assert not fresh.record(frozenset(), 0, 0).server_known


def test_from_outside_the_port_says_nothing_of_the_inside_port() -> None:
    sensor = Sensor()
    sensor.see(solicitation(client=MAPPED), advertisement(client=MAPPED))
    assert state_of(sensor).qualified_reasons == ("nonce-matches",)


# NAT type


def test_cone_if_the_other_address_answers() -> None:
    sensor = Sensor()
    sensor.see(solicitation(cone=True), advertisement(server=SECOND))
    assert state_of(sensor).nat_type is NatType.CONE
    assert state_of(sensor).nat_reasons == ("cone-answer-from-other-address",)


def test_not_cone_if_the_server_ignores_the_bit() -> None:
    sensor = Sensor()
    sensor.see(solicitation(cone=True), advertisement())
    assert state_of(sensor).nat_type is NatType.UNKNOWN


def test_restricted_if_the_cone_phase_stays_unanswered() -> None:
    sensor = Sensor()
    sensor.see(
        solicitation(cone=True),
        solicitation(cone=True),
        solicitation(),
        advertisement(),
        solicitation(server=SECOND, nonce=NONCE2),
        advertisement(server=SECOND, nonce=NONCE2),
    )
    assert state_of(sensor).nat_type is NatType.RESTRICTED
    assert state_of(sensor).nat_reasons == (
        "cone-phase-unanswered",
        "two-servers-see-one-mapping",
    )


def test_an_answered_cone_phase_is_not_unanswered_later() -> None:
    sensor = Sensor()
    sensor.see(
        solicitation(cone=True),
        advertisement(server=SECOND),
        solicitation(),
        advertisement(),
    )
    assert state_of(sensor).nat_reasons == ("cone-answer-from-other-address",)
    assert state_of(sensor).nat_type is NatType.CONE


def test_seen_from_outside_asking_again_takes_the_cone_back() -> None:
    """The answer from the other address was sent, but the NAT kept it from the client."""
    sensor = Sensor()
    sensor.see(solicitation(MAPPED, cone=True), advertisement(MAPPED, SECOND))
    assert state_of(sensor).nat_type is NatType.CONE
    sensor.see(solicitation(MAPPED, nonce=NONCE2), advertisement(MAPPED, nonce=NONCE2), at=12)
    assert state_of(sensor).nat_reasons == ("cone-phase-unanswered", "two-servers-see-one-mapping")
    assert state_of(sensor).nat_type is NatType.RESTRICTED


def test_two_mappings_alone_do_not_qualify() -> None:
    """RFC 4380 takes such a client off-line; its own address shows that RFC 6081 kept it on."""
    sensor = two_servers(OTHER_MAPPED)
    assert sensor.tunnel().state == "discovered"
    assert state_of(sensor).qualified_at is None
    sensor.see(bubble(CLIENT, RELAY, inner_source=TEREDO), at=20)
    assert sensor.tunnel().state == "qualified"
    assert state_of(sensor).qualified_at is not None


def two_servers(second_origin: End) -> Sensor:
    sensor = Sensor()
    sensor.see(
        solicitation(),
        advertisement(),
        solicitation(server=SECOND, nonce=NONCE2),
        advertisement(server=SECOND, nonce=NONCE2, origin=second_origin),
    )
    return sensor


def test_symmetric_if_two_servers_see_two_mappings() -> None:
    sensor = two_servers(OTHER_MAPPED)
    state = state_of(sensor)
    assert state.nat_type is NatType.SYMMETRIC
    assert state.nat_reasons == ("two-servers-see-different-mappings",)
    assert state.mapped == MAPPED
    assert state.mapping_changes == ()


def test_not_symmetric_if_two_servers_see_one_mapping() -> None:
    sensor = two_servers(MAPPED)
    assert state_of(sensor).nat_type is NatType.NOT_SYMMETRIC
    assert state_of(sensor).nat_reasons == ("two-servers-see-one-mapping",)


def test_what_two_servers_saw_an_hour_apart_says_nothing() -> None:
    sensor = qualified(Sensor())
    sensor.see(solicitation(server=SECOND), at=3600)
    sensor.see(advertisement(server=SECOND, origin=OTHER_MAPPED))
    assert state_of(sensor).nat_type is NatType.UNKNOWN


def test_a_new_mapping_at_one_server_is_no_symmetric_nat() -> None:
    sensor = two_servers(MAPPED)
    sensor.see(solicitation(), advertisement(origin=OTHER_MAPPED), at=25)
    state = state_of(sensor)
    assert state.nat_type is NatType.NOT_SYMMETRIC
    assert [change.after for change in state.mapping_changes] == [OTHER_MAPPED]


def test_answering_servers_are_bounded() -> None:
    fresh = Qualification()
    for number in range(NONCE_LIMIT + 3):
        server = (bytes([198, 51, 100, number + 1]), 3544)
        fresh.advertise(advertisement(server=server), b"", ANYONE)
    assert len(fresh.origins) == NONCE_LIMIT


# mapping


def test_the_mapping_comes_from_the_clients_address_too() -> None:
    sensor = qualified(Sensor())
    state = state_of(sensor)
    assert set(state.mapped_from) == {"origin", "address"}
    assert "origin-equals-address" in state.qualified_reasons
    assert sensor.tunnel().key == "teredo/203.0.113.2:41658"


def test_an_address_before_the_advertisement_agrees_with_it_later() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY), solicitation(), advertisement())
    assert "origin-equals-address" in state_of(sensor).qualified_reasons


def test_the_address_alone_gives_mapping_flags_and_server() -> None:
    sensor = Sensor()
    sensor.see(bubble(CLIENT, RELAY, address_of(flags=0x8000)))
    state = state_of(sensor)
    assert (state.mapped, state.mapped_from) == (MAPPED, ("address",))
    assert (state.flags, state.cone, state.server) == (0x8000, True, SERVER[0])


def xp_option(mapped: End) -> icmpv6.Option:
    identifier = address_of(mapped)[8:]
    return icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(6) + identifier)


def test_windows_xp_tells_its_former_mapping() -> None:
    sensor = Sensor()
    sensor.see_frame(solicitation_frame((xp_option(OTHER_MAPPED),)))
    assert state_of(sensor).mapped == OTHER_MAPPED
    assert state_of(sensor).mapped_from == ("option",)
    sensor.see(advertisement())
    assert state_of(sensor).mapped == MAPPED
    assert state_of(sensor).mapped_from == ("origin",)


@pytest.mark.parametrize(
    "option",
    [
        icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(6)),
        icmpv6.Option(icmpv6.OPTION_SOURCE_LINK_LAYER, bytes(14)),  # 255.255.255.255
        xp_option((packed("192.168.1.1"), 3797)),
    ],
)
def test_other_options_name_no_mapping(option: icmpv6.Option) -> None:
    sensor = Sensor()
    sensor.see_frame(solicitation_frame((option,)))
    assert state_of(sensor).mapped is None


def test_a_rebinding_is_recorded_and_the_tunnel_survives_it() -> None:
    sensor = qualified(Sensor())
    before = sensor.tunnel().id
    changes = sensor.see(solicitation(), advertisement(origin=OTHER_MAPPED), at=30)
    assert actions(changes) == ["tunnel-updated"]
    state = state_of(sensor)
    (change,) = state.mapping_changes
    assert (change.time, change.before, change.after) == (seconds(30.001), MAPPED, OTHER_MAPPED)
    assert (sensor.tunnel().id, state.mapped) == (before, OTHER_MAPPED)
    assert state.mapped_from == ("origin",)
    assert sensor.tunnel().state == "qualified"


def test_a_rebinding_shows_in_the_clients_address_where_the_advertisement_was_missed() -> None:
    sensor = qualified(Sensor())
    sensor.see(bubble(CLIENT, RELAY, address_of(OTHER_MAPPED)), at=30)
    assert state_of(sensor).mapped == OTHER_MAPPED
    assert [change.before for change in state_of(sensor).mapping_changes] == [MAPPED]


def test_mapping_changes_are_bounded() -> None:
    sensor = Sensor()
    for number in range(CHANGE_LIMIT + 5):
        sensor.see(solicitation(), advertisement(origin=(MAPPED[0], 1000 + number)))
    assert len(state_of(sensor).mapping_changes) == CHANGE_LIMIT
    assert state_of(sensor).mapped == (MAPPED[0], 1000 + CHANGE_LIMIT + 4)


def spoofed(target: End = OTHER_MAPPED, flags: int = 0x8000) -> Observation:
    """From anybody outside, to a Teredo address that is not the client's."""
    return bubble(STRANGER, CLIENT, NATIVE2, address_of(target, server=STRANGER, flags=flags))


@pytest.mark.parametrize("known_by", ["origin", "address", "both", "nothing"])
def test_what_others_send_never_changes_the_mapping(known_by: str) -> None:
    sensor = Sensor()
    if known_by in ("origin", "both"):
        sensor.see(solicitation(), advertisement())
    if known_by in ("address", "both"):
        sensor.see(bubble(CLIENT, RELAY))
    if known_by == "nothing":
        sensor.see(row(CLIENT, RELAY, inner_source=LINK_LOCAL))
    before = state_of(sensor)
    sensor.see(spoofed())
    after = state_of(sensor)
    assert (after.mapped, after.flags, after.server) == (before.mapped, before.flags, before.server)
    assert after.mapping_changes == ()
    assert sensor.tunnel().inside is not None


def test_from_outside_an_address_that_was_reached_is_the_mapping() -> None:
    sensor = Sensor()
    sensor.see(bubble(RELAY, MAPPED, NATIVE, TEREDO))
    state = state_of(sensor)
    assert (state.mapped, state.mapped_from) == (MAPPED, ("address",))
    inside = sensor.tunnel().inside
    assert inside is not None
    assert inside.address == TEREDO


def test_see_address_of_something_else_changes_nothing() -> None:
    assert not Qualification().see_address(row(CLIENT, RELAY, inner_source=NATIVE), True)


# relays


def reply(identifier: int = 7, sequence: int = 9, source: bytes = NATIVE) -> Observation:
    return echo(RELAY, CLIENT, source, TEREDO, icmpv6.ECHO_REPLY, identifier, sequence)


def test_the_answer_to_a_connectivity_test_names_the_relay() -> None:
    sensor = qualified(Sensor())
    sensor.see(connectivity_test())
    changes = sensor.see(reply())
    assert actions(changes) == ["tunnel-updated"]
    assert state_of(sensor).relays == (RELAY,)
    assert sensor.see(reply()) == []


@pytest.mark.parametrize("other", [reply(identifier=8), reply(sequence=10), reply(source=NATIVE2)])
def test_another_echo_reply_names_no_relay(other: Observation) -> None:
    sensor = qualified(Sensor())
    sensor.see(connectivity_test(), other)
    assert state_of(sensor).relays == ()


def test_several_connectivity_tests_may_be_under_way() -> None:
    sensor = qualified(Sensor())
    sensor.see(connectivity_test(), connectivity_test(sequence=10, to=NATIVE2))
    sensor.see(reply())
    assert state_of(sensor).relays == (RELAY,)


def test_connectivity_tests_under_way_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connectivity, "TESTS_KEPT", 16)
    sensor = qualified(Sensor())
    sensor.see(*(connectivity_test(sequence=number) for number in range(17)))
    assert sensor.hits == {"tests": 1}
    sensor.see(reply(sequence=0))
    assert state_of(sensor).relays == ()
    sensor.see(reply(sequence=1))
    assert state_of(sensor).relays == (RELAY,)


def test_relays_are_bounded() -> None:
    fresh = Qualification()
    news = [fresh.learn_relay(row((RELAY[0], port), CLIENT)) for port in range(1, RELAY_LIMIT + 3)]
    assert news == [True] * RELAY_LIMIT + [False, False]
    assert len(fresh.relays) == RELAY_LIMIT


def test_data_and_bubbles_name_no_relay() -> None:
    sensor = qualified(Sensor())
    sensor.see(bubble(RELAY, CLIENT, NATIVE, TEREDO), syn())
    assert state_of(sensor).relays == ()
    assert state_of(sensor).peers == 2
    assert state_of(sensor).bubbles == 2


# trailers


def trailing(source: End, destination: End, *entries: tuple[bytes, int]) -> bytes:
    packet = teredo.build_bubble(address_of(), NATIVE)
    trailers = (
        teredo.build_trailer_nonce(b"abcd"),
        teredo.build_trailer_alternate(entries),
        teredo.build_trailer_random_port(1),
    )
    return datagram(source, destination, teredo.encapsulate(packet, trailers=trailers))


LAN = (packed("192.168.7.9"), 50001)


def test_trailers_name_the_inside_host_seen_from_outside() -> None:
    sensor = Sensor()
    sensor.see_frame(trailing(MAPPED, SERVER, LAN))
    inside = sensor.tunnel().inside
    assert inside is not None
    assert (inside.ip, inside.port, inside.mac) == (*LAN, None)
    assert state_of(sensor).alternate_addresses == (LAN,)
    assert sensor.see_frame(trailing(MAPPED, SERVER, LAN)) == []


def test_a_public_alternate_address_names_no_inside_host() -> None:
    """RFC 6081 section 4.3: a client may list its mapping as well."""
    sensor = Sensor()
    sensor.see_frame(trailing(MAPPED, SERVER, MAPPED, LAN))
    inside = sensor.tunnel().inside
    assert inside is not None
    assert (inside.ip, inside.port) == LAN


def test_trailers_of_others_describe_others() -> None:
    sensor = qualified(Sensor())
    frame = trailing(STRANGER, CLIENT, LAN)
    sensor.see_frame(frame)
    assert state_of(sensor).alternate_addresses == ()


def test_from_inside_the_host_is_the_one_seen() -> None:
    sensor = Sensor()
    sensor.see_frame(trailing(CLIENT, SERVER, LAN))
    inside = sensor.tunnel().inside
    assert inside is not None
    assert inside.ip == CLIENT[0]


def test_alternate_addresses_are_bounded() -> None:
    fresh = Qualification()
    for number in range(ALTERNATE_LIMIT + 2):
        value = teredo.build_trailer_alternate([(LAN[0], number + 1)])[2:]
        fresh.see_trailers([teredo.Trailer(0, teredo.TRAILER_ALTERNATE_ADDRESS, value)])
    assert len(fresh.alternates) == ALTERNATE_LIMIT


def test_trailers_of_a_shorter_frame_are_those_that_are_left() -> None:
    frame = trailing(MAPPED, SERVER, LAN)
    (made,) = decoded(frame)
    assert [trailer.name for trailer in read_trailers(made, frame)] == [
        "nonce",
        "alternate-address",
        "random-port",
    ]
    assert [trailer.name for trailer in read_trailers(made, frame[:-1])] == [
        "nonce",
        "alternate-address",
    ]
    assert read_trailers(made, frame[: made.trailers_offset - 1]) == []


def advertised(server: bytes, length: int) -> bytes:
    """The body of an advertisement that names a server, filled up by options of no meaning."""
    prefix = packed("2001::")[:4] + server + bytes(8)
    information = icmpv6.PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, prefix).build()
    body = bytes(12) + information
    return body + icmpv6.Option(200, bytes(6)).build() * ((length - len(body)) // 8)


def server_read_from(body: bytes) -> bytes | None:
    message = icmpv6.build(LINK_LOCAL, LINK_LOCAL, icmpv6.ROUTER_ADVERTISEMENT, 0, body)
    packet = ipv6.build(LINK_LOCAL, LINK_LOCAL, icmpv6.PROTOCOL, message, hop_limit=255)
    frame = datagram(SERVER, CLIENT, packet)
    return _advertised_server(decoded(frame)[0], frame)


@pytest.mark.parametrize("length", [44, COMMON_BODY - 4, COMMON_BODY + 4])
def test_what_is_remembered_of_advertisements_changes_nothing(length: int) -> None:
    for server in (SERVER[0], SECOND[0]) * 2:
        body = advertised(server, length)
        assert len(body) == length
        assert server_read_from(body) == server


def test_what_is_remembered_of_advertisements_is_bounded() -> None:
    for number in range(BODIES_KEPT + 10):
        server = (0xC0000200 + number).to_bytes(4)
        assert server_read_from(advertised(server, 44)) == server
    before = _server_again.cache_info()
    assert before.currsize == BODIES_KEPT
    server_read_from(advertised(SERVER[0], COMMON_BODY + 4))
    assert _server_again.cache_info() == before
