package etalage.rank;

import etalage.encode.Json;
import etalage.features.Candidates;
import etalage.features.Features;
import etalage.text.Query;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import java.util.zip.GZIPInputStream;

/** One request of the golden file that Python wrote (etalage/demo/golden.py): what was searched, what came of it. */
public record Golden(
        Query query,
        float[] vector,
        Candidates candidates,
        float[] cosines,
        float[] fused,
        float[] features,
        float[] scores,
        double[] last,
        int[] order) {
    /** Every request of a file, in turn. */
    public static void each(Path file, Consumer<Golden> take) throws IOException {
        try (BufferedReader lines = new BufferedReader(new InputStreamReader(
                new GZIPInputStream(Files.newInputStream(file), 1 << 16), StandardCharsets.UTF_8))) {
            for (String line = lines.readLine(); line != null; line = lines.readLine()) {
                take.accept(of(Json.object(line.getBytes(StandardCharsets.UTF_8))));
            }
        } catch (IOException | UncheckedIOException error) {
            throw new IOException(file + " can't be read; write it again with `python -m etalage.demo.golden`", error);
        }
    }

    /** How many candidates there are. */
    public int size() {
        return candidates.size();
    }

    /** The feature of a candidate. */
    public float feature(int row, int number) {
        return features[row * Features.NAMES.size() + number];
    }

    private static Golden of(Map<String, Object> line) {
        Query query = new Query(
                (String) line.get("text"),
                ints(line, "stems"),
                ints(line, "surfaces"),
                bytes(line, "kinds"),
                ints(line, "models"),
                (String) line.get("number"));
        String[] ids = strings(line, "ids");
        byte[][] rows = new byte[ids.length][];
        String[] packed = strings(line, "rows");
        for (int row = 0; row < rows.length; row++) rows[row] = Base64.getDecoder().decode(packed[row]);
        boolean[] near = new boolean[ids.length];
        byte[] flags = bytes(line, "near");
        float[] scores = floats(line, "fields");
        float[][] fields = new float[ids.length][Candidates.FIELDS];
        for (int row = 0; row < ids.length; row++) {
            near[row] = flags[row] != 0;
            System.arraycopy(scores, row * Candidates.FIELDS, fields[row], 0, Candidates.FIELDS);
        }
        Candidates candidates = new Candidates(
                (Integer) line.get("dim"), (Integer) line.get("dim_image"), ids, near, floats(line, "lexical"), fields, rows);
        double[] last = new double[ids.length];
        buffer(line, "final").asDoubleBuffer().get(last);
        return new Golden(
                query,
                line.get("vector") == null ? null : floats(line, "vector"),
                candidates,
                floats(line, "cosines"),
                floats(line, "fused"),
                floats(line, "features"),
                floats(line, "scores"),
                last,
                ints(line, "order"));
    }

    private static String[] strings(Map<String, Object> line, String name) {
        return ((List<?>) line.get(name)).toArray(String[]::new);
    }

    private static byte[] bytes(Map<String, Object> line, String name) {
        return Base64.getDecoder().decode((String) line.get(name));
    }

    private static ByteBuffer buffer(Map<String, Object> line, String name) {
        return ByteBuffer.wrap(bytes(line, name)).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static int[] ints(Map<String, Object> line, String name) {
        ByteBuffer buffer = buffer(line, name);
        int[] values = new int[buffer.remaining() / 4];
        buffer.asIntBuffer().get(values);
        return values;
    }

    private static float[] floats(Map<String, Object> line, String name) {
        ByteBuffer buffer = buffer(line, name);
        float[] values = new float[buffer.remaining() / 4];
        buffer.asFloatBuffer().get(values);
        return values;
    }
}
