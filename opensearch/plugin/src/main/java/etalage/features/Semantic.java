package etalage.features;

import etalage.rank.Fusion;
import java.util.List;

/** How near the meaning is: cosine with the query, its rank, and the fusion with the words (ranker/features/semantic.py). */
final class Semantic {
    static final List<Feature> FEATURES = List.of(
            feature("cosine", c -> c.cosines),
            feature("cosine_relative", c -> Fusion.minMax(c.cosines, c.vectored)),
            feature("near", c -> near(c, false)),
            feature("vector_rank", c -> Columns.reciprocal(c.vectorRank)),
            feature("fused", c -> c.fused),
            feature("both_lists", c -> near(c, true)));

    private Semantic() {}

    private static Feature feature(String name, Feature.Compute compute) {
        return new Feature(name, "semantic", 0, compute);
    }

    /** Who is among the nearest vectors, and where asked for also among the lexical matches. */
    private static float[] near(Context c, boolean matched) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            column[row] = c.found.near(row) && (!matched || c.found.lexical()[row] > 0) ? 1 : 0;
        }
        return column;
    }
}
