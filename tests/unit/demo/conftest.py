from __future__ import annotations

import pytest

from etalage.demo import Query, Shop, make_queries, make_shop


@pytest.fixture(scope="session")
def shop() -> Shop:
    return make_shop(7)


@pytest.fixture(scope="session")
def queries(shop: Shop) -> list[Query]:
    return make_queries(shop)
