package etalage.rank;

import etalage.features.Candidates;
import java.util.Arrays;

/** Fusion of the lexical and the vector score: normalized over the candidates, arithmetic mean (ranker/fuse.py). */
public final class Fusion {
    /** What the lowest score becomes, so that having one always counts. */
    private static final float FLOOR = 0.001f;

    private Fusion() {}

    /** Cosine of a query vector with each candidate: [n], 0 without a vector on either side. */
    public static float[] cosines(float[] vector, Candidates candidates) {
        if (vector == null) return new float[candidates.size()];
        double[] wide = new double[vector.length];
        for (int at = 0; at < wide.length; at++) wide[at] = vector[at];
        return candidates.cosines(wide);
    }

    /** The fused score of each candidate, given its cosine with the query: [n] in [0, 1]. */
    public static float[] fused(Candidates candidates, float[] cosines) {
        boolean[] encoded = new boolean[candidates.size()];
        boolean any = false;
        for (float cosine : cosines) any |= cosine != 0;
        if (any) encoded = candidates.vectored();
        return hybrid(candidates.lexical(), cosines, encoded);
    }

    /**
     * Half BM25 by its largest, half min-max cosine.
     *
     * @param lexical combined BM25 [n], 0 without a match
     * @param cosines cosine with the query [n]
     * @param encoded which candidates have a vector [n]
     */
    public static float[] hybrid(float[] lexical, float[] cosines, boolean[] encoded) {
        float peak = peak(lexical);
        float[] fused = minMax(cosines, encoded);
        for (int row = 0; row < fused.length; row++) {
            fused[row] = 0.5f * ((peak > 0 ? lexical[row] / peak : lexical[row]) + fused[row]);
        }
        return fused;
    }

    /** The largest of the values, at least 0. */
    public static float peak(float[] values) {
        float peak = 0;
        for (float value : values) peak = Math.max(peak, value);
        return peak;
    }

    /** Scores [n] scaled to [FLOOR, 1] over those in `among`; 0 for the others. */
    public static float[] minMax(float[] scores, boolean[] among) {
        float low = Float.POSITIVE_INFINITY, high = Float.NEGATIVE_INFINITY;
        for (int row = 0; row < scores.length; row++) {
            if (!among[row]) continue;
            low = Math.min(low, scores[row]);
            high = Math.max(high, scores[row]);
        }
        float[] scaled = new float[scores.length];
        for (int row = 0; row < scores.length; row++) {
            if (!among[row]) continue;
            scaled[row] = high == low ? 1 : Math.max((scores[row] - low) / (high - low), FLOOR);
        }
        return scaled;
    }

    /** 1-based rank of each candidate by descending score among those in `among`, ties by position; 0 for the others. */
    public static int[] ranks(float[] scores, boolean[] among) {
        int[] ranks = new int[scores.length];
        int rank = 0;
        for (int row : order(scores)) {
            if (among[row]) ranks[row] = ++rank;
        }
        return ranks;
    }

    /** Rows by descending score, ties by position. */
    public static int[] order(float[] scores) {
        long[] keys = new long[scores.length];
        for (int row = 0; row < keys.length; row++) {
            // Bits of a float that sort as it does, descending; the sum makes -0 a 0.
            int bits = Float.floatToIntBits(scores[row] + 0f);
            keys[row] = (long) ~(bits ^ bits >> 31 & Integer.MAX_VALUE) << 32 | row;
        }
        Arrays.sort(keys);
        int[] order = new int[keys.length];
        for (int place = 0; place < order.length; place++) order[place] = (int) keys[place];
        return order;
    }

    /** Which values are above a bound. */
    public static boolean[] above(float[] values, float bound) {
        boolean[] above = new boolean[values.length];
        for (int row = 0; row < above.length; row++) above[row] = values[row] > bound;
        return above;
    }
}
