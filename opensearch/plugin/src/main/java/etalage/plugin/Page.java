package etalage.plugin;

import etalage.models.Model;
import etalage.plugin.Asked.Sent;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.action.search.SearchResponseSections;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.SearchExtBuilder;
import org.opensearch.search.SearchHit;
import org.opensearch.search.SearchHits;
import org.opensearch.search.aggregations.InternalAggregations;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.opensearch.search.fetch.StoredFieldsContext;
import org.opensearch.search.fetch.subphase.FieldAndFormat;
import org.opensearch.search.fetch.subphase.highlight.HighlightBuilder;
import org.opensearch.search.internal.InternalSearchResponse;

/** The page of a ranked search: what is fetched for it, and the response. Only what is shown is fetched in full. */
final class Page {
    private final SearchRequest request;
    private final SearchResponse response;
    private final Sent sent;
    private final Ranking ranking;

    /** Rows that are shown, in order. */
    private final List<Integer> rows = new ArrayList<>();

    private Page(SearchRequest request, SearchResponse response, Sent sent, Ranking ranking) {
        this.request = request;
        this.response = response;
        this.sent = sent;
        this.ranking = ranking;
    }

    static Page of(SearchRequest request, SearchResponse response, Sent sent, Ranking ranking) {
        Page page = new Page(request, response, sent, ranking);
        Asked asked = sent.asked();
        int from = asked.past() ? 0 : asked.from();
        for (int place = from; place < Math.min(ranking.order().length, from + asked.size()); place++) {
            page.rows.add(ranking.order()[place]);
        }
        return page;
    }

    /** The search that brings what is shown of the hits; null when only ids are wanted. */
    SearchRequest search() {
        SearchSourceBuilder shop = sent.asked().source();
        if (rows.isEmpty() || bare(shop)) {
            return null;
        }
        String[] ids = rows.stream().map(row -> Hits.id(ranking.hits().get(row))).toArray(String[]::new);
        SearchSourceBuilder source = new SearchSourceBuilder()
                .query(QueryBuilders.idsQuery().addIds(ids))
                .size(ids.length)
                .trackTotalHits(false);
        if (shop.fetchSource() != null) {
            source.fetchSource(shop.fetchSource());
        }
        if (nothing(shop.storedFields())) {
            // A hit without an id could not be put into its place.
            source.fetchSource(shop.fetchSource() != null && shop.fetchSource().fetchSource());
        } else if (shop.storedFields() != null) {
            source.storedFields(shop.storedFields());
        }
        for (FieldAndFormat field : several(shop.docValueFields())) {
            source.docValueField(field.field, field.format);
        }
        for (FieldAndFormat field : several(shop.fetchFields())) {
            source.fetchField(field.field, field.format);
        }
        if (shop.version() != null) {
            source.version(shop.version());
        }
        if (shop.seqNoAndPrimaryTerm() != null) {
            source.seqNoAndPrimaryTerm(shop.seqNoAndPrimaryTerm());
        }
        HighlightBuilder highlighter = shop.highlighter();
        if (highlighter != null) {
            boolean own = highlighter.highlightQuery() != null;
            source.highlighter(own ? highlighter : new HighlightBuilder(highlighter, sent.asked().theirs(), highlighter.fields()));
        }
        return Retrieval.beside(request, sent.asked(), source);
    }

    private static boolean bare(SearchSourceBuilder shop) {
        boolean source = shop.fetchSource() == null ? shop.storedFields() == null : shop.fetchSource().fetchSource();
        return !source
                && (shop.storedFields() == null || nothing(shop.storedFields()))
                && several(shop.docValueFields()).isEmpty()
                && several(shop.fetchFields()).isEmpty()
                && !Boolean.TRUE.equals(shop.version())
                && !Boolean.TRUE.equals(shop.seqNoAndPrimaryTerm())
                && shop.highlighter() == null;
    }

    private static boolean nothing(StoredFieldsContext stored) {
        return stored != null && !stored.fetchFields();
    }

    private static List<FieldAndFormat> several(List<FieldAndFormat> fields) {
        return fields == null ? List.of() : fields;
    }

    /**
     * The response, with what the search for the page brought, null when there was none. A hit that it did not bring, removed in between
     * or on a shard that failed, is left out; shards that failed it failed the response.
     */
    SearchResponse answer(SearchResponse brought) {
        Map<String, SearchHit> byId = new HashMap<>();
        if (brought != null) {
            for (SearchHit hit : brought.getHits().getHits()) {
                byId.put(hit.getId(), hit);
            }
            rows.removeIf(row -> !byId.containsKey(Hits.id(ranking.hits().get(row))));
        }
        SearchHit[] shown = new SearchHit[rows.size()];
        float best = Float.NaN;
        for (int place = 0; place < shown.length; place++) {
            int row = rows.get(place);
            shown[place] = shown(row, byId.get(Hits.id(ranking.hits().get(row))));
            best = Float.isNaN(best) ? shown[place].getScore() : Math.max(best, shown[place].getScore());
        }
        SearchResponseSections given = response.getInternalResponse();
        List<SearchExtBuilder> exts = new ArrayList<>(given.getSearchExtBuilders());
        exts.add(new Told(told()));
        InternalSearchResponse sections = new InternalSearchResponse(
                new SearchHits(shown, given.hits().getTotalHits(), best),
                (InternalAggregations) given.aggregations(),
                given.suggest(),
                null,
                given.timedOut(),
                given.terminatedEarly(),
                given.getNumReducePhases(),
                exts,
                given.getProcessorResult());
        boolean less = brought != null && brought.getFailedShards() > response.getFailedShards();
        SearchResponse shards = less ? brought : response;
        return new SearchResponse(
                sections,
                response.getScrollId(),
                shards.getTotalShards(),
                shards.getSuccessfulShards(),
                shards.getSkippedShards(),
                took(),
                response.getPhaseTook(),
                shards.getShardFailures(),
                response.getClusters(),
                response.pointInTimeId());
    }

    /** A hit as it is shown: with what was brought, or with its id alone when that is all that is wanted. */
    private SearchHit shown(int row, SearchHit brought) {
        SearchHit found = ranking.hits().get(row), shown = brought;
        if (shown == null) {
            shown = new SearchHit(found.docId(), Hits.id(found), Map.of(), Map.of());
            shown.shard(found.getShard());
        }
        shown.score((float) ranking.scores()[row]);
        shown.matchedQueriesWithScores(Hits.named(found));
        if (Boolean.TRUE.equals(sent.asked().source().explain())) {
            shown.explanation(ranking.explained(row));
        }
        return shown;
    }

    private Map<String, Object> told() {
        Asked asked = sent.asked();
        Model model = asked.model();
        boolean ranked = model != null && !asked.past() && !sent.degraded().contains("rerank");
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("rank", ranked ? model.title() : false);
        told.put("degraded", sent.degraded());
        told.put("took", took());
        if (asked.ext().explain) {
            told.put("hits", rows.stream().map(ranking::told).toList());
        }
        return told;
    }

    private long took() {
        return (System.nanoTime() - sent.asked().started()) / 1_000_000;
    }
}
