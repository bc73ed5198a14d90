"""Settings: typed, frozen, read once by a door and passed down as an argument.

Each field is an environment variable `ETALAGE_<NAME>`; a command-line option wins over it. Nothing below the doors and
`workers` reads the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from etalage.core.errors import ConfigError


def user_cache() -> Path:
    """The user's cache folder, by the XDG convention."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "etalage"


class Settings(BaseSettings):
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(env_prefix="ETALAGE_", frozen=True, extra="forbid")

    home: Path = Field(Path(".etalage"), description="folder of the embedded engine, artifacts, completions and signals")
    index: str = Field("products", description="name of the index (an alias over generations)")
    models: Path = Field(default_factory=lambda: user_cache() / "models", description="cache of exported encoders")
    text_model: str = Field("all-MiniLM-L6-v2", description="encoder of text, by its name in the model cache")
    image_model: str | None = Field(None, description="encoder of pictures, by its name in the model cache; unset: none")
    pictures: Path | None = Field(None, description="folder or archive of pictures; unset: the feed's own folder")
    picture_hosts: str | None = Field(None, description="hosts that pictures are fetched from, a comma list, or * for any")
    picture_private: bool = Field(False, description="fetch pictures from addresses that are not public, too")
    threads: int = Field(2, ge=1, le=256, description="threads of one encoder or ranker session")

    opensearch_url: str | None = Field(None, description="URL of an OpenSearch 3 node; unset: the embedded engine")
    opensearch_user: str | None = Field(None, description="user for basic authentication")
    opensearch_password: SecretStr | None = Field(None, description="password for basic authentication")
    opensearch_ca: Path | None = Field(None, description="certificate bundle that signs the node's certificate")
    opensearch_verify: bool = Field(True, description="verify the node's certificate")
    opensearch_timeout: float = Field(10.0, gt=0, le=600, description="seconds before a request is given up")
    held: int = Field(65_536, ge=1000, description="products that a process holds beside a node, 1 kB each")
    shards: int = Field(1, ge=1, le=1024, description="primary shards of a new generation")
    replicas: int = Field(0, ge=0, le=16, description="replicas of a new generation")

    broker: str | None = Field(None, description="Celery broker URL; unset: the filesystem transport in the home")
    chunk: int = Field(256, ge=1, le=10_000, description="products in one indexing chunk")
    generations: int = Field(2, ge=1, le=100, description="generations that are kept to go back to, the serving one included")
    quality_off: str | None = Field(None, description="rules of data quality that are off, a comma list, or * for all")
    nightly_feed: Path | None = Field(None, description="feed that `etalage beat` has indexed every night")
    nightly_at: str = Field("03:00", description="when, in UTC")
    completions_every: int = Field(0, ge=0, le=10_080, description="minutes after which `etalage beat` has completions built; 0: never")
    completions_at: str | None = Field(None, description="when `etalage beat` has completions built, HH:MM in UTC; unset: never")
    completions_fresh: int = Field(0, ge=0, le=1440, description="minutes after which `etalage beat` has new queries counted onto them; 0: never")
    suggest_users: int = Field(5, ge=1, le=10_000, description="shoppers who must have typed a query before others see it")
    suggest_blocked: Path | None = Field(None, description="file of words that no completion has, one a line; unset: none")
    suggest_checked: int = Field(1000, ge=0, le=1_000_000, description="most popular queries that a build of completions searches for")
    signals_at: str | None = Field(None, description="when `etalage beat` has signals refreshed, HH:MM in UTC; unset: never")
    signals_half_life: float = Field(30.0, gt=0, le=3650, description="days after which an event counts half in the signals")
    lease: float = Field(120.0, gt=0, le=86_400, description="seconds that a worker may hold a chunk")

    synonyms: Path | None = Field(None, description="file of synonyms in Solr's format; unset: none")
    understand_off: str | None = Field(None, description="steps of query understanding that are off, a comma list, or * for all")
    rules: Path | None = Field(None, description="TOML file of merchandising rules; unset: none")
    candidates: int = Field(200, ge=10, le=1000, description="products brought to the ranker per query")
    cross_budget_ms: float = Field(30.0, ge=0, le=1000, description="milliseconds in which a trained cross-encoder reads the best; 0: off")
    neighbours: int = Field(100, ge=1, le=1000, description="vector neighbours among the candidates (k)")
    exact_limit: int = Field(50_000, ge=0, description="vectors searched exactly up to this many, by HNSW beyond")

    keys: Path | None = Field(None, description="JSON file of API keys; unset: no key is asked for")
    indexes: str | None = Field(None, description="indexes that may be searched, a comma list; unset: ETALAGE_INDEX")
    origins: str | None = Field(None, description="origins of pages that may ask from a browser (CORS), a comma list, or * for any; unset: none")
    deadline: float = Field(10.0, gt=0, le=300, description="most seconds that a search may ask for")
    max_window: int = Field(10_000, ge=10, le=10_000, description="deepest hit (from + size) of an OpenSearch request")
    max_buckets: int = Field(1000, ge=1, le=65_535, description="most buckets of one aggregation of an OpenSearch request")
    max_clauses: int = Field(1024, ge=1, le=1024, description="most query clauses of an OpenSearch request")
    suggest_field: str = Field("suggest", description="field whose completion suggester OpenSearch requests get completions by")
    allow_regexp: bool = Field(False, description="let regular expressions pass in OpenSearch requests")
    allow_leading_wildcard: bool = Field(False, description="let a wildcard come first in OpenSearch requests")
    breaker_failures: int = Field(5, ge=1, le=1000, description="engine failures in a row that open the circuit breaker")
    breaker_window: float = Field(30.0, gt=0, le=3600, description="seconds within which they must fall")
    breaker_pause: float = Field(1.0, gt=0, le=60, description="seconds between probes while the breaker is open")
    log: Literal["off", "text", "json"] = Field("off", description="a line per request on stderr: off, text or json")
    otel: str | None = Field(None, description="URL that takes OpenTelemetry spans (OTLP over HTTP); unset: none are sent")
    drain: float = Field(0.0, ge=0, le=600, description="seconds served on after TERM while /readyz answers 503")
    grace: int = Field(10, ge=1, le=600, description="seconds that running requests then get to end")
    keep_alive: int = Field(65, ge=1, le=3600, description="seconds that an idle HTTP connection is kept")

    @field_validator("opensearch_url", "otel")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("origins")
    @classmethod
    def _origins(cls, value: str | None) -> str | None:
        given = [one.strip().rstrip("/") for one in (value or "").split(",") if one.strip()]
        if any(one != "*" and not one.startswith(("http://", "https://")) for one in given):
            raise ValueError("must be * or start with http:// or https://")
        return ",".join(given) or None

    @field_validator("index")
    @classmethod
    def _index_name(cls, value: str) -> str:
        if not value or value != value.lower() or not value.replace("-", "").replace("_", "").isalnum():
            raise ValueError("must be lower-case letters, digits, '-' and '_'")
        if value[0] in "-_":
            raise ValueError("must start with a letter or digit")
        return value

    @field_validator("indexes")
    @classmethod
    def _index_names(cls, value: str | None) -> str | None:
        if value is None:
            return None
        return ",".join(cls._index_name(name.strip()) for name in value.split(","))

    @property
    def embedded(self) -> bool:
        """Whether the embedded engine serves (no OpenSearch URL is set)."""
        return self.opensearch_url is None


def load(**overrides: Any) -> Settings:
    """Settings from the environment, with the overrides that are not `None`.

    Raises:
        ConfigError: naming the variable or option, its value and what is expected.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]) if first["loc"] else "settings"
        source = f"--{name.replace('_', '-')}" if name in given else f"ETALAGE_{name.upper()}"
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(
            f"{source} is not valid ({message})", value=first.get("input"), remedy="Correct it."
        ) from None
