"""The memory of look-ups: each thing once, so many of them, so many a second."""

from __future__ import annotations

from sensor.schema.witness import Witness
from sensor.track.limits import LOOKUPS_PER_SECOND, SECOND
from sensor.track.settings import TrackLimits
from sensor.track.witnesses import Witnesses

HOST, RESOLVER, ROGUE = b"\x0a\0\0\1", b"\x0a\0\0\2", b"\x0a\0\0\3"
ASKED = Witness(0, 1, 5, "dns", False, "isatap", "isatap-router", HOST, RESOLVER, ())


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
