package etalage.plugin;

import etalage.text.Query;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.CRC32;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchType;
import org.opensearch.common.lucene.search.function.CombineFunction;
import org.opensearch.index.query.BoolQueryBuilder;
import org.opensearch.index.query.Operator;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.index.query.functionscore.FunctionScoreQueryBuilder;
import org.opensearch.index.query.functionscore.ScoreFunctionBuilders;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.opensearch.search.pipeline.SearchPipelineService;
import org.opensearch.search.sort.SortBuilders;
import org.opensearch.search.sort.SortOrder;

/**
 * The retrieval of candidates as one search (opensearch/cluster/search.py): the nearest vectors first, lifted above all words, then what
 * the shop's query matches, by its score; and the score of each text field beside it, by the names of clauses.
 */
final class Retrieval {
    /** Analyzed text fields and their weights in the lexical score (`TEXT` and `PATHS` of opensearch/fields.py). */
    static final String[] FIELDS = {"title", "model", "brand", "category", "attributes_text", "description"};

    static final String[] PATHS = {"title", "model", "brand.text", "category.text", "attributes_text", "description"};
    static final float[] WEIGHTS = {1f, 0.25f, 0.5f, 0.5f, 0.25f, 0.25f};

    /**
     * Added to and multiplied with the similarity of a near vector. A float of this size has steps of 2048, so a lexical score beside it
     * changes nothing, and a power of two keeps the similarity's bits.
     */
    static final float LIFT = 0x1p34f;

    /**
     * Boost of the clauses that only report the scores of the fields: added to any score it changes nothing, and a power of two keeps its
     * bits.
     */
    static final float WHISPER = 0x1p-40f;

    /** What the names of our clauses begin with: a shop's query has names of its own. */
    static final String NAMED = "etalage.";

    /** The field with feature record, vectors and title. */
    static final String RECORD = "record";

    private static final String VECTOR = "vec_text", ID = "id";
    private static final List<String> NOTHING = List.of("_none_");

    private Retrieval() {}

    /**
     * The source that brings candidates: from the first on, and the window at least; for a page past it, just the page.
     *
     * @param neighbours the clause of the nearest vectors; null without
     */
    static SearchSourceBuilder window(Asked asked, QueryBuilder neighbours) {
        SearchSourceBuilder shop = asked.source();
        int from = asked.past() ? asked.from() : 0;
        int size = asked.past() ? asked.size() : Math.max(asked.options().window(), asked.from() + asked.size());
        BoolQueryBuilder sources = QueryBuilders.boolQuery().minimumShouldMatch(1);
        if (neighbours != null) {
            sources.should(neighbours);
        }
        sources.should(theirs(asked.theirs(), asked.query(), shop.minScore()));
        BoolQueryBuilder query = QueryBuilders.boolQuery().must(sources);
        if (asked.kept() != null) {
            query.filter(asked.kept());
        }
        for (int field = 0; field < FIELDS.length; field++) {
            query.should(QueryBuilders.matchQuery(PATHS[field], asked.query().text())
                    .boost(WEIGHTS[field] * WHISPER)
                    .queryName(NAMED + FIELDS[field]));
        }
        SearchSourceBuilder source = bare(query, from, size).includeNamedQueriesScores(true).docValueField(RECORD);
        if (shop.trackTotalHitsUpTo() != null) {
            source.trackTotalHitsUpTo(shop.trackTotalHitsUpTo());
        }
        if (shop.postFilter() != null) {
            source.postFilter(shop.postFilter());
        }
        if (shop.aggregations() != null) {
            shop.aggregations().getAggregatorFactories().forEach(source::aggregation);
            shop.aggregations().getPipelineAggregatorFactories().forEach(source::aggregation);
        }
        if (shop.suggest() != null) {
            source.suggest(shop.suggest());
        }
        if (shop.timeout() != null) {
            source.timeout(shop.timeout());
        }
        if (shop.stats() != null) {
            source.stats(shop.stats());
        }
        source.ext(shop.ext().stream().filter(one -> !(one instanceof Ext)).toList());
        return source.verbosePipeline(shop.verbosePipeline());
    }

    /** The shop's query, and beside it the products that are named by their id or article number. */
    private static QueryBuilder theirs(QueryBuilder query, Query asked, Float least) {
        QueryBuilder whole = query;
        if (!asked.number().isEmpty()) {
            whole = QueryBuilders.boolQuery()
                    .should(query)
                    .should(QueryBuilders.idsQuery().addIds(asked.text()))
                    .should(QueryBuilders.matchQuery("model", asked.text()).operator(Operator.AND))
                    .minimumShouldMatch(1);
        }
        return least == null ? whole : new FunctionScoreQueryBuilder(whole).setMinScore(least);
    }

    /** The clause of the nearest vectors, in the order of their similarity. */
    static QueryBuilder lifted(QueryBuilder knn, Double floor) {
        FunctionScoreQueryBuilder lifted = new FunctionScoreQueryBuilder(knn, ScoreFunctionBuilders.weightFactorFunction(LIFT));
        lifted.boostMode(CombineFunction.SUM).boost(LIFT);
        if (floor != null) {
            lifted.setMinScore((float) (LIFT * (1 + similarity(floor))));
        }
        return lifted;
    }

    /** The clause of neighbours that an earlier search found. */
    static QueryBuilder found(List<String> ids) {
        return QueryBuilders.constantScoreQuery(QueryBuilders.termsQuery(ID, ids)).boost(LIFT);
    }

    /** The clause of the k nearest as JSON; `constraints` hold for them. */
    static Map<String, Object> knn(float[] vector, int k, List<Map<String, Object>> constraints) {
        Map<String, Object> clause = new LinkedHashMap<>();
        clause.put("vector", vector);
        clause.put("k", k);
        if (!constraints.isEmpty()) {
            clause.put("filter", kept(constraints));
        }
        return Map.of("knn", Map.of(VECTOR, clause));
    }

    /** All conditions as one clause. */
    static Map<String, Object> kept(List<Map<String, Object>> constraints) {
        return Map.of("bool", Map.of("filter", constraints));
    }

    /** The search for the k nearest alone: on several shards each brings k, and only the first k of all are neighbours. */
    static SearchRequest near(SearchRequest request, Asked asked, QueryBuilder knn, int k) {
        return beside(request, asked, bare(knn, 0, k).trackTotalHits(false));
    }

    /** What a node gives a vector for its cosine. */
    static double similarity(double cosine) {
        return (1 + cosine) / 2;
    }

    /** Hits without stored fields, which are read from compressed blocks. The last of their sort values is the id. */
    private static SearchSourceBuilder bare(QueryBuilder query, int from, int size) {
        return new SearchSourceBuilder()
                .query(query)
                .from(from)
                .size(size)
                .fetchSource(false)
                .storedFields(NOTHING)
                .sort(SortBuilders.scoreSort().order(SortOrder.DESC))
                .sort(ID, SortOrder.ASC);
    }

    /** A search of ours beside one that was asked for: on the same copies, and through no pipeline. */
    static SearchRequest beside(SearchRequest request, Asked asked, SearchSourceBuilder source) {
        return new SearchRequest(request.indices(), source)
                .indicesOptions(request.indicesOptions())
                .preference(asked.preference())
                .pipeline(SearchPipelineService.NOOP_PIPELINE_ID);
    }

    /** The request with another source. */
    static SearchRequest changed(SearchRequest request, Asked asked, SearchSourceBuilder source) {
        SearchRequest changed = new SearchRequest(request).source(source).preference(asked.preference());
        if (asked.shape().shards() > 1 && request.searchType() == SearchType.DEFAULT) {
            changed.searchType(SearchType.DFS_QUERY_THEN_FETCH);
        }
        return changed;
    }

    /** The copies of shards that a text is searched on: always the same ones, so that pages fit together. */
    static String preference(String text) {
        CRC32 sum = new CRC32();
        sum.update(text.getBytes(StandardCharsets.UTF_8));
        return String.format("q%08x", sum.getValue());
    }
}
