"""Phases and verdicts of a qualification."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.arrival import read_arrival
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.qualification import Qualification, Verdict
from sensor.lab.teredo.style import MIREDO, OWN, WINDOWS_XP
from sensor.schema.records import Endpoint
from sensor.schema.words import NatType
from tests.lab.teredo.world import LOCAL, MAPPED, PUBLIC, SECOND, SERVER, advertisement, link

OTHER = Endpoint(PUBLIC, 50_001)


def answered(
    made: Link, run: Qualification, mapped: Endpoint = MAPPED, source: Endpoint | None = None
) -> Verdict | None:
    """The verdict after an answer to the last solicitation."""
    sent = made.outbox.take_datagrams()[-1]
    payload = advertisement(sent.payload, mapped)
    arrival = read_arrival(payload, source or sent.destination, LOCAL)
    message = arrival.message()
    assert message is not None
    return run.receive(arrival, message.body, 1.0)


def timed_out(run: Qualification) -> Verdict | None:
    """The verdict after nobody answered for a whole phase."""
    verdict = None
    for _ in range(3):
        assert verdict is None
        verdict = run.handle_timer(run.due)
    return verdict


@pytest.mark.parametrize(
    ("second", "nat"), [(MAPPED, NatType.RESTRICTED), (OTHER, NatType.SYMMETRIC)]
)
def test_the_second_mapping_tells_the_nat_type(second: Endpoint, nat: NatType) -> None:
    made = link(OWN)
    run = Qualification(made, 0.0)
    assert answered(made, run) is None
    verdict = answered(made, run, second)
    assert verdict is not None
    assert verdict.nat is nat
    assert verdict.advertised is not None
    assert verdict.advertised.mapped == MAPPED


def test_without_extensions_a_symmetric_nat_is_not_supported() -> None:
    made = link(symmetric=False)
    run = Qualification(made, 0.0)
    answered(made, run)
    verdict = answered(made, run, OTHER)
    assert verdict == Verdict(NatType.SYMMETRIC, None, "Unsupported symmetric NAT")


def test_miredo_is_content_with_one_answer() -> None:
    made = link(MIREDO)
    verdict = answered(made, Qualification(made, 0.0))
    assert verdict is not None
    assert verdict.nat is NatType.UNKNOWN


def test_an_answer_to_the_cone_phase_ends_it() -> None:
    made = link(WINDOWS_XP)
    verdict = answered(made, Qualification(made, 0.0), source=SECOND)
    assert verdict is not None
    assert verdict.nat is NatType.CONE


def test_silence_in_the_cone_phase_leads_to_the_plain_one() -> None:
    made = link(WINDOWS_XP)
    run = Qualification(made, 0.0)
    assert timed_out(run) is None
    assert (run.asked, run.due) == (12.0, 16.0)
    assert answered(made, run) is None
    assert answered(made, run) is not None


@pytest.mark.parametrize("answers", [0, 1])
def test_silence_of_either_server_means_off_line(answers: int) -> None:
    made = link()
    run = Qualification(made, 0.0)
    for _ in range(answers):
        answered(made, run)
    server = ("198.51.100.1", "198.51.100.2")[answers]
    assert timed_out(run) == Verdict(NatType.UNKNOWN, None, f"no answer from {server}")


def test_an_answer_to_an_earlier_phase_is_refused() -> None:
    made = link()
    run = Qualification(made, 0.0)
    first = made.outbox.datagrams[0]
    answered(made, run)
    payload = advertisement(first.payload, MAPPED)
    arrival = read_arrival(payload, SERVER, LOCAL)
    message = arrival.message()
    assert message is not None
    with pytest.raises(Refused, match=r"^nonce$"):
        run.receive(arrival, message.body, 2.0)
