"""When the server is asked again, and what becomes of the address."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import read_arrival
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.maintenance import UNSOLICITED, Maintenance
from sensor.lab.teredo.style import MIREDO, WINDOWS_XP, Style
from sensor.schema.records import Endpoint
from sensor.wire import addresses
from tests.lab.teredo.world import LOCAL, MAPPED, PUBLIC, SECOND, advertisement, link

OTHER = Endpoint(PUBLIC, 50_001)


def fresh(style: Style = MIREDO) -> tuple[Link, Maintenance]:
    made = link(style)
    made.address = made.mapped = None
    kept = Maintenance(made)
    kept.start(0.0)
    return made, kept


def answer(
    made: Link, kept: Maintenance, mapped: Endpoint, now: float, *, cone: bool = False
) -> None:
    sent = made.outbox.take_datagrams()[-1]
    source = SECOND if cone else sent.destination
    arrival = read_arrival(advertisement(sent.payload, mapped), source, LOCAL)
    message = arrival.message()
    assert message is not None
    kept.receive(arrival, message.body, now)


def events(made: Link) -> list[str]:
    told = []
    while (event := made.outbox.take_event()) is not None:
        told.append(event.what)
    return told


def test_miredos_refresh_is_a_metronome_from_solicitation_to_solicitation() -> None:
    made, kept = fresh()
    answer(made, kept, MAPPED, 0.5)
    assert kept.due == 30.0
    kept.handle_timer(30.0)
    answer(made, kept, MAPPED, 30.5)
    assert kept.due == 60.0
    assert events(made) == ["qualified"]


def test_jitter_stays_within_the_styles_share() -> None:
    made, kept = fresh(Style(asks_secondary=False, jitter=(0.5, 0.75)))
    for start in range(0, 3_000, 30):
        if start:
            kept.handle_timer(float(start))
        answer(made, kept, MAPPED, float(start))
        assert kept.due is not None
        assert 15.0 <= kept.due - start <= 22.5


def test_a_changed_mapping_is_told_and_used() -> None:
    made, kept = fresh()
    answer(made, kept, MAPPED, 0.0)
    kept.handle_timer(30.0)
    answer(made, kept, OTHER, 30.0)
    found = addresses.parse_teredo(made.address or b"")
    assert found is not None
    assert (found.ip, found.port) == OTHER
    assert made.mapped == OTHER
    assert events(made) == ["qualified", "mapping-changed"]


def test_a_lost_server_is_tried_again_after_the_retry_time() -> None:
    made, kept = fresh()
    answer(made, kept, MAPPED, 0.0)
    before = made.address
    for now in (30.0, 34.0, 38.0, 42.0):
        assert kept.due == now
        kept.handle_timer(now)
    assert (kept.state, made.address) == ("off-line", None)
    assert kept.due == 138.0
    kept.handle_timer(138.0)
    answer(made, kept, MAPPED, 138.0)
    assert (kept.state, made.address) == ("qualified", before)
    assert events(made) == ["qualified", "off-line", "qualified"]


@pytest.mark.parametrize("stopped", [False, True])
def test_an_advertisement_nobody_asked_for_is_refused(stopped: bool) -> None:
    made, kept = fresh()
    asked = list(made.outbox.datagrams)
    if stopped:
        kept.stop()
    else:
        answer(made, kept, MAPPED, 0.0)
        kept.handle_timer(30.0)
        answer(made, kept, MAPPED, 30.0)
    made.outbox.datagrams = asked
    with pytest.raises(Refused, match=f"^{UNSOLICITED}$"):
        answer(made, kept, OTHER, 31.0)
    assert made.mapped == (None if stopped else MAPPED)


def test_a_cone_keeps_asking_with_the_cone_bit_and_shows_it() -> None:
    made, kept = fresh(WINDOWS_XP)
    answer(made, kept, MAPPED, 0.0, cone=True)
    assert addresses.parse_teredo(made.address or b"") is not None
    assert (made.address or b"")[8:10] == b"\x80\x00"
    kept.handle_timer(30.0)
    (sent,) = made.outbox.datagrams
    assert sent.payload[29] == 0x80
