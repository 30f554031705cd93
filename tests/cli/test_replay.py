"""``sensor replay`` as people and programs use it.

The text for the bundled capture stands in tests/golden/demo.txt; after a wanted change write it
anew with
    python -m tests.cli.test_replay
and read the difference before committing it.
"""

from __future__ import annotations

import gzip
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.emit.ecs import document
from sensor.schema.fields import check
from sensor.store.sqlite import Store
from tests.captures import demo
from tests.command import (
    DEMO,
    ENVIRONMENT,
    ROOT,
    Outcome,
    call_sensor,
    command,
    repeated_demo,
    run_sensor,
)

GOLDEN = ROOT / "tests" / "golden" / "demo.txt"
FRAMES = demo.frames()
CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
HOSTILE = "a\x1b[31m\n\u202eb.pcap"

Documents = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def _at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.fixture
def cut(tmp_path: Path) -> Path:
    """The demo, ending in its 27th frame."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(demo.PATH.read_bytes()[:3000])
    return path


@pytest.fixture
def miredo(captures: Path) -> tuple[str, str]:
    """One client behind a NAT, seen from both of its sides."""
    return str(captures / "miredo/nat-inside.pcap"), str(captures / "miredo/nat-outside.pcap")


def capture(path: Path, frames: Sequence[tuple[int, bytes]], linktype: int = 1) -> str:
    with path.open("wb") as stream:
        writer = PcapWriter(stream, linktype)
        for time, frame in frames:
            writer.write(frame, time)
    return str(path)


def documents(*arguments: str) -> Documents:
    done = call_sensor("replay", "--format", "ndjson", *arguments)
    assert done.err == ""
    return [json.loads(line) for line in done.out.splitlines()]


def of(found: Documents, dataset: str) -> Documents:
    return [each for each in found if each["event"]["dataset"] == f"v6tunnel.{dataset}"]


def latest(found: Documents, dataset: str) -> dict[str, dict[str, Any]]:
    """The last document of each tunnel or exposure, by identity."""
    return {each["v6tunnel"][dataset]["id"]: each for each in of(found, dataset)}


def timeless(found: Documents) -> Documents:
    """Without what every run measures anew."""
    for each in found:
        del each["event"]["created"]
        for name in ("seconds", "frames_per_second"):
            each["v6tunnel"].get("sensor", {}).pop(name, None)
    return found


def frames_read(done: Outcome) -> int:
    return int(done.out.split()[0])


# text


def test_the_readme_shows_what_is_printed() -> None:
    readme = (ROOT / "README.md").read_text()
    assert f"$ sensor replay sensor/data/demo.pcap\n{GOLDEN.read_text()}```" in readme


def test_the_demo_reads_as_recorded() -> None:
    done = call_sensor("replay", DEMO)
    assert done == Outcome(0, GOLDEN.read_text(), "")


def test_the_command_prints_what_the_module_does(tmp_path: Path) -> None:
    done = run_sensor("replay", DEMO, HOME=str(tmp_path))
    assert done == Outcome(0, GOLDEN.read_text(), "")
    assert list(tmp_path.iterdir()) == []


def test_a_system_that_forbids_machine_code_gets_the_same_without(tmp_path: Path) -> None:
    done = run_sensor("replay", DEMO, HOME=str(tmp_path), NUMBA_DISABLE_JIT="1")
    assert done == Outcome(0, GOLDEN.read_text(), "")
    assert list(tmp_path.iterdir()) == []


def test_the_demo_shows_what_it_was_made_for() -> None:
    text = GOLDEN.read_text()
    assert text.count("HIGH") == text.count("LOW") == 1
    assert "192.168.1.20 tcp/80 (http) answered [2001:db8:77::5]:49180" in text
    assert "192.168.1.20 tcp/22 (ssh) refused [2001:db8:99::22]:40022" in text
    assert "192.168.1.20:53417 -> 203.0.113.7:61044/udp" in text
    assert "NAT\n   not-symmetric" in text
    assert "192.0.2.66:3545" in text
    assert "TUNNELS: 2" in text
    assert max(map(len, text.splitlines())) <= 100


def test_columns_bound_the_text() -> None:
    done = run_sensor("replay", DEMO, COLUMNS="80")
    assert max(map(len, done.out.splitlines())) <= 80
    assert "relay 192.0.2.66:3545" in done.out


def test_without_a_terminal_or_by_wish_nothing_is_coloured() -> None:
    assert "\x1b" not in GOLDEN.read_text()
    assert "\x1b" not in on_terminal("replay", DEMO, NO_COLOR="1")


@pytest.mark.slow
def test_rich_gives_the_same_words_where_there_is_no_terminal() -> None:
    assert run_sensor("replay", DEMO, COLUMNS="100") == run_sensor("replay", DEMO)


def test_without_settings_or_a_terminal_nothing_is_loaded_for_them() -> None:
    probe = (
        f"import sys; from sensor.cli.main import main; sys.argv = ['sensor', 'replay', {DEMO!r}]\n"
        "try: main()\n"
        "except SystemExit:"
        " print(sorted({'rich.console', 'sensor.config.schema'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", probe], env=ENVIRONMENT, check=True, capture_output=True, text=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_on_a_terminal_the_same_words_are_coloured() -> None:
    shown = on_terminal("replay", DEMO)
    assert "\x1b[1;31m" in shown
    assert re.sub(r"\x1b\[[0-9;]*m", "", shown) == GOLDEN.read_text()


def on_terminal(*arguments: str, **environment: str) -> str:
    """What a terminal of 100 columns receives, standard error included."""
    ours, theirs = pty.openpty()
    settings = {"TERM": "xterm-256color", "COLUMNS": "100"}
    with subprocess.Popen(
        command(*arguments),
        stdin=subprocess.DEVNULL,
        stdout=theirs,
        stderr=theirs,
        cwd=ROOT,
        env=ENVIRONMENT | settings | environment,
    ) as process:
        os.close(theirs)
        received = b""
        try:
            while piece := os.read(ours, 4096):
                received += piece
        except OSError:
            pass  # the other side is closed: that is how a terminal ends
        os.close(ours)
    assert process.returncode == 0
    return received.decode().replace("\r\n", "\n")


# documents


def test_every_document_fits_the_field_table() -> None:
    found = documents(DEMO)
    assert [fault for each in found for fault in check(each)] == []
    assert {each["event"]["dataset"] for each in found} == {
        "v6tunnel.tunnel",
        "v6tunnel.exposure",
        "v6tunnel.flow",
        "v6tunnel.sensor",
    }
    assert {each["data_stream"]["namespace"] for each in found} == {"replay"}


def test_the_sensors_own_document_comes_last_and_adds_up() -> None:
    found = documents(DEMO)
    assert found[-1:] == of(found, "sensor")
    ledger = found[-1]["v6tunnel"]["sensor"]
    frames = ledger["frames"]
    assert frames["read"] == 49
    assert frames["read"] == sum(frames[name] for name in frames if name != "read")
    assert sum(ledger["kinds"].values()) == frames["tunnelled"] == 36
    assert sum(ledger["reasons"].values()) == frames["other"] + frames["unreadable"] == 13


def test_documents_are_the_same_at_every_replay() -> None:
    once, again = documents(DEMO), documents(DEMO)
    ids = [each["event"]["id"] for each in once]
    assert len(set(ids)) == len(ids)
    assert timeless(once) == timeless(again)


def test_the_demo_exposes_one_service_and_refuses_another() -> None:
    found = latest(documents(DEMO), "exposure").values()
    states = {each["destination"]["port"]: each["v6tunnel"]["exposure"]["state"] for each in found}
    assert states == {80: "answered", 22: "refused"}
    assert {each["v6tunnel"]["inside"]["ip"] for each in found} == {"192.168.1.20"}


def test_the_demo_has_two_tunnels() -> None:
    tunnels = {
        each["v6tunnel"]["tunnel"]["kind"]: each["v6tunnel"]
        for each in latest(documents(DEMO), "tunnel").values()
    }
    assert tunnels.keys() == {"teredo", "6in4"}
    teredo = tunnels["teredo"]["teredo"]
    assert teredo["nat_type"] == "not-symmetric"
    assert (teredo["mapped"]["ip"], teredo["mapped"]["port"]) == ("203.0.113.7", 61044)
    assert [relay["ip"] for relay in teredo["relays"]] == ["192.0.2.66"]
    assert tunnels["teredo"]["inside"]["ip"] == "192.168.1.20"
    assert tunnels["6in4"]["inside"]["ip"] == "192.168.1.30"


def test_a_reader_who_leaves_early_is_no_failure(tmp_path: Path) -> None:
    long = repeated_demo(tmp_path / "long.pcap", 30)
    with subprocess.Popen(
        command("replay", "--format", "ndjson", str(long)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout
        assert process.stderr
        assert json.loads(process.stdout.readline())["event"]["action"] == "tunnel-discovered"
        process.stdout.close()
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (0, b"")


# the store


def test_a_second_replay_stores_not_a_row_more(tmp_path: Path) -> None:
    path = str(tmp_path / "s.sqlite")
    counts = []
    for _ in range(2):
        done = call_sensor("replay", "--store", path, DEMO)
        assert done == Outcome(0, GOLDEN.read_text(), "")
        with Store(path, document) as store:
            counts.append(store.counts())
            stored = [each["event"]["id"] for each in store.documents()]
    assert counts[0] == counts[1]
    assert counts[0]["tunnel"] == counts[0]["exposure"] == 2
    assert sorted(stored) == sorted(each["event"]["id"] for each in documents(DEMO))


def test_the_store_goes_beside_documents_on_standard_output(tmp_path: Path) -> None:
    path = str(tmp_path / "s.sqlite")
    printed = documents("--store", path, DEMO)
    with Store(path, document) as store:
        assert len(list(store.documents())) == len(printed)


def test_a_store_that_cannot_be_opened_is_a_failure(tmp_path: Path) -> None:
    done = call_sensor("replay", "--store", str(tmp_path / "none/s.sqlite"), DEMO)
    assert (done.code, done.out) == (1, "")
    assert "none/s.sqlite" in done.err


def test_nothing_is_written_but_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "demo.pcap"
    copy.write_bytes(demo.PATH.read_bytes())
    monkeypatch.chdir(tmp_path)
    call_sensor("replay", "demo.pcap")
    documents("demo.pcap")
    assert [path.name for path in tmp_path.iterdir()] == ["demo.pcap"]
    call_sensor("replay", "--store", "s.sqlite", "demo.pcap")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo.pcap", "s.sqlite"]
    assert copy.read_bytes() == demo.PATH.read_bytes()


# exit codes


@pytest.mark.parametrize(
    ("level", "code"), [("low", 4), ("medium", 4), ("high", 4), ("critical", 0)]
)
def test_fail_on_compares_with_the_worst_exposure(level: str, code: int) -> None:
    done = call_sensor("replay", "--fail-on", level, DEMO)
    assert (done.code, done.out) == (code, GOLDEN.read_text())


def test_fail_on_sees_only_what_was_selected() -> None:
    """Without the web server's minute only the refused opening is left."""
    late = ["--from", "2026-11-21T08:00:12Z", DEMO]
    assert call_sensor("replay", "--fail-on", "low", *late).code == 4
    assert call_sensor("replay", "--fail-on", "high", *late).code == 0


def test_findings_come_before_damage(cut: Path) -> None:
    assert call_sensor("replay", "--fail-on", "high", str(cut)).code == 4
    assert call_sensor("replay", "--fail-on", "critical", str(cut)).code == 3


def test_failure_and_usage_come_before_both(cut: Path, tmp_path: Path) -> None:
    failing = ("--store", str(tmp_path / "none/s.sqlite"), "--fail-on", "low", str(cut))
    assert call_sensor("replay", *failing).code == 1
    assert call_sensor("replay", "--set", "limits.none=1", *failing).code == 2


def test_a_finding_in_one_of_several_observations_counts(tmp_path: Path, cut: Path) -> None:
    quiet = capture(tmp_path / "quiet.pcap", FRAMES[:4])
    done = call_sensor("replay", "--separate", "--fail-on", "high", quiet, str(cut), quiet)
    assert done.code == 4


@pytest.mark.parametrize(
    "wrong",
    [
        (),
        ("none.pcap",),
        (DEMO, "none.pcap"),
        ("--vantage", f"beside={DEMO}"),
        ("--vantage", "inside"),
        ("--vantage", "inside=none.pcap"),
        ("--fail-on", "severe", DEMO),
        ("--format", "xml", DEMO),
        ("--count", "0", DEMO),
        ("--from", "yesterday", DEMO),
        ("--to", "inf", DEMO),
        ("--to", "nan", DEMO),
        ("--to", "1e30", DEMO),
        ("--filter", "udp and", DEMO),
        ("--set", "no.such=1", DEMO),
        ("--set", "limits.layers=many", DEMO),
        ("--config", "none.yaml", DEMO),
    ],
    ids=" ".join,
)
def test_wrong_usage_is_told_and_nothing_is_printed(wrong: tuple[str, ...]) -> None:
    done = call_sensor("replay", *wrong)
    assert (done.code, done.out) == (2, "")
    assert "rror" in done.err


def test_a_wrong_settings_file_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text("limits:\n  layer: 3\n")
    done = call_sensor("replay", "--config", str(tmp_path / "s.yaml"), DEMO)
    assert (done.code, done.out) == (2, "")
    assert "s.yaml:2" in done.err
    assert "layers" in done.err


def test_settings_reach_the_tracker() -> None:
    done = call_sensor("replay", "--set", "services=[{allow: [tcp/80]}]", DEMO)
    assert "IPv4 policy  allowed: tcp/80 from the Internet" in done.out
    assert "IPv4 policy  denied: tcp/22 from the Internet" in done.out


# damage


def test_damage_is_named_after_everything_readable(cut: Path) -> None:
    done = call_sensor("replay", str(cut))
    assert done.code == 3
    assert done.out.startswith("26 frames: ")
    assert "tcp/80 (http) answered" in done.out
    assert done.err == (
        f"sensor: error: {cut}: frame 27, byte offset 2858:"
        " the file ends here: 142 of 181 bytes are left\n"
    )


def test_one_damaged_capture_of_two_spoils_nothing(cut: Path, tmp_path: Path) -> None:
    rest = capture(tmp_path / "rest.pcap", FRAMES[26:])
    done = call_sensor("replay", str(cut), rest)
    assert done.code == 3
    assert done.err.count("\n") == 1
    lines = done.out.splitlines()
    assert lines[0] == GOLDEN.read_text().splitlines()[0]
    assert "tcp/22 (ssh) refused" in done.out


def test_a_link_type_that_cannot_be_read_is_damage(tmp_path: Path) -> None:
    path = capture(tmp_path / "user.pcap", FRAMES[:3], linktype=147)
    done = call_sensor("replay", path)
    assert done.code == 3
    assert "0 tunnelled, 0 mirrored copies, 0 other, 3 unreadable." in done.out
    assert done.err.startswith(f"sensor: error: {path}: frame 1, byte offset 24: link type 147 ")


def test_what_is_no_capture_is_damage_and_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "empty.pcap").write_bytes(b"")
    done = call_sensor("replay", *(str(path) for path in sorted(tmp_path.iterdir())))
    assert done.code == 3
    assert done.out.startswith("0 frames: ")
    assert "empty.pcap: frame 0, byte offset 0: the file is empty" in done.err
    assert "notes.txt: frame 0, byte offset 0: not a capture" in done.err


def test_a_capture_without_frames_is_no_damage(tmp_path: Path) -> None:
    done = call_sensor("replay", capture(tmp_path / "none.pcap", []))
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith("0 frames: 0 tunnelled")


def test_hostile_names_reach_neither_stream_raw(tmp_path: Path) -> None:
    (tmp_path / HOSTILE).write_bytes(demo.PATH.read_bytes())
    (tmp_path / f"cut{HOSTILE}").write_bytes(demo.PATH.read_bytes()[:3000])
    done = call_sensor("replay", str(tmp_path))
    assert done.code == 3
    assert not CONTROL.search(done.out + done.err)
    assert done.err.count("\n") == 1
    assert r"a\x1b[31m\n\u202eb.pcap' --frame 23" in done.out
    missing = call_sensor("replay", str(tmp_path / f"none{HOSTILE}"))
    assert missing.code == 2
    assert not CONTROL.search(missing.err)
    assert missing.err.count("\n") == 1


def test_the_next_command_works_in_a_shell_whatever_the_name(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/it's \\ \x1b\xff.pcap"
    Path(os.fsdecode(path)).write_bytes(demo.PATH.read_bytes())
    *_, last = call_sensor("replay", os.fsdecode(path)).out.splitlines()
    written = last.removeprefix("Next: sensor decode ").removesuffix(" --frame 23")
    shell = ["bash", "-c", f"printf %s {written}"]
    assert subprocess.run(shell, check=True, capture_output=True).stdout == path


# what is read


def test_a_folder_stands_for_its_captures(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    capture(tmp_path / "a/b/second.pcap", FRAMES[23:])
    packed = gzip.compress(Path(capture(tmp_path / "first.pcap", FRAMES[:23])).read_bytes())
    (tmp_path / "first.pcap").unlink()
    (tmp_path / "first.pcap.gz").write_bytes(packed)
    (tmp_path / "notes.txt").write_text("no capture")
    done = call_sensor("replay", str(tmp_path))
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:4] == GOLDEN.read_text().splitlines()[:4]
    assert "proof        first.pcap.gz frame 22 SYN in, first.pcap.gz frame 23 SYN-ACK out," in (
        done.out
    )


def test_a_capture_named_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "link.pcap").symlink_to(demo.PATH)
    done = call_sensor("replay", DEMO, f"./{DEMO}", str(tmp_path / "link.pcap"))
    assert done.out == GOLDEN.read_text()


def test_standard_input_is_a_capture() -> None:
    done = run_sensor("replay", "-", stdin=demo.PATH.read_bytes())
    assert (done.code, done.err) == (0, "")
    body = GOLDEN.read_text().partition("\nNext:")[0]
    assert done.out == body, "and no command for a frame that is gone"


def test_an_interrupt_ends_a_stream_that_has_more_to_come(tmp_path: Path) -> None:
    content = repeated_demo(tmp_path / "long.pcap", 40).read_bytes()
    with subprocess.Popen(
        command("replay", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        # More than a pipe holds: when all is written, reading is under way.
        process.stdin.write(content)
        process.stdin.flush()
        process.send_signal(signal.SIGINT)
        out, err = process.stdout.read().decode(), process.stderr.read().decode()
        assert process.wait(timeout=60) == 130
    assert err == ""
    assert int(out.split()[0]) > 0
    assert "TUNNELS: 2" in out


SILENT_STREAM = """
import signal
from sensor.capture.stream import Source
from sensor.cli.main import main

receive = Source._receive

def receive_interrupted(source, buffer):
    if source.count == 3000:  # all there is; the next read waits
        signal.raise_signal(signal.SIGINT)
    return receive(source, buffer)

Source._receive = receive_interrupted
main()
"""


def test_an_interrupt_ends_the_wait_for_a_silent_stream() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SILENT_STREAM, "replay", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(demo.PATH.read_bytes()[:3000])
        process.stdin.flush()
        try:
            assert process.wait(timeout=30) == 130
        finally:
            process.kill()
        assert process.stdout.read().startswith(b"26 frames: ")
        assert process.stderr.read() == b"", "what an interrupt cuts off is not damaged"


def test_an_interrupt_ends_the_other_observations_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sensor.pipeline import Replay

    track = Replay._track

    def interrupted(self: Replay, run: Any) -> None:
        track(self, run)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(Replay, "_track", interrupted)
    copy = tmp_path / "copy.pcap"
    copy.write_bytes(demo.PATH.read_bytes())
    done = call_sensor("replay", "--separate", "--fail-on", "low", DEMO, str(copy))
    assert done == Outcome(130, GOLDEN.read_text(), "")


def test_separate_captures_share_nothing(tmp_path: Path) -> None:
    parts = [
        capture(tmp_path / "1.pcap", FRAMES[:22]),
        capture(tmp_path / "2.pcap", FRAMES[22:]),
    ]
    found = documents("--separate", *parts)
    assert [each["v6tunnel"]["sensor"]["frames"]["read"] for each in of(found, "sensor")] == [
        22,
        27,
    ]
    tunnels = [each["v6tunnel"]["tunnel"]["id"] for each in of(found, "tunnel")]
    together = of(documents(*parts), "tunnel")
    assert len(set(tunnels)) == 3
    assert len({each["v6tunnel"]["tunnel"]["id"] for each in together}) == 2
    first = of(found[: found.index(of(found, "sensor")[0])], "exposure")
    assert {each["v6tunnel"]["exposure"]["state"] for each in first} == {"attempted"}


# both sides of the NAT


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize("turned", [False, True])
def test_two_vantages_are_one_tunnel_and_one_exposure(
    named: bool, turned: bool, miredo: tuple[str, str]
) -> None:
    inside, outside = miredo
    arguments = [inside, outside]
    if named:
        arguments = [f"--vantage=inside={inside}", f"--vantage=outside={outside}"]
    found = documents(*(arguments[::-1] if turned else arguments))
    (exposure,) = latest(found, "exposure").values()
    assert exposure["v6tunnel"]["exposure"]["state"] == "answered"
    assert exposure["v6tunnel"]["inside"]["ip"] == "192.168.0.2"
    mapped = exposure["v6tunnel"]["teredo"]["mapped"]
    assert (mapped["ip"], mapped["port"]) == ("203.0.113.2", 41658)
    states = {
        number: each["v6tunnel"]["tunnel"]["state"]
        for number, each in latest(found, "tunnel").items()
    }
    assert list(states.values()).count("qualified") == 1
    assert set(states.values()) <= {"qualified", "closed"}
    kept = latest(found, "tunnel")[exposure["v6tunnel"]["tunnel"]["id"]]
    assert kept["v6tunnel"]["observation"]["vantage"] == "both"
    assert kept["v6tunnel"]["tunnel"]["packets"] == 22
    frames = of(found, "sensor")[0]["v6tunnel"]["sensor"]["frames"]
    assert (frames["read"], frames["tunnelled"], frames["copies"]) == (44, 44, 0)


def test_the_order_of_arguments_changes_no_document(miredo: tuple[str, str]) -> None:
    assert timeless(documents(*miredo)) == timeless(documents(*reversed(miredo)))


def test_a_vantage_may_name_a_capture_given_before(miredo: tuple[str, str]) -> None:
    done = call_sensor("replay", miredo[0], "--vantage", f"outside={miredo[0]}")
    assert frames_read(done) == 22
    assert "Seen from outside the NAT" in done.out


# selection


def read_with(*arguments: str) -> int:
    done = call_sensor("replay", *arguments, DEMO)
    assert done.code == 0
    return frames_read(done)


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-21T08:00:11Z",
        "2026-11-21T08:00:11.000000Z",
        "2026-11-21T08:00:11",
        "2026-11-21 08:00:11",
        "2026-11-21T09:00:11+01:00",
        "1795248011",
        "1795248011.000",
    ],
)
def test_times_are_written_in_any_usual_form(moment: str) -> None:
    assert read_with("--from", moment) == 28
    assert read_with("--to", moment) == 21


def test_fractions_of_a_second_are_exact() -> None:
    assert read_with("--from", "1795248011.0162", "--to", "1795248011.0162001") == 1
    assert read_with("--from", "2026-11-21T08:00:11.0162", "--to", "2026-11-21T08:00:11.0324") == 1
    assert read_with("--to", "1969-12-31T23:59:59.5Z") == 0
    assert read_with("--from", "2026-11-21") == 49


def test_count_takes_the_first_frames() -> None:
    assert read_with("--count", "24") == 24
    assert read_with("--count", "1000") == 49


def test_selections_are_combined() -> None:
    assert read_with("--filter", "ip proto 41", "--from", "2026-11-21T08:00:25Z") == 9
    assert read_with("--filter", "udp port 3545", "--count", "3") == 3


def test_a_wrong_filter_is_told_in_libpcaps_words() -> None:
    done = call_sensor("replay", "--filter", "udp and", DEMO)
    assert done.code == 2
    assert "syntax error" in done.err


if __name__ == "__main__":
    os.chdir(ROOT)
    GOLDEN.write_text(call_sensor("replay", DEMO).out)
