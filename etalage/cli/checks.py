"""What `etalage doctor` looks at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import Any

from pydantic import BaseModel

from etalage.core.errors import EngineError, EtalageError
from etalage.core.settings import Settings
from ranker import rerank
from ranker.behaviour import kept
from workers import parts


def plain(record: Any) -> dict[str, Any]:
    """A dataclass or a manifest as JSON values."""
    if isinstance(record, BaseModel):
        return record.model_dump(mode="json")
    return asdict(record) if is_dataclass(record) and not isinstance(record, type) else dict(record)


def run(settings: Settings) -> list[dict[str, Any]]:
    """`{part, ok, detail}` for the home, engine, index, encoders, adapter, ranker, completions, signals and broker."""
    checks: dict[str, Callable[[], str]] = {
        "home": lambda: _home(settings),
        "engine": lambda: _engine(settings),
        "index": lambda: _index(settings),
        "encoder": lambda: _encoder(settings),
        "pictures": lambda: _pictures(settings),
        "adapter": lambda: _adapter(settings),
        "ranker": lambda: _ranker(settings),
        "completions": lambda: _completions(settings),
        "signals": lambda: _signals(settings),
        "broker": lambda: _broker(settings),
    }
    found = []
    for part, check in checks.items():
        try:
            found.append({"part": part, "ok": True, "detail": check()})
        except (EtalageError, OSError) as error:
            found.append({"part": part, "ok": False, "detail": str(error)})
    return found


def _home(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    return str(settings.home)


def _engine(settings: Settings) -> str:
    engine = parts.engine_of(settings)
    try:
        return ", ".join(f"{name} {value}" for name, value in engine.check().items())
    finally:
        engine.close()


def _index(settings: Settings) -> str:
    engine = parts.engine_of(settings)
    try:
        serving = engine.serving(settings.index)
        if serving is None:
            raise EngineError("nothing is indexed yet", value=settings.index, remedy="Run `etalage index FILE`.")
        return f"{serving.name}, {engine.count(serving.name):,} products, encoded by {serving.spec.model}"
    finally:
        engine.close()


def _pictures(settings: Settings) -> str:
    encoder = parts.image_encoder_of(settings)
    if encoder is None:
        return "no image model is set (ETALAGE_IMAGE_MODEL)"
    return f"{encoder.name}, {encoder.dim} dimensions, fingerprint {encoder.fingerprint}"


def _encoder(settings: Settings) -> str:
    encoder = parts.encoder_of(settings)
    return f"{encoder.name}, {encoder.dim} dimensions, fingerprint {encoder.fingerprint}"


def _adapter(settings: Settings) -> str:
    found = parts.adaptation_of(settings).current(parts.encoder_of(settings).fingerprint)
    if found is None:
        return "none: `etalage train adapter` learns one from judged queries"
    return f"{found.manifest.name}, trained on {found.manifest.trained_on}"


def _ranker(settings: Settings) -> str:
    manifest = rerank.load(settings.home).manifest
    told = f"{manifest.name}, {len(manifest.features)} features, trained on {manifest.trained_on}"
    try:
        found = parts.adaptation_of(settings).current(parts.encoder_of(settings).fingerprint)
    except EtalageError:
        # The checks of encoder and adapter say so.
        found = None
    adapter = "" if found is None else found.manifest.name
    if manifest.adapter == adapter:
        return told
    return f"{told}, beside {manifest.adapter or 'no adapter'}; {adapter or 'none'} moves queries now"


def _completions(settings: Settings) -> str:
    return f"{len(parts.completer_of(settings).complete('', 100))} for an empty prefix"


def _signals(settings: Settings) -> str:
    found = kept.read(parts.signals_file(settings)).numbers
    return f"of {len(found):,} products" if found else "none yet: `etalage signals refresh` learns them from events"


def _broker(settings: Settings) -> str:
    if settings.broker is None:
        return "none set: `etalage index` starts its own worker"
    from workers.coordinate import reachable

    reachable(settings)
    return settings.broker.rsplit("@", 1)[-1]
