"""Build the parts that settings name: engine, encoder, searcher, completer. Only doors and workers call this."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autocomplete import rank
from autocomplete.complete import Completer
from autocomplete.querylog import Policy
from autocomplete.related import Related
from etalage.core.encoders import Encoder, image, models
from etalage.core.encoders.image import ImageEncoder
from etalage.core.encoders.manifest import TOKENIZER
from etalage.core.errors import ConfigError, EtalageError, ModelError
from etalage.core.settings import Settings
from indexer import documents
from indexer.looks import Looks
from indexer.pictures import PictureSource
from indexer.quality import RULES, Rules
from opensearch.engine import SearchEngine
from ranker import rerank
from ranker.adapt import Adaptation
from ranker.behaviour.associations import Watched
from ranker.cross import Crossing
from ranker.evaluate import Evaluator
from ranker.floor import Floor
from ranker.rerank import Ranker
from ranker.rulefile import RuleFile
from ranker.search import Searcher
from ranker.sight import Sight
from ranker.synonyms import Synonyms
from ranker.training.judgments import Judgments
from ranker.training.report import Plan
from ranker.understanding import ALL, NONE, Understanding

log = logging.getLogger(__name__)


def engine_of(settings: Settings) -> SearchEngine:
    """The engine: embedded unless an OpenSearch URL is set. Raises EngineError when it cannot be opened."""
    if settings.embedded:
        from opensearch.embedded import EmbeddedEngine

        return EmbeddedEngine(settings)
    from opensearch.cluster import ClusterEngine

    return ClusterEngine(settings)


def encoder_of(settings: Settings) -> Encoder:
    """The text encoder, exported on first use where that is possible. Raises ModelError, ModelNotFound, ConfigError."""
    return models.ensure(settings)


def image_encoder_of(settings: Settings) -> ImageEncoder | None:
    """The encoder of pictures, or None where none is set. Raises ModelError, ModelNotFound."""
    if not settings.image_model:
        return None
    return image.load(settings.models, settings.image_model, threads=1)


def looks_of(settings: Settings, root: str = "") -> Looks | None:
    """What finds and encodes pictures, relative ones in `root`; None where no encoder is set.

    Raises:
        ConfigError: the folder or archive is not to be found.
        ModelError, ModelNotFound: the encoder cannot be used.
    """
    encoder = image_encoder_of(settings)
    if encoder is None:
        return None
    hosts = [name for one in (settings.picture_hosts or "").split(",") if (name := one.strip())]
    source = PictureSource(Path(root) if root else settings.pictures, hosts=hosts, private=settings.picture_private)
    return Looks(source, encoder, threads=settings.threads)


@dataclass(frozen=True, slots=True)
class Indexing:
    """What changes to products are encoded with."""

    encoder: Encoder
    looks: Looks | None


def rules_of(settings: Settings) -> Rules:
    """The rules of data quality that are on. Raises ConfigError for an unknown name."""
    named = frozenset(name for one in (settings.quality_off or "").split(",") if (name := one.strip()))
    return Rules(off=frozenset(RULES) if "*" in named else named)


def ranker_of(settings: Settings) -> Ranker | None:
    """The home's ranker or the packaged one; None, with a warning in the log, when neither can be used."""
    try:
        return rerank.load(settings.home)
    except ModelError as error:
        log.warning("ranking is off: %s", error)
        return None


def sight_of(settings: Settings) -> Sight:
    """What compares words with the pictures of `settings.index`."""
    pairs = {one.fingerprint: one.paired_text for one in image.available(settings.models) if one.paired_text}
    return Sight(pairs, settings.home / "alignment" / settings.index)


def adapter_folder(settings: Settings) -> Path:
    """Where the adapter of the queries of `settings.index` is kept."""
    return settings.home / "adapter" / settings.index


def adaptation_of(settings: Settings) -> Adaptation:
    """What moves query vectors of `settings.index`, if an adapter was trained."""
    return Adaptation(adapter_folder(settings))


def cross_folder(settings: Settings) -> Path:
    """Where the cross-encoder of `settings.index` is kept."""
    return settings.home / "cross" / settings.index


def crossing_of(settings: Settings) -> Crossing:
    """What reads the best products of `settings.index` with the query, if a cross-encoder was trained."""
    return Crossing(cross_folder(settings), documents.passage, settings.cross_budget_ms)


def vocabulary_folder(settings: Settings) -> Path:
    """Where the vocabularies of indexes are kept, one file each."""
    return settings.home / "vocabulary"


def understanding_of(settings: Settings) -> Understanding:
    """What queries of `settings.index` are understood with. Raises ConfigError for synonyms that cannot be read, or a step that
    there is not."""
    synonyms = None if settings.synonyms is None else Synonyms.read(settings.synonyms)
    off = {name for one in (settings.understand_off or "").split(",") if (name := one.strip())}
    unknown = sorted(off - ALL - {"*"})
    if unknown:
        raise ConfigError(
            "there is no such step of understanding",
            value=unknown[0],
            remedy=f"Use some of: {', '.join(sorted(ALL))}, or *.",
        )
    return Understanding(
        vocabulary_folder(settings),
        settings.index,
        synonyms,
        lexicon=settings.models / settings.text_model / TOKENIZER,
        steps=NONE if "*" in off else ALL - off,
    )


def merchandising_of(settings: Settings) -> RuleFile | None:
    """The merchandising rules of `settings.index`, if there are any. Raises ConfigError where they cannot be read."""
    return None if settings.rules is None else RuleFile(settings.rules)


def searcher_of(settings: Settings, engine: SearchEngine) -> Searcher:
    """What answers searches of `settings.index`. Without its encoder it searches by words and says so (`degraded`). Raises
    ConfigError."""
    encoder: Encoder | None
    try:
        encoder = encoder_of(settings)
    except EtalageError as error:
        log.warning("vectors are off: %s", error)
        encoder = None
    return Searcher(
        engine,
        settings.index,
        encoder,
        ranker_of(settings),
        sight=sight_of(settings),
        clicked=clicked_of(settings),
        floor=floor_of(settings, encoder),
        adaptation=adaptation_of(settings),
        crossing=crossing_of(settings),
        understanding=understanding_of(settings),
        merchandising=merchandising_of(settings),
        window=settings.candidates,
        neighbours=settings.neighbours,
    )


def evaluator_of(settings: Settings, engine: SearchEngine) -> Evaluator:
    """What measures the arms of `settings.index`."""
    reasons: dict[str, str] = {}
    encoder: Encoder | None = None
    ranker: Ranker | None = None
    try:
        encoder = encoder_of(settings)
    except EtalageError as error:
        reasons = dict.fromkeys(("vector", "hybrid", "ranked"), str(error))
    try:
        ranker = rerank.load(settings.home)
    except ModelError as error:
        reasons.setdefault("ranked", str(error))
    return Evaluator(
        engine,
        settings.index,
        encoder,
        ranker,
        sight=sight_of(settings),
        clicked=clicked_of(settings),
        floor=floor_of(settings, encoder),
        adaptation=adaptation_of(settings),
        crossing=crossing_of(settings),
        understanding=understanding_of(settings),
        window=settings.candidates,
        neighbours=settings.neighbours,
        encoder_queries=models.tuned_on(settings.models, settings.text_model),
        reasons=reasons,
    )


def plan_of(settings: Settings, judged: Judgments, source: str, **more: Any) -> Plan:
    """How a ranker for `settings.index` is trained on judgments that are called `source`; `more` as in `Plan`."""
    return Plan(
        window=settings.candidates,
        neighbours=settings.neighbours,
        trained_on=f"{source} ({judged.digest})",
        sight=sight_of(settings),
        clicked=clicked_of(settings),
        adaptation=adaptation_of(settings),
        understanding=understanding_of(settings),
        **more,
    )


def completions_folder(settings: Settings) -> Path:
    """Where the completions of `settings.index` are kept."""
    return settings.home / "completions" / settings.index


def listed_file(settings: Settings) -> Path:
    """Where the queries that the shop of `settings.index` vouches for are kept."""
    return settings.home / "listed" / settings.index


def policy_of(settings: Settings) -> Policy:
    """What becomes a completion. Raises ConfigError when the file of blocked words cannot be read."""
    if settings.suggest_blocked is None:
        return Policy(shoppers=settings.suggest_users)
    try:
        lines = settings.suggest_blocked.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the file of blocked words cannot be read ({error})",
            value=settings.suggest_blocked,
            remedy="Correct ETALAGE_SUGGEST_BLOCKED: UTF-8 text, one word or phrase a line.",
        ) from None
    blocked = frozenset(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    return Policy(shoppers=settings.suggest_users, blocked=blocked)


def signals_file(settings: Settings) -> Path:
    """Where the signals of the products of `settings.index` are kept."""
    return settings.home / "signals" / settings.index


def associations_file(settings: Settings) -> Path:
    """Where it is kept which products of `settings.index` are clicked for which queries."""
    return settings.home / "associations" / settings.index


def clicked_of(settings: Settings) -> Watched:
    """What was clicked for queries before, as `etalage signals refresh` learnt it."""
    return Watched(associations_file(settings))


def floor_of(settings: Settings, encoder: Encoder | None) -> Floor | None:
    """How near the neighbours of a query of `settings.index` must be."""
    return None if encoder is None else Floor(encoder, adaptation_of(settings))


def completer_of(settings: Settings) -> Completer:
    """What completes prefixes; without a context, and a warning in the log, where the model for those cannot be used. Raises EngineError
    before completions were built."""
    try:
        ranking = rank.load(rankings_folder(settings))
    except ModelError as error:
        log.warning("completions don't follow the context: %s", error)
        ranking = None
    return Completer.open(completions_folder(settings), ranking)


def related_of(settings: Settings) -> Related:
    """What knows which queries are related to one of `settings.index`; none before completions were built."""
    return Related(completions_folder(settings))


def rankings_folder(settings: Settings) -> Path:
    """Where models for the order of completions are kept."""
    return settings.home / "completion-rankers"
