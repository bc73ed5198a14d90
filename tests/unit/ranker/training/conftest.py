"""Groups of made-up candidates, where one feature tells what is relevant."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from ranker.features import NAMES
from ranker.training.dataset import Group

Groups = Callable[..., list[Group]]


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Torch on one thread: so small sums gain nothing from more."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def groups() -> Groups:
    """Makes groups: `groups(count, size=8, seed=0, told_by="title_coverage")`. The best third by that feature are
    relevant; the hybrid score is noise."""

    def made(count: int, size: int = 8, seed: int = 0, told_by: str = "title_coverage") -> list[Group]:
        random = np.random.default_rng(seed)
        found = []
        for number in range(count):
            features = random.random((size, len(NAMES)), np.float32)
            told = features[:, NAMES.index(told_by)]
            rated = np.where(told >= np.sort(told)[-max(size // 3, 1)], 1.0, 0.0)
            ids = [f"d{row}" for row in range(size)]
            fused = np.ascontiguousarray(features[:, NAMES.index("fused")])
            ratings = dict(zip(ids, rated.tolist(), strict=True))
            gains = (2**rated - 1).astype(np.float32)
            found.append(
                Group(f"query {number}", ids, features, gains, random.random(size, np.float32), fused, ratings)
            )
        return found

    return made
