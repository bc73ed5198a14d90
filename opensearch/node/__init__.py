"""A local OpenSearch node for development and tests, put together from Maven artifacts."""

from opensearch.node.assemble import assemble
from opensearch.node.process import running, start, stop
from opensearch.node.state import Node

__all__ = ["Node", "assemble", "running", "start", "stop"]
