package etalage.encode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import ai.onnxruntime.OrtEnvironment;
import etalage.text.Golden;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

/** The exported encoder in the folder of the property {@code encoder}, else of the golden file. */
class OnnxEncoderTest {
    private static Path folder() throws IOException {
        String given = System.getProperty("encoder", "");
        if (given.isEmpty()) given = Golden.head().get("encoder") instanceof String named ? named : "";
        assumeTrue(!given.isEmpty(), "no -Dencoder=FOLDER, and none in the golden file");
        return Path.of(given);
    }

    private static byte[] file(String name) throws IOException {
        return Files.readAllBytes(folder().resolve(name));
    }

    @Test
    void asPythonEncodes() throws IOException {
        double furthest = 0, closest = 1, sum = 0;
        List<Long> nanos = new ArrayList<>();
        try (OnnxEncoder encoder = new OnnxEncoder(folder())) {
            assertEquals(Golden.head().get("fingerprint"), encoder.fingerprint());
            for (Map<String, Object> line : Golden.lines()) {
                if (!line.containsKey("vector")) continue;
                float[] expected = Golden.floats(line.get("vector"));
                long start = System.nanoTime();
                float[] found = encoder.query((String) line.get("text"));
                nanos.add(System.nanoTime() - start);
                assertEquals(encoder.dim(), found.length);
                double dot = 0, left = 0, right = 0;
                for (int i = 0; i < found.length; i++) {
                    dot += (double) found[i] * expected[i];
                    left += (double) found[i] * found[i];
                    right += (double) expected[i] * expected[i];
                    furthest = Math.max(furthest, Math.abs(found[i] - expected[i]));
                }
                double cosine = dot / Math.sqrt(left * right);
                closest = Math.min(closest, cosine);
                sum += cosine;
            }
        }
        assertTrue(nanos.size() >= 50, nanos.size() + " vectors");
        nanos.sort(null);
        System.out.printf("%d vectors: cosine at least %.7f, components within %.2g; p50 %.2f ms, p99 %.2f ms%n", nanos.size(), closest, furthest,
                nanos.get(nanos.size() / 2) / 1e6, nanos.get(nanos.size() * 99 / 100) / 1e6);
        boolean same = OrtEnvironment.getEnvironment().getVersion().equals(Golden.head().get("runtime"));
        // Versions of onnxruntime sum in another order; where a value then rounds to another int8, a vector differs visibly.
        assertTrue(closest > (same ? 0.9999 : 0.98), "cosine " + closest);
        assertTrue(furthest < (same ? 1e-4 : 0.05), "components differ by " + furthest);
        assertTrue(sum / nanos.size() > 0.999, "mean cosine " + sum / nanos.size());
    }

    @Test
    void vectorsAreRememberedAndOnesOwn() throws IOException {
        try (OnnxEncoder encoder = new OnnxEncoder(folder())) {
            float[] first = encoder.query("red shoe");
            float[] again = encoder.query("red shoe");
            assertArrayEquals(first, again);
            assertNotSame(first, again);
            assertEquals(1, encoder.hits());
            assertEquals(1, encoder.misses());
        }
    }

    @Test
    void anyTextHasAVector() throws IOException {
        try (OnnxEncoder encoder = new OnnxEncoder(folder())) {
            for (String text : new String[] {"", "\ud800 \u0000 😀", "red shoe ".repeat(100_000)}) {
                double squares = 0;
                for (float value : encoder.query(text)) squares += value * value;
                assertEquals(1, squares, 1e-5);
            }
        }
    }

    @Test
    void damagedFilesAreRefused() throws IOException {
        byte[] model = file(Manifest.MODEL), tokenizer = file(Manifest.TOKENIZER), manifest = file(Manifest.NAME);
        byte[] other = Arrays.copyOf(model, model.length - 1);
        assertThrows(IllegalArgumentException.class, () -> new OnnxEncoder(other, tokenizer, manifest));
        assertThrows(IllegalArgumentException.class, () -> new OnnxEncoder(model, new byte[] {'{'}, manifest));
        assertThrows(IllegalArgumentException.class, () -> new OnnxEncoder(model, tokenizer, new byte[0]));
        // Described as they are, they are no model and no tokenizer all the same.
        byte[] described = replaced(manifest, Manifest.sha256(model), Manifest.sha256(other));
        assertThrows(IllegalArgumentException.class, () -> new OnnxEncoder(other, tokenizer, described));
        for (String wrong : new String[] {"", "{", "{}", "[]", "{\"version\": \"1.0\", \"model\": {\"type\": \"WordPiece\"}}"}) {
            byte[] broken = wrong.getBytes(StandardCharsets.UTF_8);
            byte[] as = replaced(manifest, Manifest.sha256(tokenizer), Manifest.sha256(broken));
            String message = assertThrows(IllegalArgumentException.class, () -> new OnnxEncoder(model, broken, as)).getMessage();
            assertTrue(message.contains("tokenizer"), message);
        }
        byte[] wider = replaced(manifest, "\"dim\": 384", "\"dim\": 385");
        assertThrows(IllegalArgumentException.class, () -> new OnnxEncoder(model, tokenizer, wider));
    }

    private static byte[] replaced(byte[] json, String was, String now) {
        String text = new String(json, StandardCharsets.UTF_8);
        assertTrue(text.contains(was), was);
        return text.replace(was, now).getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void threadsGiveTheSameVectorsAndMayBeClosedUpon() throws IOException, InterruptedException, ExecutionException {
        float[][] alone = new float[20][];
        try (OnnxEncoder encoder = new OnnxEncoder(folder())) {
            for (int i = 0; i < alone.length; i++) alone[i] = encoder.query("shoe " + i);
        }
        OnnxEncoder encoder = new OnnxEncoder(folder());
        List<Future<Integer>> running = new ArrayList<>();
        CountDownLatch compared = new CountDownLatch(4);
        try (ExecutorService threads = Executors.newFixedThreadPool(4)) {
            for (int thread = 0; thread < 4; thread++) {
                int start = 5 * thread;
                running.add(threads.submit(() -> {
                    for (int i = start; i < start + alone.length; i++) {
                        assertArrayEquals(alone[i % alone.length], encoder.query("shoe " + i % alone.length), 1e-6f);
                    }
                    compared.countDown();
                    int encoded = 0;
                    try {
                        for (; encoded < 100_000; encoded++) encoder.query("boot " + start + " " + encoded);
                    } catch (IllegalStateException closed) {
                        assertTrue(closed.getMessage().contains("closed"), closed.getMessage());
                    }
                    return encoded;
                }));
            }
            assertTrue(compared.await(60, TimeUnit.SECONDS));
            encoder.close();
            encoder.close();
            for (Future<Integer> one : running) assertTrue(one.get() < 100_000);
        }
        assertThrows(IllegalStateException.class, () -> encoder.query("never asked"));
    }
}
