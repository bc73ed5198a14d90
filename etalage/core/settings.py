"""Settings: typed, frozen, read once by a door and passed down as an argument.

Each field is an environment variable `ETALAGE_<NAME>`; a command-line option wins over it. Nothing below the doors and
`workers` reads the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from etalage.core.errors import ConfigError


def user_cache() -> Path:
    """The user's cache folder, by the XDG convention."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "etalage"


class Settings(BaseSettings):
    """Everything that can be set, with its default."""

    model_config = SettingsConfigDict(env_prefix="ETALAGE_", frozen=True, extra="forbid")

    home: Path = Field(Path(".etalage"), description="folder of the embedded engine, artifacts and completions")
    index: str = Field("products", description="name of the index (an alias over generations)")
    models: Path = Field(default_factory=lambda: user_cache() / "models", description="cache of exported encoders")
    text_model: str = Field("all-MiniLM-L6-v2", description="encoder of text, by its name in the model cache")
    threads: int = Field(2, ge=1, le=256, description="threads of one encoder or ranker session")

    opensearch_url: str | None = Field(None, description="URL of an OpenSearch 3 node; unset: the embedded engine")
    opensearch_user: str | None = Field(None, description="user for basic authentication")
    opensearch_password: SecretStr | None = Field(None, description="password for basic authentication")
    opensearch_ca: Path | None = Field(None, description="certificate bundle that signs the node's certificate")
    opensearch_verify: bool = Field(True, description="verify the node's certificate")
    opensearch_timeout: float = Field(10.0, gt=0, le=600, description="seconds before a request is given up")
    shards: int = Field(1, ge=1, le=1024, description="primary shards of a new generation")
    replicas: int = Field(0, ge=0, le=16, description="replicas of a new generation")

    broker: str | None = Field(None, description="Celery broker URL; unset: the filesystem transport in the home")
    chunk: int = Field(256, ge=1, le=10_000, description="products in one indexing chunk")
    lease: float = Field(120.0, gt=0, le=86_400, description="seconds that a worker may hold a chunk")

    candidates: int = Field(200, ge=10, le=1000, description="products brought to the ranker per query")
    neighbours: int = Field(100, ge=1, le=1000, description="vector neighbours among the candidates (k)")
    exact_limit: int = Field(50_000, ge=0, description="vectors searched exactly up to this many, by HNSW beyond")

    @field_validator("opensearch_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if not value:
            return None
        if not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value.rstrip("/")

    @field_validator("index")
    @classmethod
    def _index_name(cls, value: str) -> str:
        if not value or value != value.lower() or not value.replace("-", "").replace("_", "").isalnum():
            raise ValueError("must be lower-case letters, digits, '-' and '_'")
        if value[0] in "-_":
            raise ValueError("must start with a letter or digit")
        return value

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
