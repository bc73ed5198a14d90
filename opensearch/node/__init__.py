"""A local OpenSearch node for development and tests, put together from Maven artifacts."""

from opensearch.node.assemble import assemble
from opensearch.node.process import Node, running, start, stop

__all__ = ["Node", "assemble", "running", "start", "stop"]
