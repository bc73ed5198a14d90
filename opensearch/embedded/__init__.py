"""The embedded engine: SQLite, flat postings and vectors in one folder."""

from opensearch.embedded.engine import EmbeddedEngine

__all__ = ["EmbeddedEngine"]
