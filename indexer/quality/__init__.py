"""Rules over the cleaned products of a feed, in two passes."""

from indexer.quality.report import rows
from indexer.quality.rules import RULES, Note, Rules
from indexer.quality.survey import Findings, Survey

__all__ = ["RULES", "Findings", "Note", "Rules", "Survey", "rows"]
