"""All kinds of product that the sample shop sells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from etalage.demo.assortment import Kind
from etalage.demo.goods_home import HOME
from etalage.demo.goods_style import STYLE
from etalage.demo.goods_tech import TECH

KINDS: Final[Mapping[str, Kind]] = {kind.key: kind for kind in (*TECH, *HOME, *STYLE)}
"""Key → kind."""

ACCESSORIES: Final[Mapping[str, tuple[str, ...]]] = {
    key: tuple(other.key for other in KINDS.values() if other.accessory_of == key) for key in KINDS
}
"""Key → the kinds that serve it."""
