"""Prefixes: which form addresses, for how long, and which address is used (RFC 4862)."""

from __future__ import annotations

from collections import Counter

import pytest

from sensor.lab.sixinfour.prefixes import FOR_EVER, PREFIXES, TOO_MANY, TWO_HOURS, UNFIT, Prefixes
from sensor.wire.addresses import packed
from tests.lab.sixinfour.site import PREFIX, information

SECOND = packed("2001:db8:2::")[:8]


def form(octets: bytes) -> bytes:
    return octets + bytes(7) + b"\x05"


@pytest.fixture
def prefixes() -> Prefixes:
    return Prefixes(form, Counter())


def test_an_address_lives_as_long_as_its_prefix(prefixes: Prefixes) -> None:
    prefixes.learn(information(valid=100, preferred=60), 10.0)
    assert prefixes.address == form(PREFIX)
    assert list(prefixes.addresses) == [form(PREFIX)]
    assert prefixes.due == 70.0
    prefixes.expire(70.0)
    assert (prefixes.address, prefixes.due) == (form(PREFIX), 110.0)
    prefixes.expire(110.0)
    assert prefixes.address is None
    assert prefixes.due is None
    assert form(PREFIX) not in prefixes


def test_one_for_ever_has_no_end(prefixes: Prefixes) -> None:
    prefixes.learn(information(valid=FOR_EVER, preferred=FOR_EVER), 0.0)
    assert prefixes.due is None
    assert prefixes.valid_until == float("inf")


def test_a_preferred_address_goes_before_a_deprecated_one(prefixes: Prefixes) -> None:
    prefixes.learn(information(valid=1_000, preferred=10), 0.0)
    prefixes.learn(information(SECOND, valid=1_000, preferred=500), 0.0)
    assert prefixes.address == form(PREFIX)
    prefixes.expire(10.0)
    assert prefixes.address == form(SECOND)
    prefixes.learn(information(valid=1_000, preferred=900), 20.0)
    assert prefixes.address == form(SECOND)
    prefixes.expire(500.0)
    assert prefixes.address == form(PREFIX)


@pytest.mark.parametrize(
    ("left", "told", "then"),
    [
        (100_000, 50_000, 50_000.0),
        (100, 7_000, 7_000.0),
        (100_000, 0, TWO_HOURS),
        (100_000, 60, TWO_HOURS),
        (7_000, 60, 7_000.0),
    ],
)
def test_no_advertisement_alone_takes_an_address_away(
    prefixes: Prefixes, left: int, told: int, then: float
) -> None:
    prefixes.learn(information(valid=left, preferred=left), 0.0)
    prefixes.learn(information(valid=told, preferred=told), 0.0)
    assert prefixes.valid_until == then
    assert prefixes.address == form(PREFIX)


@pytest.mark.parametrize(
    "unfit",
    [
        information(bits=48),
        information(bits=65),
        information(packed("fe80::")),
        information(packed("ff02::")),
        information(packed("fec0::")),
        information(bytes(16)),
        information(valid=10, preferred=11),
    ],
)
def test_unfit_prefixes_form_nothing(unfit: object) -> None:
    drops: Counter[str] = Counter()
    prefixes = Prefixes(form, drops)
    prefixes.learn(unfit, 0.0)  # type: ignore[arg-type]
    assert prefixes.address is None
    assert drops == {UNFIT: 1}


def test_some_prefixes_are_none_of_its_business(prefixes: Prefixes) -> None:
    prefixes.learn(information(flags=0x80), 0.0)
    prefixes.learn(information(valid=0, preferred=0), 0.0)
    assert prefixes.address is None
    assert len(prefixes) == 0


def test_a_forger_fills_no_more_than_the_table() -> None:
    drops: Counter[str] = Counter()
    prefixes = Prefixes(form, drops)
    for number in range(PREFIXES + 3):
        prefixes.learn(information(packed("2001:db8::")[:7] + bytes([number])), 0.0)
    assert len(prefixes) == PREFIXES
    assert drops == {TOO_MANY: 3}
    prefixes.clear()
    assert prefixes.address is None
    assert prefixes.due is None
