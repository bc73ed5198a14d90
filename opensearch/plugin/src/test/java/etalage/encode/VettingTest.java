package etalage.encode;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import org.junit.jupiter.api.Test;

/** What would end the process is refused before the native library sees it. */
class VettingTest {
    private static final String SOUND = """
            {"normalizer": {"type": "Sequence", "normalizers": [{"type": "Lowercase"}, {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}]},
             "pre_tokenizer": {"type": "BertPreTokenizer"}, "model": {"type": "WordPiece", "vocab": {"a": 0}}, "decoder": null,
             "post_processor": {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "[CLS]"}}, {"Sequence": {"id": "A"}}],
                                "pair": [{"Sequence": {"id": "B"}}], "special_tokens": {"[CLS]": {"ids": [1], "tokens": ["[CLS]"]}}}}
            """;

    private static void check(String json) {
        Vetting.check(json.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void aSoundOnePasses() {
        assertDoesNotThrow(() -> check(SOUND));
    }

    @Test
    void whatIsNotKnownIsNamed() {
        String[][] changes = {
            {"\"Lowercase\"", "\"Uppercase\"", "Uppercase"}, {"BertPreTokenizer", "FixedLength", "FixedLength"}, {"WordPiece", "Other", "model"},
            {"\" {2,}\"", "\"(a+)+$\"", "(a+)+$"}, {"\"id\": \"[CLS]\"", "\"id\": \"[SEP]\"", "'single'"}, {"\"ids\": [1]", "\"ids\": []", "special token"},
            {"\"id\": \"A\"", "\"id\": \"B\"", "'single'"}, {"\"model\"", "\"models\"", "no model"}, {"\"pair\"", "\"pairs\"", "'pair'"},
            {"\"WordPiece\", \"vocab\": {\"a\": 0}", "\"Unigram\", \"vocab\": [[\"\", 0.5]]", "empty piece"}, {"{\"type\": \"Lowercase\"}", "3", "normalizer"}
        };
        for (String[] change : changes) {
            assertTrue(SOUND.contains(change[0]), change[0]);
            String wrong = SOUND.replace(change[0], change[1]);
            String message = assertThrows(IllegalArgumentException.class, () -> check(wrong), wrong).getMessage();
            assertTrue(message.contains(change[2]), message);
        }
    }

    /** A tokenizer with a table of characters of 256 units, of which one is set, over a text. */
    private static String table(int at, int unit, int bytes, String text) {
        byte[] after = text.getBytes(StandardCharsets.UTF_8);
        ByteBuffer table = ByteBuffer.allocate(4 + 1024 + after.length).order(ByteOrder.LITTLE_ENDIAN).putInt(bytes);
        table.putInt(4 + 4 * at, unit).put(1028, after);
        String base64 = Base64.getEncoder().encodeToString(table.array());
        return SOUND.replace("\"Lowercase\"", "\"Precompiled\", \"precompiled_charsmap\": \"" + base64 + "\"");
    }

    @Test
    void aTableOfCharactersStaysWithinItself() {
        int leaf = 'a' | 1 << 8 | ('a' ^ 5) << 10;
        assertDoesNotThrow(() -> check(table('a', leaf, 1024, "ä\0")));
        assertDoesNotThrow(() -> check(table(5, 2, 1024, "ä\0")));
        String[] wrong = {
            table(0, 256 << 10, 1024, "ä\0"), table('a', 'a' | 256 << 10, 1024, "ä\0"), table('a', 'a' | 1 << 8, 1024, "ä\0"),
            table('a', leaf, 4096, "ä\0"), table('a', leaf, 1023, "ä\0"), table('a', leaf, 0, "ä\0"), table('a', leaf, 1024, "").replace("=\"", "?\""),
            SOUND.replace("\"Lowercase\"", "\"Precompiled\"")
        };
        for (String one : wrong) {
            String message = assertThrows(IllegalArgumentException.class, () -> check(one)).getMessage();
            assertTrue(message.contains("table of characters"), message);
        }
    }
}
