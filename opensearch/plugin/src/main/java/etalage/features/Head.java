package etalage.features;

import java.util.List;

/**
 * Whether a product is the thing that was asked for, or something for it (ranker/features/head.py). English names end with their noun, and
 * what they are for, come with or are made of follows a small word.
 */
final class Head {
    static final List<Feature> FEATURES = List.of(
            new Feature("noun", "head", 0, Head::noun), new Feature("served", "head", 0, Head::served));

    private Head() {}

    /** Which of the query's words is its noun: the last of its name; -1 without words. */
    private static int asked(Context c) {
        for (int term = 1; term < c.terms; term++) {
            if (Naming.role(c.query.surfaces()[term]) != Naming.NAME) return term - 1;
        }
        return c.terms - 1;
    }

    /** Places of a title that hold a word, neither a number nor an article number. */
    private static int words(Context c, int row) {
        int places = 0;
        for (int place = 0; place < Candidates.TITLE; place++) {
            boolean word = c.found.kind(row, place) == Context.WORD;
            if (word && c.found.token(row, Candidates.TITLE_AT, place) != 0) places |= 1 << place;
        }
        return places;
    }

    /** 1 / (1 + words between the query's noun and the end of the title's name); 0 where the name lacks it. */
    private static float[] noun(Context c) {
        float[] column = new float[c.size];
        int asked = asked(c);
        if (asked < 0) return column;
        for (int row = 0; row < c.size; row++) {
            int words = words(c, row);
            int ends = c.roles[Naming.ASIDE][row] | c.roles[Naming.PURPOSE][row] | c.roles[Naming.IN][row] & words << 1;
            int named = Places.before(ends);
            int last = Places.afterLast(c.places[asked][row] & named);
            int behind = words & named & ~(int) ((1L << last) - 1);
            column[row] = last > 0 ? (float) (1.0 / (1.0 + Integer.bitCount(behind))) : 0;
        }
        return column;
    }

    /** Whether the query's noun stands in what the product is for, and no other word of the query stands before that alone. */
    private static float[] served(Context c) {
        float[] column = new float[c.size];
        int asked = asked(c);
        if (asked < 0) return column;
        for (int row = 0; row < c.size; row++) {
            int purpose = c.roles[Naming.PURPOSE][row], name = Places.before(purpose), start = Places.first(purpose);
            boolean served = purpose != 0 && Places.afterLast(c.places[asked][row]) > start;
            for (int term = 0; term < c.terms && served; term++) {
                int places = c.places[term][row];
                served = (places & name) == 0 || Places.afterLast(places) > start;
            }
            column[row] = served ? 1 : 0;
        }
        return column;
    }
}
