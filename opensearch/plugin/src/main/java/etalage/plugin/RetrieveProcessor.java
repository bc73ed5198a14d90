package etalage.plugin;

import etalage.encode.Encoder;
import etalage.encode.HashingEncoder;
import etalage.models.Model;
import etalage.models.Models;
import etalage.models.Stats;
import etalage.plugin.Asked.Sent;
import etalage.plugin.Shapes.Shape;
import etalage.text.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.OpenSearchException;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.core.action.ActionListener;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.SearchHit;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.opensearch.search.pipeline.AbstractProcessor;
import org.opensearch.search.pipeline.PipelineProcessingContext;
import org.opensearch.search.pipeline.SearchRequestProcessor;
import org.opensearch.search.sort.ScoreSortBuilder;
import org.opensearch.search.sort.SortBuilder;
import org.opensearch.search.sort.SortOrder;
import org.opensearch.transport.client.Client;

/**
 * Turns a shop's search into the retrieval of candidates: by its own query and by vectors, with the scores of the text fields beside
 * them. What has no text, or another order than that of scores, passes as it is.
 */
final class RetrieveProcessor extends AbstractProcessor implements SearchRequestProcessor {
    static final String TYPE = "etalage_retrieve";

    private static final Logger log = LogManager.getLogger(RetrieveProcessor.class);
    private static final Encoder HASHING = new HashingEncoder();

    /** What searches need of the node. */
    record Parts(ClusterService cluster, Client client, Shapes shapes, Dsl dsl, Models models, Stats stats, Work work) {}

    private final Parts parts;
    private final Options options;

    RetrieveProcessor(String tag, String description, boolean ignoreFailure, Options options, Parts parts) {
        super(tag, description, ignoreFailure);
        this.options = options;
        this.parts = parts;
    }

    @Override
    public String getType() {
        return TYPE;
    }

    @Override
    public SearchRequest processRequest(SearchRequest request) {
        throw new UnsupportedOperationException("[" + TYPE + "] answers by processRequestAsync");
    }

    @Override
    public void processRequestAsync(SearchRequest request, PipelineProcessingContext context, ActionListener<SearchRequest> told) {
        Asked asked = asked(request);
        if (asked == null) {
            parts.stats().count("passed");
            told.onResponse(request);
            return;
        }
        parts.stats().count("searches");
        float[] given = asked.ext().vector;
        Encoder encoder = given == null ? encoder(asked) : null;
        if (encoder == null) {
            List<String> degraded = given == null ? List.of("vectors") : List.of();
            near(request, context, new Sent(asked, given, null, degraded), told);
            return;
        }
        parts.work().run(asked.left(), () -> encoded(encoder, asked.query().text()), new ActionListener<>() {
            @Override
            public void onResponse(float[] vector) {
                near(request, context, new Sent(asked, vector, null, List.of()), told);
            }

            @Override
            public void onFailure(Exception failure) {
                log.log(Work.level(failure), "searching without vectors: {}", failure.toString());
                near(request, context, new Sent(asked, null, null, List.of("vectors")), told);
            }
        });
    }

    /** What is asked for; null when the request passes as it is. IllegalArgumentException for a vector of another dimension. */
    private Asked asked(SearchRequest request) {
        long started = System.nanoTime();
        SearchSourceBuilder source = request.source();
        if (source == null || !ordinary(request, source)) {
            return null;
        }
        Ext ext = new Ext(null, null, false, true);
        for (Object one : source.ext()) {
            ext = one instanceof Ext options ? options : ext;
        }
        if (!ext.rank || (source.query() == null && ext.query == null)) {
            return null;
        }
        Shape shape = parts.shapes().of(request, parts.cluster().state());
        if (shape == null) {
            return null;
        }
        if (ext.vector != null && ext.vector.length != shape.dim()) {
            throw new IllegalArgumentException("[ext.etalage.vector] has " + ext.vector.length + " numbers, the vectors of the index have "
                    + shape.dim() + "; encode the query with the encoder of the index");
        }
        QueryBuilder theirs = source.query() == null ? QueryBuilders.matchAllQuery() : source.query();
        Map<String, Object> json = Dsl.json(theirs);
        Reading reading = Reading.of(json);
        String text = ext.query == null ? reading.text() : ext.query;
        if (text.isBlank() || text.codePointCount(0, text.length()) > Query.MAX_CHARACTERS) {
            return null;
        }
        Query query = Query.of(text);
        if (query.stems().length == 0) {
            return null;
        }
        QueryBuilder kept = null;
        try {
            if (!reading.query().equals(json)) {
                theirs = parts.dsl().query(reading.query());
            }
            if (!reading.constraints().isEmpty()) {
                kept = parts.dsl().query(Retrieval.kept(reading.constraints()));
            }
        } catch (IllegalArgumentException | OpenSearchException unreadable) {
            log.warn("a search passes as it is, a clause of it cannot be read back: {}", unreadable.toString());
            return null;
        }
        String preference = request.preference() == null ? Retrieval.preference(query.text()) : request.preference();
        return new Asked(source, theirs, reading.constraints(), kept, query, ext, shape, model(shape), options, preference, started);
    }

    /** What ranks an index now; null when nothing does. */
    private Model model(Shape shape) {
        try {
            return parts.models().current(options.model() == null ? shape.index() : options.model());
        } catch (IllegalArgumentException unnamed) {
            return null; // an index may have a name that no model can have
        }
    }

    /** Whether nothing in a request sets an order or a shape that ranking would change. */
    private static boolean ordinary(SearchRequest request, SearchSourceBuilder source) {
        boolean wanted = source.size() != 0
                && request.scroll() == null
                && request.routing() == null
                && source.pointInTimeBuilder() == null
                && source.searchAfter() == null
                && source.slice() == null
                && source.collapse() == null
                && source.scriptFields() == null
                && source.getDerivedFieldsObject() == null
                && source.getDerivedFields() == null
                && source.terminateAfter() == 0
                && !source.isSuggestOnly()
                && !source.profile();
        return wanted && empty(source.rescores()) && empty(source.indexBoosts()) && byScore(source.sorts());
    }

    private static boolean empty(List<?> list) {
        return list == null || list.isEmpty();
    }

    private static boolean byScore(List<SortBuilder<?>> sorts) {
        if (empty(sorts)) {
            return true;
        }
        return sorts.size() == 1 && sorts.get(0) instanceof ScoreSortBuilder score && score.order() == SortOrder.DESC;
    }

    /** What makes the vector of the text; null when nothing on this node makes vectors like those of the index. */
    private static Encoder encoder(Asked asked) {
        Encoder brought = asked.model() == null ? null : asked.model().encoder();
        if (brought != null && fits(brought, asked.shape())) {
            return brought;
        }
        return fits(HASHING, asked.shape()) ? HASHING : null;
    }

    private static boolean fits(Encoder encoder, Shape shape) {
        return encoder.fingerprint().equals(shape.fingerprint()) && encoder.dim() == shape.dim();
    }

    private float[] encoded(Encoder encoder, String text) {
        long started = System.nanoTime();
        float[] vector = encoder.query(text);
        parts.stats().time("encode", System.nanoTime() - started);
        return vector;
    }

    /** On several shards, first finds the nearest of all; then sends the search. */
    private void near(SearchRequest request, PipelineProcessingContext context, Sent sent, ActionListener<SearchRequest> told) {
        QueryBuilder knn = knn(sent);
        if (knn == null && sent.vector() != null) {
            send(request, context, new Sent(sent.asked(), null, null, sent.without("vectors")), null, told);
        } else if (knn == null || sent.asked().shape().shards() == 1) {
            QueryBuilder first = knn == null ? null : Retrieval.lifted(knn, options.floor());
            send(request, context, sent, first, told);
        } else {
            long started = System.nanoTime();
            SearchRequest search = Retrieval.near(request, sent.asked(), knn, options.neighbours());
            Again.search(parts.client()::search, search, parts.work().limited(sent.asked().left(), new ActionListener<>() {
                @Override
                public void onResponse(SearchResponse response) {
                    parts.stats().time("near", System.nanoTime() - started);
                    List<String> ids = nearest(response.getHits().getHits());
                    QueryBuilder first = ids.isEmpty() ? null : Retrieval.found(ids);
                    send(request, context, new Sent(sent.asked(), sent.vector(), ids, sent.degraded()), first, told);
                }

                @Override
                public void onFailure(Exception failure) {
                    log.log(Work.level(failure), "searching without vectors: {}", failure.toString());
                    send(request, context, new Sent(sent.asked(), null, null, sent.without("vectors")), null, told);
                }
            }));
        }
    }

    /** The clause of the nearest; null without a vector, or where the node has no such clause. */
    private QueryBuilder knn(Sent sent) {
        if (sent.vector() == null) {
            return null;
        }
        try {
            return parts.dsl().query(Retrieval.knn(sent.vector(), options.neighbours(), sent.asked().constraints()));
        } catch (IllegalArgumentException | OpenSearchException unknown) {
            log.warn("searching without vectors: {}", unknown.toString());
            return null;
        }
    }

    private List<String> nearest(SearchHit[] hits) {
        double least = options.floor() == null ? 0 : Retrieval.similarity(options.floor());
        List<String> ids = new ArrayList<>(hits.length);
        for (SearchHit hit : hits) {
            if (hit.getScore() >= least) {
                ids.add(Hits.id(hit));
            }
        }
        return ids;
    }

    private static void send(
            SearchRequest request, PipelineProcessingContext context, Sent sent, QueryBuilder first, ActionListener<SearchRequest> told) {
        context.setAttribute(Asked.KEY, sent);
        told.onResponse(Retrieval.changed(request, sent.asked(), Retrieval.window(sent.asked(), first)));
    }
}
