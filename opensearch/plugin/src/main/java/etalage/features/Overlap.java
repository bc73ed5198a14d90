package etalage.features;

import java.util.List;

/** Which of the query's words the product has: exactly, by stem, in order, as numbers and as article numbers (ranker/features/overlap.py). */
final class Overlap {
    static final List<Feature> FEATURES = List.of(
            feature("title_coverage", c -> c.share(c.places)),
            feature("title_coverage_exact", c -> c.share(c.surfaces)),
            feature("title_coverage_rare", Overlap::rare),
            feature("coverage", Overlap::anywhere),
            feature("complete", Overlap::complete),
            feature("title_precision", Overlap::precision),
            feature("title_ordered", c -> c.share(c.terms > 1 ? c.pairs : c.places)),
            feature("title_first", Overlap::first),
            feature("title_head", c -> titleHas(c, c.terms - 1)),
            feature("numbers", Overlap::numbers),
            feature("number_gap", Overlap::numberGap),
            feature("models", Overlap::models),
            feature("brand_named", c -> c.brandNamed),
            feature("brand_conflict", Overlap::brandConflict),
            feature("category_coverage", c -> c.share(c.category)),
            feature("attribute_coverage", Overlap::attributes),
            feature("title_length", Overlap::titleLength),
            feature("description_length", Overlap::descriptionLength),
            feature("query_length", c -> Columns.full(c.size, (float) (Math.min(c.terms, 10) / 10.0))));

    private Overlap() {}

    private static Feature feature(String name, Feature.Compute compute) {
        return new Feature(name, "overlap", 0, compute);
    }

    /** Whether the title has a term of the query; 0 where the query has no such term. */
    static float[] titleHas(Context c, int term) {
        float[] column = new float[c.size];
        if (term < 0 || term >= c.terms) return column;
        for (int row = 0; row < c.size; row++) column[row] = c.places[term][row] != 0 ? 1 : 0;
        return column;
    }

    private static float[] rare(Context c) {
        float[] column = new float[c.size];
        double whole = 0;
        for (float rarity : c.rarity) whole += rarity;
        for (int row = 0; row < c.size; row++) {
            double had = 0;
            for (int term = 0; term < c.terms; term++) had += c.places[term][row] != 0 ? c.rarity[term] : 0;
            column[row] = Columns.ratio((float) had, (float) whole);
        }
        return column;
    }

    private static float[] anywhere(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int had = 0;
            for (int term = 0; term < c.terms; term++) had += c.anywhere(term, row) ? 1 : 0;
            column[row] = Columns.ratio(had, c.terms);
        }
        return column;
    }

    private static float[] complete(Context c) {
        float[] column = anywhere(c);
        for (int row = 0; row < c.size; row++) column[row] = column[row] >= 1 ? 1 : 0;
        return column;
    }

    private static float[] precision(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            column[row] = Columns.ratio(Integer.bitCount(c.matched[row]), c.words[row]);
        }
        return column;
    }

    /** 1 at the title's start, falling to 0 at its end or without a match. */
    private static float[] first(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            double early = 1.0 - (double) Places.first(c.matched[row]) / Math.max(c.words[row], 1);
            column[row] = (float) Math.max(early, 0);
        }
        return column;
    }

    private static float[] numbers(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int had = 0;
            for (int term : c.numbers) had += (c.surfaces[term][row] | c.attributes[term][row]) != 0 ? 1 : 0;
            column[row] = Columns.ratio(had, c.numbers.length);
        }
        return column;
    }

    /** Share of the query's numbers that the product lacks; 0 when the query has none. */
    private static float[] numberGap(Context c) {
        if (c.numbers.length == 0) return new float[c.size];
        float[] column = numbers(c);
        for (int row = 0; row < c.size; row++) column[row] = 1 - column[row];
        return column;
    }

    /** Whether an article number of the query is one of the product's, or a word of its title. */
    private static float[] models(Context c) {
        float[] column = new float[c.size];
        if (c.query.models().length == 0) return column;
        for (int row = 0; row < c.size; row++) {
            boolean named = false;
            for (int id : c.query.models()) named |= c.found.hasModel(row, id);
            for (int term = 0; term < c.terms; term++) {
                named |= c.query.kinds()[term] == Context.MODEL && c.surfaces[term][row] != 0;
            }
            column[row] = named ? 1 : 0;
        }
        return column;
    }

    /** Whether the query names a brand of the list, and this product is of another. */
    private static float[] brandConflict(Context c) {
        float[] column = new float[c.size];
        boolean any = false;
        for (float named : c.brandNamed) any |= named >= 1;
        for (int row = 0; row < c.size; row++) {
            boolean known = c.found.token(row, Candidates.BRAND_AT, 0) != 0;
            column[row] = any && known && c.brandNamed[row] < 1 ? 1 : 0;
        }
        return column;
    }

    private static float[] attributes(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            int had = 0;
            for (int term = 0; term < c.terms; term++) {
                had += c.attributes[term][row] != 0 && c.places[term][row] == 0 ? 1 : 0;
            }
            column[row] = Columns.ratio(had, c.terms);
        }
        return column;
    }

    private static float[] titleLength(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            column[row] = (float) (Math.log1p(c.found.length(row, Candidates.TITLE_LENGTH)) / Math.log(64));
        }
        return column;
    }

    private static float[] descriptionLength(Context c) {
        float[] column = new float[c.size];
        for (int row = 0; row < c.size; row++) {
            column[row] = (float) Math.min(Math.log1p(c.found.length(row, Candidates.DESCRIPTION_LENGTH)) / 7, 1);
        }
        return column;
    }
}
