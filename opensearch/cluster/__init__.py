"""The cluster engine: OpenSearch 3 with the k-NN plugin."""

from opensearch.cluster.engine import ClusterEngine

__all__ = ["ClusterEngine"]
