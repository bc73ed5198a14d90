package etalage.text;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32;
import org.tartarus.snowball.ext.EnglishStemmer;

/**
 * The normaliser and the tokenizer of {@code etalage.core.text}.
 *
 * <p>What Python wrote into the documents is compared with what is typed here, so Python's rules are followed letter for letter; only
 * the stemmer is the node's.
 */
public final class Text {
    /** Longest token in characters; longer words are cut into pieces. */
    private static final int MAX_TOKEN = 255;

    private static final Pattern UNDERSCORES = Pattern.compile("_+");
    private static final Pattern SHORT = Pattern.compile("[aeo](bb|dd|ff|gg|mm|nn|pp|rr|tt)(ed|ing)(ly)?s?('s?)?");

    private Text() {}

    /** A text for storage: Unicode NFC, control characters and runs of white space as one blank, trimmed. */
    public static String normalize(String text) {
        String composed = Normalizer.normalize(text, Normalizer.Form.NFC);
        StringBuilder kept = new StringBuilder(composed.length());
        boolean gap = false;
        for (int i = 0, c; i < composed.length(); i += Character.charCount(c)) {
            c = composed.codePointAt(i);
            if (c == ' ' || !Letters.printable(c)) {
                gap = !kept.isEmpty();
                continue;
            }
            if (gap) kept.append(' ');
            gap = false;
            kept.appendCodePoint(c);
        }
        return kept.toString();
    }

    /**
     * The tokens of a text, in order.
     *
     * <p>Runs of Chinese, Japanese or Korean characters give overlapping bigrams, which are words; everything else follows UAX #29.
     */
    public static List<Token> tokenize(String text) {
        List<Token> found = new ArrayList<>();
        EnglishStemmer stemmer = new EnglishStemmer();
        Matcher words = Words.WORD.matcher(text);
        while (words.find()) {
            String word = words.group();
            if (words.start(Words.CJK_RUN) >= 0) {
                bigrams(Words.full(word), found);
            } else if (word.codePointCount(0, word.length()) > MAX_TOKEN) {
                int[] letters = word.codePoints().toArray();
                for (int i = 0; i < letters.length; i += MAX_TOKEN) {
                    found.add(token(new String(letters, i, Math.min(MAX_TOKEN, letters.length - i)), stemmer));
                }
            } else if (!UNDERSCORES.matcher(word).matches()) {
                found.add(token(word, stemmer));
            }
        }
        return found;
    }

    private static void bigrams(String run, List<Token> found) {
        int[] letters = run.codePoints().toArray();
        for (int i = 0; i < Math.max(1, letters.length - 1); i++) {
            String pair = new String(letters, i, Math.min(2, letters.length));
            found.add(new Token(pair, pair, Token.WORD));
        }
    }

    private static Token token(String word, EnglishStemmer stemmer) {
        StringBuilder folded = new StringBuilder(word.length());
        word.codePoints().forEach(c -> Letters.appendFolded(c, folded));
        String surface = folded.toString();
        stemmer.setCurrent(surface);
        stemmer.stem();
        String stem = stemmer.getCurrent();
        // The stemmer of Python has no exception for short verbs: `added` is `ad` there.
        if (SHORT.matcher(surface).matches() && surface.startsWith(stem) && stem.length() == 3) stem = stem.substring(0, 2);
        return new Token(surface, stem, kind(surface));
    }

    private static int kind(String surface) {
        if (!Letters.digits(surface)) return Token.WORD;
        return surface.codePoints().anyMatch(Character::isLetter) ? Token.MODEL : Token.NUMBER;
    }

    /** The id of a term, the bits of a uint32: CRC-32 of its UTF-8 bytes; 0 is kept for "no token". */
    public static int id(String term) {
        CRC32 sum = new CRC32();
        sum.update(term.getBytes(StandardCharsets.UTF_8));
        int id = (int) sum.getValue();
        return id == 0 ? 1 : id;
    }

    /** A model or article number without punctuation, lower case: {@code MX-500 a} gives {@code mx500a}. */
    public static String compact(String text) {
        StringBuilder folded = new StringBuilder(text.length());
        text.codePoints().forEach(c -> Letters.appendFolded(c, folded));
        StringBuilder kept = new StringBuilder(folded.length());
        folded.codePoints().filter(Letters::letterOrNumber).forEach(kept::appendCodePoint);
        return kept.toString();
    }
}
