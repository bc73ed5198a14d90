package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.models.Stats;
import etalage.plugin.Asked.Sent;
import java.util.List;
import java.util.Map;
import org.apache.lucene.search.TotalHits;
import org.junit.jupiter.api.Test;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.action.search.ShardSearchFailure;
import org.opensearch.search.SearchHit;
import org.opensearch.search.SearchHits;
import org.opensearch.search.builder.SearchSourceBuilder;
import org.opensearch.search.fetch.subphase.highlight.HighlightBuilder;
import org.opensearch.search.internal.InternalSearchResponse;

class PageTest {
    private final SearchHit[] hits = {
        HitsTest.hit("a", 9, Map.of("etalage.title", 0x1p-40f), 2),
        HitsTest.hit("b", 8, Map.of("etalage.title", 2 * 0x1p-40f, "mine", 1f), 2),
        HitsTest.hit("c", 7, Map.of(), 2)
    };

    @Test
    void onlyWhatIsShownIsFetched() {
        Page page = page(new SearchSourceBuilder().size(2).fetchSource("title", null).docValueField("price").version(true));
        SearchRequest search = page.search();
        SearchSourceBuilder source = search.source();
        assertArrayEquals(new String[] {"shop"}, search.indices());
        assertEquals("_none", search.pipeline());
        assertTrue(source.query().toString().replaceAll("\\s", "").contains("[\"a\",\"b\"]"), source.query().toString());
        assertEquals(2, source.size());
        assertArrayEquals(new String[] {"title"}, source.fetchSource().includes());
        assertEquals("price", source.docValueFields().get(0).field);
        assertTrue(source.version());
    }

    @Test
    void wordsAreMarkedByTheShopsQuery() {
        SearchSourceBuilder source = page(new SearchSourceBuilder().highlighter(new HighlightBuilder().field("title"))).search().source();
        assertTrue(source.highlighter().highlightQuery().toString().contains("\"match\""));
        assertNull(source.fetchSource());
    }

    @Test
    void idsAloneNeedNoSearch() {
        assertNull(page(new SearchSourceBuilder().fetchSource(false)).search());
        assertNull(page(new SearchSourceBuilder().storedFields(List.of("_none_"))).search());
        assertNull(page(new SearchSourceBuilder().from(3)).search());
        assertFalse(page(new SearchSourceBuilder().storedFields(List.of("_none_")).version(true)).search().source().fetchSource().fetchSource());
        assertNull(page(new SearchSourceBuilder().storedFields(List.of("title"))).search().source().fetchSource());
    }

    @Test
    void hitsThatWereBroughtArePutInOrder() {
        SearchHit[] brought = {new SearchHit(1, "a", Map.of(), Map.of()), new SearchHit(2, "b", Map.of(), Map.of())};
        SearchResponse answer = page(new SearchSourceBuilder().size(2).explain(true)).answer(response(brought));
        SearchHit[] shown = answer.getHits().getHits();
        assertEquals(List.of("b", "a"), List.of(shown[0].getId(), shown[1].getId()));
        assertTrue(shown[0].getScore() > shown[1].getScore() && shown[1].getScore() > 0);
        assertEquals(shown[0].getScore(), answer.getHits().getMaxScore());
        assertEquals(Map.of("mine", 1f), shown[0].getMatchedQueriesAndScores());
        assertEquals(shown[0].getScore(), shown[0].getExplanation().getValue().floatValue());
        assertEquals(7, answer.getHits().getTotalHits().value());
        String said = answer.toString().replaceAll("\\s", "");
        assertTrue(said.contains("\"ext\":{\"etalage\":{\"rank\":false,\"degraded\":[\"rerank\"],\"took\":"), said);
        assertFalse(said.contains("etalage."), said);
    }

    @Test
    void aHitThatIsNotThereAnyMoreIsLeftOut() {
        SearchHit kept = new SearchHit(1, "a", Map.of(), Map.of());
        SearchHit[] shown = page(new SearchSourceBuilder().size(2)).answer(response(new SearchHit[] {kept})).getHits().getHits();
        assertEquals(List.of("a"), List.of(shown).stream().map(SearchHit::getId).toList());
    }

    @Test
    void anEmptyPageHasNoBestScore() {
        assertTrue(Float.isNaN(page(new SearchSourceBuilder().from(3)).answer(null).getHits().getMaxScore()));
    }

    @Test
    void shardsThatFailedToShowAPageAreTold() {
        ShardSearchFailure lost = new ShardSearchFailure(new IllegalStateException("lost"));
        SearchResponse answer = page(new SearchSourceBuilder()).answer(response(new SearchHit[0], lost));
        assertEquals(List.of(1, 0), List.of(answer.getFailedShards(), answer.getSuccessfulShards()));
        assertEquals(0, answer.getHits().getHits().length);
        assertEquals(0, page(new SearchSourceBuilder()).answer(response(hits)).getFailedShards());
    }

    private Page page(SearchSourceBuilder source) {
        Sent sent = new Sent(HitsTest.asked(source, 200), null, null, List.of("rerank"));
        Ranking ranking = Ranking.of(sent, List.of(hits), null, new Stats());
        return Page.of(new SearchRequest("shop"), response(hits), sent, ranking);
    }

    private static SearchResponse response(SearchHit[] hits, ShardSearchFailure... failures) {
        SearchHits found = new SearchHits(hits, new TotalHits(7, TotalHits.Relation.EQUAL_TO), Float.NaN);
        InternalSearchResponse sections = new InternalSearchResponse(found, null, null, null, false, null, 1);
        return new SearchResponse(sections, null, 1, 1 - failures.length, 0, 3, failures, SearchResponse.Clusters.EMPTY);
    }
}
