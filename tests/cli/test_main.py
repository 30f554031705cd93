"""The outermost part of the command: help, exit codes, streams that fail."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import click
import pytest

from sensor import __version__
from sensor.cli import main as main_module
from sensor.cli.main import COMMANDS, cli
from sensor.errors import CaptureError, ConfigError, OutputError
from tests.command import DEMO, ENVIRONMENT, ROOT, Outcome, call_sensor, command, run_sensor


@pytest.fixture(autouse=True)
def _at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_help_names_every_command() -> None:
    done = call_sensor("--help")
    assert (done.code, done.err) == (0, "")
    for name, summary in COMMANDS.items():
        assert f"  {name} " in done.out
        assert summary in done.out
    assert call_sensor("-h") == done


def test_every_command_exists_under_its_name() -> None:
    context = click.Context(cli)
    for name in cli.list_commands(context):
        found = cli.get_command(context, name)
        assert found is not None
        assert found.name == name


def test_help_loads_nothing_heavy() -> None:
    probe = (
        "import sys; from sensor.cli.main import main; sys.argv = ['sensor', '--help']\n"
        "try: main()\n"
        "except SystemExit: print(sorted({'numpy', 'rich', 'yaml', 'sqlite3', 'pyshark'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version_is_the_packages() -> None:
    assert call_sensor("--version") == Outcome(0, f"sensor, version {__version__}\n", "")


@pytest.mark.parametrize(
    "wrong", [("none",), ("--none",), ("replay", "--none", DEMO)], ids=" ".join
)
def test_wrong_usage_exits_2(wrong: tuple[str, ...]) -> None:
    done = call_sensor(*wrong)
    assert (done.code, done.out) == (2, "")
    assert "No such" in done.err


def test_alone_the_command_shows_its_help() -> None:
    done = call_sensor()
    assert "replay" in done.out + done.err
    assert done.code == 2


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (ConfigError("wrong \x1b[2J\nhere"), 2, r"wrong \x1b[2J\nhere"),
        (CaptureError("a.pcap", 3, 99, "cut"), 1, "a.pcap: frame 3, byte offset 99: cut"),
        (OutputError("no room"), 1, "no room"),
        (OSError(28, "No space left on device"), 1, "results cannot be written: No space left"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_errors_become_exit_codes(
    error: BaseException, code: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @click.command()
    def failing() -> None:
        raise error

    monkeypatch.setattr(main_module._Commands, "get_command", lambda *_: failing)
    done = call_sensor("replay")
    assert done.code == code
    assert text in done.err
    assert done.err.count("\n") == 1


def test_what_a_command_returns_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    for returned, code in ((3, 3), (0, 0), (None, 0)):
        made = click.Command("any", callback=lambda returned=returned: returned)
        monkeypatch.setattr(main_module._Commands, "get_command", lambda *_, made=made: made)
        assert call_sensor("any").code == code


def on_stream(shell: str) -> subprocess.CompletedProcess[str]:
    """Runs ``$0 -m sensor ...`` in a shell that decides where its output goes."""
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shell}", *command()[:1]],
        cwd=ROOT,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("form", ["text", "ndjson"])
def test_a_full_disk_is_a_failure_and_no_traceback(form: str) -> None:
    done = on_stream(f'"$0" -m sensor replay --format {form} {DEMO} >/dev/full')
    assert done.returncode == 1
    assert done.stderr == "sensor: error: results cannot be written: No space left on device\n"


@pytest.mark.parametrize("arguments", [f"replay {DEMO}", "config show"])
def test_an_unread_pipe_is_no_failure(arguments: str) -> None:
    done = on_stream(f'"$0" -m sensor {arguments} | true')
    assert (done.returncode, done.stderr) == (0, "")


def test_a_closed_output_is_no_traceback() -> None:
    done = on_stream(f'"$0" -m sensor replay --format ndjson {DEMO} >&-')
    assert (done.returncode, done.stderr) == (0, "")


def test_an_output_of_another_encoding_takes_every_name(tmp_path: Path) -> None:
    path = tmp_path / "é.pcap"
    path.write_bytes((ROOT / DEMO).read_bytes())
    done = run_sensor("replay", str(path), PYTHONIOENCODING="ascii")
    assert (done.code, done.err) == (0, "")
    assert r"\xe9.pcap" in done.out
