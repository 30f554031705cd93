"""The report line by line; the report of a whole capture is tests/golden/demo.txt."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from sensor import track
from sensor.config.schema import TRACK_LIMITS
from sensor.emit.summary import Summary
from sensor.emit.terminal import EXPOSURES_SHOWN, TUNNELS_SHOWN, render
from sensor.schema.records import (
    Change,
    Endpoint,
    ExposureRecord,
    MappingChange,
    Proof,
    Scope,
    SensorRecord,
    TunnelRecord,
)
from sensor.schema.words import ExposureState, Kind, NatType, Vantage
from sensor.wire.addresses import packed
from tests.emit.factory import (
    EXPOSURE,
    HIDDEN,
    LEDGER,
    MAPPED,
    SECOND,
    SIXTOFOUR,
    START,
    TEREDO,
    TUNNEL,
)

Record = TunnelRecord | ExposureRecord | SensorRecord


def report(
    *records: Record,
    captures: tuple[str, ...] = ("nat-inside.pcap",),
    limits: dict[str, int] | None = None,
    width: int = 100,
    ledger: SensorRecord = LEDGER,
) -> list[str]:
    summary = Summary()
    for record in (*records, ledger):
        summary.add(Change("any", 0, 0, 0, record))
    lines = render(summary, captures, limits or {}, width)
    return ["".join(words for words, _ in line) for line in lines]


def tunnel(**fields: Any) -> TunnelRecord:
    return TUNNEL._replace(**fields)


def exposure(**fields: Any) -> ExposureRecord:
    return EXPOSURE._replace(**fields)


def line_with(text: str, lines: list[str]) -> str:
    (found,) = [line for line in lines if text in line]
    return found


# the ledger


def test_the_ledger_says_what_could_not_be_read() -> None:
    lines = report()
    assert lines[:2] == [
        "30 frames: 22 tunnelled, 1 mirrored copy, 5 other, 2 unreadable."
        " 2026-11-21 07:01:54Z, 30.0 s",
        "  unreadable: 2 a damaged IPv4 header",
    ]


def test_what_was_not_followed_is_said() -> None:
    """A tunnel may hide there: the limit is never silent."""
    ledger = LEDGER._replace(reasons={"udp": 3, "too-many-layers": 2, "bad-ipv4": 2})
    assert line_with("not followed", report(ledger=ledger)) == (
        "  not followed: 2 with more layers than the limit before any tunnel: "
        "sensor decode lists them"
    )
    assert not any("not followed" in line for line in report())


def test_nothing_found_is_said_in_full() -> None:
    lines = report()
    assert "EXPOSED: no service of an inside host was seen to answer the IPv6 Internet" in lines
    assert lines[-1] == "TUNNELS: none"


def test_without_totals_there_is_no_report() -> None:
    assert list(render(Summary(), ["a.pcap"], {}, 100)) == []


def test_candidates_beyond_the_budget_are_told_together() -> None:
    summary = Summary()
    summary.add(Change("any", 0, 0, 0, LEDGER._replace(unpromoted=2_000)))
    lines = ["".join(words for words, _ in line) for line in render(summary, ["a"], {}, 100)]
    assert line_with("candidates", lines) == (
        "  2000 tunnel candidates beyond the budget of unanswered ones, not listed below"
    )
    assert not any("candidate" in line for line in report())


@pytest.mark.parametrize("name", ["tunnels", "conversations", "flows", "exposures", "peers"])
def test_a_limit_reached_names_its_setting(name: str) -> None:
    (key,) = [limit.key for limit in TRACK_LIMITS if limit.field == name]
    line = line_with("limit on", report(limits={name: 7}))
    assert line == f"  limit on {name} reached 7 times: see limits.{key} in the settings"


def test_the_budget_of_promotions_names_its_setting() -> None:
    assert "limits.promotions_per_minute" in line_with("limit on", report(limits={"promotions": 1}))
    assert "promotions_per_minute" in {limit.key for limit in TRACK_LIMITS}


def test_a_fixed_limit_says_what_was_not_kept() -> None:
    line = line_with("limit on", report(limits={"tests": 1}))
    assert line == "  limit on tests reached 1 time: the oldest connectivity tests were forgotten"


def test_every_limit_that_the_table_counts_is_a_setting_or_says_what_was_lost() -> None:
    settings = {limit.key for limit in TRACK_LIMITS}
    sources = "".join(path.read_text() for path in Path(track.__file__).parent.glob("*.py"))
    names = set(re.findall(r'limits_hit\["(\w+)"\] \+= 1', sources))
    assert {"peers", "sightings"} < names
    for name in names:
        line = line_with("limit on", report(limits={name: 1_000_000}))
        key = re.search(r"see limits\.(\w+) in the settings", line)
        assert key is None or key[1] in settings
        assert len(line) <= 100


@pytest.mark.parametrize(
    ("scope", "sentence"),
    [
        (Scope(Vantage.INSIDE, True, False), "Seen from inside the NAT, both directions"),
        (Scope(Vantage.OUTSIDE, False, False), "Seen from outside the NAT, one direction only"),
        (Scope(Vantage.BOTH, True, False), "Seen from inside and outside the NAT, both directions"),
        (Scope(Vantage.UNKNOWN, False, True), "Side of the NAT unknown, one direction only"),
    ],
)
def test_the_vantage_is_a_sentence(scope: Scope, sentence: str) -> None:
    summary = Summary()
    for record in (TUNNEL, LEDGER._replace(scope=scope)):
        summary.add(Change("any", 0, 0, 0, record))
    lines = ["".join(words for words, _ in line) for line in render(summary, ["a"], {}, 100)]
    assert sentence in lines


# exposures


def test_an_exposure_is_told_with_its_proof() -> None:
    lines = report(TUNNEL, EXPOSURE)
    start = lines.index("EXPOSED: 1 service open to the IPv6 Internet")
    assert lines[start + 1 : start + 9] == [
        " HIGH    192.168.0.2 tcp/8080 (http-alt) answered [2a00:db8::2]:49138",
        "   through      Teredo at 2026-11-21 07:02:11Z",
        "   reach it at  [2001:0:c633:6401:180e:5d45:34ff:8efd]:8080",
        "   NAT hole     192.168.0.2:41658 -> 203.0.113.2:41658/udp, last refreshed 07:02:24Z",
        "   reached by   2 addresses, last seen 07:02:14Z",
        "   since then   last opening: refused",
        "   proof        frame 13 SYN in, 14 SYN-ACK out",
        "   unknown      whether IPv4 policy allows tcp/8080 (none configured)",
    ]
    assert lines[-1] == "Next: sensor decode nat-inside.pcap --frame 14"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        (ExposureState.ANSWERED, " HIGH    192.168.0.2 tcp/8080 answered "),
        (ExposureState.REFUSED, " LOW     192.168.0.2 tcp/8080 refused "),
        (ExposureState.ATTEMPTED, " LOW     192.168.0.2 tcp/8080 was tried by "),
        (ExposureState.REPLY_UNSEEN, " MEDIUM  192.168.0.2 tcp/8080 was tried by "),
    ],
)
def test_each_state_has_its_verb_and_severity(state: ExposureState, words: str) -> None:
    lines = report(TUNNEL, exposure(state=state, service=None))
    assert [line for line in lines if line.startswith(words)]
    reachable = any("reach it at" in line for line in lines)
    assert reachable == (state is ExposureState.ANSWERED)


def test_from_outside_the_nats_log_is_to_be_asked() -> None:
    lines = report(TUNNEL, exposure(inside=HIDDEN))
    assert line_with(" HIGH", lines).startswith(" HIGH    behind 203.0.113.2:41658 tcp/8080")
    assert line_with("inside host", lines) == (
        "   inside host  unknown: look up udp 203.0.113.2:41658 at 07:02:11Z in the NAT's log"
    )
    assert "NAT hole     203.0.113.2:41658/udp" in line_with("NAT hole", lines)


def test_without_ports_protocol_41_is_to_be_asked_for() -> None:
    client = Endpoint(packed("203.0.113.9"), 0)
    hidden = exposure(
        inside=HIDDEN, mapped=None, client=client, tunnel_kind=Kind.SIXINFOUR, hole_refreshed=None
    )
    lines = report(TUNNEL, hidden)
    assert "look up protocol 41 203.0.113.9 at" in line_with("inside host", lines)
    assert not [line for line in lines if "NAT hole" in line]
    assert "6in4 at" in line_with("through", lines)


def test_a_host_behind_the_inside_end_is_not_named_as_it() -> None:
    lines = report(TUNNEL, exposure(host_basis="behind-endpoint"))
    assert " HIGH    a host behind 192.168.0.2 tcp/8080" in line_with(" HIGH", lines)


def test_proofs_of_several_captures_are_named() -> None:
    proofs = (
        Proof("/a/in.pcap", 13, START, "SYN in"),
        Proof("/b/out\x1b.pcap", 14, START + 17 * SECOND, "SYN-ACK out"),
    )
    lines = report(TUNNEL, exposure(evidence=proofs))
    assert line_with("proof", lines).endswith(
        r"in.pcap frame 13 SYN in, out\x1b.pcap frame 14 SYN-ACK out"
    )
    assert lines[-1] == r"Next: sensor decode $'/b/out\x1b.pcap' --frame 14"


def test_what_policy_says_is_told() -> None:
    lines = report(TUNNEL, exposure(policy="denied"))
    assert line_with("policy", lines) == "   IPv4 policy  denied: tcp/8080 from the Internet"


def test_more_exposures_than_people_read_are_counted() -> None:
    records = [exposure(id=f"{i:06}", port=i) for i in range(1, EXPOSURES_SHOWN + 4)]
    lines = report(TUNNEL, *records)
    assert f"EXPOSED: {EXPOSURES_SHOWN + 3} services open to the IPv6 Internet" in lines
    assert sum(line.startswith(" HIGH") for line in lines) == EXPOSURES_SHOWN
    assert " ... and 3 more: --format ndjson" in lines


def test_tries_are_counted_apart() -> None:
    tried = exposure(id="tried", state=ExposureState.ATTEMPTED)
    assert "EXPOSED: 1 service open to the IPv6 Internet, 1 more tried" in report(EXPOSURE, tried)
    assert line_with("EXPOSED", report(tried)).endswith("IPv6 Internet; 1 tried")


# tunnels


def test_a_teredo_tunnel_is_told_with_what_its_qualification_says() -> None:
    lines = report(TUNNEL)
    start = lines.index("TUNNELS: 1")
    assert lines[start + 1 : start + 7] == [
        " ID      KIND    INSIDE             PUBLIC             SERVER/PEER   RELAY"
        "            FRAMES",
        " 3f9c21  teredo  192.168.0.2:41658  203.0.113.2:41658  198.51.100.1  192.0.2.10:3545"
        "      22",
        "   qualified 07:01:55Z, certain: nonce matches, origin equals address; NAT restricted"
        " (second",
        "   solicitation)",
        "   its address is 2001:0:c633:6401:180e:5d45:34ff:8efd",
        "   NAT mapping changed 07:01:56Z: 203.0.113.2:41658 -> 203.0.113.2:41660",
    ]
    assert "   odd: trailing bytes" in lines
    assert lines[-1] == "Next: sensor decode nat-inside.pcap"


def test_an_unseen_setup_is_not_claimed() -> None:
    unseen = TEREDO._replace(
        qualified_at=None, qualified_reasons=(), nat_type=NatType.UNKNOWN, nat_reasons=()
    )
    line = line_with("setup", report(tunnel(teredo=unseen)))
    assert line.startswith("   setup not seen, certain: grammar, mapping equals outer; NAT type")
    failed = unseen._replace(qualified_reasons=("nonce-mismatch",))
    line = line_with("qualified", report(tunnel(teredo=failed)))
    assert line.startswith("   not qualified, certain: nonce mismatch; NAT type unknown (no cone")
    symmetric = unseen._replace(qualified_reasons=("nonce-matches",), nat_type=NatType.SYMMETRIC)
    line = line_with("qualified", report(tunnel(teredo=symmetric)))
    assert line.startswith("   unknown whether qualified, certain: nonce matches; NAT symmetric (")


def test_an_unknown_inside_end_claims_neither_column() -> None:
    lines = report(SIXTOFOUR)
    row = line_with("a1b2c3", lines)
    assert row.split() == ["a1b2c3", "6to4", "?", "-", "203.0.113.2,", "192.88.99.1", "-", "22"]
    assert "inside end unknown" in line_with("strong:", lines)
    assert line_with("embedded in", lines) == (
        "   203.0.113.2 embedded in 2002:cb00:7102::1 (6to4)"
    )
    assert "The inside end of 1 tunnel is unknown" in "\n".join(lines)


def test_a_hidden_inside_end_leaves_its_public_one() -> None:
    row = line_with("3f9c21", report(tunnel(inside=HIDDEN)))
    assert row.split()[2:4] == ["?", "203.0.113.2:41658"]


def test_further_relays_and_the_outer_tunnel_are_mentioned() -> None:
    relays = (Endpoint(packed("192.0.2.10"), 3545), Endpoint(packed("192.0.2.11"), 3545))
    lines = report(tunnel(parent="abcdef012345", teredo=TEREDO._replace(relays=relays)))
    assert "192.0.2.10:3545 +1" in line_with("3f9c21", lines)
    assert "   inside tunnel abcdef" in lines


def test_more_tunnels_than_people_read_are_counted() -> None:
    lines = report(*(tunnel(id=f"{i:06}") for i in range(TUNNELS_SHOWN + 2)))
    assert f"TUNNELS: {TUNNELS_SHOWN + 2}" in lines
    assert " ... and 2 more: --format ndjson" in lines


# the page


LONG = Endpoint(packed("203.0.113.200"), 65535)
WIDEST = (
    tunnel(
        inside=HIDDEN._replace(ip=packed("192.168.200.200"), port=65535),
        teredo=TEREDO._replace(
            server=packed("198.151.100.200"),
            mapped=LONG,
            relays=(Endpoint(packed("192.100.200.210"), 65535), MAPPED),
            mapping_changes=(MappingChange(START, LONG, LONG),) * 3,
        ),
    ),
    exposure(
        inside=HIDDEN,
        state=ExposureState.REPLY_UNSEEN,
        mapped=LONG,
        remote=Endpoint(packed("2001:db8:1111:2222:3333:4444:5555:6666"), 65535),
        evidence=tuple(Proof(f"/long/name-{i}.pcap", i, START, "SYN-ACK out") for i in range(8)),
    ),
)


def test_the_page_is_100_columns_wide() -> None:
    lines = report(*WIDEST)
    assert max(map(len, lines)) <= 100
    assert "   relay 192.100.200.210:65535 +1" in lines
    assert " RELAY " not in line_with(" KIND ", lines)


def test_long_addresses_outside_tunnels_fit_the_page() -> None:
    client, remote = (
        Endpoint(packed(f"2001:db8:1111:2222:3333:4444:5555:{end}"), 65535)
        for end in ("6666", "7777")
    )
    lines = report(tunnel(inside=None, client=client, remote=remote, teredo=None))
    assert max(map(len, lines)) <= 100
    ends = "   server/peer [2001:db8:1111:2222:3333:4444:5555:6666]:65535,"
    assert any(line.startswith(ends) for line in lines)


def test_breaking_lines_loses_no_word() -> None:
    def words(width: int) -> list[str]:
        return sorted(" ".join(report(*WIDEST[1:], width=width)).split())

    assert words(60) == words(1000)


def test_the_next_command_names_no_stream() -> None:
    streamed = exposure(evidence=tuple(proof._replace(capture="-") for proof in EXPOSURE.evidence))
    assert not [line for line in report(TUNNEL, streamed, captures=("-",)) if "Next" in line]
    assert not [line for line in report(TUNNEL, captures=("-",)) if "Next" in line]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/a/b-c_d.pcap", "/a/b-c_d.pcap"),
        ("-x.pcap", "./-x.pcap"),
        ("a b.pcap", "'a b.pcap'"),
        ("it's", "'it'\"'\"'s'"),
        ("é$x", "'é$x'"),
        ("\n\\'", r"$'\n\\\''"),
        ("\udcff", r"$'\xff'"),
    ],
)
def test_paths_are_written_as_a_shell_takes_them(path: str, written: str) -> None:
    assert report(TUNNEL, captures=(path,))[-1] == f"Next: sensor decode {written}"


def test_colour_carries_nothing_that_words_do_not() -> None:
    summary = Summary()
    for record in (TUNNEL, EXPOSURE, LEDGER):
        summary.add(Change("any", 0, 0, 0, record))
    styled = [words for line in render(summary, ["a"], {}, 100) for words, style in line if style]
    assert " HIGH   " in "".join(styled)
    assert all(words.isprintable() for words in styled)


# times


def test_a_time_on_another_day_has_its_date() -> None:
    day = 86_400_000_000_000
    since = EXPOSURE.state_since
    same = report(exposure(hole_refreshed=since + 60_000_000_000))
    assert line_with("last refreshed", same).endswith("last refreshed 07:03:11Z")
    other = report(exposure(hole_refreshed=since + day))
    assert line_with("last refreshed", other).endswith("last refreshed 2026-11-22 07:02:11Z")


def test_a_service_in_use_says_until_when() -> None:
    since = EXPOSURE.state_since
    lines = report(exposure(remotes_count=1, last_seen=since + 61_000_000_000))
    assert line_with("last seen", lines) == "   last seen    07:03:12Z"
    shortly = report(exposure(remotes_count=1, last_seen=since + 1))
    assert not any("last seen" in line for line in shortly)


def test_a_long_observation_is_told_in_hours() -> None:
    ledger = LEDGER._replace(last_time=(LEDGER.first_time or 0) + 128_000_000_000_000)
    summary = Summary()
    summary.add(Change("any", 0, 0, 0, ledger))
    first = next("".join(words for words, _ in line) for line in render(summary, ["a"], {}, 200))
    assert first.endswith("07:01:54Z, 35 h 33 min")


# other kinds


def test_over_udp_there_is_a_hole_whose_outside_was_not_seen() -> None:
    lines = report(TUNNEL, exposure(tunnel_kind=Kind.AYIYA, mapped=None))
    assert line_with("NAT hole", lines) == (
        "   NAT hole     192.168.0.2:41658/udp -> public endpoint not known, last"
        " refreshed 07:02:24Z"
    )
    assert line_with("through", lines) == "   through      AYIYA at 2026-11-21 07:02:11Z"


@pytest.mark.parametrize("host", ["203.0.113.9", "fd00::7"])
def test_without_a_nat_no_hole_is_told(host: str) -> None:
    public = HIDDEN._replace(ip=packed(host), port=5072)
    lines = report(TUNNEL, exposure(tunnel_kind=Kind.AYIYA, mapped=None, inside=public))
    assert not [line for line in lines if "NAT hole" in line]


def test_gre_is_looked_up_as_gre_and_has_no_hole() -> None:
    client = Endpoint(packed("10.0.0.7"), 0)
    inside = HIDDEN._replace(ip=client.ip)
    carried = exposure(
        tunnel_kind=Kind.GRE6, mapped=None, client=client, hole_refreshed=None, inside=inside
    )
    lines = report(TUNNEL, carried)
    assert not [line for line in lines if "NAT hole" in line]
    assert "through      GRE at" in line_with("through", lines)
    hidden = carried._replace(inside=HIDDEN, client=Endpoint(packed("203.0.113.9"), 0))
    assert "look up gre 203.0.113.9 at" in line_with("inside host", report(TUNNEL, hidden))


def test_the_key_of_gre_is_told() -> None:
    assert "   GRE key 5" in report(SIXTOFOUR._replace(kind=Kind.GRE6, outer_key=5))
    assert not [line for line in report(SIXTOFOUR) if "GRE key" in line]
