package etalage.models;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.opensearch.ExceptionsHelper;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.ResourceAlreadyExistsException;
import org.opensearch.action.admin.indices.create.CreateIndexRequest;
import org.opensearch.action.admin.indices.refresh.RefreshRequest;
import org.opensearch.action.bulk.BulkRequest;
import org.opensearch.action.bulk.BulkResponse;
import org.opensearch.action.delete.DeleteRequest;
import org.opensearch.action.get.GetRequest;
import org.opensearch.action.get.GetResponse;
import org.opensearch.action.get.MultiGetItemResponse;
import org.opensearch.action.get.MultiGetRequest;
import org.opensearch.action.index.IndexRequest;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.index.IndexNotFoundException;
import org.opensearch.index.engine.VersionConflictEngineException;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.SearchHit;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.opensearch.transport.client.Client;

/**
 * Documents in a hidden index, which is made at the first write. Every call blocks: only for threads that may wait.
 *
 * <p>Requests run as whoever asked: what they may do to the index decides what they may do to models.
 */
final class IndexDocuments implements Documents {
    private static final TimeValue PATIENCE = TimeValue.timeValueSeconds(30);
    private static final int MOST = 1000;
    private static final Settings SETTINGS = Settings.builder()
        .put("index.hidden", true)
        .put("index.number_of_shards", 1)
        .put("index.auto_expand_replicas", "0-1")
        .build();
    /** Contents are only read back as they are, never searched. */
    private static final Map<String, Object> MAPPING = Map.of("dynamic", false, "properties",
        Map.of("kind", Map.of("type", "keyword"), "name", Map.of("type", "keyword")));

    private final String index;
    private final Client client;
    private final ClusterService cluster;

    IndexDocuments(String index, Client client, ClusterService cluster) {
        this.index = index;
        this.client = client;
        this.cluster = cluster;
    }

    @Override
    public Document get(String id) {
        if (absent()) {
            return null;
        }
        try {
            return document(client.get(new GetRequest(index, id)).actionGet(PATIENCE));
        } catch (IndexNotFoundException gone) {
            return null;
        }
    }

    @Override
    public List<Document> get(List<String> ids) {
        if (absent()) {
            return Arrays.asList(new Document[ids.size()]);
        }
        MultiGetRequest request = new MultiGetRequest();
        ids.forEach(id -> request.add(index, id));
        List<Document> found = new ArrayList<>();
        for (MultiGetItemResponse one : client.multiGet(request).actionGet(PATIENCE)) {
            if (one.isFailed()) {
                throw ExceptionsHelper.convertToRuntime(one.getFailure().getFailure());
            }
            found.add(document(one.getResponse()));
        }
        return found;
    }

    private static Document document(GetResponse found) {
        return found.isExists() ? new Document(found.getSourceAsMap(), found.getSeqNo(), found.getPrimaryTerm()) : null;
    }

    @Override
    public void write(Map<String, Map<String, Object>> documents) {
        create();
        BulkRequest request = new BulkRequest();
        documents.forEach((id, source) -> request.add(new IndexRequest(index).id(id).source(source)));
        send(request);
    }

    @Override
    public void swap(String id, Map<String, Object> source, Document instead) {
        create();
        IndexRequest request = new IndexRequest(index).id(id).source(new HashMap<>(source));
        if (instead == null) {
            request.create(true);
        } else {
            request.setIfSeqNo(instead.seqNo()).setIfPrimaryTerm(instead.term());
        }
        try {
            client.index(request).actionGet(PATIENCE);
        } catch (RuntimeException error) {
            if (ExceptionsHelper.unwrap(error, VersionConflictEngineException.class) == null) {
                throw error;
            }
            throw new OpenSearchStatusException("another change to this model came first: " + id + ". Look at it, and try again.", RestStatus.CONFLICT);
        }
    }

    @Override
    public void remove(Collection<String> ids) {
        if (ids.isEmpty() || absent()) {
            return;
        }
        BulkRequest request = new BulkRequest();
        ids.forEach(id -> request.add(new DeleteRequest(index, id)));
        send(request);
    }

    private void send(BulkRequest request) {
        BulkResponse answer = client.bulk(request).actionGet(PATIENCE);
        if (answer.hasFailures()) {
            throw new IllegalStateException("the index " + index + " took not all of it: " + answer.buildFailureMessage());
        }
    }

    @Override
    public List<Map<String, Object>> all(String kind) {
        List<Map<String, Object>> found = new ArrayList<>();
        for (SearchHit hit : search("kind", kind, true)) {
            found.add(hit.getSourceAsMap());
        }
        return found;
    }

    @Override
    public List<String> named(String name) {
        List<String> found = new ArrayList<>();
        for (SearchHit hit : search("name", name, false)) {
            found.add(hit.getId());
        }
        return found;
    }

    private SearchHit[] search(String field, String value, boolean source) {
        if (absent()) {
            return new SearchHit[0];
        }
        client.admin().indices().refresh(new RefreshRequest(index)).actionGet(PATIENCE);
        SearchSourceBuilder body = new SearchSourceBuilder().query(QueryBuilders.termQuery(field, value)).size(MOST).fetchSource(source);
        return client.search(new SearchRequest(index).source(body)).actionGet(PATIENCE).getHits().getHits();
    }

    private boolean absent() {
        return !cluster.state().metadata().hasIndex(index);
    }

    private void create() {
        if (!absent()) {
            return;
        }
        try {
            client.admin().indices().create(new CreateIndexRequest(index, SETTINGS).mapping(MAPPING)).actionGet(PATIENCE);
        } catch (RuntimeException error) {
            if (ExceptionsHelper.unwrap(error, ResourceAlreadyExistsException.class) == null) {
                throw error;
            }
        }
    }
}
