package etalage.models;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.core.rest.RestStatus;

/** Documents in memory, with the numbers by which an index tells changes apart. */
final class Shelf implements Documents {
    final Map<String, Document> held = new LinkedHashMap<>();
    Runnable beforeSwap = () -> { };
    boolean away;
    private long writes;

    @Override
    public synchronized Document get(String id) {
        if (away) {
            throw new IllegalStateException("away");
        }
        return held.get(id);
    }

    @Override
    public synchronized List<Document> get(List<String> ids) {
        List<Document> found = new ArrayList<>();
        ids.forEach(id -> found.add(held.get(id)));
        return found;
    }

    @Override
    public synchronized void write(Map<String, Map<String, Object>> documents) {
        documents.forEach((id, source) -> held.put(id, new Document(new HashMap<>(source), writes++, 1)));
    }

    @Override
    public synchronized void swap(String id, Map<String, Object> source, Document instead) {
        beforeSwap.run();
        Document now = held.get(id);
        if (now == null ? instead != null : instead == null || now.seqNo() != instead.seqNo()) {
            throw new OpenSearchStatusException("another change came first", RestStatus.CONFLICT);
        }
        write(Map.of(id, source));
    }

    @Override
    public synchronized void remove(Collection<String> ids) {
        ids.forEach(held::remove);
    }

    @Override
    public synchronized List<Map<String, Object>> all(String kind) {
        List<Map<String, Object>> found = new ArrayList<>();
        for (Document one : held.values()) {
            if (kind.equals(one.source().get("kind"))) {
                found.add(one.source());
            }
        }
        return found;
    }

    @Override
    public synchronized List<String> named(String name) {
        List<String> found = new ArrayList<>();
        held.forEach((id, one) -> {
            if (name.equals(one.source().get("name"))) {
                found.add(id);
            }
        });
        return found;
    }
}
