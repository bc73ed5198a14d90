package etalage.text;

import java.text.Normalizer;
import java.util.regex.Pattern;

/** Where words begin and end: the patterns of {@code etalage.core.text}. Quantifiers are possessive, so that long words need no stack. */
final class Words {
    private static final String HANGUL = "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff";
    private static final String CJK = HANGUL + "\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f"
            + "\ud840\udc00-\ud884\udf4f";

    /** Superscripts, fractions, circled numbers: numbers, but no part of a word. */
    private static final String OTHER_NUMBER = "\u00b2\u00b3\u00b9\u00bc-\u00be\u2070\u2074-\u2079\u2080-\u2089\u2150-\u215f\u2189\u2460-\u249b"
            + "\u24ea-\u24ff\u2776-\u2793\u3192-\u3195\u3220-\u3229\u3248-\u324f\u3251-\u325f\u3280-\u3289\u32b1-\u32bf";

    private static final String MARK = "\u00ad\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u200c-\u200f\u202a-\u202e\u2060-\u2064\u20d0-\u20ff"
            + "\ufe00-\ufe0f\ufe20-\ufe2f\ufeff";

    private static final String MID_BOTH = ".'\u2018\u2019\u2024\ufe52\uff07\uff0e";
    private static final String MID_LETTER = "[" + MID_BOTH + ":\u00b7\u0387\u055f\u05f4\u2027\ufe13\ufe55\uff1a]";
    private static final String MID_NUMBER = "[" + MID_BOTH
            + ",;\u037e\u0589\u060c\u060d\u066c\u2044\ufe10\ufe14\ufe50\ufe54\uff0c\uff1b]";

    /** A letter, number or underscore of a word; a letter or number; a letter. */
    private static final String ANY = oneOf("\\p{L}\\p{N}_"), SOUND = oneOf("\\p{L}\\p{N}"), LETTER = oneOf("\\p{L}\\p{Nl}\\p{No}");

    private static final String LETTER_OR_HANGUL = "(?:" + LETTER + "|[" + HANGUL + "])";

    /** The group of a run that gives bigrams. */
    static final String CJK_RUN = "cjk";

    /** Hangul alone is such a run; beside other letters or digits it is a letter like them ({@code 5개}). */
    static final Pattern WORD = Pattern.compile("(?<cjk>(?:(?![" + HANGUL + "])[" + CJK + "][" + MARK + "]*+"
            + "|[" + HANGUL + "][" + HANGUL + MARK + "]*+(?!" + ANY + "|" + MID_LETTER + LETTER_OR_HANGUL + "))++)"
            + "|(?:" + ANY + "|[" + HANGUL + "]|(?<=\\p{Nd})" + MID_NUMBER + "(?=\\p{Nd})"
            + "|(?<=" + LETTER_OR_HANGUL + ")" + MID_LETTER + "(?=" + LETTER_OR_HANGUL + ")"
            + "|(?<=" + SOUND + ")[" + MARK + "])++");

    /** A voiced mark of half width, with the kana before it that it may belong to. */
    private static final Pattern VOICED = Pattern.compile("[\u30a6-\u30fd]?[\uff9e\uff9f]");

    private Words() {}

    private static String oneOf(String kinds) {
        return "[[" + kinds + "]&&[^" + CJK + OTHER_NUMBER + "]]";
    }

    /** A run with kana of half width in full width. */
    static String full(String run) {
        StringBuilder wide = new StringBuilder(run.length());
        for (char c : run.toCharArray()) {
            if (c >= '\uff66' && c <= '\uff9d') wide.append(Normalizer.normalize(String.valueOf(c), Normalizer.Form.NFKC));
            else wide.append(c);
        }
        return VOICED.matcher(wide).replaceAll(found -> Normalizer.normalize(found.group(), Normalizer.Form.NFKC));
    }
}
