"""The memory of look-ups: each thing once, so many of them, so many a second."""

from __future__ import annotations

import pytest

from sensor.schema.witness import Witness
from sensor.track.limits import ASKERS_KEPT, LOOKUPS_PER_SECOND, SECOND
from sensor.track.settings import TrackLimits
from sensor.track.witnesses import Witnesses

HOST, RESOLVER, ROGUE = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3"
GROUP = b"\xe0\0\0\xfb"
ASKED = Witness(0, 1, 5, "dns", False, "isatap", "isatap-router", HOST, RESOLVER, ())
TO_GROUP = ASKED._replace(protocol="mdns", teller=GROUP)
FROM_GROUP = TO_GROUP._replace(
    frame=2, time=6, answer=True, asker=GROUP, teller=ROGUE, addresses=(ROGUE,)
)


def question(number: int) -> Witness:
    return ASKED._replace(frame=number, time=number, name=f"isatap.{number}.example")


def test_what_is_said_again_stands_there_once_by_its_first_frame() -> None:
    kept = Witnesses(10)
    told = ASKED._replace(frame=2, time=6, answer=True, addresses=(ROGUE,))
    for witness in (ASKED, told, ASKED._replace(frame=3, time=7), told._replace(frame=4)):
        kept.see(witness)
    assert list(kept) == [ASKED, told]
    assert not kept.limits_hit


def test_they_stand_in_the_order_of_time() -> None:
    kept = Witnesses(10)
    for number in (3, 1, 2):
        kept.see(question(number))
    assert [witness.frame for witness in kept] == [1, 2, 3]


def test_the_one_not_heard_for_longest_makes_room() -> None:
    kept = Witnesses(3)
    for number in (1, 2, 3, 1, 4):
        kept.see(question(number))
    assert [witness.frame for witness in kept] == [1, 3, 4]
    assert kept.limits_hit == {"names": 1}


def test_no_more_are_kept_than_the_limit_whatever_is_said() -> None:
    limit = TrackLimits().names
    kept = Witnesses(limit)
    for number in range(3 * limit):
        kept.see(question(number))
    assert (limit, len(kept)) == (4_096, 4_096)
    assert [witness.frame for witness in kept] == list(range(2 * limit, 3 * limit))
    assert kept.limits_hit == {"names": 2 * limit}


def test_so_many_messages_a_second_are_read() -> None:
    kept = Witnesses(10)
    flood = [kept.admits(7 * SECOND + i) for i in range(3 * LOOKUPS_PER_SECOND)]
    assert flood == [True] * LOOKUPS_PER_SECOND + [False] * 2 * LOOKUPS_PER_SECOND
    assert kept.limits_hit == {"lookups": 2 * LOOKUPS_PER_SECOND}
    assert kept.admits(8 * SECOND)
    assert not Witnesses(10).limits_hit


def test_times_before_1970_and_backwards_are_times() -> None:
    kept = Witnesses(10)
    for second in (5, -3, 0):
        for _ in range(LOOKUPS_PER_SECOND):
            assert kept.admits(second * SECOND + 1)
        assert not kept.admits(second * SECOND)


# answers to a group


def kept_of(*witnesses: Witness) -> list[Witness]:
    kept = Witnesses(100)
    for witness in witnesses:
        kept.see(witness)
    return list(kept)


def test_an_answer_to_a_group_is_one_to_who_asked() -> None:
    assert kept_of(TO_GROUP, FROM_GROUP) == [TO_GROUP, FROM_GROUP._replace(asker=HOST)]


def test_an_answer_to_a_group_is_one_to_each_who_asked() -> None:
    second = TO_GROUP._replace(asker=RESOLVER)
    found = kept_of(TO_GROUP, second, TO_GROUP, FROM_GROUP)
    assert set(found[:2]) == {TO_GROUP, second}
    assert {told.asker for told in found[2:]} == {HOST, RESOLVER}
    assert {told._replace(asker=GROUP) for told in found[2:]} == {FROM_GROUP}


@pytest.mark.parametrize(
    "group",
    [
        bytes([224, 0, 0, 251]),
        bytes([239, 255, 255, 255]),
        b"\xff\xff\xff\xff",
        b"\xff\x02" + bytes(13) + b"\xfb",
    ],
)
def test_what_is_told_to_a_group_unasked_has_no_asker(group: bytes) -> None:
    (told,) = kept_of(FROM_GROUP._replace(asker=group))
    assert told == FROM_GROUP._replace(asker=b"")


@pytest.mark.parametrize(
    "question",
    [
        TO_GROUP._replace(protocol="llmnr"),
        TO_GROUP._replace(name="_isatap"),
    ],
)
def test_another_question_is_not_the_one(question: Witness) -> None:
    assert kept_of(question, FROM_GROUP)[1].asker == b""


def test_a_question_behind_an_answer_is_not_the_one() -> None:
    unasked = FROM_GROUP._replace(asker=b"", time=3)
    early = FROM_GROUP._replace(time=3)
    assert kept_of(early, TO_GROUP) == [unasked, TO_GROUP]
    assert kept_of(early, TO_GROUP, FROM_GROUP) == [
        unasked,
        TO_GROUP,
        FROM_GROUP._replace(asker=HOST),
    ]


def test_who_asked_that_very_group_comes_before_who_asked_another_end() -> None:
    group6, host6 = b"\xff\x02" + bytes(13) + b"\xfb", b"\xfe\x80" + bytes(13) + b"\1"
    both = TO_GROUP, TO_GROUP._replace(asker=host6, teller=group6)
    assert kept_of(*both, FROM_GROUP)[2:] == [FROM_GROUP._replace(asker=HOST)]
    assert kept_of(both[1], FROM_GROUP)[1:] == [FROM_GROUP._replace(asker=host6)]


def test_who_asks_whether_a_name_is_free_and_takes_it_was_not_asked() -> None:
    group6, host6 = b"\xff\x02" + bytes(13) + b"\xfb", b"\xfe\x80" + bytes(13) + b"\1"
    probes = [TO_GROUP._replace(asker=ROGUE), TO_GROUP._replace(asker=host6, teller=group6)]
    assert kept_of(*probes, FROM_GROUP)[2:] == [FROM_GROUP._replace(asker=b"")]
    assert kept_of(*probes, TO_GROUP, FROM_GROUP)[3:] == [FROM_GROUP._replace(asker=HOST)]


@pytest.mark.parametrize(
    "end",
    [bytes([223, 255, 255, 255]), bytes([240, 0, 0, 1]), b"\xff\xff\xff\xfe", b"\xfe" + bytes(15)],
)
def test_an_answer_to_one_host_stays_as_it_is(end: bytes) -> None:
    told = FROM_GROUP._replace(asker=end)
    assert kept_of(TO_GROUP, told) == [TO_GROUP, told]


def test_a_subnets_broadcast_address_is_known_by_netbios_questions_that_went_there() -> None:
    everybody = b"\x0a\0\0\xff"
    question = TO_GROUP._replace(protocol="nbns", teller=everybody)
    told = FROM_GROUP._replace(protocol="nbns", asker=everybody)
    assert kept_of(question, told) == [question, told._replace(asker=HOST)]
    assert kept_of(told) == [told]
    assert kept_of(question._replace(teller=GROUP), told)[1] == told
    # A resolver is asked, and asks others.
    asked, answered = question._replace(protocol="dns"), told._replace(protocol="dns")
    assert kept_of(asked, answered)[1] == answered


def test_a_claim_is_nobodys_answer() -> None:
    claim = FROM_GROUP._replace(protocol="nbns", asker=b"", claim=True)
    assert kept_of(TO_GROUP._replace(protocol="nbns"), claim)[1] == claim


def test_askers_of_a_name_are_bounded() -> None:
    questions = [TO_GROUP._replace(asker=bytes([10, 0, 1, i])) for i in range(ASKERS_KEPT + 3)]
    again = questions[0]
    found = kept_of(*questions, again, FROM_GROUP)[len(questions) :]
    assert {told.asker for told in found} == {asked.asker for asked in [*questions[4:], again]}
    kept = Witnesses(100)
    for question in questions:
        kept.see(question)
    assert kept.limits_hit == {"askers": 3}


def test_names_whose_askers_are_known_are_bounded() -> None:
    kept = Witnesses(2)
    for number in range(3):
        kept.see(TO_GROUP._replace(name=f"isatap.{number}", time=number))
    for number in (0, 2):
        kept.see(FROM_GROUP._replace(name=f"isatap.{number}", time=9 + number))
    assert [told.asker for told in kept] == [b"", HOST]
