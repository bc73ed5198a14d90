"""Write what texts become here, for the plugin's tests to be held to (`python -m etalage.demo.golden_text FILE`).

The first line is `{"encoder", "fingerprint", "runtime"}`: the folder of the text encoder and its fingerprint, null where the models' cache
lacks it, and the version of onnxruntime, since another one rounds some vectors otherwise.
Every other line is a text: `text`; `normalized`, `compact`; `tokens`, each [surface, stem, kind, id of the surface, id of the stem]; `query`
as it is understood without steps, null when it is refused; of the shop's queries also `hashing`, its vector by the encoder without a
model, and `vector`, by the text encoder.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Final

from etalage.core import settings, text
from etalage.core.encoders import Encoder, models, sources
from etalage.core.encoders.hashing import HashingEncoder
from etalage.core.errors import ModelNotFound, QueryError
from etalage.demo.queries import make_queries
from etalage.demo.shop import make_shop
from ranker import query

SEED: Final = 7
ENCODED: Final = 120
"""Queries of the shop that are encoded."""

ODD: Final[Sequence[str]] = (
    "", " ", " \t\r\n ", "?! - & / ...", "_", "__init__ snake_case _ a_1", "a", "Running shoes for the runners' feet, generously sized",
    "Men's L.L.Bean T-shirt — 100% cotton (pack of 3)", 'MX-500a 3.5" 1,024GB SATA-III 6Gb/s SSD/HDD rev.2', "don't rock'n'roll o'clock ’tis l’eau d'été",
    "Crème brûlée, Ærø, straße, Łódź, naïve, œuvre, İstanbul ILIK ılık", "cafe\u0301 na\u0308ive \u0301x", "ﬁne oﬀer ﬃx", "Ǆ ǅ ŉ ſs",
    "红色运动鞋 iPhone15手机壳", "赤い靴 ｽﾆｰｶｰ ﾊﾟﾝ ＡＢＣ１２３", "빨간 운동화 5개 a한b 한2", "鞋", "鞋 一 a鞋b 鞋1", "々〇〆 スニーカー-セット",
    "蓝牙耳机 无线 充电 5000mAh 适用于苹果 华为Mate60", "☕ mug 👍🏽 flag 🇫🇷 family 👨‍👩‍👧 1️⃣ ❤️", "http://example.com/x?y=1&z=2 mail@example.com C++ C# .NET AT&T",
    "2×4 50°C ±5% €19.99 £5 12'6\" 3m² 5½ ①②", "1,299.00 1.299,00 3:2 16:9 2;3 1.a a.1 a.b 10x20cm", "x" * 256, "x" * 600, "x" * 5000,
    "word " * 300, "mx 500 a", "MX-500/A", "ＭＸ５００ａ", "usb-c hub 7in1", "юбка красная Ελληνικά ΟΔΟΣ Москва", "עברית ש״ח צ'ק שלום",
    "العربية حذاء ٤٢ أحمر", "हिन्दी जूते", "รองเท้าวิ่ง", "Việt Nam giày thể thao", "Żółta sukienka źdźbło", "a\u200bb a\u00adb a\u200db\ufeff", "a\xa0b\u3000c\u2028d",
    "a\x00b\x07c\x1bd", "\ud800 a\udc00b", "\U0001d400\U0001d401 \U00020000\U00020001 \U0001f600", "ª º 1ª nº5", "½ kg Ⅻ ⅳ", "x²y z₂ 10⁻³", "'quoted' “double” «french»",
    "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34", "红" * 40, "a1 " * 40, "a" * 1000, "é" * 1001,
    "generously babies knives cries flies happily national relational conditional hopefulness electricity skis dying lying news only added adding egged",
)  # fmt: skip
"""What shops and shoppers rarely write."""

_LETTERS: Final = "abzAÉßñİΣ019 .,'-/&+%#°\"’×·:;()_鞋红スｽーｱﾞ한국юΩ א×\u0301\u00ad😀²"


def texts() -> tuple[list[str], list[str]]:
    """The shop's queries, and other texts: its titles, odd ones, and letters thrown together."""
    shop = make_shop(SEED, 600)
    asked = [one.text for one in make_queries(shop, 400)]
    rng = random.Random(SEED)
    mixed = ["".join(rng.choices(_LETTERS, k=rng.randint(1, 40))) for _ in range(400)]
    return asked, [*(product.title for product in shop.products), *ODD, *mixed]


def lines(asked: Sequence[str], others: Sequence[str], encoder: Encoder | None) -> Iterator[dict[str, Any]]:
    """A line for each text; `ENCODED` of those that are asked, with their vectors."""
    hashing = HashingEncoder()
    step = max(1, len(asked) // ENCODED)
    for number, one in enumerate(chain(asked, others)):
        line = described(one)
        if number < len(asked) and number % step == 0:
            line["hashing"] = hashing.encode_query(one).tolist()
            if encoder is not None:
                line["vector"] = encoder.encode_query(one).tolist()
        yield line


def described(given: str) -> dict[str, Any]:
    """What a text becomes."""
    return {
        "text": given,
        "normalized": text.normalize(given),
        "compact": text.compact(given),
        "tokens": [[*token, text.token_id(token.surface), text.token_id(token.stem)] for token in text.tokenize(given)],
        "query": _understood(given),
    }


def _understood(given: str) -> dict[str, Any] | None:
    try:
        found = query.understand(given)
    except QueryError:
        return None
    return {
        "text": found.text,
        "stems": found.stems.tolist(),
        "surfaces": found.surfaces.tolist(),
        "kinds": found.kinds.tolist(),
        "models": found.models.tolist(),
        "number": found.number,
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--models", type=Path, help="the models' cache, instead of ETALAGE_MODELS")
    given = parser.parse_args(arguments)
    cache = settings.load(models=given.models).models
    try:
        encoder: Encoder | None = models.load(cache, sources.DEFAULT)
    except ModelNotFound:
        encoder = None
    head = {
        "encoder": None if encoder is None else str((cache / encoder.name).resolve()),
        "fingerprint": None if encoder is None else encoder.fingerprint,
        "runtime": version("onnxruntime"),
    }
    with open(given.file, "w", encoding="ascii") as file:
        # Lone halves of surrogate pairs are among the texts, and only escapes can carry them.
        file.writelines(json.dumps(line) + "\n" for line in chain([head], lines(*texts(), encoder)))


if __name__ == "__main__":
    main()
