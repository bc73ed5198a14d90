"""Forms that mean the same."""

from __future__ import annotations

from autocomplete.forms import groups, same, slips


def grouped(
    weights: dict[str, float], fit: set[str] | None = None, known: frozenset[str] = frozenset()
) -> list[list[str]]:
    texts = list(weights)
    found = groups(texts, list(weights.values()), [fit is None or one in fit for one in texts], known.__contains__)
    return [[texts[at] for at in one] for one in found]


def test_other_forms_and_orders_of_words_are_one_shown_as_most_used() -> None:
    assert grouped({"sofas": 9, "red sofa": 2, "sofa": 3, "sofa red": 5, "rug": 1}) == [
        ["sofas", "sofa"], ["sofa red", "red sofa"], ["rug"]
    ]  # fmt: skip
    assert same("red sofas") == same("sofa red") != same("red sofa sofa")


def test_only_a_fit_form_is_shown() -> None:
    assert grouped({"sofas": 9, "sofa": 3}, {"sofa"}) == [["sofa", "sofas"]]
    assert grouped({"sofas": 3, "sofa": 9}, set()) == [["sofa", "sofas"]]


def test_a_rare_slip_of_a_common_query_leads_to_it() -> None:
    weights = {"leather sofa": 100.0, "lether sofa": 9.0, "sofa": 50.0}
    assert grouped(weights) == [["leather sofa", "lether sofa"], ["sofa"]]
    # It counts too much, the catalog knows the word, it begins otherwise, it is two edits away, it is short.
    assert len(grouped(weights | {"lether sofa": 11.0})) == 3
    assert len(grouped(weights, known=frozenset({"lether"}))) == 3
    for other in ("weather sofa", "lethre sofa", "leather sofas bed"):
        assert len(grouped({"leather sofa": 100.0, other: 1.0})) == 2
    assert len(grouped({"lamp": 100.0, "limp": 1.0})) == 2


def test_a_word_of_several_queries_is_no_slip() -> None:
    weights = {"table": 100.0, "tablet": 1.0}
    assert grouped(weights) == [["table", "tablet"]]
    assert len(grouped(weights | {"tablet case": 1.0, "tablet stand": 1.0})) == 4


def test_a_slip_of_a_slip_leads_to_what_was_meant() -> None:
    texts = ["keyboards", "keyboardss", "keyboardsss"]
    assert slips(texts, [1000, 50, 1], lambda word: False) == {1: 0, 2: 0}
    assert slips([], [], lambda word: False) == {}
