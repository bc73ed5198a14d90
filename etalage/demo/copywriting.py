"""How sellers describe a product: English and Chinese titles, descriptions and attributes from its latent facets."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from etalage.demo.assortment import VALUES, Kind
from etalage.demo.catalogue import ACCESSORIES, KINDS

IN_TITLE: Final[Mapping[str, float]] = {
    "colour": 0.72,
    "material": 0.6,
    "pattern": 0.65,
    "audience": 0.7,
    "use": 0.25,
    "feature": 0.55,
    "connectivity": 0.5,
    "capacity": 0.85,
    "size": 0.6,
}
"""How often a seller puts a facet into the title."""

IN_ATTRIBUTES: Final = 0.72
"""How often a facet is filled in as an attribute. `use` never is: it is prose."""

_SMALL: Final = frozenset(
    ["a", "an", "and", "by", "cm", "for", "in", "incl.", "kg", "m", "ml", "mm", "of", "on", "the", "to", "with"]
)
_ATTRIBUTE_NAMES: Final = {"audience": "gender", "feature": "features"}
_BEFORE: Final = ("audience", "size", "feature", "pattern", "colour", "material", "connectivity")
_AFTER: Final = ("capacity", "use")
_UNITS_ZH: Final = (
    (" inch", "英寸"), ("-seater", "人位"), ("corner", "转角"), (" person", "人"), (" pieces", "片"), (" pack", "件装"),
    (" cm", "厘米"), (" ml", "毫升"), (" mm", "毫米"), (" kg", "公斤"), (" L", "升"), (" m", "米"), ("size ", "尺码"),
)  # fmt: skip
_PHRASES: Final[Mapping[str, tuple[str, ...]]] = {
    "colour": ("Comes in {}.", "The {} finish looks good for years.", "Colour shown: {}."),
    "material": ("Made of {}.", "Crafted from {}.", "Material: {}."),
    "pattern": ("Pattern: {}.", "The look is {}."),
    "audience": ("For {}.", "Designed with {} in mind."),
    "use": ("Made for {}.", "A good choice for {}.", "Ideal for {}.", "If you think of {}, this is the one."),
    "feature": ("What sets it apart: {}.", "Highlight: {}.", "You asked for it: {}."),
    "connectivity": ("Connection: {}.", "Type: {}."),
    "capacity": ("Capacity: {}.", "This listing is for {}."),
    "size": ("Size: {}.", "Measures {}."),
}
_SERVICE: Final = (
    "Two-year guarantee.", "Free returns within 30 days.", "Ships within two days.", "Packed without plastic.",
    "Spare parts stay available for ten years.", "Our team answers questions on weekdays.", "Delivered to your door.",
)  # fmt: skip
_PRAISE: Final = ("Tested over ten thousand cycles.", "A favourite of our customers.", "Praised for its finish.")
_CAUTION: Final = ("Colours may differ from the picture.", "Small marks are possible.", "Sold as seen, no returns.")
_FILLER: Final = ("New", "2026", "Best Seller", "Hot Sale", "Gift", "Top Quality", "Original", "Big Discount")
_FILLER_ZH: Final = ("新款", "爆款", "包邮", "正品", "特价", "送礼")
_SERVICE_ZH: Final = ("七天无理由退货。", "全国联保两年。", "四十八小时内发货。", "包装精美，送礼自用皆宜。")


@dataclass(frozen=True, slots=True)
class Draft:
    """What a seller knows when writing a listing: the facets in their own words, and what the product is for.

    `words` maps a facet to the seller's words, `chinese` to their Chinese. `serves` is the device an accessory is for,
    `serves_noun` what the seller calls it.
    """

    kind: Kind
    noun: str
    brand: str
    model: str
    words: Mapping[str, str]
    chinese: Mapping[str, str]
    serves: str = ""
    serves_noun: str = ""
    stuffed: bool = False
    bundle: bool = False
    quality: float = 0.5


def phrase(kind: Kind, facet: str, value: str, rng: random.Random) -> tuple[str, str]:
    """A facet value in a seller's English words and in Chinese."""
    known = VALUES.get(facet)
    if known is not None:
        entry = known[value]
        word = entry.name if len(entry.words) == 1 or rng.random() < 0.5 else rng.choice(entry.words[1:])
        return word, entry.chinese
    chinese = value
    for unit, name in _UNITS_ZH:
        chinese = chinese.replace(unit, name)
    if facet == "size" and value in {"S", "M", "L", "XL"}:
        return f"size {value}", f"{value}码"
    if facet == "size" and value.isdigit():
        return rng.choice(("size {}", "EU {}")).format(value), f"{value}码"
    if value.endswith(" inch"):
        return rng.choice((value, value, value.replace(" ", "-"), value.replace(" inch", '"'))), chinese
    if value.endswith(" L"):
        return rng.choice((value, value.replace(" ", ""), value.replace(" L", " litre"))), chinese
    if facet == "capacity" and value[-2:] in {"GB", "TB"} and rng.random() < 0.3:
        return f"{value[:-2]} {value[-2:]}", chinese
    return value, chinese


def title(draft: Draft, shown: Sequence[str], rng: random.Random) -> str:
    """The English title, naming the facets in `shown`."""
    if draft.stuffed:
        return _stuffed(draft, rng)
    words = dict(draft.words)
    if "audience" in words and words["audience"].isalpha():
        noun = words["audience"]
        words["audience"] = f"{noun}'" if noun.endswith("s") else f"{noun}'s"
    before = [words[name] for name in _BEFORE if name in shown]
    after = [f"for {words[name]}" if name == "use" else words[name] for name in _AFTER if name in shown]
    name = f"{draft.brand} {draft.model}".strip()
    if draft.kind.accessory_of:
        target = f"{draft.serves} {draft.serves_noun}".strip()
        link = rng.choice(("for", "for", "compatible with", "fits"))
        core = " ".join([*before, draft.noun, link, target])
        text = f"{draft.brand} {core}" if rng.random() < 0.7 else core
    else:
        text = rng.choice(
            (
                " ".join([name, *before, draft.noun]),
                " ".join([name, *before, draft.noun]),
                f"{name} {draft.noun}" + (f" – {', '.join(before)}" if before else ""),
                " ".join([draft.brand, *before, draft.noun, draft.model]).strip(),
                " ".join([*before, draft.noun, "by", name]),
            )
        )
    text = ", ".join([text, *after])
    if draft.bundle:
        extras = [rng.choice(KINDS[key].names) for key in ACCESSORIES[draft.kind.key]]
        text += rng.choice((" bundle with {}", " + {} set", " incl. {}")).format(" and ".join(extras[:2]))
    return headline(text) if rng.random() < 0.75 else text[0].upper() + text[1:]


def _stuffed(draft: Draft, rng: random.Random) -> str:
    nouns = list(dict.fromkeys((*draft.kind.names, *draft.kind.asks)))
    strangers = [rng.choice(KINDS[key].names) for key in (*draft.kind.related, *ACCESSORIES[draft.kind.key])]
    extra = [*draft.words.values(), *strangers[:2], *rng.sample(_FILLER, 3)]
    for facet, values in draft.kind.facets.items():
        if facet in ("colour", "use", "material", "feature"):
            extra += rng.sample(values, min(2, len(values)))
    extra = list(dict.fromkeys(extra))
    rng.shuffle(extra)
    return headline(" ".join([*nouns, *extra[:9], draft.brand]))


def headline(text: str) -> str:
    """`text` in title case; words that carry capitals or begin with a digit stay as they are."""
    return " ".join(
        word if (i and word in _SMALL) or not word.islower() or not word[0].isalpha() else word[0].upper() + word[1:]
        for i, word in enumerate(text.split())
    )


def chinese_title(draft: Draft, shown: Sequence[str], rng: random.Random) -> str:
    """The Chinese title, naming the facets in `shown`; brand and model stay in Latin letters."""
    noun = rng.choice(draft.kind.chinese)
    words = draft.chinese
    tight = "".join(words[name] for name in ("audience", "feature", "colour", "pattern", "material") if name in shown)
    loose = [words[name] for name in ("connectivity", "size", "capacity") if name in shown]
    if "use" in shown:
        loose.append(f"适合{words['use']}")
    if draft.stuffed:
        loose = [*draft.kind.chinese, *loose, *rng.sample(_FILLER_ZH, 3)]
    if draft.kind.accessory_of:
        main = rng.choice(KINDS[draft.kind.accessory_of].chinese)
        return _spaced(f"适用{draft.serves or '通用'}{main}", tight + noun, *loose, draft.brand)
    name = f"{draft.brand} {draft.model}".strip()
    orders = ((name, tight + noun, *loose), (tight + noun, *loose, name), (name, noun, tight, *loose))
    return _spaced(*rng.choice(orders))


def _spaced(*parts: str) -> str:
    return " ".join(part for part in parts if part)


def description(draft: Draft, told: Sequence[str], rng: random.Random) -> str:
    """A few English sentences: what it is, the facets in `told`, and, at times, synonyms and other products."""
    kind = draft.kind
    sentences = [rng.choice(kind.about)] if rng.random() < 0.7 else list(kind.about)
    if draft.serves:
        sentences.append(f"Made for the {draft.serves} {draft.serves_noun}.")
    sentences += [rng.choice(_PHRASES[name]).format(draft.words[name].removeprefix("size ")) for name in told]
    others = [noun for noun in kind.names if noun != draft.noun]
    if others and rng.random() < 0.3:
        frame = rng.choice(("Looking for a new {}? Here it is.", "Our take on the {}."))
        sentences.append(frame.format(rng.choice(others)))
    if rng.random() < 0.38:
        sentences.append(_cross_sell(kind, rng))
    if rng.random() < 0.35:
        sentences.append(rng.choice(_PRAISE if draft.quality > 0.55 else _CAUTION if draft.quality < 0.3 else _SERVICE))
    if rng.random() < 0.6:
        sentences.append(rng.choice(_SERVICE))
    middle = sentences[1:]
    rng.shuffle(middle)
    return " ".join(dict.fromkeys([sentences[0], *middle]))


def _cross_sell(kind: Kind, rng: random.Random) -> str:
    near = [*kind.related, *ACCESSORIES[kind.key]]
    key = rng.choice(near) if near and rng.random() < 0.6 else rng.choice(list(KINDS))
    other = KINDS[key]
    adjectives = [
        VALUES[name][rng.choice(other.facets[name])].name for name in ("colour", "material") if name in other.facets
    ]
    thing = " ".join([*adjectives, rng.choice(other.names)])
    frames = ("Pairs well with our {}.", "Often bought with our {}.", "Looks at home next to our {}.")
    return rng.choice((*frames, "Not included: {}.")).format(thing)


def chinese_description(draft: Draft, told: Sequence[str], rng: random.Random) -> str:
    """A few Chinese sentences."""
    noun = rng.choice(draft.kind.chinese)
    sentences = [f"这款{noun}做工精细，经久耐用。" if draft.quality > 0.4 else f"经济实惠的{noun}。"]
    if draft.serves:
        sentences.append(f"专为{draft.serves}设计。")
    frames = {"colour": "颜色为{}。", "material": "采用{}材质。", "use": "适合{}使用。", "feature": "特点：{}。"}
    sentences += [frames.get(name, "规格：{}。").format(draft.chinese[name]) for name in told]
    sentences += rng.sample(_SERVICE_ZH, rng.randint(1, 2))
    return "".join(sentences)


def attributes(draft: Draft, filled: Sequence[str], chinese: bool) -> dict[str, tuple[str, ...]]:
    """The attributes as the seller fills them in: shop-wide names, the seller's words as values."""
    words = draft.chinese if chinese else draft.words
    return {_ATTRIBUTE_NAMES.get(name, name): (_capital(words[name]),) for name in filled}


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
