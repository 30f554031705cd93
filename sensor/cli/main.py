"""The command ``sensor``: finds the subcommand, and turns errors into exit codes."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import Any

import click

from sensor import __version__
from sensor.cli.streams import results
from sensor.emit.visible import visible
from sensor.errors import ConfigError, OutputError, SensorError

FAILURE = 1
USAGE = 2
DAMAGED = 3
FINDINGS = 4
INTERRUPTED = 130

# Each command stands in the module of its name; none is imported before it is asked for.
COMMANDS = {
    "replay": "Find tunnels and exposed services in captures.",
    "decode": "Print tunnelled frames, one line each.",
    "explain": "Say what an address or a packet in hex embeds.",
    "config": "Check, show and explain the settings.",
    "lab": "Run Teredo endpoints and scenarios.",
}


class _Commands(click.Group):
    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(f"sensor.cli.{name}"), name)
        assert isinstance(command, click.Command)
        return command

    def invoke(self, context: click.Context) -> Any:
        with results():
            return super().invoke(context)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """From the table above: the help of all loads none."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="sensor")
def cli() -> None:
    """Find IPv6-in-IPv4 tunnels and the services of inside hosts that they expose."""


def main() -> None:
    """Run the command line and exit with the documented exit codes."""
    # Nothing that lasts lies in a circle of references, and to look for one among all tunnels takes
    # as long as to make them: only a million new objects are a reason.
    gc.set_threshold(1_000_000)
    # Nothing here multiplies matrices: NumPy's threads for that would only wait, and take a core.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.stdout is None:  # closed by whoever started us
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - open until the end
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        status = INTERRUPTED
    except click.ClickException as error:
        error.show()
        status = USAGE
    except ConfigError as error:
        status = _fail(error, USAGE)
    except SensorError as error:
        status = _fail(error, FAILURE)
    except OSError as error:
        # A disk is full, say. Sources report their own troubles: this was a result on its way out.
        status = _fail(OutputError(f"results cannot be written: {error.strerror}"), FAILURE)
        # What Python flushes at exit must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    gc.freeze()  # else the end of the interpreter looks through all objects once more
    sys.exit(status if isinstance(status, int) else 0)


def _fail(error: SensorError, status: int) -> int:
    click.echo(f"sensor: error: {visible(str(error))}", err=True)
    return status
