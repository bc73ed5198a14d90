"""The model that orders completions: what it is given, how it is learnt, kept and refused, and what it explains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from autocomplete import features, index, rank, shelf, training
from autocomplete.complete import Completer
from autocomplete.context import Context
from autocomplete.features import FAMILIES, FEATURES, Floats
from autocomplete.index import Index, columns, make
from autocomplete.kernels import coding
from autocomplete.querylog import Entry
from autocomplete.rank import Ranking
from autocomplete.replay import Asked
from autocomplete.shelf import RECENT
from autocomplete.training import Sample
from etalage.core import artifact
from etalage.core.errors import FeatureMismatch, ModelError

ENTRIES = [
    Entry("red shoes", 8.0, category="Shoes > Trainers"),
    Entry("red sofa", 4.0, category="Home > Sofas"),
    Entry("red rug", 2.0, category="Home > Rugs"),
    Entry("red shoe", 1.0, category="Shoes > Trainers"),
    Entry("blue sofa", 4.0, category="Home > Sofas"),
]


@pytest.fixture(scope="module")
def starter() -> Ranking:
    return rank.load(Path("there-is-none"))


def serving(folder: Path, ranking: Ranking | None, entries: Sequence[Entry] = ENTRIES) -> Completer:
    shelf.write(folder, columns(entries), {})
    return Completer.open(folder, ranking)


def texts(completer: Completer, prefix: str, context: Context = Context(), k: int = 10) -> list[str]:
    return [one.text for one in completer.complete(prefix, k, context=context)]


def test_the_starter_is_small() -> None:
    assert sum(one.stat().st_size for one in rank.STARTER.iterdir()) < 200_000


def test_what_was_searched_or_looked_at_comes_first(tmp_path: Path, starter: Ranking) -> None:
    completer = serving(tmp_path, starter)
    assert texts(completer, "red") == ["red shoes", "red sofa", "red rug"]
    for context in (Context(("blue sofa",)), Context((), ("Home > Sofas",))):
        assert texts(completer, "red", context)[0] == "red sofa"
        assert texts(completer, "red", context, 1) == ["red sofa"]
    assert sorted(texts(completer, "red", Context(("blue sofa",)))) == ["red rug", "red shoes", "red sofa"]


def test_without_a_model_a_context_changes_nothing(tmp_path: Path) -> None:
    assert texts(serving(tmp_path, None), "red", Context(("blue sofa",)))[0] == "red shoes"


def test_nothing_of_a_context_stays(tmp_path: Path, starter: Ranking) -> None:
    completer = serving(tmp_path, starter)
    before = completer.complete("red")
    texts(completer, "red", Context(("blue sofa",), ("Home > Sofas",), ("red rug",)))
    assert completer.complete("red") == before


@pytest.mark.parametrize("prefix", ["", "red", "rad s", "zzz", "🪝"])
def test_contexts_change_the_order_alone_and_may_be_odd(tmp_path: Path, starter: Ranking, prefix: str) -> None:
    completer = serving(tmp_path, starter)
    for context in (Context(("", "!?", "x" * 999)), Context((), ("", "Nowhere")), Context(("red rug",) * 30)):
        assert {*texts(completer, prefix, context)} == {*texts(completer, prefix)}


def test_what_changed_since_takes_the_place_of_what_the_base_says(tmp_path: Path, starter: Ranking) -> None:
    shelf.write(tmp_path, columns(ENTRIES), {})
    shelf.write(tmp_path, columns([Entry("red sofa", 9.0, category="Home > Sofas"), Entry("red bin", 1.0)]), {}, RECENT)
    completer = Completer.open(tmp_path, starter)
    found = completer.complete("red", context=Context(("blue sofa",)))
    assert found[0].text == "red sofa" and found[0].score == 9.0
    assert sorted(one.text for one in found) == ["red bin", "red rug", "red shoes", "red sofa"]


def test_completions_of_the_same_words_are_shown_once(tmp_path: Path) -> None:
    entries = [Entry(text, 9.0 - at) for at, text in enumerate(
        ["fur coat", "coat", "case for phones", "phone cases", "phone case red", "phone case for the", "size 5 phone", "size 6 phone", "沙发", "沙发床"]
    )]  # fmt: skip
    completer = serving(tmp_path, None, entries)
    assert texts(completer, "coat") == ["coat", "fur coat"]
    assert texts(completer, "phone") == ["phone cases", "phone case red", "size 5 phone", "size 6 phone"]
    assert texts(completer, "case") == ["case for phones", "phone case red"] and texts(completer, "沙") == [
        "沙发",
        "沙发床",
    ]


def test_explanations_add_up_and_name_the_visit(tmp_path: Path, starter: Ranking) -> None:
    completer, context = serving(tmp_path, starter), Context(("blue sofa",))
    explained = completer.explain("red", context=context)
    assert [one for one, _ in explained] == completer.complete("red", context=context)
    assert all(set(why) == set(FAMILIES) for _, why in explained)
    assert explained[0][1]["visit"] > 0 > explained[-1][1]["visit"]
    rows = np.random.default_rng(0).random((9, len(FEATURES))).astype(np.float32)
    added = np.sum(list(starter.contributions(rows).values()), axis=0)
    change = starter.score(rows) - starter.score(rows.mean(axis=0, keepdims=True))
    np.testing.assert_allclose(added, change, atol=0.02 * float(np.abs(change).max()) + 1e-3)


def test_without_a_context_popularity_and_the_match_explain(tmp_path: Path) -> None:
    found = serving(tmp_path, None).explain("sofa")
    assert {one.text: why for one, why in found} == {
        text: {"popularity": round(float(np.log(4)), 4), "match": round(float(np.log(0.3)), 4)}
        for text in ("red sofa", "blue sofa")
    }


def test_a_model_of_other_features_or_that_gives_no_numbers_is_refused(starter: Ranking) -> None:
    loaded = artifact.load(rank.STARTER)
    for manifest in (replace(loaded.manifest, contract="0"), replace(loaded.manifest, features=FEATURES[1:])):
        with pytest.raises(FeatureMismatch, match="another feature list"):
            Ranking(replace(loaded, manifest=manifest))
    with pytest.raises(ModelError, match="lacks its weights"):
        Ranking(replace(loaded, weights=b""))
    for weights in (b"PK", b"PK\x03\x04 no archive", artifact.load(rank.STARTER).weights[:-99]):
        with pytest.raises(ModelError, match="weights.*cannot be read.*etalage suggest train"):
            Ranking(replace(loaded, weights=weights))
    with pytest.raises(ModelError, match="not finite"):
        starter.score(np.full((1, len(FEATURES)), np.nan, np.float32))


def test_a_broken_model_of_completions_says_how_to_train_one(tmp_path: Path) -> None:
    loaded = artifact.load(rank.STARTER)
    folder = artifact.save(tmp_path, loaded.manifest, loaded.model, loaded.weights)
    (folder / artifact.MODEL).write_bytes(b"")
    with pytest.raises(ModelError, match="differs.*etalage suggest train"):
        rank.load(tmp_path)


def test_warming_calls_every_kernel_and_the_model(
    tmp_path: Path, starter: Ranking, monkeypatch: pytest.MonkeyPatch
) -> None:
    called = set[str]()
    for module, name in (
        (index, "exact"), (index, "approximate"), (index, "show"), (features, "_facts"), (features, "_relations"),
        (coding, "find"),
    ):  # fmt: skip
        kernel = getattr(module, name)

        def call(*given: object, name: str = name, kernel: Callable[..., object] = kernel) -> object:
            called.add(name)
            return kernel(*given)

        monkeypatch.setattr(module, name, call)
    scored = list[int]()
    score = starter.score

    def scoring(rows: Floats) -> Floats:
        scored.append(len(rows))
        return score(rows)

    monkeypatch.setattr(starter, "score", scoring)
    serving(tmp_path, starter).warm()
    assert called == {"exact", "approximate", "show", "_facts", "_relations", "find"} and scored == [5]


def test_a_broken_model_leaves_completions_without_a_context(
    tmp_path: Path, starter: Ranking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(rows: object) -> None:
        raise ModelError("no number")

    monkeypatch.setattr(starter, "score", fail)
    completer = serving(tmp_path, starter)
    completer.warm()
    assert texts(completer, "red", k=1) == ["red shoes"]
    with pytest.raises(ModelError, match="no number"):
        texts(completer, "red", Context(("rug",)))


def test_samples_are_of_known_queries_in_a_context() -> None:
    index = Index(*make(columns(ENTRIES)))
    asked = [
        Asked("red sofa", context=Context(("blue sofa",))), Asked("red sofa"), Asked("green", context=Context(("red rug",))),
    ]  # fmt: skip
    found = training.samples(index, asked)
    assert {one.place for one in found} <= {0, 1} and 3 <= len(found) <= 6
    assert all(one.rows.shape == (len(one.rows), len(FEATURES)) for one in found)


def lesson(count: int, seed: int) -> list[Sample]:
    """Pools whose right answer is in the visit's category, whatever its place."""
    generator, found = np.random.default_rng(seed), []
    for _ in range(count):
        rows = np.zeros((5, len(FEATURES)), np.float32)
        rows[:, 0] = -np.arange(5)
        place = int(generator.integers(5))
        rows[place, FEATURES.index("visit_category")] = 1
        found.append(Sample(rows, place))
    return found


def test_a_model_learns_from_samples_and_is_kept(tmp_path: Path) -> None:
    made, figures = training.train(lesson(400, 0), lesson(100, 1), "lessons")
    assert figures["mrr_index"] < 0.6 < 0.99 < figures["mrr"] and figures["max_abs_fp32"] < 1e-4
    assert set(figures["forms"]) == {"fp32", "int8"} and made.manifest.trained_on == "lessons"
    artifact.save(tmp_path, made.manifest, made.model, made.weights)
    assert rank.load(tmp_path).manifest == made.manifest


def test_too_few_samples_are_said() -> None:
    with pytest.raises(ModelError, match="too few visits"):
        training.train(lesson(training.FEW - 1, 0), lesson(9, 1), "lessons")


def test_equal_scores_stay_in_the_order_of_the_pool() -> None:
    assert training.mean_rank([Sample(np.zeros((4, 1), np.float32), 2)], lambda rows: rows[:, 0]) == pytest.approx(
        1 / 3
    )
