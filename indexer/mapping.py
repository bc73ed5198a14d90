"""Which column holds what: guessed from names, shown, and overridable."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

from rapidfuzz import process

from etalage.core.errors import CatalogError, ConfigError

NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "id": ("id", "product_id", "product_uid", "uid", "docid", "doc_id", "item_id", "asin", "sku", "article_id")
    + ("article_number", "article", "entity_id", "handle", "gtin", "ean"),
    "title": ("title", "product_title", "product_name", "name", "item_name", "label", "heading"),
    "description": ("description", "product_description", "long_description", "description_html", "body_html")
    + ("short_description", "summary", "bullet_points", "body"),
    "brand": ("brand", "supplier", "manufacturer", "vendor", "brand_name", "product_brand", "maker"),
    "category": ("category", "categories", "category_path", "product_type", "breadcrumbs", "breadcrumb", "department")
    + ("google_product_category", "taxonomy", "category_name"),
    "price": ("price", "sale_price", "current_price", "selling_price", "unit_price", "final_price"),
    "currency": ("currency", "price_currency", "currency_code"),
    "list_price": ("list_price", "msrp", "rrp", "regular_price", "original_price", "compare_at_price", "retail_price"),
    "stock": ("stock", "stock_quantity", "qty", "quantity", "inventory", "availability", "in_stock", "is_in_stock"),
    "images": ("images", "image", "image_url", "image_urls", "image_link", "img_high", "img_500x500", "img", "picture")
    + ("photo", "thumbnail"),
    "url": ("url", "link", "product_url", "permalink"),
    "attributes": ("attributes", "attrs", "properties", "specifications", "specs"),
    "variant_group": ("variant_group", "item_group_id", "group_id", "parent_sku", "parent_id", "parent"),
    "language": ("language", "lang", "locale"),
    "rating": ("rating", "average_rating", "avg_rating", "stars", "review_rating", "rating_value"),
    "reviews": ("reviews", "review_count", "reviews_count", "num_reviews", "rating_count"),
    "popularity": ("popularity", "sales", "sold", "units_sold", "views", "clicks"),
    "click_rate": ("click_rate", "click_through_rate", "ctr"),
    "purchase_rate": ("purchase_rate", "conversion_rate", "cvr"),
    "created_at": ("created_at", "created", "date_released", "release_date", "date_added", "published_at"),
    "updated_at": ("updated_at", "updated", "modified", "last_modified", "modified_at"),
    "tenant": ("tenant", "store_id", "shop_id"),
    "vec_image": ("vec_image", "image_vector", "image_embedding"),
}
"""Names that a column of each product field may have, likeliest first; compared in lower case with `_` for the rest."""

_ARTICLE: Final = {"sku": "sku", "mpn": "mpn", "model": "model", "model_number": "model_number", "gtin": "gtin"} | {
    "ean": "ean", "upc": "ean", "part_number": "part_number", "name": "model",
}  # fmt: skip
"""Columns that, unless they are mapped, hold article numbers: kept as attributes."""

_ATTRIBUTE: Final = re.compile(r"(?:attr|attribute|attributes|property|spec)[_.:](?:[tnb]_)?(.+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class FeedMapping:
    """Column of each mapped field; attribute of each column that holds one; columns that nothing reads; the unit of
    prices, `minor` (cents) or `major`."""

    columns: Mapping[str, str]
    attributes: Mapping[str, str] = field(default_factory=dict)
    unused: tuple[str, ...] = ()
    price_unit: str = "minor"

    def as_dict(self) -> dict[str, Any]:
        """As it is shown: field → column, `attributes` as a count of columns, `unused`, `price_unit`."""
        return {
            "columns": dict(self.columns),
            "attributes": len(self.attributes),
            "unused": list(self.unused),
            "price_unit": self.price_unit,
        }


def guess(
    sample: Iterable[Mapping[str, Any]], overrides: Mapping[str, str], needed: Sequence[str] = ("id", "title")
) -> FeedMapping:
    """The mapping for a feed.

    Args:
        sample: some rows.
        overrides: field → column, from the command line; a price column may end in `:minor` or `:major`. An empty column
            leaves the field out.
        needed: fields that must have a column.

    Raises:
        ConfigError: an override names an unknown field or unit.
        CatalogError: it names an unknown column, or a needed field has none.
    """
    rows = list(sample)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    unit = ""
    chosen: dict[str, str] = {}
    for name, column in overrides.items():
        column, _, wanted = column.rpartition(":") if column.endswith((":minor", ":major")) else (column, "", "")
        unit = wanted or unit
        chosen[name] = _checked(name, column, columns)
    plain = {re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_"): column for column in reversed(columns)}
    for name, names in NAMES.items():
        taken = set(chosen.values())
        if name not in chosen:
            free = (plain[one] for one in names if one in plain and plain[one] not in taken)
            chosen[name] = next(free, "")
    mapped = {name: column for name, column in chosen.items() if column}
    for name in needed:
        if name not in mapped:
            raise CatalogError(
                f"no column for the {name}",
                value=", ".join(columns[:20]),
                remedy=f"Name it with --map {name}=COLUMN.",
            )
    rest = [column for column in columns if column not in mapped.values()]
    attributes = {column: name for column in rest if (name := _attribute(column))}
    unused = tuple(column for column in rest if column not in attributes)
    prices = [mapped[name] for name in ("price", "list_price") if name in mapped]
    unit = unit or _unit(row.get(column) for row in rows for column in prices)
    return FeedMapping(mapped, attributes, unused, unit)


@lru_cache(maxsize=1 << 12)
def attribute_of(column: str) -> str:
    """The attribute that a column seen only after the sample holds, or an empty string."""
    match = _ATTRIBUTE.fullmatch(column)
    return match.group(1) if match else ""


def _attribute(column: str) -> str:
    return attribute_of(column) or _ARTICLE.get(column.lower(), "")


def _checked(name: str, column: str, columns: list[str]) -> str:
    if name not in NAMES:
        near = [match[0] for match in process.extract(name, list(NAMES), limit=3)]
        raise ConfigError("--map names an unknown field", value=name, remedy=f"Did you mean {', '.join(near)}?")
    if column and column not in columns:
        near = [match[0] for match in process.extract(column, columns, limit=3)]
        raise CatalogError(
            f"--map {name} names an unknown column", value=column, remedy=f"The feed has {', '.join(near)}."
        )
    return column


def _unit(prices: Iterable[Any]) -> str:
    """Minor units, unless a sampled price has a fraction or a currency sign."""
    for price in prices:
        if isinstance(price, float) or (isinstance(price, str) and re.search(r"[^\d\s+-]", price)):
            return "major"
    return "minor"
