"""Other searches, beside the answer of one."""

from __future__ import annotations

import logging

from autocomplete.related import Related
from etalage.core.errors import EngineError
from ranker.search import Answer

log = logging.getLogger(__name__)


def beside(related: Related, answer: Answer, start: int = 0) -> dict[str, list[str]]:
    """What an answer is told with: `{related}`, the texts of related queries, best first, where there are any. Only a first page
    (`start` 0) with words has them; where they cannot be read, the log says so and the answer goes without."""
    if start or not answer.searched:
        return {}
    try:
        found = related.of(answer.searched)
    except EngineError as error:
        log.warning("answers go without related queries: %s", error)
        return {}
    return {"related": found} if found else {}
