"""``sensor lab``: the reference endpoints on this machine, and stories in virtual time."""

from __future__ import annotations

import difflib
import shutil
import signal
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from sensor.cli.config import config_option, set_option
from sensor.cli.main import INTERRUPTED
from sensor.errors import ConfigError

_WIDTH = 100

bind_option = click.option("--bind", metavar="IP[:PORT]", help="Own end on this machine.")
interface_option = click.option("--interface", metavar="NAME", help="Name of the TUN device.")
user_option = click.option("--user", help="User to become when all is open [nobody].")


@click.group()
def lab() -> None:
    """Run the reference Teredo client, server and relay, tunnel routers, and scenarios."""


@lab.command()
@click.argument("server", required=False)
@click.option("--secondary", metavar="IP", help="The server's second address [the one after].")
@bind_option
@interface_option
@user_option
@config_option
@set_option
def client(path: str | None, overrides: tuple[str, ...], **options: str | None) -> int:
    """Be a Teredo client of SERVER.

    A TUN device has its address, and the default route. Needs root, and becomes USER.
    SIGTERM and Ctrl-C end it in good order.
    """
    from sensor.config import lab as settings
    from sensor.lab.live.endpoints import Place, run_client

    values = settings.read("client", path, overrides, _given(options, "server"))
    return _status(run_client(settings.client_settings(values), Place(**settings.place(values))))


@lab.command()
@click.argument("primary", required=False)
@click.argument("secondary", required=False)
@user_option
@config_option
@set_option
def server(path: str | None, overrides: tuple[str, ...], **options: str | None) -> int:
    """Be a Teredo server on two addresses.

    SECONDARY is the one after PRIMARY unless named. Needs root, and becomes USER.
    SIGTERM and Ctrl-C end it in good order.
    """
    from sensor.config import lab as settings
    from sensor.lab.live.endpoints import Place, run_server

    values = settings.read("server", path, overrides, _given(options, "primary", "secondary"))
    return _status(run_server(settings.server_settings(values), Place(**settings.place(values))))


@lab.command()
@bind_option
@click.option("--host", metavar="ADDRESS", help="Serve this IPv6 address of this machine alone.")
@click.option(
    "--served", metavar="PREFIX", multiple=True, help="Serve this network. May be repeated."
)
@interface_option
@user_option
@config_option
@set_option
def relay(path: str | None, overrides: tuple[str, ...], **options: Any) -> int:
    """Be a Teredo relay, of a host or of networks.

    Packets for Teredo addresses are led to a TUN device. Needs root, and becomes USER.
    SIGTERM and Ctrl-C end it in good order.
    """
    from sensor.config import lab as settings
    from sensor.lab.live.endpoints import Place, run_relay

    values = settings.read("relay", path, overrides, _given(options))
    return _status(run_relay(settings.relay_settings(values), Place(**settings.place(values))))


@lab.command()
@click.argument("kind", required=False, metavar="[6in4|6to4|isatap|gre]")
@click.option("--local", metavar="IP", help="Own IPv4 address.")
@click.option("--remote", metavar="IP", help="The other end's, of 6in4 and GRE.")
@click.option(
    "--routes",
    metavar="PREFIX",
    multiple=True,
    help="Network beyond a tunnel of 6in4 or GRE. May be repeated.",
)
@click.option("--relay", metavar="IP", help="Where 6to4 sends native destinations [nowhere].")
@click.option("--prefix", metavar="PREFIX", help="Be an ISATAP router, and advertise this.")
@click.option(
    "--prl", metavar="IP", multiple=True, help="Be an ISATAP host, and ask this. May be repeated."
)
@click.option("--key", type=int, metavar="N", help="Key of GRE.")
@click.option("--sequence", is_flag=True, default=None, help="Number packets of GRE.")
@click.option("--checksum", is_flag=True, default=None, help="Sum packets of GRE.")
@click.option("--interface", metavar="NAME", help="Name of the TUN device [the kind].")
@user_option
@config_option
@set_option
def router(path: str | None, overrides: tuple[str, ...], **options: Any) -> int:
    """Be a router of an IPv6 tunnel in IPv4 without UDP, or an ISATAP host.

    Packets for the networks beyond are led to a TUN device. Needs root, and becomes USER.
    SIGTERM and Ctrl-C end it in good order.
    """
    from sensor.config import lab as settings
    from sensor.config.router import router_settings, routes
    from sensor.lab.live.endpoints import Place
    from sensor.lab.live.routers import run_isatap_host, run_router
    from sensor.lab.sixinfour.settings import IsatapHostSettings

    values = settings.read("router", path, overrides, _given(options, "kind"))
    chosen, networks = router_settings(values), routes(values)
    place = Place(**{"interface": values["kind"], **settings.place(values)})
    if isinstance(chosen, IsatapHostSettings):
        return _status(run_isatap_host(chosen, place))
    return _status(run_router(chosen, place, networks))


@lab.group()
def scenario() -> None:
    """Write captures whose truth is known.

    Each is the story of some tunnels, told in virtual time.
    """


@scenario.command("list")
def list_scenarios() -> None:
    """List the scenarios."""
    from sensor.lab.scenarios.catalogue import SCENARIOS

    width = min(_WIDTH, shutil.get_terminal_size((_WIDTH, 0)).columns)
    column = max(len(known.name) for known in SCENARIOS) + 2
    for known in SCENARIOS:
        text = f"{known.name:{column}}{known.about}"
        click.echo(textwrap.fill(text, width, subsequent_indent=" " * column))


@scenario.command("table")
def tell_table() -> None:
    """Print what every scenario shows, in Markdown."""
    from sensor.lab.scenarios.table import page

    click.echo(page(), nl=False)


@scenario.command("run")
@click.argument("name")
@click.option(
    "-o", "--output", "folder", metavar="DIR", required=True, help="Where the files are written."
)
def run_scenario(name: str, folder: str) -> None:
    """Write the captures and the truth of scenario NAME, or of all."""
    from sensor.lab.scenarios.catalogue import SCENARIOS
    from sensor.lab.scenarios.run import run

    chosen = [known for known in SCENARIOS if name in (known.name, "all")]
    if not chosen:
        nearest = difflib.get_close_matches(name, [known.name for known in SCENARIOS], n=1)
        hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
        raise ConfigError(f"no scenario {name!r}: `sensor lab scenario list` names them{hint}")
    for known in chosen:
        run(known, Path(folder))
        click.echo(f"{known.name}: {Path(folder) / known.name}")


def _given(options: Mapping[str, Any], *arguments: str) -> dict[str, dict[str, Any]]:
    """Each option or argument that was given, as written, with the key it sets."""
    return {
        f"{name.upper() if name in arguments else f'--{name}'} {_written(value)}": {name: value}
        for name, value in options.items()
        if value not in (None, ())
    }


def _written(value: Any) -> str:
    return ", ".join(map(repr, value)) if isinstance(value, tuple) else repr(value)


def _status(number: signal.Signals) -> int:
    return INTERRUPTED if number is signal.SIGINT else 0
