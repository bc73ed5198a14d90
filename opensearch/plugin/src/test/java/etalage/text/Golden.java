package etalage.text;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import etalage.encode.Json;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** What Python makes of texts: the file of {@code python -m etalage.demo.golden_text}, named by the property {@code golden.text}. */
public final class Golden {
    private Golden() {}

    /** Folder of the text encoder and its fingerprint, both null where Python had none, and its version of onnxruntime. */
    public static Map<String, Object> head() throws IOException {
        return read().get(0);
    }

    /** The texts and what becomes of them; without a file the test that asks is skipped. */
    public static List<Map<String, Object>> lines() throws IOException {
        List<Map<String, Object>> read = read();
        return read.subList(1, read.size());
    }

    /** A list of numbers as float32. */
    public static float[] floats(Object list) {
        List<?> values = (List<?>) list;
        float[] floats = new float[values.size()];
        for (int i = 0; i < floats.length; i++) floats[i] = ((Number) values.get(i)).floatValue();
        return floats;
    }

    /** A list of numbers, uint32 as the bits of an int. */
    static int[] ints(Object list) {
        return ((List<?>) list).stream().mapToInt(value -> ((Number) value).intValue()).toArray();
    }

    private static List<Map<String, Object>> read() throws IOException {
        String file = System.getProperty("golden.text", "");
        assumeTrue(!file.isEmpty(), "no -Dgolden.text=FILE");
        List<Map<String, Object>> lines = new ArrayList<>();
        for (String line : Files.readAllLines(Path.of(file))) lines.add(Json.object(line.getBytes(StandardCharsets.UTF_8)));
        return lines;
    }
}
