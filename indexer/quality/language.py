"""Which language a text is in, by its script and its function words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from etalage.core.records import Product
from indexer.quality.rules import Note, Rules

READ: Final = 1500
"""Characters of a text that are looked at."""

_FUNCTION: Final[Mapping[str, str]] = {
    "en": "the of and to in is for with on that by this it from are as at an your you or be can all has have not its"
    " will which these up when more our into their but no if also than any was makes featuring includes made while",
    "de": "der die das und mit für von ein eine einen einem einer ist im den des dem auf zu zur zum sie nicht auch sich"
    " aus bei oder als wie durch ihre ihr ihren werden wird sind haben hat nach über kann sowie ohne bis unter dank",
    "fr": "le la les de des du et en un une pour avec dans sur est par vous votre vos au aux que qui ce cette ces plus"
    " sont pas ou son sa ses ne il elle se sans tout tous peut être nous leur très grâce afin",
    "es": "el la los las de del y en un una para con por que es su sus al se lo como más son no o este esta está sin"
    " muy desde hasta sobre tu también puede todo todos ya entre cuando gracias tiene",
    "it": "il lo la i gli le di del della dei delle e in un una per con che è non si da dal dalla al alla nel nella sono"
    " come più anche su sul sulla questo questa o tuo ogni senza tra grazie essere può ad dell nell",
    "nl": "de het een en van met voor in op is te dat die zijn niet aan om er je uw of ook door wordt bij naar deze dit"
    " als maar over kan worden uit heeft tot zonder meer geen jouw hebben waarmee",
    "pt": "o a os as de do da dos das e em um uma para com por que não é se no na nos nas ao à seu sua mais como ou são"
    " este esta sem muito também pode você pelo pela até",
    "pl": "i w z na do nie się jest dla to o od po ze jak przez są oraz lub który które która a że ten może jego tylko"
    " bez przy za także dzięki",
    "sv": "och i att det som en på är av för med den till ett har inte om de kan från eller även din ditt du dig när"
    " utan mycket vid samt",
    "da": "og i at det som en på er af for med den til et har ikke om de kan fra eller også din dit du dig når uden"
    " meget ved samt",
}
_OWNERS: Final[dict[str, tuple[str, ...]]] = {}
for _code, _list in _FUNCTION.items():
    for _word in _list.split():
        _OWNERS[_word] = _OWNERS.get(_word, ()) + (_code,)

_WORD: Final = re.compile(r"(?<![\w.\-])[^\W\d_]+(?![\w\-]|\.\w)")
"""Whole words: no parts of model numbers, of names with hyphens (`DES-1008`) or of addresses (`.com`)."""
_SCRIPTS: Final = (
    ("kana", re.compile("[\u3041-\u30ff\uff66-\uff9d]")),
    ("hangul", re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")),
    ("han", re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")),
    ("cyrillic", re.compile("[\u0400-\u04ff]")),
    ("arabic", re.compile("[\u0620-\u06ff\u0750-\u077f\ufb50-\ufdff\ufe70-\ufefc]")),
    ("greek", re.compile("[\u0370-\u03ff]")),
    ("hebrew", re.compile("[\u05d0-\u05ea]")),
    ("thai", re.compile("[\u0e01-\u0e5b]")),
    ("latin", re.compile("[A-Za-z\u00c0-\u024f]")),
)
_UKRAINIAN: Final = re.compile("[іїєґІЇЄҐ]")
_NOT_RUSSIAN: Final = re.compile("[ўЎјљњћђџЈЉЊЋЂЏѓќѕәғқңөұүһ]")
_PERSIAN: Final = re.compile("[پچژگکی]")
_URDU: Final = re.compile("[ٹڈڑںے]")
_LEAST: Final = 3
"""Letters of a script other than Latin that decide (of Chinese characters two)."""
_LEAD: Final = 1.5
_WEIGHT: Final = 1.5


def detect(text: str) -> str:
    """The ISO 639-1 code of the text's language, or an empty string when it does not say.

    A product's model name is Latin in every language, so some words of another script weigh more than Latin letters.
    """
    text = text[:READ]
    if text.isascii():
        return _latin(text)
    count = {name: len(pattern.findall(text)) for name, pattern in _SCRIPTS}
    east = count["kana"] + count["hangul"] + count["han"]
    if east >= 2 and east * 4 >= count["latin"]:
        if count["hangul"] > count["kana"]:
            return "ko" if count["hangul"] * 4 >= count["han"] else "zh"
        # Chinese product names borrow の and a lone kana; Japanese has them everywhere.
        return "ja" if count["kana"] * 10 >= east and count["kana"] > 1 else "zh"
    for name in ("cyrillic", "arabic", "greek", "hebrew", "thai"):
        if count[name] >= _LEAST and count[name] * 2 >= count["latin"]:
            return _of_script(name, text)
    return _latin(text)


def _of_script(name: str, text: str) -> str:
    if name == "cyrillic":
        if _NOT_RUSSIAN.search(text):
            return ""
        return "uk" if _UKRAINIAN.search(text) else "ru"
    if name == "arabic":
        if _URDU.search(text):
            return "ur"
        return "fa" if _PERSIAN.search(text) else "ar"
    return {"greek": "el", "hebrew": "he", "thai": "th"}[name]


def _latin(text: str) -> str:
    """By function words: those of one language count whole, shared ones in parts; the best must lead clearly."""
    score: dict[str, float] = {}
    kinds: dict[str, set[str]] = {}
    shouted = text.isupper()
    for word in _WORD.findall(text):
        # Looked up first: most words are no function words.
        small = word.lower()
        owners = _OWNERS.get(small)
        # Among small letters capitals are abbreviations (`SE`, `LA`, `A` and `B`).
        if owners is None or (word.isupper() and not shouted):
            continue
        for owner in owners:
            score[owner] = score.get(owner, 0.0) + 1 / len(owners)
            if len(small) > 1:
                kinds.setdefault(owner, set()).add(small)
    ranked = sorted(score, key=lambda code: (-score[code], code))
    if not ranked or len(kinds.get(ranked[0], ())) < 2 or score[ranked[0]] < _WEIGHT:
        return ""
    return ranked[0] if len(ranked) == 1 or score[ranked[0]] >= score[ranked[1]] * _LEAD else ""


def checked(product: Product, rules: Rules) -> tuple[Product, list[Note]]:
    """The product with its language filled, and what was found."""
    fill = rules.on("missing_language") and not product.language
    if not fill and not rules.on("language_mismatch"):
        return product, []
    notes: list[Note] = []
    title, description = detect(product.title), detect(product.description)
    if rules.on("language_mismatch") and title and description and title != description:
        text = f"the title is {title}, the description {description}: {product.title}"
        notes.append(Note("language_mismatch", "flagged", text))
    # Shoppers read the title; a longer text tells more only where the title does not.
    found = title or description or detect(f"{product.title} {product.description}")
    if fill and found:
        product = replace(product, language=found)
        notes.append(Note("missing_language", "filled", f"{found}: {product.title}"))
    return product, notes
