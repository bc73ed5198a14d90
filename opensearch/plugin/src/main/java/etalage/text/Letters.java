package etalage.text;

import java.text.Normalizer;
import java.util.HashMap;
import java.util.Map;

/** What single characters (code points) are and fold to, as Python sees them. */
final class Letters {
    /** Pairs of first and last code point of the digits that are no decimals: superscripts, circled digits and the like. */
    private static final int[] OTHER_DIGITS = {
        0xb2, 0xb3, 0xb9, 0xb9, 0x1369, 0x1371, 0x19da, 0x19da, 0x2070, 0x2070, 0x2074, 0x2079, 0x2080, 0x2089, 0x2460, 0x2468,
        0x2474, 0x247c, 0x2488, 0x2490, 0x24ea, 0x24ea, 0x24f5, 0x24fd, 0x24ff, 0x24ff, 0x2776, 0x277e, 0x2780, 0x2788, 0x278a, 0x2792,
        0x10a40, 0x10a43, 0x10e60, 0x10e68, 0x11052, 0x1105a, 0x1f100, 0x1f10a
    };

    private static final Map<Integer, String> FOLDED = new HashMap<>();

    static {
        String[] pairs = {
            "ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "þ", "th", "ł", "l", "ı", "i", "ħ", "h", "ŧ", "t", "ŋ", "n",
            "ſ", "s", "ﬀ", "ff", "ﬁ", "fi", "ﬂ", "fl", "ﬃ", "ffi", "ﬄ", "ffl", "ﬆ", "st", "ĳ", "ij", "\u2018", "'", "\u2019", "'"
        };
        for (int i = 0; i < pairs.length; i += 2) FOLDED.put(pairs[i].codePointAt(0), pairs[i + 1]);
    }

    private Letters() {}

    /** Whether text for storage may hold it: no control, format, unassigned or separating character; the blank is none of these. */
    static boolean printable(int c) {
        return switch (Character.getType(c)) {
            case Character.CONTROL, Character.FORMAT, Character.SURROGATE, Character.PRIVATE_USE, Character.UNASSIGNED,
                    Character.LINE_SEPARATOR, Character.PARAGRAPH_SEPARATOR, Character.SPACE_SEPARATOR -> c == ' ';
            default -> true;
        };
    }

    static boolean digit(int c) {
        if (c < 0x80) return c >= '0' && c <= '9';
        if (Character.isDigit(c)) return true;
        for (int i = 0; i < OTHER_DIGITS.length && c >= OTHER_DIGITS[i]; i += 2) if (c <= OTHER_DIGITS[i + 1]) return true;
        return false;
    }

    static boolean letterOrNumber(int c) {
        if (Character.isLetterOrDigit(c)) return true;
        int type = Character.getType(c);
        return type == Character.LETTER_NUMBER || type == Character.OTHER_NUMBER;
    }

    /** Whether a text has a digit. */
    static boolean digits(String text) {
        for (int i = 0; i < text.length(); i += Character.charCount(text.codePointAt(i))) {
            if (digit(text.codePointAt(i))) return true;
        }
        return false;
    }

    /** Appends a character in lower case, of usual width and without marks if it is a Latin letter. */
    static void appendFolded(int c, StringBuilder to) {
        c = Character.toLowerCase(c >= 0xff01 && c <= 0xff5e ? c - 0xfee0 : c);
        if (c < 0x80 || c == 'ª' || c == 'º') {
            to.appendCodePoint(c);
            return;
        }
        String folded = FOLDED.get(c);
        if (folded != null) {
            to.append(folded);
            return;
        }
        int base = Normalizer.normalize(Character.toString(c), Normalizer.Form.NFD).codePointAt(0);
        to.appendCodePoint(base < 0x80 && Character.isLetterOrDigit(base) ? base : c);
    }
}
