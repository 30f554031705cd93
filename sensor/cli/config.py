"""``sensor config``: checks settings, shows what they come to, and lists what may be set."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from sensor.config.document import Document
    from sensor.config.shapes import Key, Section

_WIDTH = 100
_INDENT = "  "

Leaf = tuple[tuple[str, ...], Any]

config_option = click.option("--config", "path", metavar="FILE", help="Settings as YAML.")
set_option = click.option(
    "--set",
    "overrides",
    metavar="KEY.PATH=VALUE",
    multiple=True,
    help="Override one setting; VALUE is YAML. May be repeated.",
)


@click.group()
def config() -> None:
    """Check, show and explain the settings."""


@config.command()
@click.argument("path", metavar="[FILE]", required=False)
@set_option
def check(path: str | None, overrides: tuple[str, ...]) -> None:
    """Check a settings file and list what it sets."""
    document = _read(path, overrides)
    click.echo(f"{path or 'defaults'}: ok")
    for names, value in _document_leaves(document):
        place = document.places.get(".".join(names))
        if place is not None:
            click.echo(f"  {'.'.join(names)} = {_flow(value)}  ({place})")


@config.command()
@config_option
@set_option
def show(path: str | None, overrides: tuple[str, ...]) -> None:
    """Print the effective settings as YAML, each with where it comes from."""
    for line in _yaml_lines(_read(path, overrides)):
        click.echo(line)


@config.command()
def schema() -> None:
    """List every key with its type, default and meaning."""
    from sensor.config.schema import SCHEMA

    for line in _schema_lines(SCHEMA, ""):
        click.echo(line)


def _read(path: str | None, overrides: tuple[str, ...]) -> Document:
    from sensor.config.document import read_document, settings

    document = read_document(path, overrides)
    settings(document)
    return document


def _document_leaves(document: Document) -> Iterator[Leaf]:
    from sensor.config.schema import SCHEMA

    return _leaves(SCHEMA, document.values, ())


def _leaves(section: Section, values: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[Leaf]:
    """Every value that is set as a whole, with the names that lead to it; None where not set."""
    from sensor.config.shapes import Later, MapOf, Section

    for key in section.keys:
        names, value = (*path, key.name), values.get(key.name)
        match key.shape:
            case Later():
                pass
            case Section():
                yield from _leaves(key.shape, values[key.name], names)
            case MapOf(item=item) if value:
                for name, member in value.items():
                    yield from _leaves(item, member, (*names, name))
            case _:
                yield names, value


def _yaml_lines(document: Document) -> Iterator[str]:
    above: tuple[str, ...] = ()
    for names, value in _document_leaves(document):
        for depth in range(1, len(names)):
            if names[:depth] != above[:depth]:
                yield f"{_INDENT * (depth - 1)}{names[depth - 1]}:"
        above = names[:-1]
        indent = _INDENT * len(above)
        if value is None:
            yield f"{indent}# {names[-1]}: not set"
        else:
            place = document.places.get(".".join(names), "default")
            yield f"{indent}{names[-1]}: {_flow(value)}  # {place}"


def _flow(value: Any) -> str:
    """Plain data on one line; JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def _schema_lines(section: Section, indent: str) -> Iterator[str]:
    from sensor.config.shapes import ListOf, MapOf, Scalar, Section

    for key in section.keys:
        yield from _comment(key, indent)
        match key.shape:
            case Scalar(expects=expects):
                yield f"{indent}{key.name}: <{expects}>"
            case ListOf(item=Scalar(expects=expects)):
                yield f"{indent}{key.name}: [<{expects}>, ...]"
            case ListOf(item=Section() as item):
                yield f"{indent}{key.name}:"
                yield f"{indent}{_INDENT}-"
                yield from _schema_lines(item, indent + 2 * _INDENT)
            case MapOf(name=name, item=item):
                yield f"{indent}{key.name}:"
                yield f"{indent}{_INDENT}{name}:"
                yield from _schema_lines(item, indent + 2 * _INDENT)
            case Section():
                yield f"{indent}{key.name}:"
                yield from _schema_lines(key.shape, indent + _INDENT)
            case _:
                yield f"{indent}# {key.name}: not read by this version"


def _comment(key: Key, indent: str) -> list[str]:
    text = key.description
    if key.required:
        text += " Required."
    elif key.default is not None:
        text += f" Default: {_flow(key.default)}"
    prefix = f"{indent}# "
    return textwrap.wrap(
        text, _WIDTH, initial_indent=prefix, subsequent_indent=prefix, break_on_hyphens=False
    )
