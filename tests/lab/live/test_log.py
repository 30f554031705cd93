from __future__ import annotations

import io
import os

from sensor.lab.live.log import EVENTS_A_SECOND, Log

TIME = 1_795_308_001.75  # 2026-11-22T00:40:01Z


class Clock:
    def __init__(self) -> None:
        self.now = TIME

    def __call__(self) -> float:
        return self.now


def test_a_line_has_its_time_in_utc_and_its_endpoint() -> None:
    stream = io.StringIO()
    Log("client", stream, Clock()).say("qualified")
    assert stream.getvalue() == "2026-11-22T00:40:01Z client: qualified\n"


def test_events_beyond_the_limit_are_counted_until_the_second_is_over() -> None:
    stream, clock = io.StringIO(), Clock()
    log = Log("relay", stream, clock)
    for number in range(EVENTS_A_SECOND + 7):
        log.event(f"event {number}")
    assert stream.getvalue().count("\n") == EVENTS_A_SECOND
    clock.now += 1
    log.event("later")
    assert stream.getvalue().splitlines()[EVENTS_A_SECOND:] == [
        "2026-11-22T00:40:02Z relay: 7 more events in one second",
        "2026-11-22T00:40:02Z relay: later",
    ]


def test_the_end_tells_what_was_left_out_and_only_once() -> None:
    stream = io.StringIO()
    log = Log("relay", stream, Clock())
    for _ in range(EVENTS_A_SECOND + 1):
        log.event("event")
    log.summarise()
    log.summarise()
    assert stream.getvalue().count("1 more events in one second\n") == 1


def test_events_within_the_limit_need_no_summary() -> None:
    stream, clock = io.StringIO(), Clock()
    log = Log("relay", stream, clock)
    for _ in range(3):
        log.event("event")
        clock.now += 1
    log.summarise()
    assert "more" not in stream.getvalue()


def test_a_reader_who_leaves_stops_nothing() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w", buffering=1)
    Log("client", stream).say("nobody reads this")
    # What could not be written is kept by the stream; closing it would try once more.
    os.dup2(os.open(os.devnull, os.O_WRONLY), writer)
    stream.close()


def test_a_closed_standard_error_stops_nothing() -> None:
    log = Log("client", None)
    log.say("nobody hears")
    for _ in range(EVENTS_A_SECOND + 1):
        log.event("nor this")
    log.summarise()
