package etalage.text;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Texts by hand, and as Python has them. */
class TextTest {
    private static List<String> surfaces(String text) {
        return Text.tokenize(text).stream().map(Token::surface).toList();
    }

    @Test
    void wordsNumbersAndModelNumbers() {
        assertEquals(
                List.of(
                        new Token("running", "run", Token.WORD), new Token("shoes", "shoe", Token.WORD), new Token("42", "42", Token.NUMBER),
                        new Token("mx500", "mx500", Token.MODEL), new Token("3.5", "3.5", Token.NUMBER)),
                Text.tokenize("Running SHOES 42 MX500 3.5"));
    }

    @Test
    void whereWordsBeginAndEnd() {
        assertEquals(List.of(), surfaces(" ?! _ \n"));
        assertEquals(List.of("mx", "500", "a", "t", "shirt", "women's", "wi.fi", "1,299.00"), surfaces("MX-500/a t-shirt women’s wi.fi. 1,299.00"));
        assertEquals(List.of("cafe", "strasse", "oeuvre", "lodz", "istanbul", "mx500"), surfaces("Café Straße ŒUVRE Łódź İstanbul ｍｘ５００"));
        assertEquals(List.of("shoe", "a", "b"), surfaces("😀 shoe 👟 a\u200bb"));
        assertEquals(List.of(255, 255, 1), surfaces("a".repeat(511)).stream().map(String::length).toList());
    }

    @Test
    void chineseJapaneseAndKoreanGiveBigrams() {
        assertEquals(List.of("nike", "红色", "色鞋", "42", "鞋"), surfaces("nike红色鞋42鞋"));
        assertEquals(List.of("ハン", "ンド", "운동", "동화", "5개"), surfaces("ﾊﾝﾄﾞ 운동화 5개"));
        assertEquals(List.of(new Token("红鞋", "红鞋", Token.WORD)), Text.tokenize("红鞋"));
    }

    @Test
    void stems() {
        assertEquals(List.of("run", "shoe", "generous", "babi", "women"), Text.tokenize("running shoes generously babies women's").stream().map(Token::stem).toList());
        // As Python's version of the stemmer has them.
        assertEquals(List.of("ad", "ad", "add", "eg"), Text.tokenize("added adding adds egged").stream().map(Token::stem).toList());
    }

    @Test
    void textForStorage() {
        assertEquals("a b c", Text.normalize(" a  b\r\nc "));
        assertEquals("é b a b", Text.normalize("e\u0301\u0000b a\ud800b\u3000"));
        assertEquals("", Text.normalize("\t\u200b"));
    }

    @Test
    void anIdIsTheTermsChecksum() {
        assertEquals(0xCBF43926, Text.id("123456789"));
        assertEquals(1, Text.id(""));
    }

    @Test
    void articleNumbersLoseCaseAndPunctuation() {
        assertEquals("mx500a", Text.compact("ＭＸ-500 a"));
        assertEquals("e1iss½", Text.compact("É-1 İ ß ½"));
    }

    /** Every text of the golden file: all that differs is shown. */
    @Test
    void asPythonHasThem() throws IOException {
        List<String> wrong = new ArrayList<>();
        int tokens = 0;
        for (Map<String, Object> line : Golden.lines()) {
            String text = (String) line.get("text");
            List<Object> found = new ArrayList<>();
            for (Token token : Text.tokenize(text)) {
                found.add(List.of(token.surface(), token.stem(), token.kind(), Text.id(token.surface()), Text.id(token.stem())));
            }
            tokens += found.size();
            List<Object> expected = new ArrayList<>();
            for (Object one : (List<?>) line.get("tokens")) {
                List<?> token = (List<?>) one;
                int[] ids = Golden.ints(token.subList(2, 5));
                expected.add(List.of(token.get(0), token.get(1), ids[0], ids[1], ids[2]));
            }
            if (!found.equals(expected)) wrong.add(shown(text) + ": " + found + ", expected " + expected);
            if (!Text.normalize(text).equals(line.get("normalized"))) wrong.add(shown(text) + " normalized: " + shown(Text.normalize(text)));
            if (!Text.compact(text).equals(line.get("compact"))) wrong.add(shown(text) + " compact: " + shown(Text.compact(text)));
        }
        assertTrue(tokens > 1000, tokens + " tokens");
        assertEquals(List.of(), wrong, wrong.size() + " texts differ");
    }

    private static String shown(String text) {
        StringBuilder shown = new StringBuilder();
        for (char c : text.substring(0, Math.min(text.length(), 80)).toCharArray()) {
            if (c >= 0x20 && c < 0x80) shown.append(c);
            else shown.append(String.format("\\u%04x", (int) c));
        }
        return shown.toString();
    }
}
