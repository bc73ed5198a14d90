"""What was typed since completions were built, counted onto what was counted then."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from secrets import token_hex
from typing import Any, Final

import orjson

from autocomplete import counts, forms, shelf
from autocomplete.counts import Counts, Tally
from autocomplete.index import columns
from autocomplete.querylog import Entry, Policy, refusal, trend
from autocomplete.shelf import RECENT
from autocomplete.shop import Found, Shop
from etalage.core import durable
from etalage.core.errors import EngineError

FILE: Final = "counts.json"

_WAITING: Final = 100_000
"""Forms that too few typed, of which it is kept who did: those that count most."""
_MOST: Final = 500_000
"""Queries since the last build that are counted; more wait for the next one."""


@dataclass
class Base:
    """What a build counted.

    Attributes:
        moment: what counts are decayed to, in days since 1970.
        until: the last query or event that was counted.
        total, lately: what all queries count, by the long half-life and by the short one.
        entries: completions of the log; `sums` has the same of each of them.
        leads: form → the completion that it leads to.
        waiting: form that too few typed → what it counts, and who typed it, as keyed hashes.
        same: hash of a client → hash of the user who was signed in there.
    """

    moment: float
    until: float
    total: float
    lately: float
    entries: list[Entry] = field(default_factory=list)
    sums: list[tuple[float, float]] = field(default_factory=list)
    leads: dict[str, int] = field(default_factory=dict)
    waiting: dict[str, tuple[float, list[str]]] = field(default_factory=dict)
    same: dict[str, str] = field(default_factory=dict)
    salt: str = field(default_factory=lambda: token_hex(16))


def keep(
    folder: Path,
    given: Counts,
    entries: Sequence[Entry],
    groups: Sequence[Sequence[int]],
    policy: Policy,
    moment: float,
) -> None:
    """Write what a build counted beside its completions."""
    totals = given.sums.sum(0)
    base = Base(moment, given.until, float(totals[counts.SCORE]), float(totals[counts.LATELY]), list(entries))
    for row, group in enumerate(groups):
        one = given.sums[list(group)].sum(0)
        base.sums.append((float(one[counts.SCORE]), float(one[counts.LATELY])))
        base.leads |= {given.forms[at]: row for at in group}
    people = _people(given, base.salt)
    few = [at for at, number in enumerate(given.shoppers().tolist()) if 0 < number < policy.shoppers]
    few = sorted(few, key=lambda at: -given.sums[at, counts.SCORE])[:_WAITING]
    scores = given.sums[:, counts.SCORE] + given.sums[:, counts.ACTED]
    base.waiting = {given.forms[at]: (float(scores[at]), people[at]) for at in few if given.forms[at] not in base.leads}
    base.same = _same(given, base.salt)
    durable.replace(folder / FILE, orjson.dumps(base))


def read(folder: Path) -> Base | None:
    """What the last build counted; None before there was one. Raises EngineError."""
    try:
        found = orjson.loads((folder / FILE).read_bytes())
        entries = [Entry(**one | {"aliases": tuple(one["aliases"])}) for one in found["entries"]]
        return Base(**found | {"entries": entries})
    except FileNotFoundError:
        return None
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise EngineError(
            f"what completions were counted from cannot be read ({error})",
            value=folder / FILE,
            remedy="Build them anew with `etalage index FILE` or `etalage events import FILE`.",
        ) from error


def refresh(
    folder: Path,
    queries: Iterable[Mapping[str, Any]],
    events: Iterable[Mapping[str, Any]],
    policy: Policy,
    shop: Shop,
) -> dict[str, int]:
    """Count what was typed since the last build, and let the completions that it changes serve beside the others. Decay is forward, so that
    counts are added, and completions that nobody typed since keep their place.

    Args:
        queries, events: UBI documents since `Base.until`, earlier ones are passed over.

    Returns:
        `{queries, changed, new}`.

    Raises:
        EngineError: what the last build counted cannot be read.
    """
    base = read(folder)
    if base is None:
        return {"queries": 0, "changed": 0, "new": 0}
    given = _since(base, queries, events, policy)
    changed = _changed(base, given)
    new = _new(base, given, policy, shop)
    if changed or new:
        shelf.write(folder, columns([*changed, *new]), {}, RECENT)
    return {"queries": int(given.sums[:, counts.NUMBER].sum()), "changed": len(changed), "new": len(new)}


def _since(
    base: Base, queries: Iterable[Mapping[str, Any]], events: Iterable[Mapping[str, Any]], policy: Policy
) -> Counts:
    def later(documents: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
        return (one for one in documents if counts.days(one["timestamp"]) > base.until)

    tally = Tally()
    tally.queries(islice(later(queries), _MOST))
    tally.events(later(events))
    return tally.counts(base.moment, max(tally.latest, base.moment), policy.half_life, policy.recent)


def _changed(base: Base, given: Counts) -> list[Entry]:
    """Completions that were typed again."""
    rows = {form: base.leads[form] for form in given.forms if form in base.leads}
    unknown = [form for form in given.forms if form not in rows]
    if unknown:
        alike = {forms.same(form): row for form, row in base.leads.items()}
        rows |= {form: alike[same] for form in unknown if (same := forms.same(form)) in alike}
    more: dict[int, list[float]] = {}
    for at, form in enumerate(given.forms):
        if form in rows:
            asked, acted, lately = given.sums[at, [counts.SCORE, counts.ACTED, counts.LATELY]].tolist()
            sums = more.setdefault(rows[form], [0.0, 0.0, 0.0])
            more[rows[form]] = [sums[0] + asked, sums[1] + acted, sums[2] + lately]
    totals = base.total + given.sums[:, counts.SCORE].sum(), base.lately + given.sums[:, counts.LATELY].sum()
    best = max((one.score for one in base.entries), default=1.0)
    made = []
    for row, (asked, acted, lately) in more.items():
        entry, (before, recently) = base.entries[row], base.sums[row]
        score = entry.score + asked + acted
        made.append(
            replace(
                entry,
                score=round(score, 6),
                popularity=min(math.log1p(score) / max(math.log1p(best), 1e-12), 1.0),
                trend=trend(before + asked, recently + lately, float(totals[0]), float(totals[1])),
            )
        )
    return made


def _new(base: Base, given: Counts, policy: Policy, shop: Shop) -> list[Entry]:
    """Completions of what enough shoppers typed by now."""
    people = _people(given, base.salt)
    same = base.same | _same(given, base.salt)
    best = max((one.score for one in base.entries), default=1.0)
    alike = {forms.same(form) for form in base.leads}
    made = []
    for at, form in enumerate(given.forms):
        if form in base.leads or not people[at] or forms.same(form) in alike:
            continue
        earlier, who = base.waiting.get(form, (0.0, []))
        together = {same.get(one, one) for one in (*who, *people[at])}
        if len(together) < policy.shoppers or refusal(at, given, policy, shop):
            continue
        score = earlier + float(given.sums[at, counts.SCORE] + given.sums[at, counts.ACTED])
        text = given.surfaces[at] if given.written[at] >= policy.shoppers else form
        if shop.found([text]) != [Found.NOTHING]:
            popularity = min(math.log1p(score) / max(math.log1p(best), 1e-12), 1.0)
            made.append(Entry(text, round(score, 6), popularity=popularity, trend=1.0))
    return made


def _people(given: Counts, salt: str) -> list[list[str]]:
    """Who typed each form, as keyed hashes."""
    hashes = [_hash(name, salt) for name in given.names]
    found: list[list[str]] = [[] for _ in given.forms]
    for form, shopper in given.pairs.tolist():
        found[form].append(hashes[shopper])
    return found


def _same(given: Counts, salt: str) -> dict[str, str]:
    return {_hash(given.names[client], salt): _hash(given.names[user], salt) for client, user in given.same.items()}


def _hash(name: str, salt: str) -> str:
    return blake2b(name.encode(), digest_size=8, key=salt.encode()).hexdigest()
