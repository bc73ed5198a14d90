"""Cross-encoders on disk and in use: pairs of tokens, scores, faults."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from etalage.core import onnx
from etalage.core.encoders import cross
from etalage.core.encoders.cross import CrossEncoder, Pairs
from etalage.core.errors import ModelError, ModelNotFound

from ....crosses import WORDS, made, manifest, vocabulary


def test_a_pair_is_the_query_then_the_product_each_cut() -> None:
    import tokenizers

    pairs = Pairs(tokenizers.Tokenizer.from_str(vocabulary()))
    red, shoe = WORDS.index("red"), WORDS.index("shoe")
    assert pairs.words("red shoe red", 2) == [red, shoe]
    assert pairs.pair([red], [shoe, red]) == (
        [WORDS.index("[CLS]"), red, WORDS.index("[SEP]"), shoe, red, WORDS.index("[SEP]")],
        3,
    )
    assert pairs.words("", 5) == [] and pairs.words("red \ud800", 5)[0] == red
    # Of a text without end only so many characters are looked at.
    assert pairs.words("red" + 200 * " " + "shoe", 2) == [red]


def test_what_a_tokenizer_cuts_and_fills_by_itself_does_not_count() -> None:
    import tokenizers

    loaded = tokenizers.Tokenizer.from_str(vocabulary())
    loaded.enable_truncation(1)
    loaded.enable_padding(length=8)
    assert Pairs(loaded).words("red shoe", 5) == [WORDS.index("red"), WORDS.index("shoe")]


def test_query_and_product_are_cut_each_to_its_own_length(monkeypatch: pytest.MonkeyPatch) -> None:
    used, run, seen = CrossEncoder(manifest(), made()), onnx.run, list[tuple[int, int]]()

    def watched(session: Any, feed: Mapping[str, Any]) -> Any:
        seen.append((feed[cross.IDS].shape[1], int(feed[cross.KINDS].sum())))
        return run(session, feed)

    monkeypatch.setattr(onnx, "run", watched)
    used.score("red " * 100, ["shoe " * 100])
    assert seen == [(cross.QUERY_TOKENS + cross.PRODUCT_TOKENS + 3, cross.PRODUCT_TOKENS + 1)]


def test_a_product_scores_alike_whatever_is_read_beside_it() -> None:
    used = CrossEncoder(manifest(), made())
    alone = [float(used.score("red", [text])[0]) for text in ("shoe", "red red red", "")]
    assert used.score("red", ["shoe", "red red red", ""]).tolist() == alone
    # The stand-in counts the product's tokens, the last special one included.
    assert alone == [2.0, 4.0, 1.0]
    assert used.score("red", []).shape == (0,)


def test_depth_is_what_fits_the_budget_and_no_more_than_the_most() -> None:
    assert [manifest(milliseconds=1.5).depth(one) for one in (0, 1.4, 20, 1000)] == [0, 0, 13, cross.DEPTH]


def test_what_is_saved_is_what_is_loaded(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound, match="no cross-encoder was trained"):
        cross.load(tmp_path / "none")
    saved = cross.save(tmp_path / "one", manifest(), made())
    loaded = cross.load(tmp_path / "one")
    assert loaded.manifest == saved and loaded.manifest.name == f"cross-{saved.sha256[:12]}"
    (tmp_path / "one" / saved.model).write_bytes(b"other")
    with pytest.raises(ModelError, match="not what was trained"):
        cross.load(tmp_path / "one")


@pytest.mark.parametrize("text", ["", "{}", "no json"])
def test_a_model_without_a_tokenizer_is_refused(text: str) -> None:
    with pytest.raises(ModelError, match="carries no tokenizer"):
        CrossEncoder(manifest(), made(tokenizer=text))


def test_a_score_that_is_not_finite_is_refused() -> None:
    with pytest.raises(ModelError, match="no finite score"):
        CrossEncoder(manifest(), made(factor=np.inf))
