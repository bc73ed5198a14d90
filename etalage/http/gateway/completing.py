"""OpenSearch's `completion` suggester over a field that is set aside, answered with completions.

There need not be such a field in the index. Other suggesters, and whatever else a request asks for, go on as they are.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from autocomplete.complete import MOST, Completion, Wanted
from etalage.core.settings import Settings
from etalage.http.gateway import reply
from etalage.http.gateway.asked import Asked
from etalage.http.gateway.flow import Answered
from etalage.http.suggest import Completions
from opensearch.dsl import guard, sources
from opensearch.dsl.limits import mapping, several, whole

_OPTIONS: Final = ("field", "size", "skip_duplicates", "fuzzy", "contexts", "analyzer")
_CATEGORY, _TYPE = "category", "type"
_SIZE: Final = 5
"""Completions that OpenSearch gives where nothing says how many."""
_MOST_CONTEXTS: Final = 20
_MOST_SUGGESTERS: Final = 20
"""Each is answered on the event loop, as often as it has categories."""
_LONGEST: Final = 1000


@dataclass(frozen=True, slots=True)
class _Suggester:
    """One suggester of ours.

    Attributes:
        categories: paths that completions must lead to, and what their score is multiplied by; all where empty.
        types: the types of completions; all where empty.
    """

    name: str
    text: str
    size: int
    categories: Mapping[str, float]
    types: tuple[str, ...]
    contexts: bool


async def search(
    settings: Settings, completions: Completions, asked: Asked, searched: Callable[[Asked], Awaitable[Answered]]
) -> Answered:
    """Answer what asks for completions, and have the rest `searched`, where there is any.

    Raises:
        QueryError: a suggester of ours has what it does not know.
        EngineError: the completions cannot be read; or what the search raises.
    """
    ours, rest = _parted(settings, asked)
    if not ours:
        return await searched(asked)
    started = time.perf_counter()
    suggested = {one.name: [await _entry(completions, asked, one)] for one in ours}
    took = (time.perf_counter() - started) * 1000
    found = await searched(rest) if _more(rest.body) else _alone(asked, took)
    found.response["suggest"] = {**found.response.get("suggest", {}), **suggested}
    return replace(found, timings={**found.timings, "complete": round(took, 3)})


def _parted(settings: Settings, asked: Asked) -> tuple[list[_Suggester], Asked]:
    """Our suggesters of a request, and the request without them. Those of other indexes, and of several, are not ours."""
    given = asked.body.get("suggest")
    if not isinstance(given, Mapping) or asked.index != settings.index:
        return [], asked
    shared = given.get("text")
    mine = {name for name, one in given.items() if _field(one) == settings.suggest_field}
    if len(mine) > _MOST_SUGGESTERS:
        raise guard.refusal(
            f"completion suggesters are at most {_MOST_SUGGESTERS}", "suggest", len(mine), "Ask for fewer."
        )
    typed = "completion#" if asked.params.get("typed_keys", "false") != "false" else ""
    ours = [_read(f"{typed}{name}", given[name], shared, f"suggest.{name}") for name in given if name in mine]
    left = {name: one for name, one in given.items() if name not in mine}
    body = {name: one for name, one in asked.body.items() if name != "suggest"}
    if left.keys() - {"text"}:
        body["suggest"] = left
    return ours, replace(asked, body=body)


def _field(given: Any) -> Any:
    completion = given.get("completion") if isinstance(given, Mapping) else None
    return completion.get("field") if isinstance(completion, Mapping) else None


def _read(name: str, given: Mapping[str, Any], shared: Any, path: str) -> _Suggester:
    if "regex" in given:
        raise guard.refusal("a regular expression is not completed here", f"{path}.regex", remedy="Use prefix.")
    text = given.get("prefix", given.get("text", shared))
    if not isinstance(text, str):
        raise guard.refusal("the text to complete is missing", path, text, "Give it as prefix.")
    for other in given.keys() - {"prefix", "text", "completion"}:
        raise guard.refusal(f"[{other}] is not known beside [completion]", f"{path}.{other}")
    options, where = given["completion"], f"{path}.completion"
    for option in options:
        if option not in _OPTIONS:
            raise guard.refusal(
                f"[{option}] is not known", f"{where}.{option}", remedy=f"Known: {', '.join(_OPTIONS)}."
            )
    size = whole(options.get("size"), f"{where}.size", _SIZE)
    if not 0 < size <= MOST:
        raise guard.refusal(f"completions are 1 to {MOST}", f"{where}.size", size, "Correct it.")
    contexts = mapping(options.get("contexts", {}), f"{where}.contexts")
    for context in contexts:
        if context not in (_CATEGORY, _TYPE):
            raise guard.refusal(
                "there is no such context", f"{where}.contexts.{context}", remedy=f"Use {_CATEGORY} or {_TYPE}."
            )
    categories = _boosts(contexts.get(_CATEGORY, []), f"{where}.contexts.{_CATEGORY}")
    types = _boosts(contexts.get(_TYPE, []), f"{where}.contexts.{_TYPE}")
    return _Suggester(name, text, size, categories, tuple(types), bool(contexts))


def _boosts(given: Any, path: str) -> dict[str, float]:
    """The values of a context, and what each multiplies a score by."""
    found: dict[str, float] = {}
    for one in several(given):
        value, boost = (one.get("context"), one.get("boost", 1)) if isinstance(one, Mapping) else (one, 1)
        number = guard.number(boost)
        if not isinstance(value, str) or len(value) > _LONGEST or number is None or number <= 0:
            raise guard.refusal("this is no context", path, one, 'Give a text, or {"context", "boost"}.')
        found[value] = number
    if len(found) > _MOST_CONTEXTS:
        raise guard.refusal(f"contexts are at most {_MOST_CONTEXTS}", path, len(found), "Give fewer.")
    return found


async def _entry(completions: Completions, asked: Asked, one: _Suggester) -> dict[str, Any]:
    """What a suggester is answered with."""
    best: dict[str, Completion] = {}
    for category, boost in (one.categories or {"": 1.0}).items() if one.text else ():
        wanted = Wanted(category, one.types)
        for found in await completions.answer(one.text, one.size, wanted):
            scored = found._replace(score=found.score * boost)
            if found.text not in best or best[found.text].score < scored.score:
                best[found.text] = scored
    kept = sorted(best.values(), key=lambda found: (-found.score, found.text))[: one.size]
    shown = reply.wanted(asked.body)
    # Java counts a character beyond the basic plane twice.
    length = len(one.text.encode("utf-16-le", "surrogatepass")) // 2
    options = [_option(asked.index, found, completions.note(found), shown, one) for found in kept]
    return {"text": one.text, "offset": 0, "length": length, "options": options}


def _option(index: str, found: Completion, note: str, shown: Any, one: _Suggester) -> dict[str, Any]:
    """A completion as an option: of a product with its id, else with its text as one."""
    option: dict[str, Any] = {"text": found.text, "_index": index, "_id": note or found.text, "_score": found.score}
    if shown is not False:
        source = {"text": found.text, "type": found.type, "category": found.category, "match": found.match}
        option["_source"] = sources.filtered(source, shown)
    if one.contexts:
        option["contexts"] = {
            name: [value] for name, value in ((_CATEGORY, found.category), (_TYPE, found.type)) if value
        }
    return option


def _more(body: Mapping[str, Any]) -> bool:
    """Whether a body asks for anything else; without a query and aggregations, a node answers suggesters alone."""
    return any(name in body for name in ("suggest", "query", "aggs", "aggregations"))


def _alone(asked: Asked, took: float) -> Answered:
    response: dict[str, Any] = {
        "took": int(took),
        "timed_out": False,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": 0, "relation": "eq"}, "max_score": None, "hits": []},
    }
    reply.total_as_asked(response, asked.params)
    return Answered(response, {})
