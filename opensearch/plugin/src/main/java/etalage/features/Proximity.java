package etalage.features;

import java.util.List;

/** How close together the query's words stand in the title, and which of them are missing (ranker/features/proximity.py). */
final class Proximity {
    static final List<Feature> FEATURES = List.of(
            feature("title_span", Proximity::span),
            feature("title_run", Proximity::run),
            feature("title_pairs", Proximity::pairs),
            feature("title_last", Proximity::last),
            feature("title_lead", c -> Overlap.titleHas(c, 0)),
            feature("missing_rare", Proximity::missingRare),
            feature("missing_words", Proximity::missingWords),
            feature("measured", Proximity::measured));

    private Proximity() {}

    private static Feature feature(String name, Feature.Compute compute) {
        return new Feature(name, "proximity", 0, compute);
    }

    /** Words that match by the width of the window from the first to the last match: 1 when they stand together. */
    private static float[] span(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int places = c.matched[row];
            column[row] = Columns.ratio(Integer.bitCount(places), Places.afterLast(places) - Places.first(places));
        }
        return column;
    }

    /** Length of the longest run of query words in the query's order, by the number of query words. */
    private static float[] run(Context c) {
        float[] longest = new float[c.size];
        for (int row = 0; row < c.size; row++) longest[row] = c.matched[row] != 0 ? 1 : 0;
        boolean any = true;
        int length = 2;
        for (int[][] runs = c.pairs; any && runs.length > 0; runs = c.following(runs), length++) {
            any = false;
            for (int[] run : runs) {
                for (int row = 0; row < c.size; row++) {
                    if (run[row] == 0) continue;
                    longest[row] = length;
                    any = true;
                }
            }
        }
        return Columns.relative(longest, c.terms);
    }

    /** Share of all pairs of query words that stand within three places of each other in the title (where each stands first), in any order. */
    private static float[] pairs(Context c) {
        if (c.terms < 2) return Overlap.titleHas(c, 0);
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int near = 0;
            for (int one = 0; one < c.terms; one++) {
                if (c.places[one][row] == 0) continue;
                int place = Places.first(c.places[one][row]);
                for (int two = one + 1; two < c.terms; two++) {
                    int other = c.places[two][row];
                    near += other != 0 && Math.abs(place - Places.first(other)) <= 3 ? 1 : 0;
                }
            }
            column[row] = Columns.ratio(near, c.terms * (c.terms - 1) / 2);
        }
        return column;
    }

    /** How late the last match stands: 1 at the title's end, where English names have their noun; 0 without a match. */
    private static float[] last(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            double late = (double) Places.afterLast(c.matched[row]) / Math.max(c.words[row], 1);
            column[row] = (float) Math.min(late, 1);
        }
        return column;
    }

    /** The rarity of the rarest query word that the product lacks, by that of the rarest word. */
    private static float[] missingRare(Context c) {
        float[] column = new float[c.size];
        float rarest = 0;
        for (float rarity : c.rarity) rarest = Math.max(rarest, rarity);
        for (int row = 0; row < c.size; row++) {
            float lacking = 0;
            for (int term = 0; term < c.terms; term++) {
                if (!c.anywhere(term, row)) lacking = Math.max(lacking, c.rarity[term]);
            }
            column[row] = Columns.ratio(lacking, rarest);
        }
        return column;
    }

    /** Query words that the product has nowhere, in fives, at most 1. */
    private static float[] missingWords(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int missing = 0;
            for (int term = 0; term < c.terms; term++) missing += c.anywhere(term, row) ? 0 : 1;
            column[row] = (float) Math.min(missing / 5.0, 1);
        }
        return column;
    }

    /** Share of the query's numbers that stand before the same word in the title as in the query (`12 gauge`, `5 gal`). */
    private static float[] measured(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int had = 0, all = 0;
            for (int term : c.numbers) {
                if (term >= c.pairs.length) continue;
                all++;
                had += c.pairs[term][row] != 0 ? 1 : 0;
            }
            column[row] = Columns.ratio(had, all);
        }
        return column;
    }
}
