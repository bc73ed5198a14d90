package etalage.encode;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;

/** What an encoder's manifest must say, and its fingerprint. */
class ManifestTest {
    private static final String SOUND = """
            {"format": 1, "name": "n", "dim": 384, "max_length": 256, "prefixes": {"query": "query: \\"é\\"\\n", "passage": ""},
             "files": {"model.onnx": "ab", "tokenizer.json": "cd", "probes.npz": "ef"}, "parity": {"rank": 0.5}, "queries": []}
            """;

    private static Manifest read(String json) {
        return Manifest.read(json.getBytes(StandardCharsets.UTF_8));
    }

    @Test
    void itIsReadAndHasPythonsFingerprint() {
        Manifest manifest = read(SOUND);
        assertEquals(new Manifest(384, 256, "query: \"é\"\n", "", "ab", "cd"), manifest);
        assertEquals("c4bc8886741db75d", manifest.fingerprint());
    }

    @Test
    void whatIsWrongIsNamed() {
        String[][] changes = {
            {"\"format\": 1", "\"format\": 2", "format 2"}, {"384", "0", "'dim'"}, {"256", "1e9", "'max_length'"}, {"256", "\"a\"", "'max_length'"},
            {"\"query\":", "\"q\":", "'query' in 'prefixes'"}, {"\"model.onnx\"", "\"m\"", "'model.onnx' in 'files'"}, {"\"cd\"", "3", "'tokenizer.json'"},
            {"\"files\": {", "\"files\": [", "cannot be read"}, {"}\n", "} {}", "cannot be read"}
        };
        for (String[] change : changes) {
            String wrong = SOUND.replace(change[0], change[1]);
            String message = assertThrows(IllegalArgumentException.class, () -> read(wrong), wrong).getMessage();
            assertTrue(message.contains(change[2]), message);
        }
        assertThrows(IllegalArgumentException.class, () -> read(""));
        assertThrows(IllegalArgumentException.class, () -> read("[1]"));
        assertThrows(IllegalArgumentException.class, () -> read("{\"a\":".repeat(5000)));
    }

    @Test
    void anotherFileIsRefused() {
        Manifest.verify("a", new byte[0], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assertThrows(IllegalArgumentException.class, () -> Manifest.verify("a", new byte[1], "e3b0c442"));
    }
}
