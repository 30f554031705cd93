"""The section of the report about names that were looked up."""

from __future__ import annotations

from typing import Any

import pytest

from sensor.emit.witness import LOOKUPS_SHOWN, witness_lines
from sensor.schema.witness import Witness
from sensor.wire.addresses import packed, text
from tests.emit.factory import SECOND, START

HOST, RESOLVER, ROGUE = map(packed, ("192.168.1.20", "192.168.1.1", "192.168.1.66"))
GROUP = packed("224.0.0.252")
NAME = "teredo.ipv6.microsoft.com"
ASKED = Witness(0, 3, START, "dns", False, NAME, "teredo-server", HOST, RESOLVER, ())
TOLD = ASKED._replace(
    frame=4, time=START + SECOND, answer=True, addresses=(packed("65.55.158.118"),)
)


def lines(
    *witnesses: Witness, captures: tuple[str, ...] = ("a.pcap",), width: int = 200
) -> list[str]:
    found = witness_lines(witnesses, captures, START, width)
    return ["".join(words for words, _ in line) for line in found]


def rows(*witnesses: Witness) -> list[str]:
    return lines(*witnesses)[3:]


def asked(**fields: Any) -> Witness:
    return ASKED._replace(**fields)


def told(**fields: Any) -> Witness:
    return TOLD._replace(**fields)


def test_nothing_looked_up_is_no_section() -> None:
    assert lines() == []


def test_a_question_with_its_answer_is_one_line() -> None:
    assert lines(ASKED, TOLD) == [
        "",
        "NAMES LOOKED UP: 1",
        " TIME       ASKED BY      ASKED        PROTOCOL  NAME                       ANSWER       "
        "  FRAME",
        " 07:01:55Z  192.168.1.20  192.168.1.1  dns       teredo.ipv6.microsoft.com  65.55.158.118"
        "      4",
    ]


def test_no_line_is_wider_than_the_page() -> None:
    host, resolver = (packed(f"2001:db8:1111:2222:3333:4444:5555:{end}") for end in ("6", "7777"))
    name = "isatap." + "x" * 60
    found = asked(asker=host, teller=resolver, name=name), told(asker=host, teller=resolver)
    heading, first, sentence, *_ = lines(*found, width=100)[2:]
    assert heading.split() == ["TIME", "ASKED", "BY", "PROTOCOL", "ANSWER", "FRAME"]
    assert first.split() == ["07:01:54Z", text(host), "dns", "none", "seen", "3"]
    assert sentence == f"   asked {text(resolver)}, name isatap.{'x' * 38}..."
    assert len(heading) == len(first) <= 100


def test_what_nobody_answered_is_said() -> None:
    assert rows(ASKED) == [
        " 07:01:54Z  192.168.1.20  192.168.1.1  dns       teredo.ipv6.microsoft.com  none seen"
        "      3"
    ]


@pytest.mark.parametrize(
    ("addresses", "text"),
    [
        ((), "no address "),
        ((ROGUE,), "192.168.1.66 "),
        ((ROGUE, RESOLVER, HOST), "192.168.1.66 +2 "),
        ((packed("2001:db8::1"),), "2001:db8::1 "),
    ],
)
def test_what_was_answered(addresses: tuple[bytes, ...], text: str) -> None:
    (line,) = rows(ASKED, told(addresses=addresses))
    assert f"{NAME}  {text}" in line


@pytest.mark.parametrize(
    "question",
    [
        None,
        asked(protocol="llmnr"),
        asked(name="win10.ipv6.microsoft.com"),
        asked(asker=ROGUE),
    ],
)
def test_an_answer_whose_question_nobody_saw(question: Witness | None) -> None:
    found = rows(TOLD) if question is None else rows(question, TOLD)
    assert "65.55.158.118, no question seen" in found[-1]
    assert all("none seen" in line for line in found[:-1])


def test_questions_to_a_group_name_it_until_somebody_answers() -> None:
    question = asked(protocol="mdns", name="isatap.local", teller=GROUP)
    (line,) = rows(question)
    assert "192.168.1.20  224.0.0.252  mdns      isatap.local  none seen" in line
    answer = told(protocol="mdns", name="isatap.local", teller=ROGUE, addresses=(ROGUE,))
    (line,) = rows(question, answer)
    assert "192.168.1.20  192.168.1.66  mdns      isatap.local  192.168.1.66      4" in line


@pytest.mark.parametrize(
    ("addresses", "prefix"),
    [
        ((ROGUE,), ""),
        ((HOST,), "192.168.1.20, "),
        ((ROGUE, RESOLVER), "192.168.1.66 +1, "),
        ((), "no address, "),
    ],
)
def test_what_nobody_asked_for_names_who_tells(addresses: tuple[bytes, ...], prefix: str) -> None:
    unasked = told(protocol="mdns", asker=b"", teller=ROGUE, addresses=addresses)
    line = f" 07:01:55Z  nobody    -      mdns      {NAME}  {prefix}%s by 192.168.1.66      4"
    assert rows(unasked) == [line % "told to everybody"]
    assert rows(unasked._replace(claim=True)) == [line % "claimed"]
    # Nobody's question is answered by it.
    assert "none seen" in rows(asked(protocol="mdns", teller=GROUP), unasked)[0]


@pytest.mark.parametrize(("claim", "verb"), [(False, "told to everybody"), (True, "claimed")])
def test_a_wide_line_keeps_who_tells_in_its_sentence(claim: bool, verb: str) -> None:
    teller = packed("2001:db8:1111:2222:3333:4444:5555:6666")
    found = told(asker=b"", teller=teller, name="isatap." + "x" * 60, claim=claim)
    heading, line, sentence = lines(found, width=80)[2:]
    assert len(heading) == len(line) <= 80
    answer = f"65.55.158.118, {verb} by {text(teller)}"
    assert sentence == f"   name isatap.{'x' * 38}..., answer {answer}"


def test_frames_of_several_captures_name_theirs() -> None:
    found = lines(TOLD, told(source=1, name="isatap"), captures=("x/a.pcap", "y/b\x1b.pcap"))
    assert found[3].endswith("    a.pcap:4")
    assert found[4].endswith(r" b\x1b.pcap:4")


def test_another_day_is_told() -> None:
    (line,) = rows(asked(time=START + 86_400 * SECOND))
    assert line.startswith(" 2026-11-22 07:01:54Z  ")


def test_hostile_names_stay_on_their_line() -> None:
    (line,) = rows(asked(name="isatap.\x1b[31m\n" + "x" * 300))
    assert r"isatap.\x1b[31m\n" + "x" * 28 + "...  " in line
    assert line.isprintable()


def test_more_than_anyone_reads_is_counted() -> None:
    many = [asked(name=f"isatap.{i}.example") for i in range(LOOKUPS_SHOWN + 7)]
    found = lines(*many)
    assert found[1] == "NAMES LOOKED UP: 27"
    assert found[-1] == " ... and 7 more"
    assert sum(".example" in line for line in found) == LOOKUPS_SHOWN
    assert len(lines(*many[:LOOKUPS_SHOWN])) == LOOKUPS_SHOWN + 3
