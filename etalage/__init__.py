"""A shop's search: index a catalog, search it with an embedded ranker, complete what people type.

    import etalage
    shop = etalage.open(home=".etalage")
    shop.index("products.csv")
    shop.search("red running shoes").hits

Everything heavy is imported when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from etalage.api import Shop

__all__ = ["open"]


def open(**settings: Any) -> Shop:
    """A shop with these settings (`etalage.core.settings.Settings`), the others from the environment.

    Raises:
        ConfigError: a setting is wrong.
    """
    from etalage.api import Shop

    return Shop(**settings)
