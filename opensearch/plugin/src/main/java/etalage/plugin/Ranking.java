package etalage.plugin;

import etalage.features.Candidates;
import etalage.features.Features;
import etalage.models.Stats;
import etalage.plugin.Asked.Sent;
import etalage.rank.Fusion;
import etalage.rank.Ranker;
import etalage.rank.Scores;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.lucene.search.Explanation;
import org.opensearch.search.SearchHit;

/**
 * Hits in the order in which they are shown.
 *
 * @param hits in the engine's order
 * @param order rows of `hits`, the best first
 * @param scores what hits are shown with [n]; 0 past the window
 * @param parts what the scores are made of; null where nothing was computed
 */
record Ranking(List<SearchHit> hits, int[] order, double[] scores, Parts parts) {
    /** Columns of the window [n]; `ranker` is null where it was not asked. */
    private record Parts(Candidates found, float[] cosines, float[] fused, float[] ranker) {}

    /** The engine's order. */
    static Ranking none(List<SearchHit> hits) {
        return new Ranking(hits, rest(new int[0], hits.size()), new double[hits.size()], null);
    }

    /** The order by the ranker, without one by the fused score; hits past the window follow in the engine's order. */
    static Ranking of(Sent sent, List<SearchHit> hits, Ranker ranker, Stats stats) {
        Asked asked = sent.asked();
        long started = System.nanoTime();
        int ranked = Math.min(hits.size(), asked.options().window());
        Candidates found = Hits.candidates(hits.subList(0, ranked), asked.shape());
        float[] cosines = Fusion.cosines(sent.vector(), found);
        float[] fused = Fusion.fused(found, cosines);
        float[] scored = null;
        if (ranker != null) {
            float[] matrix = Features.matrix(asked.query(), cosines, fused, found);
            long computed = System.nanoTime();
            stats.time("features", computed - started);
            scored = ranker.score(matrix, ranked);
            stats.time("rank", System.nanoTime() - computed);
        }
        double[] last = Scores.last(fused, scored, Scores.named(asked.query(), found));
        double[] scores = new double[hits.size()];
        System.arraycopy(last, 0, scores, 0, ranked);
        return new Ranking(hits, rest(Scores.order(last, found), hits.size()), scores, new Parts(found, cosines, fused, scored));
    }

    /** An order of all rows that begins with that of the first ones. */
    private static int[] rest(int[] first, int size) {
        int[] order = new int[size];
        System.arraycopy(first, 0, order, 0, first.length);
        for (int row = first.length; row < size; row++) {
            order[row] = row;
        }
        return order;
    }

    /** What the score of a row is made of, by name; nothing where it was not computed. */
    Map<String, Object> told(int row) {
        Map<String, Object> told = new LinkedHashMap<>();
        told.put("_id", Hits.id(hits.get(row)));
        if (parts != null && row < parts.fused.length) {
            told.put("bm25", parts.found.lexical()[row]);
            Map<String, Object> fields = new LinkedHashMap<>();
            for (int field = 0; field < Retrieval.FIELDS.length; field++) {
                float score = parts.found.field(field)[row];
                if (score > 0) {
                    fields.put(Retrieval.FIELDS[field], score);
                }
            }
            told.put("fields", fields);
            told.put("cosine", parts.cosines[row]);
            told.put("fused", parts.fused[row]);
            told.put("ranker", parts.ranker == null ? null : parts.ranker[row]);
        }
        return told;
    }

    /** The same in the form of the node's explanations. */
    Explanation explained(int row) {
        List<Explanation> details = told(row).entrySet().stream()
                .filter(one -> one.getValue() instanceof Number)
                .map(one -> Explanation.match((Number) one.getValue(), one.getKey() + " of the document"))
                .toList();
        return Explanation.match((float) scores[row], "score by the ranker, computed from:", details);
    }
}
