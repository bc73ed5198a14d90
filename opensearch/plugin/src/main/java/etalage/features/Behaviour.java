package etalage.features;

import java.util.List;

/**
 * How often the product is clicked where it is seen, and bought where it is clicked (ranker/features/behaviour.py). What is clicked for
 * this very query is not known here.
 */
final class Behaviour {
    /** Rates below are as good as none. */
    private static final float LEAST = 1e-4f;

    static final List<Feature> FEATURES = List.of(
            new Feature("click_rate", "behaviour", 0, c -> rate(c, Candidates.CLICK_RATE)),
            new Feature("purchase_rate", "behaviour", 0, c -> rate(c, Candidates.PURCHASE_RATE)),
            Absent.zero("behaviour", "association"),
            Absent.zero("behaviour", "associated_likeness"));

    private Behaviour() {}

    private static float[] rate(Context c, int at) {
        float[] rates = c.found.numbers(at);
        for (int row = 0; row < c.size; row++) rates[row] = (float) Math.log(Math.max(rates[row], LEAST));
        return Columns.standardized(rates);
    }
}
