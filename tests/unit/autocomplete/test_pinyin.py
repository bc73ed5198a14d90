"""Chinese on a Latin keyboard."""

from __future__ import annotations

from autocomplete.pinyin import aliases, is_chinese, romanized


def test_whole_syllables_and_first_letters() -> None:
    assert list(aliases("沙发")) == ["shafa", "sf"]
    assert list(aliases("绿色")) == ["lvse", "ls"]


def test_what_a_name_ends_with_can_be_typed_alone() -> None:
    found = list(aliases("红色布艺沙发"))
    assert found[:2] == ["hongsebuyishafa", "hsbysf"] and {"shafa", "sf", "buyishafa"} <= set(found)
    assert "seshafa" not in " ".join(found[2:])


def test_other_scripts_stay() -> None:
    assert list(aliases("iphone 手机壳"))[:2] == ["iphone shoujike", "iphone sjk"]
    assert romanized("沙fa 床") == "shafa chuang"
    assert list(aliases("red sofa")) == list(aliases("かな")) == []
    assert is_chinese("沙") and not is_chinese("sofa é かな")


def test_a_reading_of_its_phrase() -> None:
    assert romanized("重庆") == "chongqing" and romanized("重量") == "zhongliang"
