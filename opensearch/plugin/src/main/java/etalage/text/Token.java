package etalage.text;

/**
 * One token of a text.
 *
 * @param surface its folded form as it stands in the text
 * @param stem its index term
 * @param kind {@link #WORD}, {@link #NUMBER} or {@link #MODEL}
 */
public record Token(String surface, String stem, int kind) {
    /** A word; a number ({@code 12}, {@code 3.5}); a model number, letters and digits mixed ({@code mx500}). */
    public static final int WORD = 0, NUMBER = 1, MODEL = 2;
}
