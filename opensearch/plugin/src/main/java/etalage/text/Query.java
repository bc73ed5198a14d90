package etalage.text;

import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/**
 * An understood query: {@code ranker.query.understand} without its steps, as it was typed.
 *
 * @param text normalised, cut to {@link #MAX_TERMS} terms; empty when the shop is browsed
 * @param stems ids of its terms [m], in order ({@link Text#id})
 * @param surfaces ids of their surfaces [m]
 * @param kinds their kinds [m] ({@link Token#kind})
 * @param models ids of the article numbers that it may name: up to three adjacent terms with a digit, joined
 * @param number the whole query as an article number ({@link Text#compact}), empty when it can't be one
 */
public record Query(String text, int[] stems, int[] surfaces, byte[] kinds, int[] models, String number) {
    /** Longer queries are refused; of a query with more terms only the first ones count. */
    public static final int MAX_CHARACTERS = 1000, MAX_TERMS = 32;

    private static final int LONGEST_MODEL = 3;
    private static final int SHORTEST_NUMBER = 3;

    /**
     * Understands what was typed.
     *
     * @throws IllegalArgumentException it is longer than {@link #MAX_CHARACTERS}
     */
    public static Query of(String typed) {
        int characters = typed.codePointCount(0, typed.length());
        if (characters > MAX_CHARACTERS) {
            throw new IllegalArgumentException(
                    "the query has " + characters + " characters, at most " + MAX_CHARACTERS + " are searched; shorten it");
        }
        String text = Text.normalize(typed);
        List<Token> tokens = Text.tokenize(text);
        int terms = Math.min(tokens.size(), MAX_TERMS);
        String[] words = new String[terms];
        int[] stems = new int[terms];
        int[] surfaces = new int[terms];
        byte[] kinds = new byte[terms];
        for (int i = 0; i < terms; i++) {
            Token token = tokens.get(i);
            words[i] = token.surface();
            stems[i] = Text.id(token.stem());
            surfaces[i] = Text.id(token.surface());
            kinds[i] = (byte) token.kind();
        }
        if (terms < tokens.size()) text = String.join(" ", words);
        return new Query(text, stems, surfaces, kinds, models(words), number(text, terms));
    }

    private static int[] models(String[] words) {
        Set<Integer> found = new LinkedHashSet<>();
        for (int start = 0; start < words.length; start++) {
            StringBuilder run = new StringBuilder();
            for (int end = start; end < Math.min(start + LONGEST_MODEL, words.length); end++) {
                String joined = Text.compact(run.append(words[end]).toString());
                if (length(joined) > 2 && Letters.digits(joined)) found.add(Text.id(joined));
            }
        }
        int[] models = new int[found.size()];
        int i = 0;
        for (int model : found) models[i++] = model;
        return models;
    }

    private static String number(String text, int terms) {
        if (terms == 0 || terms > LONGEST_MODEL) return "";
        String joined = Text.compact(text);
        return length(joined) > SHORTEST_NUMBER && Letters.digits(joined) ? joined : "";
    }

    private static int length(String text) {
        return text.codePointCount(0, text.length());
    }
}
