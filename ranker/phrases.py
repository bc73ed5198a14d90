"""What explanations say to shoppers, by language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

DEFAULT: Final = "en"


@dataclass(frozen=True, slots=True)
class Phrases:
    """The phrases of one language.

    Attributes:
        matches: before what matched, with `{}` for the list of `inside`.
        inside: matched words `{words}` in a field, by the field's name.
        quotes: what words are put between.
        between: what joins words, fields, and clauses.
        end: what ends a sentence.
        reasons: by the name of the reason (`reasons.REASONS` and `reasons.PLAIN`).
    """

    matches: str
    inside: Mapping[str, str]
    quotes: tuple[str, str]
    between: tuple[str, str, str]
    end: str
    reasons: Mapping[str, str]

    def sentence(self, clauses: list[str]) -> str:
        """One sentence of clauses; empty without any."""
        joined = self.between[2].join(clauses)
        return f"{joined[0].upper()}{joined[1:]}{self.end}" if joined else ""


_NAMES: Final = tuple(
    "number meaning looks alike popular clicked bought rated reviewed new reduced cheap stock "
    "picture description typed browsed sorted moved".split()
)


def _reasons(*said: str) -> dict[str, str]:
    return dict(zip(_NAMES, said, strict=True))


LANGUAGES: Final[Mapping[str, Phrases]] = {
    "en": Phrases(
        "matches {}",
        {
            "title": "{words} in the title",
            "brand": "{words} in the brand",
            "category": "{words} in the category",
            "attributes": "{words} in the details",
        },
        ("“", "”"),
        (", ", " and ", "; "),
        ".",
        _reasons(
            "its article number matches",
            "close to what you searched for in meaning",
            "its picture fits the words",
            "like the best matches",
            "popular",
            "often clicked",
            "often bought",
            "well rated",
            "much reviewed",
            "rather new",
            "reduced",
            "low price among these",
            "in stock",
            "looks like the picture",
            "matches in the description",
            "matches what you typed",
            "listed by popularity",
            "listed in the order you chose",
            "placed by the shop",
        ),
    ),
    "de": Phrases(
        "enthält {}",
        {
            "title": "{words} im Titel",
            "brand": "{words} in der Marke",
            "category": "{words} in der Kategorie",
            "attributes": "{words} in den Merkmalen",
        },
        ("„", "“"),
        (", ", " und ", "; "),
        ".",
        _reasons(
            "die Artikelnummer stimmt",
            "der Bedeutung nach nah an der Suche",
            "das Bild passt zu den Worten",
            "ähnlich den besten Treffern",
            "beliebt",
            "oft angeklickt",
            "oft gekauft",
            "gut bewertet",
            "oft bewertet",
            "recht neu",
            "reduziert",
            "hier vergleichsweise günstig",
            "auf Lager",
            "sieht dem Bild ähnlich",
            "passt in der Beschreibung",
            "passt zur Eingabe",
            "nach Beliebtheit gelistet",
            "in der gewählten Reihenfolge gelistet",
            "vom Shop platziert",
        ),
    ),
    "fr": Phrases(
        "contient {}",
        {
            "title": "{words} dans le titre",
            "brand": "{words} dans la marque",
            "category": "{words} dans la catégorie",
            "attributes": "{words} dans les caractéristiques",
        },
        ("« ", " »"),
        (", ", " et ", " ; "),
        ".",
        _reasons(
            "la référence correspond",
            "proche de la recherche par le sens",
            "l’image correspond aux mots",
            "semblable aux meilleurs résultats",
            "populaire",
            "souvent consulté",
            "souvent acheté",
            "bien noté",
            "beaucoup d’avis",
            "plutôt récent",
            "en promotion",
            "prix bas parmi ces résultats",
            "en stock",
            "ressemble à l’image",
            "correspond dans la description",
            "correspond à votre saisie",
            "classé par popularité",
            "dans l’ordre choisi",
            "placé par la boutique",
        ),
    ),
    "es": Phrases(
        "contiene {}",
        {
            "title": "{words} en el título",
            "brand": "{words} en la marca",
            "category": "{words} en la categoría",
            "attributes": "{words} en las características",
        },
        ("«", "»"),
        (", ", " y ", "; "),
        ".",
        _reasons(
            "coincide el número de artículo",
            "cercano a la búsqueda por su significado",
            "la imagen encaja con las palabras",
            "parecido a los mejores resultados",
            "popular",
            "muy visitado",
            "muy comprado",
            "bien valorado",
            "con muchas opiniones",
            "bastante nuevo",
            "rebajado",
            "precio bajo entre estos resultados",
            "en stock",
            "se parece a la imagen",
            "coincide en la descripción",
            "coincide con lo escrito",
            "ordenado por popularidad",
            "en el orden elegido",
            "colocado por la tienda",
        ),
    ),
    "zh": Phrases(
        "{}",
        {
            "title": "标题含{words}",
            "brand": "品牌含{words}",
            "category": "类别含{words}",
            "attributes": "属性含{words}",
        },
        ("“", "”"),
        ("、", "，", "；"),
        "。",
        _reasons(
            "货号相符",
            "含义与搜索相近",
            "图片与文字相符",
            "与最佳结果相似",
            "受欢迎",
            "点击多",
            "购买多",
            "评分高",
            "评价多",
            "较新",
            "有折扣",
            "在这些结果中价格较低",
            "有货",
            "与图片相似",
            "描述相符",
            "与输入相符",
            "按受欢迎程度排列",
            "按所选顺序排列",
            "由店铺安排",
        ),
    ),
}

_WORDS: Final = {
    word: name
    for name, words in {
        "de": "und für mit ohne unter bis aus oder der die das",
        "fr": "et pour avec sans moins le la les des du",
        "es": "y para con sin menos el los las del",
    }.items()
    for word in words.split()
}
_HAN: Final = re.compile("[一-鿿]")
_KANA: Final = re.compile("[぀-ヿ]")


def language(preferred: str, query: str) -> str:
    """The language to say it in: the first of `preferred` (a tag such as `de-CH`, or an `Accept-Language` header) that there is
    here, else that of the query as its script and small words tell, else English."""
    for tag in _ordered(preferred):
        name = tag.partition("-")[0]
        if name in LANGUAGES:
            return name
    if not query.isascii() and _HAN.search(query) and not _KANA.search(query):
        return "zh"
    return next((_WORDS[word] for word in query.lower().split() if word in _WORDS), DEFAULT)


@lru_cache(maxsize=256)
def _ordered(preferred: str) -> tuple[str, ...]:
    """Tags in lower case by descending weight, those of weight 0 left out."""
    weighed = []
    for one in preferred.lower().split(","):
        tag, _, weight = one.partition(";q=")
        try:
            share = float(weight or 1)
        except ValueError:
            share = 0.0
        if share > 0:
            weighed.append((share, tag.strip()))
    return tuple(tag for _, tag in sorted(weighed, key=lambda one: -one[0]))
