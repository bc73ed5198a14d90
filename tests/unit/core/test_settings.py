"""Settings from the environment and from options, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from etalage.core.errors import ConfigError
from etalage.core.settings import Settings, load, user_cache


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment without settings."""
    for name in os.environ:
        if name.upper().startswith("ETALAGE_"):
            monkeypatch.delenv(name)


def test_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/cache")
    found = load()
    assert (found.home, found.index, found.models) == (Path(".etalage"), "products", Path("/cache/etalage/models"))
    assert (found.broker, found.opensearch_url, found.embedded) == (None, None, True)
    assert (found.candidates, found.neighbours, found.chunk, found.lease) == (200, 100, 256, 120.0)


def test_the_environment_and_an_option_that_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_HOME", "/shop")
    monkeypatch.setenv("ETALAGE_THREADS", "4")
    monkeypatch.setenv("ETALAGE_OPENSEARCH_VERIFY", "false")
    found = load(threads=8, home=None)
    assert (found.home, found.threads, found.opensearch_verify) == (Path("/shop"), 8, False)


def test_what_else_is_in_the_environment_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_UNKNOWN", "1")
    monkeypatch.setenv("HOME", "/shop")
    monkeypatch.setenv("INDEX", "other")
    assert load().index == "products"


@pytest.mark.parametrize(
    ("url", "kept"),
    [("", None), ("http://a:9200", "http://a:9200"), ("https://a/b//", "https://a/b")],
)
def test_the_url_of_a_node(url: str, kept: str | None) -> None:
    found = load(opensearch_url=url)
    assert (found.opensearch_url, found.embedded) == (kept, kept is None)


@pytest.mark.parametrize("name", ["products", "p", "my-shop_2", "2nd"])
def test_names_of_an_index(name: str) -> None:
    assert load(index=name).index == name


@pytest.mark.parametrize("name", ["", "Shop", "a b", "a/b", "..", "-a", "_a", "a*", "-", "a,b"])
def test_wrong_names_of_an_index(name: str) -> None:
    with pytest.raises(ConfigError, match="--index is not valid"):
        load(index=name)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("threads", 0), ("threads", "many"), ("chunk", 0), ("lease", 0), ("lease", "nan"), ("lease", "inf"),
        ("opensearch_timeout", 0), ("opensearch_timeout", "nan"), ("opensearch_timeout", 601), ("candidates", 9),
        ("neighbours", 1001), ("exact_limit", -1), ("shards", 0), ("replicas", -1), ("opensearch_url", "ftp://a"),
        ("opensearch_url", "a:9200"), ("opensearch_verify", "perhaps"), ("no_such", 1),
    ],
)  # fmt: skip
def test_a_wrong_option_is_named_with_its_value(name: str, value: object) -> None:
    with pytest.raises(ConfigError) as caught:
        load(**{name: value})
    assert caught.value.reason.startswith(f"--{name.replace('_', '-')} is not valid (")
    assert (caught.value.value, caught.value.exit_code) == (str(value), 2)
    assert "Value error" not in caught.value.reason


def test_a_wrong_variable_is_named_with_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_LEASE", "soon")
    with pytest.raises(ConfigError, match="ETALAGE_LEASE is not valid .*number.*: soon. Correct it."):
        load()
    monkeypatch.setenv("ETALAGE_LEASE", "60")
    monkeypatch.setenv("ETALAGE_OPENSEARCH_URL", "node:9200")
    with pytest.raises(ConfigError, match="ETALAGE_OPENSEARCH_URL is not valid .must start with http"):
        load(index="shop")


def test_a_password_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ETALAGE_OPENSEARCH_PASSWORD", "open sesame")
    found = load()
    assert found.opensearch_password == SecretStr("open sesame")
    assert "sesame" not in repr(found) and "sesame" not in found.model_dump_json()


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load().index = "other"


def test_every_setting_says_what_it_is() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name


def test_the_users_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/c")
    assert user_cache() == Path("/c/etalage")
    for empty in ("", None):
        monkeypatch.setenv("HOME", "/home/ann")
        if empty is None:
            monkeypatch.delenv("XDG_CACHE_HOME")
        else:
            monkeypatch.setenv("XDG_CACHE_HOME", empty)
        assert user_cache() == Path("/home/ann/.cache/etalage")
