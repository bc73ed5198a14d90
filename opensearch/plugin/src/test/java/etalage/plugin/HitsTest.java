package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.features.Candidates;
import etalage.models.Stats;
import etalage.plugin.Asked.Sent;
import etalage.plugin.Shapes.Shape;
import etalage.text.Query;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.opensearch.common.document.DocumentField;
import org.opensearch.index.query.QueryBuilders;
import org.opensearch.search.DocValueFormat;
import org.opensearch.search.SearchHit;
import org.opensearch.search.builder.SearchSourceBuilder;

class HitsTest {
    static final int DIM = 4;
    static final Shape SHAPE = new Shape("shop", DIM, 0, "f", 1);

    @Test
    void scoresOfClausesBecomeThoseOfFields() {
        SearchHit hit = hit("a", Retrieval.LIFT * 1.9f, Map.of("etalage.title", 3 * 0x1p-40f, "etalage.brand", 0x1p-40f, "mine", 7f), 1);
        Candidates found = Hits.candidates(List.of(hit, hit("b", 12, Map.of(), 2)), SHAPE);
        assertEquals("a", found.id(0));
        assertEquals("title of a", found.title(0));
        assertTrue(found.near(0));
        assertFalse(found.near(1));
        assertArrayEquals(new float[] {4, 0}, found.lexical());
        assertArrayEquals(new float[] {3, 0}, found.field(0));
        assertArrayEquals(new float[] {2, 0}, found.field(2)); // the weight of brands is a half
        assertEquals(Map.of("mine", 7f), Hits.named(hit));
    }

    @Test
    void aDocumentWithoutARecordIsNoCandidate() {
        SearchHit hit = hit("a", 1, Map.of(), 1);
        hit.removeDocumentField("record");
        assertThrows(IllegalArgumentException.class, () -> Hits.candidates(List.of(hit), SHAPE));
        hit.setDocumentField("record", new DocumentField("record", List.of("AAAA")));
        assertThrows(IllegalArgumentException.class, () -> Hits.candidates(List.of(hit), SHAPE));
    }

    @Test
    void neighboursComeFirstInTheirOwnOrder() {
        SearchHit[] hits = {hit("a", 5, Map.of(), 1), hit("b", 5, Map.of(), 1), hit("c", 1, Map.of(), 1)};
        assertEquals(List.of("b", "a", "c"), ids(Hits.ordered(hits, List.of("b", "gone", "a"))));
        assertEquals(List.of("a", "b", "c"), ids(Hits.ordered(hits, null)));
    }

    @Test
    void theFusedOrderIsThatOfWordsAndVectorsAndTheRestFollows() {
        List<SearchHit> hits = List.of(
                hit("a", 1, Map.of("etalage.title", 0x1p-40f), 2),
                hit("b", 1, Map.of("etalage.title", 2 * 0x1p-40f), 1),
                hit("c", 1, Map.of("etalage.title", 9 * 0x1p-40f), 3));
        Sent sent = new Sent(asked(new SearchSourceBuilder(), 2), new float[] {1, 0, 0, 0}, null, List.of());
        Ranking ranking = Ranking.of(sent, hits, null, new Stats());
        assertArrayEquals(new int[] {1, 0, 2}, ranking.order());
        assertEquals(1, ranking.scores()[1], 1e-6); // the best by both
        assertEquals(0.2505, ranking.scores()[0], 1e-6); // half of the best words, the lowest share of vectors
        assertEquals(0, ranking.scores()[2]);
        assertEquals(2f, ranking.told(1).get("bm25"));
        assertEquals(Map.of("_id", "c"), ranking.told(2));
        assertEquals((float) ranking.scores()[1], ranking.explained(1).getValue().floatValue());
        assertArrayEquals(new int[] {0, 1, 2}, Ranking.none(hits).order());
    }

    static Asked asked(SearchSourceBuilder source, int window) {
        return new Asked(source, QueryBuilders.matchQuery("title", "x"), List.of(), null, Query.of("red shoes"), new Ext(null, null, false, true), SHAPE, null,
                new Options(null, window, 1, 500, null), "q1", System.nanoTime());
    }

    /** A hit as the node gives it; the larger `angle` (1 to 3), the farther its vector is from the first axis. */
    static SearchHit hit(String id, float score, Map<String, Float> named, int angle) {
        byte[] title = ("title of " + id).getBytes();
        byte[] row = new byte[Candidates.RECORD + DIM + title.length];
        row[Candidates.RECORD] = (byte) (4 - angle);
        row[Candidates.RECORD + 1] = (byte) angle;
        System.arraycopy(title, 0, row, Candidates.RECORD + DIM, title.length);
        SearchHit hit = new SearchHit(0, null, Map.of(), Map.of());
        hit.setDocumentField("record", new DocumentField("record", List.of(Base64.getEncoder().encodeToString(row))));
        hit.score(score);
        hit.sortValues(new Object[] {score, id}, new DocValueFormat[] {DocValueFormat.RAW, DocValueFormat.RAW});
        hit.matchedQueriesWithScores(new LinkedHashMap<>(named));
        return hit;
    }

    private static List<String> ids(List<SearchHit> hits) {
        return hits.stream().map(Hits::id).toList();
    }
}
