"""The file of merchandising rules: TOML, a table `[[rule]]` each; read again when it changes."""

from __future__ import annotations

import logging
import os
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from etalage.core.errors import ConfigError, EtalageError, QueryError
from etalage.core.text import Token, normalize, tokenize
from opensearch.engine import Filter, Term
from ranker.filters import parse_filters
from ranker.merchandising import ACTIONS, Rule, When

log = logging.getLogger(__name__)

MAX_RULES: Final = 2000
_MAX_BYTES: Final = 4 * 1024 * 1024
_REMEDY: Final = "See docs/merchandising.md."


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _When(_Strict):
    query: list[str] = []
    words: list[str] = []
    phrase: list[str] = []
    filter: list[str] = []
    every: bool = False


class _Target(_Strict):
    ids: list[str] = Field([], max_length=1000)
    filter: list[str] = []


class _Boost(_Target):
    factor: float = Field(ge=0.01, le=100)


class _Rule(_Strict):
    name: str = Field("", max_length=100)
    enabled: bool = True
    when: _When
    start: datetime | date | None = Field(None, alias="from")
    until: datetime | date | None = None
    pin: list[str] | None = Field(None, min_length=1, max_length=100)
    bury: _Target | None = None
    hide: _Target | None = None
    boost: _Boost | None = None
    redirect: str | None = Field(None, max_length=2000)


def read(path: Path) -> tuple[Rule, ...]:
    """The rules of a file. Raises ConfigError, naming the rule and the key."""
    try:
        with open(path, "rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise ConfigError("the rules are larger than 4 MiB", value=path, remedy="Leave some out.")
        given = tomllib.loads(content.decode())
    except OSError as error:
        raise ConfigError(
            f"the rules cannot be read ({error.strerror})", value=path, remedy="Correct ETALAGE_RULES."
        ) from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the rules are not valid TOML ({error})", value=path, remedy="Correct the file.") from None
    return parse(given, str(path))


def parse(given: dict[str, Any], source: str = "rules") -> tuple[Rule, ...]:
    """Rules from the content of a file. Raises ConfigError."""
    unknown = sorted(given.keys() - {"timezone", "rule"})
    tables = given.get("rule", [])
    if unknown or not isinstance(tables, list) or not all(isinstance(one, dict) for one in tables):
        what = f"the key {unknown[0]} is not known" if unknown else "rule is no list of tables"
        raise ConfigError(f"{what} in the rules", value=source, remedy="Begin every rule with [[rule]].")
    if len(tables) > MAX_RULES:
        raise ConfigError(f"there are more than {MAX_RULES:,} rules", value=source, remedy="Leave some out.")
    zone = _zone(given.get("timezone", "UTC"), source)
    rules = tuple(_rule(one, number, zone, source) for number, one in enumerate(tables, 1))
    named: set[str] = set()
    for rule in rules:
        if rule.name in named:
            raise ConfigError("two rules have one name", value=f"{source}: {rule.name}", remedy="Rename one of them.")
        named.add(rule.name)
    return rules


def _zone(name: object, source: str) -> tzinfo:
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(
            "there is no such time zone", value=f"{source}: {name}", remedy='For instance timezone = "Europe/Berlin".'
        ) from None


def _rule(given: dict[str, Any], number: int, zone: tzinfo, source: str) -> Rule:
    name = given.get("name") or f"rule {number}"
    at = f"{source}: rule {number}" + ("" if name == f"rule {number}" else f" ({name})")
    try:
        read = _Rule.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in ("datetime", "date"))
        raise ConfigError(f"{at}, {key}: {_said(first)}", value=_shown(first), remedy=_REMEDY) from None
    try:
        return _made(read, str(name), zone)
    except EtalageError as error:
        raise ConfigError(f"{at}: {error.reason}", value=error.value, remedy=error.remedy or _REMEDY) from None


def _said(fault: Any) -> str:
    if fault["type"] == "extra_forbidden":
        return "this key is not known"
    if fault["loc"][0] in ("from", "until"):
        return "a date or a time is written without quotes, as in 2026-11-27 or 2026-11-27T08:00:00+01:00"
    return str(fault["msg"])


def _shown(fault: Any) -> object:
    return None if fault["type"] in ("missing", "extra_forbidden") else fault["input"]


def _made(read: _Rule, name: str, zone: tzinfo) -> Rule:
    given = [one for one in ACTIONS if getattr(read, one) is not None]
    if len(given) != 1:
        raise ConfigError(
            "a rule has exactly one action",
            value=" and ".join(given) or "none",
            remedy=f"Use one of: {', '.join(ACTIONS)}.",
        )
    start, end = _moment(read.start, zone, last=False), _moment(read.until, zone, last=True)
    if start is not None and end is not None and end <= start:
        raise ConfigError("until is not after from", value=read.until, remedy="Correct the dates.")
    more: dict[str, Any] = {"start": start, "end": end, "enabled": read.enabled}
    if read.pin is not None:
        more["ids"] = tuple(dict.fromkeys(read.pin))
    elif read.redirect is not None:
        more["url"] = _url(read.redirect)
    else:
        target: _Target = getattr(read, given[0])
        more["ids"], more["filters"] = _target(target, given[0])
        more["factor"] = target.factor if isinstance(target, _Boost) else 1.0
    return Rule(name, given[0], _when(read.when), **more)


def _moment(given: date | None, zone: tzinfo, *, last: bool) -> datetime | None:
    """The moment that a date or time names, in `zone` where it has none of its own; a date that is the `last` one counts whole."""
    if given is None:
        return None
    if isinstance(given, datetime):
        return given if given.tzinfo is not None else given.replace(tzinfo=zone)
    if last and given == date.max:
        # The day after is none that can be named.
        return None
    return datetime.combine(given + timedelta(days=int(last)), time(), zone)


def _when(given: _When) -> When:
    queries = frozenset(" ".join(token.surface for token in _tokens(one)) for one in given.query)
    words = tuple(frozenset(token.stem for token in _tokens(one)) for one in given.words)
    phrases = tuple(tuple(token.stem for token in _tokens(one)) for one in given.phrase)
    narrowed = frozenset(map(_narrowing, given.filter))
    if given.every == bool(queries or words or phrases or narrowed):
        raise ConfigError(
            "a rule is for every search, or for some",
            value="when.every" if given.every else "when",
            remedy="Give when.query, when.words, when.phrase or when.filter, or when.every = true alone.",
        )
    return When(queries, words, phrases, narrowed)


def _tokens(text: str) -> list[Token]:
    found = tokenize(normalize(text))
    if not found:
        raise ConfigError("a pattern has no words", value=text, remedy="Give words, or leave it out.")
    return found


def _narrowing(given: str) -> tuple[str, str]:
    (one,) = parse_filters(given)
    if not isinstance(one, Term):
        raise QueryError("a rule is for filters by a word alone", value=given, remedy="For instance category:Shoes.")
    return one.name, one.values[0]


def _target(given: _Target, action: str) -> tuple[tuple[str, ...], tuple[Filter, ...]]:
    if bool(given.ids) == bool(given.filter):
        raise ConfigError(
            "a rule is about products by ids or by filter",
            value=action,
            remedy=f'Give {action}.ids = ["…"] or {action}.filter = ["brand:Acme"].',
        )
    return tuple(dict.fromkeys(given.ids)), parse_filters(list(given.filter))


def _url(given: str) -> str:
    if not given.startswith(("https://", "http://", "/")) or not given.isprintable() or " " in given:
        raise ConfigError(
            "this is no address to redirect to", value=given, remedy="Begin with https:// or /, and without blanks."
        )
    return given


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


_Stamp = tuple[int, int, int] | None


@dataclass(frozen=True, slots=True)
class Held:
    """Rules that were read; `sound` is whether they are what the file says now."""

    stamp: _Stamp
    rules: tuple[Rule, ...]
    sound: bool = True


class RuleFile:
    """The rules of a file, read again when it changes; what cannot be read leaves the last good ones. Thread-safe.

    Raises:
        ConfigError: the file cannot be read now, at the beginning.
    """

    def __init__(self, path: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._path, self._now = path, now
        self._held = Held(_stamp(path), read(path))

    def current(self) -> Held:
        """The rules that are active now."""
        held, stamp = self._held, _stamp(self._path)
        if stamp != held.stamp:
            try:
                held = Held(stamp, read(self._path))
            except ConfigError as error:
                log.warning("keeping the rules that were read before: %s", error)
                held = Held(stamp, held.rules, sound=False)
            self._held = held
        moment = self._now()
        return Held(stamp, tuple(rule for rule in held.rules if rule.active(moment)), held.sound)


def _stamp(path: Path) -> _Stamp:
    """What changes when a file is written; None where there is none."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
