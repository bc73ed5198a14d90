package etalage.features;

import java.util.Arrays;

/** Steps over whole columns, as the features share them (ranker/features/base.py). */
final class Columns {
    /** Bound of standardized values. */
    private static final double CLIP = 3;

    private Columns() {}

    /** One value for all rows. */
    static float[] full(int size, float value) {
        float[] column = new float[size];
        Arrays.fill(column, value);
        return column;
    }

    /** 1 where a flag is set. */
    static float[] flags(boolean[] flags) {
        float[] column = new float[flags.length];
        for (int row = 0; row < column.length; row++) column[row] = flags[row] ? 1 : 0;
        return column;
    }

    /** Part / whole, 0 where the whole is not positive. */
    static float ratio(float part, float whole) {
        return whole > 0 ? part / whole : 0;
    }

    /** Values divided by the largest of the list; 0 when that is not positive. */
    static float[] relative(float[] values, float peak) {
        float[] scaled = new float[values.length];
        for (int row = 0; row < scaled.length; row++) scaled[row] = ratio(values[row], peak);
        return scaled;
    }

    /** Values less the list's mean, by its deviation, within ±CLIP, scaled to [-1, 1]; 0 where a value is NaN. */
    static float[] standardized(float[] values) {
        float[] scaled = new float[values.length];
        int count = 0;
        double sum = 0, squares = 0;
        for (float value : values) {
            if (value == value) {
                count++;
                sum += value;
            }
        }
        if (count < 2) return scaled;
        double mean = sum / count;
        for (float value : values) {
            if (value == value) squares += (value - mean) * (value - mean);
        }
        double deviation = Math.sqrt(squares / count);
        if (deviation < 1e-9) return scaled;
        for (int row = 0; row < scaled.length; row++) {
            float value = values[row];
            if (value == value) {
                scaled[row] = (float) (Math.clamp((value - mean) / deviation, -CLIP, CLIP) / CLIP);
            }
        }
        return scaled;
    }

    /** `standardized` over those in `among`. */
    static float[] standardized(float[] values, boolean[] among) {
        float[] inside = new float[values.length];
        for (int row = 0; row < inside.length; row++) inside[row] = among[row] ? values[row] : Float.NaN;
        return standardized(inside);
    }

    /** 1 / log2(1 + rank), 0 for rank 0. */
    static float[] reciprocal(int[] ranks) {
        float[] column = new float[ranks.length];
        for (int row = 0; row < column.length; row++) column[row] = ranks[row] > 0 ? reciprocal(ranks[row]) : 0;
        return column;
    }

    /** 1 / log2(1 + rank). */
    static float reciprocal(int rank) {
        return (float) (Math.log(2) / Math.log(1.0 + rank));
    }

    /** log(1 + value), NaN where it is unknown; what is below 0 counts as 0. */
    static float[] log(float[] values) {
        float[] column = new float[values.length];
        for (int row = 0; row < column.length; row++) column[row] = (float) Math.log1p(Math.max(values[row], 0));
        return column;
    }
}
