"""The tokenizer of `etalage.core.text` gives what the node's analyzer gives."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etalage.core.settings import Settings
from etalage.core.text import stems
from opensearch.cluster import ClusterEngine
from opensearch.engine import IndexSpec

pytestmark = pytest.mark.node

TEXTS = [
    "Running shoes for the runners' feet, generously sized",
    "Men's L.L.Bean T-shirt — 100% cotton (pack of 3)",
    'MX-500a 3.5" 1,024GB SATA-III 6Gb/s SSD/HDD rev.2',
    "Crème brûlée, Ærø, straße, Łódź, naïve, œuvre",
    "红色运动鞋 iPhone15手机壳 赤い靴 ｽﾆｰｶｰ ＡＢＣ１２３ 빨간 운동화",
    "☕ mug 👍🏽 flag 🇫🇷 snake_case __init__ a_1",
    "http://example.com/x?y=1&z=2 mail@example.com C++ C# .NET AT&T",
    "2×4 50°C ±5% €19.99 £5 12'6\"",
    "don't rock'n'roll o'clock ’tis l’eau d'été",
    "x" * 600,
    "юбка красная Ελληνικά עברית العربية",
    "鞋 一 a鞋b 鞋1",
]


@pytest.fixture(scope="module")
def analyze(node_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of an index's `_analyze`."""
    engine = ClusterEngine(Settings(home=tmp_path_factory.mktemp("home"), opensearch_url=node_url))
    made = engine.create(f"t{uuid4().hex[:12]}", IndexSpec("m", "f", 4))
    yield f"{node_url}/{made.name}/_analyze"
    engine.drop(made.name)
    engine.close()


def analyzed(url: str, text: str) -> list[str]:
    answer = httpx.post(url, json={"analyzer": "etalage", "text": text}, timeout=60).raise_for_status().json()
    return [token["token"] for token in answer["tokens"]]


@pytest.mark.parametrize("text", TEXTS)
def test_shop_texts(analyze: str, text: str) -> None:
    assert stems(text) == analyzed(analyze, text)


@settings(
    max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
@given(st.text(st.sampled_from("abzAÉßñ019 .,'-/&+%#°\"’×·:;()鞋红スｽーa1"), max_size=30))
def test_mixed_characters(analyze: str, text: str) -> None:
    assert stems(text) == analyzed(analyze, text)
