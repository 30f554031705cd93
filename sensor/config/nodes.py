"""YAML as nodes that know where they were written.

The YAML subset is small on purpose: one document, no anchors, aliases or tags, no key twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sensor.errors import ConfigError

MAX_BYTES = 1 << 20  # no settings of a real site come near; a wrong file is refused at once
MAX_DEPTH = 32  # the schema needs five; reading recurses this deep
MAX_ITEMS = 4_096  # of one list or mapping: zones and networks are searched one by one

_MAX_QUOTE = 60  # characters of the user's text that an error repeats


class Place(NamedTuple):
    """A file's line, or a ``--set`` argument, which has none (0)."""

    source: str
    line: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}" if self.line else self.source


@dataclass(frozen=True, slots=True)
class Node:
    """A YAML value as written: text with the type YAML gives it, a list, or a mapping."""

    place: Place
    type: str
    value: str | list[Node] | dict[str, Node]

    @property
    def found(self) -> str:
        """What stands here, for an error's text."""
        if not isinstance(self.value, str):
            return f"a {self.type}"
        if self.type == "null":
            return "nothing"
        kinds = {"int": "the number ", "float": "the number ", "bool": "the truth value "}
        if self.type in kinds:
            return kinds[self.type] + _cut(self.value)
        return quoted(self.value)


def quoted(text: str) -> str:
    """A person's text as an error repeats it: escaped, and cut if long."""
    return repr(_cut(text))


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_QUOTE else text[:_MAX_QUOTE] + "..."


def wrong(place: Place, path: str, problem: str) -> ConfigError:
    """An error at a key path; the path is empty where the whole document is meant."""
    return ConfigError(f"{place}: {path}: {problem}" if path else f"{place}: {problem}")


def read_file(path: str) -> Node | None:
    """The root of a YAML file, None if the file says nothing; ConfigError if it is no such file."""
    return _Composer(_text_of(path), path).compose()


def read_override(argument: str) -> Node:
    """``key.path=value`` as the mappings that a file would hold for it."""
    place = Place(f"--set {quoted(argument)}", 0)
    path, equals, text = argument.partition("=")
    names = path.split(".")
    if not equals or not all(names) or len(names) >= MAX_DEPTH:
        raise wrong(place, "", "expected key.path=value")
    if len(text) > MAX_BYTES:
        raise wrong(place, "", f"longer than {MAX_BYTES} characters")
    node = _Composer(text, place.source, numbered=False).compose() or Node(place, "null", "")
    for name in reversed(names):
        node = Node(place, "mapping", {name: node})
    return node


def merged(base: Node, over: Node) -> Node:
    """``base`` under ``over``: mappings key by key, anything else replaced."""
    if not isinstance(base.value, dict) or not isinstance(over.value, dict):
        return over
    pairs = dict(base.value)
    for name, node in over.value.items():
        pairs[name] = merged(pairs[name], node) if name in pairs else node
    return Node(base.place, "mapping", pairs)


def _text_of(path: str) -> str:
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:  # a zero byte in the name
        raise ConfigError(f"{quoted(path)}: not a file name") from error
    if len(data) > MAX_BYTES:
        raise ConfigError(f"{path}: larger than {MAX_BYTES} bytes: not a settings file")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: byte {error.start} is not UTF-8") from error


@dataclass(slots=True)
class _Composer:
    """Turns YAML into nodes while it is parsed, so that what is refused costs nothing more."""

    text: str
    source: str
    numbered: bool = True
    loader: Any = field(init=False)  # a yaml.SafeLoader, of which the events alone are used

    def compose(self) -> Node | None:
        """The one document's root, None if there is nothing in it."""
        import yaml

        try:
            self.loader = yaml.SafeLoader(self.text)
            return self._document()
        except yaml.reader.ReaderError as error:
            line = self.text.count("\n", 0, error.position) + 1
            raise self._wrong(line, "a character that YAML does not allow") from error
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else 1
            raise self._wrong(line, f"not YAML: {error.problem}") from error
        except (ValueError, OverflowError) as error:
            # PyYAML converts escapes such as \UFFFFFFFF and version numbers unchecked.
            raise self._wrong(self._line, "not YAML: no such character or version") from error

    def _document(self) -> Node | None:
        import yaml

        self.loader.get_event()
        if self.loader.check_event(yaml.StreamEndEvent):
            return None
        self.loader.get_event()
        root = self._node(1)
        self.loader.get_event()
        if not self.loader.check_event(yaml.StreamEndEvent):
            raise self._wrong(self._line, "a second YAML document, expected one")
        return None if root.type == "null" else root

    def _node(self, depth: int) -> Node:
        import yaml

        event = self.loader.get_event()
        place = self._place(event.start_mark.line + 1)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise wrong(place, "", "anchors (&) and aliases (*) are not read: write the value out")
        if event.tag is not None:
            raise wrong(place, "", f"tags are not read: {quoted(event.tag)}")
        if depth > MAX_DEPTH:
            raise wrong(place, "", f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.ScalarEvent):
            tag = self.loader.resolve(yaml.ScalarNode, event.value, event.implicit)
            return Node(place, tag.rpartition(":")[2], event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            return Node(place, "list", self._items(depth))
        return Node(place, "mapping", self._pairs(depth))

    def _items(self, depth: int) -> list[Node]:
        import yaml

        items: list[Node] = []
        while not self.loader.check_event(yaml.SequenceEndEvent):
            items.append(self._node(depth + 1))
            self._bound(len(items))
        self.loader.get_event()
        return items

    def _pairs(self, depth: int) -> dict[str, Node]:
        import yaml

        pairs: dict[str, Node] = {}
        while not self.loader.check_event(yaml.MappingEndEvent):
            key = self._node(depth + 1)
            if not isinstance(key.value, str):
                raise wrong(key.place, "", f"found {key.found} as a key, expected a name")
            if key.value in pairs:
                first = pairs[key.value].place
                raise wrong(key.place, "", f"key {quoted(key.value)} stands also at {first}")
            value = self._node(depth + 1)
            # A block begins below its key, but the key is what people look for.
            pairs[key.value] = Node(key.place, value.type, value.value)
            self._bound(len(pairs))
        self.loader.get_event()
        return pairs

    def _bound(self, entries: int) -> None:
        if entries > MAX_ITEMS:
            raise self._wrong(self._line, f"more than {MAX_ITEMS} entries in one list or mapping")

    @property
    def _line(self) -> int:
        return int(self.loader.line) + 1

    def _place(self, line: int) -> Place:
        return Place(self.source, line if self.numbered else 0)

    def _wrong(self, line: int, problem: str) -> ConfigError:
        return wrong(self._place(line), "", problem)
