"""What searches of an index go through on a node, over its generations."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import pytest

from etalage.core.settings import Settings
from opensearch.cluster import ClusterEngine
from opensearch.cluster.client import Client
from opensearch.engine import IndexSpec

SETTING = "index.search.default_pipeline"


@pytest.mark.node
def test_a_new_generation_keeps_the_pipeline_of_the_one_before(node_url: str, tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, opensearch_url=node_url, opensearch_timeout=60)
    engine, client, index = ClusterEngine(settings), Client(settings), f"pipelines-{uuid4().hex[:8]}"

    def pipeline(generation: str) -> object:
        return client.call("GET", generation)[generation]["settings"]["index"].get("search", {}).get("default_pipeline")

    made = []
    try:
        for given, kept in ((None, None), ("_none", "_none"), (None, "_none"), ("other", "other"), (None, "other")):
            generation = engine.create(index, IndexSpec("m", "f", 4)).name
            made.append(generation)
            if given is not None:
                client.call("PUT", generation, "_settings", body={SETTING: given})
            engine.swap(index, generation)
            assert pipeline(generation) == kept
        engine.swap(index, made[1])
        assert pipeline(made[1]) == "_none" and pipeline(made[0]) is None
    finally:
        for generation in made:
            client.call("DELETE", generation)
        client.close()
        engine.close()
