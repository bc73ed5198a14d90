package etalage.features;

import etalage.rank.Fusion;
import java.util.List;

/** How well the words match: BM25 by field and together, and the rank by it (ranker/features/lexical.py). */
final class Lexical {
    static final List<Feature> FEATURES = List.of(
            byField("title", 0),
            byField("model", 1),
            byField("brand", 2),
            byField("category", 3),
            byField("attributes_text", 4),
            byField("description", 5),
            feature("bm25", c -> Columns.relative(c.found.lexical(), Fusion.peak(c.found.lexical()))),
            feature("bm25_title_share", Lexical::titleShare),
            feature("lexical_rank", c -> Columns.reciprocal(c.lexicalRank)),
            feature("matched_share", Lexical::matchedShare));

    private Lexical() {}

    private static Feature feature(String name, Feature.Compute compute) {
        return new Feature(name, "lexical", 0, compute);
    }

    private static Feature byField(String name, int number) {
        return feature("bm25_" + name, c -> {
            float[] scores = c.found.field(number);
            return Columns.relative(scores, Fusion.peak(scores));
        });
    }

    private static float[] titleShare(Context c) {
        float[] share = c.found.field(0);
        for (int row = 0; row < c.size; row++) share[row] = Columns.ratio(share[row], c.found.lexical()[row]);
        return share;
    }

    private static float[] matchedShare(Context c) {
        int matched = 0;
        for (float score : c.found.lexical()) matched += score != 0 ? 1 : 0;
        return Columns.full(c.size, (float) ((double) matched / c.size));
    }
}
