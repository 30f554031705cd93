"""The neighbour cache: questions, waiting packets, and what a scan can do to it."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.lab.sixinfour.neighbours import (
    DELAY,
    EVICTED,
    INTERVAL,
    NEIGHBOURS,
    NO_ROOM,
    QUEUE_LOST,
    QUEUED,
    REACHABLE,
    SOLICITATIONS,
    Neighbours,
)

TARGET, PLACE, OTHER_PLACE = b"target", b"ip4a", b"ip4b"


class Log:
    """A cache, and what it asked for, sent and gave up."""

    def __init__(self) -> None:
        self.asked: list[tuple[bytes, bytes | None]] = []
        self.sent: list[tuple[bytes, bytes]] = []
        self.failed: list[bytes] = []
        self.drops: Counter[str] = Counter()
        self.cache = Neighbours(
            lambda target, ip: self.asked.append((target, ip)),
            lambda packet, ip: self.sent.append((packet, ip)),
            lambda packets, _: self.failed.extend(packets),
            self.drops,
        )

    def resolve(self, now: float) -> None:
        self.cache.send(b"first", TARGET, now)
        self.cache.answer(TARGET, PLACE, now, asked=True)
        self.asked.clear()
        self.sent.clear()


@pytest.fixture
def log() -> Log:
    return Log()


def test_packets_wait_for_the_answer(log: Log) -> None:
    log.cache.send(b"one", TARGET, 0.0)
    log.cache.send(b"two", TARGET, 0.0)
    assert log.asked == [(TARGET, None)]
    assert log.cache.place(TARGET) is None
    log.cache.answer(TARGET, PLACE, 0.5, asked=True)
    assert log.sent == [(b"one", PLACE), (b"two", PLACE)]
    assert log.cache.place(TARGET) == PLACE
    assert log.cache.due is None


def test_the_oldest_packet_goes_when_too_many_wait(log: Log) -> None:
    for number in range(QUEUED + 2):
        log.cache.send(bytes([number]), TARGET, 0.0)
    assert log.cache.queued == QUEUED
    log.cache.answer(TARGET, PLACE, 0.0, asked=False)
    assert [packet for packet, _ in log.sent] == [bytes([n + 2]) for n in range(QUEUED)]
    assert log.drops == {NO_ROOM: 2}


def test_silence_is_answered_by_giving_up(log: Log) -> None:
    log.cache.send(b"one", TARGET, 0.0)
    for number in range(SOLICITATIONS):
        assert log.cache.due == (number + 1) * INTERVAL
        log.cache.handle_timer(log.cache.due)
    assert len(log.asked) == SOLICITATIONS
    assert log.failed == [b"one"]
    assert log.cache.due is None
    assert len(log.cache) == 0


def test_one_in_use_is_asked_again_where_it_was(log: Log) -> None:
    log.resolve(0.0)
    log.cache.send(b"soon", TARGET, REACHABLE - 1)
    assert log.cache.due is None
    log.cache.send(b"late", TARGET, REACHABLE)
    assert log.sent[-1] == (b"late", PLACE)
    assert log.cache.due == REACHABLE + DELAY
    log.cache.handle_timer(REACHABLE + DELAY)
    assert log.asked == [(TARGET, PLACE)]
    log.cache.answer(TARGET, PLACE, REACHABLE + DELAY, asked=True)
    assert log.cache.due is None


def test_who_moves_is_asked_about_again(log: Log) -> None:
    log.resolve(0.0)
    log.cache.mention(TARGET, OTHER_PLACE)
    log.cache.send(b"there", TARGET, 1.0)
    assert log.sent == [(b"there", OTHER_PLACE)]
    assert log.cache.due == 1.0 + DELAY


def test_a_mention_answers_the_question(log: Log) -> None:
    log.cache.send(b"one", TARGET, 0.0)
    log.cache.mention(TARGET, PLACE)
    assert log.sent == [(b"one", PLACE)]
    assert log.cache.due is None


def test_answers_of_whom_nobody_asked_are_nothing(log: Log) -> None:
    log.cache.answer(TARGET, PLACE, 0.0, asked=True)
    assert len(log.cache) == 0


def test_a_full_cache_loses_the_one_least_used(log: Log) -> None:
    log.resolve(0.0)
    for number in range(NEIGHBOURS - 1):
        log.cache.send(b"scan", number.to_bytes(2), 0.0)
    log.cache.send(b"again", TARGET, 0.0)
    log.cache.send(b"scan", b"more", 0.0)
    assert len(log.cache) == NEIGHBOURS
    assert log.cache.place(TARGET) == PLACE
    assert log.drops == {EVICTED: 1, QUEUE_LOST: 1}
    log.cache.clear()
    assert log.cache.due is None


def test_putting_out_one_that_nothing_waits_for_loses_nothing(log: Log) -> None:
    for number in range(NEIGHBOURS + 1):
        log.cache.mention(number.to_bytes(2), PLACE)
    assert log.drops == {EVICTED: 1}
