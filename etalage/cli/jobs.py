"""`etalage jobs`, `generations`, `rollback`, `dead-letters`: what indexing does, and what it left behind."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from etalage.cli.options import Home, Index, Json, engine_for, err, out, print_json, settings_of
from etalage.core.errors import ConfigError, EngineError
from indexer import delta
from opensearch.engine import SearchEngine
from opensearch.jobs import UNFINISHED, Job, JobState
from workers import behaviour, parts

Name = Annotated[str, typer.Argument(help="The job's name, or the beginning of it.")]


def add_to(app: typer.Typer) -> None:
    """Add this file's commands."""
    jobs = typer.Typer(help="Indexing jobs, from any terminal.", invoke_without_command=True)
    jobs.callback()(list_jobs)
    jobs.command("pause")(pause)
    jobs.command("resume")(resume)
    jobs.command("cancel")(cancel)
    app.add_typer(jobs, name="jobs")
    letters = typer.Typer(help="Products that the engine refused.", invoke_without_command=True)
    letters.callback()(list_letters)
    letters.command("retry")(retry)
    letters.command("drop")(drop)
    app.add_typer(letters, name="dead-letters")
    app.command("generations")(generations)
    app.command("rollback")(rollback)


def list_jobs(
    context: typer.Context,
    limit: Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many, the newest first.")] = 20,
    home: Home = None,
    json: Json = False,
) -> None:
    """List jobs with their progress."""
    if context.invoked_subcommand:
        return
    settings = settings_of(home)
    with engine_for(settings) as engine:
        found = [_shown(engine, job) for job in engine.jobs.recent(limit)]
    if json:
        print_json({"jobs": found})
        return
    table = Table("job", "index", "generation", "state", "chunks", "dead", "read", "begun", box=None)
    for one in found:
        done = f"{one['done']}/{one['chunks']}" if one["state"] in UNFINISHED else str(one["chunks"])
        cells = (one["id"][:12], one["index"], one["generation"], one["state"], done, one["dead"], one["read"])
        table.add_row(*map(str, cells), one["begun"])
    out.print(table)


def _shown(engine: SearchEngine, job: Job) -> dict[str, Any]:
    progress = engine.jobs.progress(job.id) if job.state in UNFINISHED else None
    begun = job.plan.get("started")
    return {
        "id": job.id,
        "index": job.index,
        "generation": job.generation,
        "state": job.state.value,
        "chunks": job.chunks,
        "done": progress.done if progress else job.chunks,
        "dead": progress.dead if progress else 0,
        "reasons": list(progress.reasons[:3]) if progress else [],
        "read": job.plan.get("read", 0),
        "begun": datetime.fromtimestamp(begun, UTC).isoformat(timespec="seconds") if begun else "",
    }


def _found(engine: SearchEngine, name: str) -> Job:
    """Raises ConfigError when no job, or several, begin with a name."""
    known = engine.jobs.recent(1000)
    matched = [job for job in known if name and job.id.startswith(name)]
    if len(matched) != 1:
        unfinished = ", ".join(job.id[:12] for job in known if job.state in UNFINISHED) or "none is unfinished"
        reason = "several jobs begin so" if matched else "there is no such job"
        raise ConfigError(reason, value=name, remedy=f"See `etalage jobs` ({unfinished}).")
    return matched[0]


def _turn(name: str, home: Any, json: bool, before: tuple[JobState, ...], after: JobState) -> None:
    settings = settings_of(home)
    with engine_for(settings) as engine:
        job = _found(engine, name)
        if not any(engine.jobs.turn(job.id, state, after) for state in before):
            raise ConfigError(
                f"the job is {job.state}, so it cannot be {after}",
                value=job.id,
                remedy=f"It would have to be {' or '.join(before)}.",
            )
    if json:
        print_json({"id": job.id, "state": after.value})
    else:
        out.print(f"{job.id}: {after.value}")


def pause(job: Name, home: Home = None, json: Json = False) -> None:
    """Let a job rest: chunks that are worked on are ended, no other is begun."""
    _turn(job, home, json, (JobState.RUNNING,), JobState.PAUSED)


def resume(job: Name, home: Home = None, json: Json = False) -> None:
    """Let a paused job go on."""
    _turn(job, home, json, (JobState.PAUSED,), JobState.RUNNING)


def cancel(job: Name, home: Home = None, json: Json = False) -> None:
    """Give a job up; what served before it still serves. A diff that was begun stays as far as it came."""
    _turn(job, home, json, UNFINISHED, JobState.CANCELLED)


def generations(index: Index = None, home: Home = None, json: Json = False) -> None:
    """List the generations of an index, oldest first."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        found: list[dict[str, Any]] = [
            {"name": one.name, "serving": one.serving, "documents": engine.count(one.name), "model": one.spec.model}
            for one in engine.generations(settings.index)
        ]
    if json:
        print_json({"generations": found})
        return
    table = Table("generation", "documents", "model", "", box=None)
    for one in found:
        table.add_row(one["name"], f"{one['documents']:,}", one["model"], "serves" if one["serving"] else "")
    out.print(table)


def rollback(
    generation: Annotated[str | None, typer.Argument(help="Which one; the last before it when left out.")] = None,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Let an earlier generation serve again, at once."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        names = [one.name for one in engine.generations(settings.index)]
        serving = engine.serving(settings.index)
        before = names[: names.index(serving.name)] if serving is not None else names
        wanted = generation or (before[-1] if before else None)
        if wanted is None or wanted not in names:
            raise EngineError(
                "there is no generation to go back to" if wanted is None else "there is no such generation",
                value=wanted or settings.index,
                remedy=f"There are: {', '.join(names) or 'none'}. ETALAGE_GENERATIONS says how many are kept.",
            )
        engine.swap(settings.index, wanted)
        behaviour.rebuild_completions(engine, settings)
        behaviour.rebuild_vocabulary(engine, settings)
    if json:
        print_json({"index": settings.index, "serving": wanted, "before": serving.name if serving else None})
    else:
        out.print(f"{wanted} serves {settings.index}")


def list_letters(
    context: typer.Context,
    index: Index = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """List products that the engine refused, with its reasons."""
    if context.invoked_subcommand:
        return
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        found = [
            {"id": one.id, "reason": one.reason, "moment": one.moment} for one in engine.jobs.letters(settings.index)
        ]
    if json:
        print_json({"dead_letters": found})
        return
    table = Table("id", "reason", box=None)
    for one in found:
        table.add_row(str(one["id"]), str(one["reason"]))
    out.print(table)
    err.print(f"{len(found)} refused; mend the cause, then: etalage dead-letters retry")


Ids = Annotated[list[str] | None, typer.Argument(help="Ids of products; all of them when left out.")]


def retry(ids: Ids = None, index: Index = None, home: Home = None, json: Json = False) -> None:
    """Send refused products to the engine again; those that it takes leave the list."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        letters = [one for one in engine.jobs.letters(settings.index) if not ids or one.id in ids]
        encoder, looks = parts.encoder_of(settings), parts.looks_of(settings)
        applied = delta.redrive(engine, encoder, settings.index, letters, looks) if letters else None
    results = applied.results if applied else []
    if json:
        print_json({"results": [{"id": one.id, "result": one.result, "reason": one.reason} for one in results]})
        return
    for one in results:
        out.print(f"{one.id}: {one.result} {one.reason}".rstrip())
    out.print(f"{len(results)} sent again, {sum(one.result == 'refused' for one in results)} refused again")


def drop(ids: Ids = None, index: Index = None, home: Home = None, json: Json = False) -> None:
    """Take refused products off the list."""
    settings = settings_of(home, index)
    with engine_for(settings) as engine:
        dropped = engine.jobs.exhume(settings.index, delta.MAX_VERSION, ids)
    if json:
        print_json({"dropped": dropped})
    else:
        out.print(f"{dropped} dropped")
