package etalage.encode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.text.Golden;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** The encoder without a model, and its hash. */
class HashingEncoderTest {
    /** RFC 7693, appendix A. */
    private static final String ABC = "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923";

    private static String hex(String message, int size) {
        return HexFormat.of().formatHex(Blake2b.digest(message.getBytes(StandardCharsets.US_ASCII), size));
    }

    @Test
    void theHashIsThatOfTheStandard() {
        assertEquals(ABC, hex("abc", 64));
        // By Python's hashlib: one full block, and one byte more.
        assertEquals("1271d28e731afb57bdfba6bdaf3501be", hex("a".repeat(128), 16));
        assertEquals("68b7bafbad5055c4ebe6eb170a0f8524", hex("a".repeat(129), 16));
        assertEquals("cae66941d9efbd404e4d88758ea67670", hex("", 16));
    }

    @Test
    void anyTextHasAVectorOfUnitLength() {
        try (Encoder encoder = new HashingEncoder()) {
            for (String text : new String[] {"", "red shoe", "鞋", "\ud800"}) {
                float[] vector = encoder.query(text);
                assertEquals(encoder.dim(), vector.length);
                double squares = 0;
                for (float value : vector) squares += value * value;
                assertEquals(1, squares, 1e-6, text);
            }
            assertArrayEquals(encoder.query("red shoe"), encoder.query("red, red SHOES"));
        }
    }

    @Test
    void asPythonEncodes() throws IOException {
        int compared = 0;
        try (Encoder encoder = new HashingEncoder()) {
            for (Map<String, Object> line : Golden.lines()) {
                if (!line.containsKey("hashing")) continue;
                String text = (String) line.get("text");
                assertArrayEquals(Golden.floats(line.get("hashing")), encoder.query(text), 1e-7f, text);
                compared++;
            }
        }
        assertTrue(compared >= 50, compared + " vectors");
    }
}
