package etalage.rank;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.features.Features;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class RankerTest {
    private static final int WIDTH = Features.NAMES.size();

    private static byte[] starter() throws IOException {
        return Files.readAllBytes(Path.of(System.getProperty("starter"), "model.onnx"));
    }

    @Test
    void aRowScoresTheSameAloneAndAmongOthers() throws IOException {
        float[] matrix = new float[3 * WIDTH];
        for (int at = 0; at < matrix.length; at++) matrix[at] = (at * 37 % 100) / 100f;
        try (Ranker ranker = new Ranker(starter())) {
            float[] scores = ranker.score(matrix, 3);
            assertTrue(scores[0] != scores[1]);
            float[] alone = ranker.score(Arrays.copyOfRange(matrix, WIDTH, 2 * WIDTH), 1);
            assertArrayEquals(new float[] {scores[1]}, alone, 1e-5f);
            assertEquals(0, ranker.score(new float[0], 0).length);
        }
    }

    @Test
    void aScoreThatIsNotFiniteIsAnError() throws IOException {
        float[] matrix = new float[WIDTH];
        matrix[0] = Float.NaN;
        try (Ranker ranker = new Ranker(starter())) {
            assertThrows(IllegalStateException.class, () -> ranker.score(matrix, 1));
        }
    }

    @Test
    void whatIsNoRankerIsRefused() throws IOException {
        byte[] starter = starter();
        assertThrows(IllegalArgumentException.class, () -> new Ranker(new byte[0]));
        assertThrows(IllegalArgumentException.class, () -> new Ranker(Arrays.copyOf(starter, starter.length / 2)));
        IllegalArgumentException error =
                assertThrows(IllegalArgumentException.class, () -> new Ranker(replaced(starter, "features", "featured")));
        assertTrue(error.getMessage().contains("`features`"), error.getMessage());
    }

    /** The bytes with a word in place of another one of its length. */
    private static byte[] replaced(byte[] bytes, String word, String other) {
        String text = new String(bytes, StandardCharsets.ISO_8859_1).replace(word, other);
        return text.getBytes(StandardCharsets.ISO_8859_1);
    }
}
