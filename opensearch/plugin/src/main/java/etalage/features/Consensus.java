package etalage.features;

import etalage.rank.Fusion;
import java.util.Arrays;
import java.util.List;

/**
 * What the best candidates have in common, and how much of it a product has: pseudo-relevance feedback within the list
 * (ranker/features/consensus.py).
 */
final class Consensus {
    static final List<Feature> FEATURES = List.of(
            feature("centroid_5", c -> c.likenessFew),
            feature("centroid_5_relative", c -> Fusion.minMax(c.likenessFew, c.vectored)),
            feature("centroid_20", c -> c.likenessMany),
            feature("centroid_20_deviation", c -> Columns.standardized(c.likenessMany, c.vectored)),
            feature("category_of_best", c -> shareOfBest(c, Candidates.CATEGORY_AT)),
            feature("brand_of_best", c -> shareOfBest(c, Candidates.BRAND_AT)),
            feature("words_of_best", Consensus::words),
            feature("price_of_best", Consensus::price));

    private Consensus() {}

    private static Feature feature(String name, Feature.Compute compute) {
        return new Feature(name, "consensus", 0, compute);
    }

    private static int depth(Context c) {
        return Math.min(Context.MANY, c.size);
    }

    /**
     * Share of the best `MANY` candidates whose first token of a column is this product's, weighed by their fused score; 0 for products
     * without one.
     */
    private static float[] shareOfBest(Context c, int column) {
        float[] share = new float[c.size];
        int depth = depth(c);
        double total = 0;
        for (int place = 0; place < depth; place++) total += c.fused[c.best[place]];
        if (total <= 0) return share;
        for (int row = 0; row < c.size; row++) {
            int id = c.found.token(row, column, 0);
            if (id == 0) continue;
            double same = 0;
            for (int place = 0; place < depth; place++) {
                int other = c.best[place];
                if (c.found.token(other, column, 0) == id) same += c.fused[other];
            }
            share[row] = (float) (same / total);
        }
        return share;
    }

    /**
     * Mean share, over the product's title words, of the best `MANY` titles that have the word, less query words: what the best call
     * themselves besides what was asked.
     */
    private static float[] words(Context c) {
        int depth = depth(c);
        Ids ids = new Ids(depth * Candidates.TITLE);
        int[] having = new int[ids.size()], last = new int[ids.size()];
        for (int place = 0; place < depth; place++) {
            for (int at = 0; at < Candidates.TITLE; at++) {
                int id = c.found.token(c.best[place], Candidates.TITLE_AT, at);
                if (id == 0) continue;
                int slot = ids.add(id);
                // A word counts once in each title.
                if (last[slot] == place + 1) continue;
                last[slot] = place + 1;
                having[slot]++;
            }
        }
        for (int stem : c.query.stems()) {
            int slot = ids.find(stem);
            if (slot >= 0) having[slot] = 0;
        }
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int sum = 0;
            for (int at = 0; at < Candidates.TITLE; at++) {
                int id = c.found.token(row, Candidates.TITLE_AT, at);
                int slot = id == 0 ? -1 : ids.find(id);
                if (slot >= 0) sum += having[slot];
            }
            column[row] = (float) ((double) sum / depth / Math.max(c.words[row], 1));
        }
        return column;
    }

    /** How far the log price is from the median of the best `MANY`, at most 3, in thirds; 0 where unknown. */
    private static float[] price(Context c) {
        float[] column = new float[c.size], known = new float[depth(c)];
        int count = 0;
        for (int place = 0; place < known.length; place++) {
            float price = c.logPrice[c.best[place]];
            if (price == price) known[count++] = price;
        }
        if (count == 0) return column;
        Arrays.sort(known, 0, count);
        int middle = count / 2;
        float median = count % 2 == 1 ? known[middle] : (known[middle - 1] + known[middle]) / 2;
        for (int row = 0; row < c.size; row++) {
            float away = Math.min(Math.abs(c.logPrice[row] - median), 3f) / 3f;
            column[row] = away == away ? away : 0;
        }
        return column;
    }
}
