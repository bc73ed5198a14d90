package etalage.features;

import etalage.rank.Fusion;
import java.util.List;

/** The shape of the list: how far a score stands out, and what kind of query it is (ranker/features/shape.py). */
final class Shape {
    static final List<Feature> FEATURES = List.of(
            feature("bm25_deviation", c -> matchesDeviation(c.found.lexical())),
            feature("bm25_title_deviation", c -> matchesDeviation(c.found.field(0))),
            feature("cosine_deviation", c -> Columns.standardized(c.cosines, c.vectored)),
            feature("cosine_below_best", Shape::belowBest),
            feature("fused_rank", Shape::fusedRank),
            feature("reciprocal_fusion", Shape::reciprocalFusion),
            feature("bm25_cosine", Shape::product),
            feature("best_cosine", c -> Columns.full(c.size, Fusion.peak(c.cosines))),
            feature("best_coverage", c -> Columns.full(c.size, Fusion.peak(c.share(c.places)))),
            feature("has_number", c -> has(c, Context.NUMBER)),
            feature("has_model", c -> has(c, Context.MODEL)));

    private Shape() {}

    private static Feature feature(String name, Feature.Compute compute) {
        return new Feature(name, "shape", 0, compute);
    }

    private static float[] matchesDeviation(float[] scores) {
        return Columns.standardized(scores, Fusion.above(scores, 0));
    }

    private static float[] belowBest(Context c) {
        float[] column = new float[c.size];
        float best = Fusion.peak(c.cosines);
        for (int row = 0; row < c.size; row++) column[row] = (best - c.cosines[row]) / 2;
        return column;
    }

    private static float[] fusedRank(Context c) {
        float[] column = new float[c.size];
        for (int place = 0; place < c.size; place++) column[c.best[place]] = Columns.reciprocal(place + 1);
        return column;
    }

    /** Reciprocal rank fusion (Cormack et al. 2009) with k = 60, by its largest possible value. */
    private static float[] reciprocalFusion(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            column[row] = (float) ((worth(c.lexicalRank[row]) + worth(c.vectorRank[row])) / 2);
        }
        return column;
    }

    private static double worth(int rank) {
        return rank > 0 ? 61.0 / (60.0 + rank) : 0;
    }

    /** Combined BM25 by the list's largest, times the cosine: both must be good. */
    private static float[] product(Context c) {
        float[] column = new float[c.size];
        float peak = Fusion.peak(c.found.lexical());
        for (int row = 0; row < c.size; row++) {
            column[row] = Columns.ratio(c.found.lexical()[row], peak) * Math.max(c.cosines[row], 0);
        }
        return column;
    }

    private static float[] has(Context c, int kind) {
        boolean has = false;
        for (byte one : c.query.kinds()) has |= one == kind;
        return Columns.full(c.size, has ? 1 : 0);
    }
}
