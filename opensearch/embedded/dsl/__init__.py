"""OpenSearch's `_search` body over a snapshot: queries, aggregations, orders, highlights, read and answered in its
form.

A body is read whole into clauses (`reader`, `queries`) before anything is searched, so that what is wrong with it does
not depend on the documents. A clause gives a mask and scores over all documents; see docs/opensearch-dsl.md for what
is known.
"""

from opensearch.embedded.dsl.search import document, search, tally
from opensearch.embedded.dsl.shop import Found, fitting, lexical

__all__ = ["Found", "document", "fitting", "lexical", "search", "tally"]
