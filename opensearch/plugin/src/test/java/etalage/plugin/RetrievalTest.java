package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.plugin.Shapes.Shape;
import etalage.text.Query;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchType;
import org.opensearch.common.xcontent.XContentHelper;
import org.opensearch.common.xcontent.json.JsonXContent;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.aggregations.AggregationBuilders;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.opensearch.search.fetch.subphase.highlight.HighlightBuilder;

class RetrievalTest {
    private static final QueryBuilder NEAR = QueryBuilders.termQuery("id", "near");

    @Test
    void everythingComesFromTheFirstHitOn() {
        SearchSourceBuilder shop = new SearchSourceBuilder().from(20).size(30).trackTotalHits(true).postFilter(QueryBuilders.termQuery("a", "b"));
        shop.aggregation(AggregationBuilders.max("most").field("price")).highlighter(new HighlightBuilder().field("title")).fetchSource("title", null);
        SearchSourceBuilder source = window(shop, 200, NEAR);
        assertEquals(List.of(0, 200), List.of(source.from(), source.size()));
        assertEquals(Integer.MAX_VALUE, source.trackTotalHitsUpTo());
        assertEquals(shop.postFilter(), source.postFilter());
        assertEquals(shop.aggregations(), source.aggregations());
        assertFalse(source.fetchSource().fetchSource());
        assertEquals(null, source.highlighter());
        assertTrue(source.includeNamedQueriesScore());
        assertEquals(50, window(shop, 25, NEAR).size());
    }

    @Test
    void aPagePastTheWindowComesAlone() {
        SearchSourceBuilder source = window(new SearchSourceBuilder().from(200).size(30), 200, NEAR);
        assertEquals(List.of(200, 30), List.of(source.from(), source.size()));
    }

    @Test
    void namesOfFieldsAreReportedAtAWhisper() {
        Map<?, ?> query = (Map<?, ?>) Dsl.json(window(new SearchSourceBuilder(), 200, NEAR).query()).get("bool");
        List<?> words = (List<?>) query.get("should");
        assertEquals(6, words.size());
        Map<?, ?> brand = (Map<?, ?>) ((Map<?, ?>) ((Map<?, ?>) words.get(2)).get("match")).get("brand.text");
        assertEquals("red shoes", brand.get("query"));
        assertEquals("etalage.brand", brand.get("_name"));
        assertEquals(0x1p-41f, ((Number) brand.get("boost")).floatValue());
    }

    @Test
    void aLeastScoreIsForTheShopsQueryAlone() {
        String query = window(new SearchSourceBuilder().minScore(3), 200, NEAR).query().toString();
        assertTrue(query.contains("\"min_score\" : 3.0"), query);
        assertEquals(null, window(new SearchSourceBuilder().minScore(3), 200, NEAR).minScore());
    }

    @Test
    void numbersOfProductsAreSourcesToo() {
        Asked asked = HitsTest.asked(new SearchSourceBuilder(), 200);
        Asked number = new Asked(asked.source(), asked.theirs(), List.of(), null, Query.of("MX-500"), asked.ext(), asked.shape(), null, asked.options(), "q", 0);
        String query = Retrieval.window(number, NEAR).query().toString();
        assertTrue(query.contains("\"ids\"") && query.contains("\"AND\""), query);
        assertFalse(Retrieval.window(asked, NEAR).query().toString().contains("\"ids\""));
    }

    @Test
    void neighboursAreLiftedAboveAllWords() {
        String lifted = Retrieval.lifted(NEAR, 0.5).toString();
        Map<String, Object> json = XContentHelper.convertToMap(JsonXContent.jsonXContent, lifted, true);
        Map<?, ?> score = (Map<?, ?>) json.get("function_score");
        assertEquals("sum", score.get("boost_mode"));
        assertEquals(0x1p34f, ((Number) score.get("boost")).floatValue());
        assertEquals(0x1p34f * 1.75f, ((Number) score.get("min_score")).floatValue());
        assertFalse(Retrieval.lifted(NEAR, null).toString().contains("min_score"));
    }

    @Test
    void conditionsHoldForNeighbours() {
        List<Map<String, Object>> constraints = List.of(Map.of("term", Map.of("a", "b")));
        assertEquals(Map.of("bool", Map.of("filter", constraints)), clause(constraints).get("filter"));
        assertFalse(clause(List.of()).containsKey("filter"));
    }

    @Test
    void onSeveralShardsWordsAreAsRareAsInAllOfThem() {
        Asked one = HitsTest.asked(new SearchSourceBuilder(), 200);
        Asked three = new Asked(one.source(), one.theirs(), List.of(), null, one.query(), one.ext(), new Shape("shop", 4, 0, "f", 3), null, one.options(), "q1", 0);
        SearchRequest request = new SearchRequest("shop");
        assertEquals(SearchType.QUERY_THEN_FETCH, Retrieval.changed(request, one, one.source()).searchType());
        assertEquals(SearchType.DFS_QUERY_THEN_FETCH, Retrieval.changed(request, three, one.source()).searchType());
        SearchRequest near = Retrieval.near(request, three, NEAR, 7);
        assertEquals(List.of("q1", "_none", 7), List.of(near.preference(), near.pipeline(), near.source().size()));
    }

    @Test
    void oneTextIsSearchedOnTheSameCopies() {
        assertEquals("q00000000", Retrieval.preference(""));
        assertEquals("qcbf43926", Retrieval.preference("123456789"));
    }

    private static SearchSourceBuilder window(SearchSourceBuilder shop, int window, QueryBuilder near) {
        return Retrieval.window(HitsTest.asked(shop, window), near);
    }

    private static Map<?, ?> clause(List<Map<String, Object>> constraints) {
        return (Map<?, ?>) ((Map<?, ?>) Retrieval.knn(new float[] {1}, 3, constraints).get("knn")).get("vec_text");
    }
}
