package etalage.plugin;

import etalage.features.Candidates;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.cluster.ClusterState;
import org.opensearch.cluster.metadata.IndexMetadata;
import org.opensearch.cluster.metadata.IndexNameExpressionResolver;
import org.opensearch.core.index.Index;
import org.opensearch.index.IndexNotFoundException;
import org.opensearch.indices.InvalidIndexNameException;

/** What the indexes that are searched were built with. Thread-safe. */
final class Shapes {
    private static final int KEPT = 1000;

    private final IndexNameExpressionResolver resolver;
    private final Map<String, Known> known = new ConcurrentHashMap<>();

    /**
     * An index that Etalage made.
     *
     * @param index the name that it serves
     * @param dim components of its text vectors
     * @param dimImage components of its image vectors
     * @param fingerprint of the encoder of its text vectors
     * @param shards how many it has
     */
    record Shape(String index, int dim, int dimImage, String fingerprint, int shards) {}

    private record Known(long version, Shape shape) {}

    Shapes(IndexNameExpressionResolver resolver) {
        this.resolver = resolver;
    }

    /** The shape of the one index that a request searches; null when it searches none or several, or one that Etalage did not make. */
    Shape of(SearchRequest request, ClusterState state) {
        Index[] found;
        try {
            found = resolver.concreteIndices(state, request);
        } catch (IndexNotFoundException | InvalidIndexNameException | IllegalArgumentException | IllegalStateException none) {
            return null; // the node says so itself
        }
        IndexMetadata index = found.length == 1 ? state.metadata().index(found[0]) : null;
        if (index == null) {
            return null;
        }
        Known last = known.get(index.getIndexUUID());
        if (last == null || last.version() != index.getMappingVersion()) {
            if (known.size() > KEPT) {
                known.clear();
            }
            last = new Known(index.getMappingVersion(), read(index));
            known.put(index.getIndexUUID(), last);
        }
        return last.shape();
    }

    /** What the mapping's `_meta` says; null when it says nothing that this version understands. */
    private static Shape read(IndexMetadata index) {
        Map<?, ?> mapping = index.mapping() == null ? Map.of() : index.mapping().sourceAsMap();
        Map<?, ?> about = object(object(mapping.get("_meta")).get("etalage"));
        Map<?, ?> spec = object(about.get("spec"));
        boolean readable = about.get("record") instanceof Number version && version.intValue() == Candidates.RECORD_VERSION;
        if (readable
                && about.get("index") instanceof String name
                && spec.get("dim") instanceof Number dim
                && spec.get("dim_image") instanceof Number dimImage
                && spec.get("fingerprint") instanceof String fingerprint) {
            return new Shape(name, dim.intValue(), dimImage.intValue(), fingerprint, index.getNumberOfShards());
        }
        return null;
    }

    private static Map<?, ?> object(Object value) {
        return value instanceof Map<?, ?> map ? map : Map.of();
    }
}
