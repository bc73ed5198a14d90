package etalage.text;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** Queries by hand, and as Python understands them. */
class QueryTest {
    @Test
    void aQueryWithAModelNumber() {
        Query query = Query.of(" MX-500  shoes ");
        assertEquals("MX-500 shoes", query.text());
        assertArrayEquals(new int[] {Text.id("mx"), Text.id("500"), Text.id("shoe")}, query.stems());
        assertArrayEquals(new int[] {Text.id("mx"), Text.id("500"), Text.id("shoes")}, query.surfaces());
        assertArrayEquals(new byte[] {Token.WORD, Token.NUMBER, Token.WORD}, query.kinds());
        assertArrayEquals(new int[] {Text.id("mx500"), Text.id("mx500shoes"), Text.id("500"), Text.id("500shoes")}, query.models());
        assertEquals("mx500shoes", query.number());
    }

    @Test
    void nothingTyped() {
        Query query = Query.of(" \n");
        assertEquals("", query.text());
        assertEquals(0, query.stems().length + query.models().length);
        assertEquals("", query.number());
    }

    @Test
    void longQueriesAreCutAndTooLongOnesRefused() {
        Query query = Query.of("Red, ".repeat(40));
        assertEquals(32, query.stems().length);
        assertEquals("red " + "red ".repeat(30) + "red", query.text());
        assertEquals(0, Query.of("😀".repeat(1000)).stems().length);
        IllegalArgumentException refused = assertThrows(IllegalArgumentException.class, () -> Query.of("a".repeat(1001)));
        assertTrue(refused.getMessage().contains("1001"), refused.getMessage());
    }

    @Test
    void asPythonUnderstandsThem() throws IOException {
        List<Map<String, Object>> lines = Golden.lines();
        int refused = 0;
        for (Map<String, Object> line : lines) {
            String text = (String) line.get("text");
            Map<?, ?> expected = (Map<?, ?>) line.get("query");
            if (expected == null) {
                assertThrows(IllegalArgumentException.class, () -> Query.of(text));
                refused++;
                continue;
            }
            Query found = Query.of(text);
            assertEquals(expected.get("text"), found.text(), text);
            assertArrayEquals(Golden.ints(expected.get("stems")), found.stems(), text);
            assertArrayEquals(Golden.ints(expected.get("surfaces")), found.surfaces(), text);
            int[] kinds = new int[found.kinds().length];
            for (int i = 0; i < kinds.length; i++) kinds[i] = found.kinds()[i];
            assertArrayEquals(Golden.ints(expected.get("kinds")), kinds, text);
            assertArrayEquals(Golden.ints(expected.get("models")), found.models(), text);
            assertEquals(expected.get("number"), found.number(), text);
        }
        assertTrue(lines.size() > 1000 && refused > 0, lines.size() + " texts, " + refused + " refused");
    }
}
