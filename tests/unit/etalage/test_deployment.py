"""What a deployment is made of: the Compose file, the image, and the reference of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from etalage.core.settings import Settings

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return loaded


def test_the_services(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert set(services) == {"opensearch", "redis", "worker", "api"}
    assert services["opensearch"]["image"] == "opensearchproject/opensearch:3.6.0"
    assert services["worker"]["command"] == ["etalage", "worker"]
    assert services["api"]["command"][:2] == ["etalage", "serve"]
    for name in ("worker", "api"):
        assert services[name]["build"] == "." and (ROOT / "Dockerfile").is_file()
        assert set(services[name]["depends_on"]) == {"opensearch", "redis"}


def test_settings_of_the_services_exist(compose: dict[str, Any]) -> None:
    known = {f"ETALAGE_{name.upper()}" for name in Settings.model_fields}
    for name in ("worker", "api"):
        given = compose["services"][name]["environment"]
        assert set(given) <= known
        assert given["ETALAGE_OPENSEARCH_URL"] == "http://opensearch:9200"
        assert given["ETALAGE_BROKER"].startswith("redis://redis:")


def test_only_the_api_is_reached_from_outside_and_only_with_a_key(compose: dict[str, Any]) -> None:
    services = compose["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["api"]
    assert services["api"]["ports"] == ["127.0.0.1:8080:8080"]
    assert services["api"]["environment"]["ETALAGE_KEYS"] == "/run/secrets/keys" and services["api"]["secrets"] == [
        "keys"
    ]
    assert set(compose["secrets"]) == {"keys"}


def test_every_named_volume_is_declared(compose: dict[str, Any]) -> None:
    used = {volume.split(":")[0] for service in compose["services"].values() for volume in service["volumes"]}
    assert used == set(compose["volumes"])


def test_the_image_has_every_package() -> None:
    text = (ROOT / "Dockerfile").read_text()
    for name in ("etalage", "workers", "indexer", "ranker", "autocomplete", "opensearch"):
        assert f"COPY {name} {name}\n" in text
    assert "USER etalage" in text


def test_the_reference_has_every_setting_with_its_default_and_meaning() -> None:
    lines = (ROOT / "docs" / "settings.md").read_text().splitlines()
    rows = dict(line.strip("| ").split(" | ", 1) for line in lines if line.startswith("| `"))
    assert set(rows) == {f"`ETALAGE_{name.upper()}`" for name in Settings.model_fields}
    for name, field in Settings.model_fields.items():
        default, _, meaning = rows[f"`ETALAGE_{name.upper()}`"].partition(" | ")
        if name != "models":
            assert default == ("-" if field.default is None else str(field.default)), name
            assert meaning == field.description, name
