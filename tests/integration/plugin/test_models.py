"""Models of a node with the plugin: pushed, switched, taken back, removed; hostile ones refused while the node and what serves stay."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import httpx
import orjson
import pytest

from etalage.core.errors import ModelError
from etalage.core.settings import Settings
from opensearch.cluster import plugin
from opensearch.cluster.client import Client
from ranker.rerank import STARTER
from workers.plugin import pack

from .artifacts import ANY, artifact, hostile, ranking, zipped


@pytest.fixture(scope="module")
def settings(plugin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("models")
    return Settings(
        home=home, models=home / "none", opensearch_url=plugin_url, text_model="hashing", opensearch_timeout=60
    )


@pytest.fixture(scope="module")
def node(settings: Settings) -> Iterator[Client]:
    made = Client(settings)
    yield made
    made.close()


@pytest.fixture
def http(plugin_url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{plugin_url}/_etalage/", timeout=60) as made:
        yield made


def test_a_model_is_pushed_switched_taken_back_and_removed(node: Client, settings: Settings) -> None:
    first = plugin.push(node, "own", zipped(artifact(ranking(), name="first")))
    assert (first["version"], first["current"]["title"], first["previous"]) == (1, "first", None)
    assert plugin.push(node, "own", zipped(artifact(ranking(), name="second")))["previous"]["title"] == "first"
    assert plugin.rollback(node, "own")["current"]["title"] == "first"
    assert [one["current"]["title"] for one in plugin.models(node) if one["name"] == "own"] == ["first"]
    plugin.remove(node, "own")
    assert "own" not in [one["name"] for one in plugin.models(node)]
    assert plugin.stats(node)["counts"]["models_pushed"] >= 2


def test_curl_pushes_what_python_packs(http: httpx.Client, settings: Settings, plugin_url: str) -> None:
    told = subprocess.run(
        [
            "curl",
            "-s",
            "-XPUT",
            "-H",
            "Content-Type: application/*",
            "--data-binary",
            "@-",
            f"{plugin_url}/_etalage/models/curled",
        ],
        input=pack(settings),
        capture_output=True,
        check=True,
    )
    assert orjson.loads(told.stdout)["current"]["size"] == len(pack(settings))
    assert http.get("models/curled").json() == orjson.loads(told.stdout)
    assert http.delete("models/curled").status_code == 200


def test_the_index_of_models_is_hidden(node: Client, settings: Settings) -> None:
    plugin.push(node, "hidden", pack(settings))
    assert ".etalage-models" not in {
        one["index"] for one in node.call("GET", "_cat", "indices", params={"format": "json"})
    }
    plugin.remove(node, "hidden")


def test_what_is_not_there_is_404_and_no_name_is_400(http: httpx.Client) -> None:
    assert http.get("models/none").status_code == 404
    assert http.delete("models/none").status_code == 404
    assert http.post("models/none/_rollback").status_code == 404
    for name in ("Upper", "a%20b", "%2e%2e", "-a", "x" * 65):
        for method in ("GET", "PUT", "DELETE"):
            answer = http.request(method, f"models/{name}", content=b"PK" if method == "PUT" else None, headers=ANY)
            assert answer.status_code in (400, 404, 405), (name, method, answer.text)


def test_hostile_models_are_refused_and_what_serves_stays(http: httpx.Client, node: Client) -> None:
    good = zipped(artifact(ranking(), name="good"))
    serving = plugin.push(node, "guarded", good)
    wrong = hostile(good)
    for name, body in wrong.items():
        answer = http.put("models/guarded", content=body, headers=ANY)
        assert answer.status_code == 400, (name, answer.status_code, answer.text)
        assert answer.json()["error"]["reason"], name
    assert http.put("models/guarded", content=bytes(65 << 20), headers=ANY).status_code == 413
    assert http.put("models/guarded", content=b'{"zip": 1}').status_code in (400, 406)
    assert http.get("models/guarded").json() == serving
    with pytest.raises(ModelError, match="branches or loops"):
        plugin.push(node, "guarded", wrong["an endless loop"])
    assert node.call("GET", "_cluster", "health")["number_of_nodes"] == 1
    plugin.remove(node, "guarded")


def test_the_packed_artifact_is_the_packaged_ranker(node: Client, settings: Settings) -> None:
    title = orjson.loads((STARTER / "manifest.json").read_bytes())["name"]
    assert plugin.push(node, "packed", pack(settings))["current"]["title"] == title
    plugin.remove(node, "packed")
