from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from sensor.cli.config import config
from sensor.config import load
from sensor.config.schema import SCHEMA
from sensor.errors import ConfigError

FILE = """\
site: "head: office é"
zones:
  office: {networks: [10.0.0.0/8, "fd00::/8"]}
  dmz:
    networks: [203.0.113.0/24]
    vlans: [7]
    side: outside
sixrd:
- prefix: 2001:db8::/32
- prefix: 2a00:db8::/32
services: [{allow: [tcp/443]}, {allow: [udp/53], networks: [10.0.0.53/32]}]
limits: {layers: 12}
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("s.yaml").write_text(FILE, encoding="utf-8")


def run(*arguments: str) -> str:
    """What the command prints; its exception where it raises one."""
    done = CliRunner().invoke(config, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_check_lists_what_a_file_sets() -> None:
    assert run("check", "s.yaml", "--set", "limits.tunnels=4") == (
        "s.yaml: ok\n"
        '  site = "head: office é"  (s.yaml:1)\n'
        '  zones.office.networks = ["10.0.0.0/8", "fd00::/8"]  (s.yaml:3)\n'
        '  zones.dmz.networks = ["203.0.113.0/24"]  (s.yaml:5)\n'
        "  zones.dmz.vlans = [7]  (s.yaml:6)\n"
        '  zones.dmz.side = "outside"  (s.yaml:7)\n'
        '  sixrd = [{"prefix": "2001:db8::/32", "ipv4_mask": 0, "relays": []},'
        ' {"prefix": "2a00:db8::/32", "ipv4_mask": 0, "relays": []}]  (s.yaml:8)\n'
        '  services = [{"allow": ["tcp/443"]},'
        ' {"allow": ["udp/53"], "networks": ["10.0.0.53/32"]}]  (s.yaml:11)\n'
        "  limits.layers = 12  (s.yaml:12)\n"
        "  limits.tunnels = 4  (--set 'limits.tunnels=4')\n"
    )


def test_check_without_a_file_checks_the_arguments() -> None:
    assert run("check") == "defaults: ok\n"
    with pytest.raises(ConfigError, match="limits"):
        run("check", "--set", "limit.layers=3")


@pytest.mark.parametrize("arguments", [("check", "bad.yaml"), ("show", "--config", "bad.yaml")])
def test_a_mistake_passes_up(arguments: tuple[str, ...]) -> None:
    Path("bad.yaml").write_text("zones:\n  a: {networks: [10.0.0.1/8]}\n")
    with pytest.raises(ConfigError, match=r"^bad\.yaml:2: zones\.a\.networks\[0\]: "):
        run(*arguments)


@pytest.mark.parametrize("arguments", [("check", "bad.yaml"), ("show", "--config", "bad.yaml")])
def test_contradictions_are_found_too(arguments: tuple[str, ...]) -> None:
    zone = "{networks: [10.0.0.0/8]}"
    Path("bad.yaml").write_text(f"zones:\n  a: {zone}\n  b: {zone}\n")
    with pytest.raises(ConfigError, match=r"^bad\.yaml:3: zones\.b\.networks: .* in zone 'a' too"):
        run(*arguments)


def test_show_says_where_each_value_comes_from() -> None:
    shown = run("show", "--config", "s.yaml", "--set", "zones.dmz.side=inside").splitlines()
    assert shown[:9] == [
        'site: "head: office é"  # s.yaml:1',
        "zones:",
        "  office:",
        '    networks: ["10.0.0.0/8", "fd00::/8"]  # s.yaml:3',
        "    # vlans: not set",
        '    side: "inside"  # default',
        "  dmz:",
        '    networks: ["203.0.113.0/24"]  # s.yaml:5',
        "    vlans: [7]  # s.yaml:6",
    ]
    assert shown[9] == "    side: \"inside\"  # --set 'zones.dmz.side=inside'"
    assert "nat_pools: []  # default" in shown
    assert "  layers: 12  # s.yaml:12" in shown
    assert "  tunnels: 8  # default" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--set", "zones={}"),
        ("--set", "services=[]"),
        ("--config", "s.yaml"),
        ("--config", "s.yaml", "--set", "zones.5.networks=['::/0']"),
    ],
)
def test_what_show_prints_sets_the_same(arguments: tuple[str, ...]) -> None:
    Path("shown.yaml").write_text(run("show", *arguments), encoding="utf-8")
    path = "s.yaml" if "--config" in arguments else None
    overrides = [arguments[-1]] if "--set" in arguments else []
    assert load("shown.yaml") == load(path, overrides)


def test_schema_lists_every_key_with_type_default_and_meaning() -> None:
    text = run("schema")
    assert max(map(len, text.splitlines())) <= 100
    for key in SCHEMA.keys:
        assert f"\n{key.name}:" in f"\n{text}" or f"\n# {key.name}: not read by this" in text
    assert "# Name of this place.\nsite: <text of 1 to 64 printable characters>\n" in text
    assert (
        "  # Layers of one frame that are followed. Default: 16\n"
        "  layers: <a whole number from 1 to 16>\n"
    ) in text
    assert (
        "services:\n"
        "  -\n"
        "    # Services that may be reached. Required.\n"
        "    allow: [<a service such as tcp/443 or udp/53>, ...]\n"
    ) in text
    assert "    vlans: [<a whole number from 1 to 4094>, ...]\n" in text
    assert "  # state: not read by this version\n" in text


def test_schema_is_yaml_of_the_same_keys() -> None:
    outline = yaml.safe_load(run("schema").replace(", ...]", "]"))
    assert set(outline) <= {key.name for key in SCHEMA.keys}
    assert set(outline["zones"]["NAME"]) == {"networks", "vlans", "side"}
    assert set(outline["sixrd"][0]) == {"prefix", "ipv4_mask", "relays"}


def test_a_mistake_ends_the_program_with_2() -> None:
    Path("bad.yaml").write_text("sites: x\n")
    done = subprocess.run(
        [sys.executable, "-m", "sensor", "config", "check", "bad.yaml"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 2
    assert done.stdout == ""
    expected = "sensor: error: bad.yaml:1: sites: unknown key, did you mean 'site'?\n"
    assert done.stderr == expected
