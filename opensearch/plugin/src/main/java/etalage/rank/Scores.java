package etalage.rank;

import etalage.features.Candidates;
import etalage.text.Query;
import etalage.text.Text;
import java.util.Arrays;

/** Final scores of candidates, and the order by them (ranker/scores.py). */
public final class Scores {
    private Scores() {}

    /** Which candidates the query names by id or article number (SKU, EAN, model): [n]. */
    public static boolean[] named(Query query, Candidates candidates) {
        boolean[] named = new boolean[candidates.size()];
        String number = query.number();
        if (number.isEmpty()) return named;
        int id = Text.id(number);
        for (int row = 0; row < named.length; row++) {
            named[row] = candidates.hasModel(row, id) || Text.compact(candidates.id(row)).equals(number);
        }
        return named;
    }

    /**
     * The score that hits are shown with: the ranker's in (0, 1), else the fused one; 1 more for products that are named by their number.
     *
     * @param fused the hybrid scores [n]
     * @param scores the ranker's scores [n], or null without any
     * @param named who is named [n]
     */
    public static double[] last(float[] fused, float[] scores, boolean[] named) {
        double[] last = new double[fused.length];
        for (int row = 0; row < last.length; row++) {
            double score = scores == null ? fused[row] : 1 / (1 + Math.exp(-scores[row]));
            last[row] = score + (named[row] ? 1 : 0);
        }
        return last;
    }

    /** Rows by descending score, ties by id. */
    public static int[] order(double[] last, Candidates candidates) {
        Integer[] rows = new Integer[last.length];
        Arrays.setAll(rows, row -> row);
        Arrays.sort(rows, (one, two) -> {
            int order = Double.compare(last[two], last[one]);
            return order != 0 ? order : byCharacter(candidates.id(one), candidates.id(two));
        });
        int[] order = new int[rows.length];
        for (int place = 0; place < order.length; place++) order[place] = rows[place];
        return order;
    }

    /** As Python compares: by code point, not by the halves of one. */
    private static int byCharacter(String one, String two) {
        return Arrays.compare(one.codePoints().toArray(), two.codePoints().toArray());
    }
}
