from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sensor.config import Settings, load
from sensor.config.nodes import MAX_BYTES, MAX_ITEMS
from sensor.config.schema import FRAGMENT_LIMITS, SCHEMA, TRACK_LIMITS, TrackLimit
from sensor.config.shapes import Section
from sensor.data.known import known_servers, listed_names
from sensor.decode import reassembly
from sensor.decode.names import name_hashes
from sensor.decode.settings import DecodeSettings, FragmentLimits
from sensor.errors import ConfigError
from sensor.track.settings import Service, TrackLimits, TrackSettings, Zone, network
from sensor.wire.addresses import SixRdDomain, packed

TCP, UDP = 6, 17

Load = Callable[..., Settings]

FULL = """\
# A whole example.
site: head office
zones:
  office:
    networks: [10.0.0.0/8, "fd00::/8"]
  guests: {networks: [192.168.0.0/16], vlans: [30, 31]}
  dmz:
    networks:
      - 203.0.113.0/24
    side: outside
nat_pools: [198.51.100.0/28, 198.51.100.77]
sixrd:
  - prefix: 2001:db8::/32
    ipv4_mask: 8
    relays: [192.0.2.1]
  - prefix: 2a00:db8::/32
services:
  - allow: [tcp/443, udp/53]
  - allow: [tcp/25]
    networks: [10.0.0.25/32]
limits:
  layers: 12
  tunnels: 4
  tracked_tunnels: 1_000
  copy_window_ms: 20
  teredo_idle_seconds: 120
"""


@pytest.fixture
def load_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    """Settings of a text, which stands in the file s.yaml."""
    monkeypatch.chdir(tmp_path)

    def _load(text: str | bytes, *overrides: str) -> Settings:
        data = text if isinstance(text, bytes) else text.encode()
        Path("s.yaml").write_bytes(data)
        return load("s.yaml", overrides)

    return _load


def test_defaults_are_those_of_the_layers() -> None:
    servers = known_servers()
    assert load(None) == Settings(
        site=None,
        decode=DecodeSettings(known_servers=servers, names=name_hashes(*listed_names())),
        track=TrackSettings(known_servers=servers),
    )


@pytest.mark.parametrize(
    "text", ["", "\n", "# nothing\n", "---\n", "---\n...\n", "~", "null", "{}"]
)
def test_a_file_that_says_nothing_is_the_defaults(load_text: Load, text: str) -> None:
    assert load_text(text) == load(None)


def test_a_whole_file_reaches_the_layers(load_text: Load) -> None:
    found = load_text(FULL)
    assert found.site == "head office"
    assert found.track.zones == (
        Zone("office", (network("10.0.0.0/8"), network("fd00::/8"))),
        Zone("guests", (network("192.168.0.0/16"),), frozenset({30, 31})),
        Zone("dmz", (network("203.0.113.0/24"),), inside=False),
    )
    assert found.track.nat_pools == (network("198.51.100.0/28"), network("198.51.100.77/32"))
    assert found.decode.sixrd == (
        SixRdDomain(packed("2001:db8::"), 32, 8, (packed("192.0.2.1"),)),
        SixRdDomain(packed("2a00:db8::"), 32, 0),
    )
    assert found.track.services == (
        Service(TCP, 443),
        Service(UDP, 53),
        Service(TCP, 25, (network("10.0.0.25/32"),)),
    )
    assert (found.decode.layers, found.decode.tunnels) == (12, 4)
    assert found.track.limits == TrackLimits()._replace(
        tunnels=1_000, copy_window_ns=20_000_000, teredo_idle_ns=120_000_000_000
    )


def test_a_byte_order_mark_and_dos_lines_are_read(load_text: Load) -> None:
    assert load_text("\ufeffsite: hq\r\nnat_pools: []\r\n").site == "hq"


def test_a_policy_that_allows_nothing_is_a_policy(load_text: Load) -> None:
    assert load_text("services: []").track.services == ()
    assert load_text("").track.services is None


def test_zones_may_be_given_up(load_text: Load) -> None:
    assert load_text("zones: {}").track.zones == ()


def test_one_network_may_be_two_zones_on_different_vlans(load_text: Load) -> None:
    text = """
zones:
  a: {networks: [10.0.0.0/8], vlans: [1]}
  b: {networks: [10.0.0.0/8], vlans: [2]}
  c: {networks: [10.0.0.0/8]}
"""
    zones = load_text(text).track.zones
    assert [zone.name for zone in zones] == ["a", "b", "c"]


def test_text_that_yaml_takes_for_a_number_is_still_an_address(load_text: Load) -> None:
    zones = load_text("zones: {a: {networks: [2001:0:0:0:0:0:0:1]}}").track.zones
    assert zones[0].networks == (network("2001::1/128"),)


@pytest.mark.parametrize("limit", TRACK_LIMITS, ids=lambda limit: limit.key)
def test_each_limit_reaches_its_field(limit: TrackLimit, load_text: Load) -> None:
    found = load_text(f"limits: {{{limit.key}: 7}}").track.limits
    assert found == TrackLimits()._replace(**{limit.field: 7 * limit.unit})


def test_every_limit_of_the_tracker_can_be_set() -> None:
    fields = list(TrackLimits._fields)
    assert sorted(limit.field for limit in TRACK_LIMITS) == sorted(fields)


@pytest.mark.parametrize("limit", FRAGMENT_LIMITS, ids=lambda limit: limit.key)
def test_each_limit_of_reassembly_reaches_its_field(limit: TrackLimit, load_text: Load) -> None:
    found = load_text(f"limits: {{{limit.key}: 7}}").decode.fragments
    assert found == FragmentLimits()._replace(**{limit.field: 7 * limit.unit})


def test_every_limit_of_reassembly_can_be_set_and_is_counted_by_its_key() -> None:
    fields = list(FragmentLimits._fields)
    assert sorted(limit.field for limit in FRAGMENT_LIMITS) == sorted(fields)
    source = Path(reassembly.__file__).read_text()
    counted = [limit.key for limit in FRAGMENT_LIMITS if f'"{limit.key}"' in source]
    assert counted == ["fragmented_datagrams", "fragment_octets", "fragments_per_datagram"]


def test_every_key_has_one_sentence() -> None:
    sections = [SCHEMA]
    for section in sections:
        for key in section.keys:
            assert key.description.endswith(".")
            assert ". " not in key.description
            inner = getattr(key.shape, "item", key.shape)
            if isinstance(inner, Section):
                sections.append(inner)
    assert len(sections) == 5


# Mistakes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        # keys
        ("zonez: {}", "s.yaml:1: zonez: unknown key, did you mean 'zones'?"),
        ("\nSite: x", "s.yaml:2: Site: unknown key, did you mean 'site'?"),
        ("limits:\n  layer: 3", "s.yaml:2: limits.layer: unknown key, did you mean 'layers'?"),
        (
            "sixrd:\n- prefix: 2001:db8::/32\n  relay: []",
            "s.yaml:3: sixrd[0].relay: unknown key, did you mean 'relays'?",
        ),
        (
            "services: [{qqqqq: 1}]",
            "s.yaml:1: services[0].qqqqq: unknown key, known here: allow, networks",
        ),
        ('"a b\\n": 1', "s.yaml:1: 'a b\\n': unknown key, known here: "),
        ("<<: {site: x}", "s.yaml:1: '<<': unknown key"),
        ("site: a\nlimits: {}\nsite: b", "s.yaml:3: key 'site' stands also at s.yaml:1"),
        ("zones:\n  a: 1\n  'a': 1", "s.yaml:3: key 'a' stands also at s.yaml:2"),
        ("[a]: 1", "s.yaml:1: found a list as a key, expected a name"),
        ("policy: {}", "s.yaml:1: policy: this version does not read this key yet"),
        ("limits: {state: 1}", "s.yaml:1: limits.state: this version does not read this key yet"),
        # types
        ("- 1", "s.yaml:1: found a list, expected a mapping with site, zones,"),
        ("hello", "s.yaml:1: found 'hello', expected a mapping with site,"),
        ("site:", "s.yaml:1: site: found nothing, expected text of 1 to 64 printable characters"),
        ("site: 12", "s.yaml:1: site: found the number 12, expected text of 1 to 64 printable"),
        ("site: 1.5", "site: found the number 1.5, expected text of 1 to 64 printable characters"),
        ("site: yes", "site: found the truth value yes, expected text of 1 to 64 printable"),
        ("site: 2026-11-21", "expected text of 1 to 64 printable characters (put it in quotes)"),
        ("site: ''", "site: found '', expected text"),
        (f"site: {'x' * 65}", "site: found 'xxx"),
        ('site: "a\\tb"', "site: found 'a\\tb', expected text"),
        ("site: [a]", "s.yaml:1: site: found a list, expected text of 1 to 64 printable"),
        ("zones: []", "s.yaml:1: zones: found a list, expected a mapping with names as keys"),
        ("limits:", "limits: found nothing, expected a mapping with layers, tunnels,"),
        ("limits: 5", "limits: found the number 5, expected a mapping with layers,"),
        ("nat_pools: {}", "nat_pools: found a mapping, expected a list of: an IPv4 network"),
        ("nat_pools: 192.0.2.0/24", "nat_pools: found '192.0.2.0/24', expected a list of:"),
        ("sixrd: [a]", "sixrd[0]: found 'a', expected a mapping with prefix, ipv4_mask, relays"),
        ("services: [{}]", "s.yaml:1: services[0]: the key 'allow' is missing"),
        ("zones:\n  a:\n    vlans: [1]", "s.yaml:2: zones.a: the key 'networks' is missing"),
        ("services: [{allow: []}]", "services[0].allow: found an empty list, expected at least 1:"),
        ("zones: {a: {networks: []}}", "zones.a.networks: found an empty list, expected at least"),
        # names and words
        ("zones:\n  a b: {}", "s.yaml:2: zones: found the name 'a b', expected at most 64 letters"),
        (f"zones: {{{'a' * 65}: {{}}}}", "zones: found the name 'aaa"),
        (
            "zones:\n  a:\n    networks: [10.0.0.0/8]\n    side: inner",
            "s.yaml:4: zones.a.side: found 'inner', expected inside or outside",
        ),
        # numbers
        ("limits: {layers: 17}", "limits.layers: found the number 17, expected a whole number"),
        ("limits: {layers: 0}", "expected a whole number from 1 to 16"),
        ("limits: {layers: -1}", "found the number -1, expected a whole number from 1 to 16"),
        ("limits: {tunnels: 9}", "limits.tunnels: found the number 9, expected a whole number"),
        ("limits: {layers: 010}", "found the number 010, expected a whole number from 1 to 16 (wr"),
        ("limits: {layers: 0x8}", "limits.layers: found the number 0x8, expected a whole number"),
        ("limits: {layers: 1_}", "limits.layers: found the number 1_, expected a whole number"),
        ("limits: {layers: 4.0}", "limits.layers: found the number 4.0, expected a whole number"),
        ("limits: {layers: '4'}", "limits.layers: found '4', expected a whole number"),
        ("limits: {layers: yes}", "limits.layers: found the truth value yes, expected a whole"),
        (f"limits: {{layers: {'9' * 9999}}}", "limits.layers: found the number 999"),
        ("zones: {a: {networks: [10.0.0.0/8], vlans: [4095]}}", "zones.a.vlans[0]: found the num"),
        # addresses
        (
            "nat_pools:\n- 192.0.2.0/24\n- 10.1.2.3/8",
            "s.yaml:3: nat_pools[1]: found '10.1.2.3/8', expected an IPv4 network such as "
            "192.0.2.0/24 (bits are set after its length: did you mean 10.0.0.0/8?)",
        ),
        ("nat_pools: ['2001:db8::/32']", "expected an IPv4 network such as 192.0.2.0/24 (this is"),
        ("nat_pools: [300.0.0.0/8]", "nat_pools[0]: found '300.0.0.0/8', expected an IPv4"),
        ("nat_pools: [10.0.0.0/33]", "nat_pools[0]: found '10.0.0.0/33', expected an IPv4"),
        ("nat_pools: [10.0.0.0/0.0.0.255]", "expected an IPv4 network"),
        ("nat_pools: ['fe80::1%eth0']", "expected an IPv4 network"),
        ("nat_pools: [~]", "nat_pools[0]: found nothing, expected an IPv4 network"),
        ("nat_pools: [{}]", "nat_pools[0]: found a mapping, expected an IPv4 network"),
        ("nat_pools: [10.0.0.0/8, 10.0.0.0/8]", "nat_pools[1]: 10.0.0.0/8 stands there twice"),
        ("sixrd: [{prefix: 10.0.0.0/8}]", "sixrd[0].prefix: found '10.0.0.0/8', expected an IPv6"),
        (
            "sixrd: [{prefix: '2001:db8::/32', relays: [x]}]",
            "sixrd[0].relays[0]: found 'x', expected an IPv4 address such as 192.0.2.1",
        ),
        (
            "sixrd:\n- prefix: 2001:db8::/112",
            "s.yaml:2: sixrd[0]: 6rd prefix and embedded IPv4 bits exceed 128 bits",
        ),
        # services
        ("services: [{allow: [tcp/0]}]", "services[0].allow[0]: found 'tcp/0', expected a service"),
        ("services: [{allow: [tcp/65536]}]", "(a port is 1 to 65535)"),
        ("services: [{allow: [sctp/80]}]", "found 'sctp/80', expected a service such as tcp/443"),
        ("services: [{allow: [443]}]", "services[0].allow[0]: found the number 443, expected a"),
        # zones that are one
        (
            "zones:\n  a: {networks: [10.0.0.0/8]}\n  b:\n    networks: [10.0.0.0/8]",
            "s.yaml:4: zones.b.networks: 10.0.0.0/8 is in zone 'a' too",
        ),
        (
            "zones:\n  a: {networks: [10.0.0.0/8], vlans: [1, 2]}\n"
            "  b: {networks: [10.0.0.0/8], vlans: [2]}",
            "zones.b.networks: 10.0.0.0/8 is in zone 'a' too",
        ),
        # YAML
        ("a: [1", "s.yaml:1: not YAML: expected ',' or ']', but got '<stream end>'"),
        ("site: a\n\tb: c", "s.yaml:2: not YAML: "),
        ("site: a\n---\nsite: b", "s.yaml:2: a second YAML document, expected one"),
        ("site: a\nx: \x01", "s.yaml:2: a character that YAML does not allow"),
        ('site: "\\UFFFFFFFF"', "s.yaml:1: not YAML: no such character or version"),
        (f"%YAML {'1' * 5000}.1\n--- a", "s.yaml:1: not YAML: no such character or version"),
        ("site: &a x", "s.yaml:1: anchors (&) and aliases (*) are not read: write the value out"),
        ("site: *a", "s.yaml:1: anchors (&) and aliases (*) are not read: write the value out"),
        ("? &a site\n: x", "s.yaml:1: anchors (&) and aliases (*) are not read"),
        ("zones: &z {}", "s.yaml:1: anchors (&) and aliases (*) are not read"),
        ("site: !!str 12", "s.yaml:1: tags are not read: 'tag:yaml.org,2002:str'"),
        ("site: !!python/object:os.system x", "s.yaml:1: tags are not read: 'tag:yaml.org,2002:py"),
        ("a: " + "[" * 40, "s.yaml:1: nested deeper than 32 levels"),
        ("a: " + "[" * 100_000, "s.yaml:1: nested deeper than 32 levels"),
        ("{a: " * 40, "s.yaml:1: nested deeper than 32 levels"),
        (
            "nat_pools: [" + "1," * (MAX_ITEMS + 1) + "]",
            f"s.yaml:1: more than {MAX_ITEMS} entries in one list or mapping",
        ),
        (
            "".join(f"k{n}: 1\n" for n in range(MAX_ITEMS + 1)),
            f"more than {MAX_ITEMS} entries in one list or mapping",
        ),
        # files
        (b"site: ok\nx: \xff", "s.yaml:2: byte 12 is not UTF-8"),
        (b"\xff\xfes\0i\0t\0e\0", "s.yaml:1: byte 0 is not UTF-8"),
        (b"#" * (MAX_BYTES + 1), f"s.yaml: larger than {MAX_BYTES} bytes: not a settings file"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_mistake_is_named_with_its_place(
    load_text: Load, text: str | bytes, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(text)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("key", ["policy", "allow_file", "detections", "capture", "store",
                                 "elasticsearch", "outputs", "nat64_prefixes"])  # fmt: skip
def test_keys_of_later_versions_say_so(load_text: Load, key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^s\.yaml:1: {key}: this version does not read"):
        load_text(f"{key}: 1")


def test_an_alias_bomb_is_refused_unread(load_text: Load) -> None:
    levels = [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 30)]
    # Line 1: nothing behind the first anchor is read, let alone expanded.
    with pytest.raises(ConfigError, match=r"s\.yaml:1: anchors"):
        load_text("l0: &l0 [x]\n" + "\n".join(levels))


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("none.yaml", "none.yaml: cannot be read: No such file or directory"),
        (".", ".: cannot be read: Is a directory"),
        ("none/s.yaml", "none/s.yaml: cannot be read: No such file or directory"),
        ("a\0b", "'a\\x00b': not a file name"),
    ],
)
def test_what_cannot_be_read_is_named(
    path: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == message


# --set


@pytest.mark.parametrize(
    ("override", "check"),
    [
        ("site=hq", lambda found: found.site == "hq"),
        ("site='12'", lambda found: found.site == "12"),
        ("site=a=b", lambda found: found.site == "a=b"),
        ("limits.layers=3", lambda found: found.decode.layers == 3),
        ("limits={layers: 3}", lambda found: found.decode.layers == 3),
        ("nat_pools=[192.0.2.0/24]", lambda found: len(found.track.nat_pools) == 1),
        ("zones.lab.networks=[10.0.0.0/8]", lambda found: found.track.zones[0].name == "lab"),
    ],
)
def test_one_setting_can_be_overridden(override: str, check: Callable[[Settings], bool]) -> None:
    assert check(load(None, [override]))


def test_overrides_are_merged_into_the_file(load_text: Load) -> None:
    found = load_text(
        FULL, "zones.dmz.side=inside", "zones.lab.networks=[10.5.0.0/16]", "nat_pools=[]",
        "limits.layers=3", "limits.layers=5",
    )  # fmt: skip
    assert {zone.name: zone.inside for zone in found.track.zones} == {
        "office": True, "guests": True, "dmz": True, "lab": True,
    }  # fmt: skip
    assert found.track.nat_pools == ()
    assert (found.decode.layers, found.decode.tunnels) == (5, 4)
    assert found.site == "head office"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("site", "--set 'site': expected key.path=value"),
        ("", "--set '': expected key.path=value"),
        ("=x", "--set '=x': expected key.path=value"),
        ("a..b=x", "--set 'a..b=x': expected key.path=value"),
        (".site=x", "--set '.site=x': expected key.path=value"),
        ("a." * 40 + "b=1", "expected key.path=value"),
        ("site=", "--set 'site=': site: found nothing, expected text"),
        ("site=12", "--set 'site=12': site: found the number 12, expected text"),
        ("limit.layers=3", "--set 'limit.layers=3': limit: unknown key, did you mean 'limits'?"),
        ("limits.layers.x=3", "limits.layers: found a mapping, expected a whole number"),
        ("nat_pools=[10.1.1.1/8]", "nat_pools[0]: found '10.1.1.1/8', expected an IPv4 network"),
        ("nat_pools=[", "--set 'nat_pools=[': not YAML: "),
        ("nat_pools=&a []", "--set 'nat_pools=&a []': anchors (&) and aliases (*) are not read"),
        ("site=a\0", "--set 'site=a\\x00': a character that YAML does not allow"),
        ("zones.a.side=inside", "--set 'zones.a.side=inside': zones.a: the key 'networks' is miss"),
        ("site=" + "x" * (MAX_BYTES + 1), f"longer than {MAX_BYTES} characters"),
    ],
    ids=lambda value: repr(value)[:50],
)
def test_a_wrong_override_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(None, [override])
    assert message in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_override_mends_the_file(load_text: Load) -> None:
    with pytest.raises(ConfigError, match=r"s\.yaml:1: site"):
        load_text("site: 12")
    assert load_text("site: 12", "site=hq").site == "hq"


# Hostile text

_WORDS = st.sampled_from(
    [
        "site", "zones", "networks", "vlans", "side", "limits", "layers", "sixrd", "prefix",
        "services", "allow", "tcp/443", "10.0.0.0/8", "2001:db8::/32", "inside", "policy", "7",
        ": ", ":", "- ", "\n", "\n  ", "\n    ", "{", "}", "[", "]", ", ", "&a ", "*a", "!t ",
        "'", '"', "\\U", "\\x", "|", ">", "%YAML ", "---", "...", "? ", "<<", "#", "\t", "~",
        "0x", "1_", "1e5", "\x00", "\ufeff", "\u2028", "\ud7ff", "é", "99999999999999999999",
    ]
)  # fmt: skip


@given(text=st.one_of(st.text(), st.lists(_WORDS, max_size=30).map("".join)))
@example(text='"\\uD800": 1')
@example(text="site: 0b_")
@example(text="%YAML 1.1\n%YAML 1.1\n---")
def test_any_text_is_settings_or_a_config_error(
    text: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    expect_settings_or_config_error(str(path), [])


@given(data=st.binary(max_size=200))
def test_any_bytes_are_settings_or_a_config_error(
    data: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.bin"
    path.write_bytes(data)
    expect_settings_or_config_error(str(path), [])


@given(st.lists(st.one_of(st.text(), st.lists(_WORDS, max_size=8).map(".=".join)), max_size=3))
def test_any_arguments_are_settings_or_a_config_error(overrides: list[str]) -> None:
    expect_settings_or_config_error(None, overrides)


def expect_settings_or_config_error(path: str | None, overrides: list[str]) -> None:
    """Any exception but ConfigError fails the test."""
    message = "settings"
    try:
        assert isinstance(load(path, overrides), Settings)
    except ConfigError as error:
        message = str(error)
    assert message
    assert "\n" not in message
    message.encode()


def test_settings_cannot_change() -> None:
    with pytest.raises(AttributeError):
        load(None).site = "x"  # type: ignore[misc]


def test_yaml_is_loaded_with_the_first_file_only() -> None:
    code = (
        "import sys, sensor.config, sensor.cli.config; sensor.config.load(None);"
        "sys.exit('yaml' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[1], check=False)
    assert done.returncode == 0
