package etalage.encode;

import etalage.text.Text;
import etalage.text.Token;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashSet;
import java.util.Set;

/**
 * The encoder without a model, {@code etalage.core.encoders.hashing}: signed hashes of stems and of their trigrams. It knows shared
 * words and parts of words only, but needs no file: for tests and trials.
 */
public final class HashingEncoder implements Encoder {
    private static final int DIM = 256;
    private static final int GRAM = 3;
    private static final int HASHES = 4;
    private static final double STEM_WEIGHT = 1.0;
    private static final double GRAM_WEIGHT = 0.8;

    @Override
    public float[] query(String text) {
        Set<String> stems = new LinkedHashSet<>();
        for (Token token : Text.tokenize(text)) stems.add(token.stem());
        // A text without words has a vector too.
        if (stems.isEmpty()) stems.add("");
        float[] vector = new float[DIM];
        for (String stem : stems) add(stem, vector);
        float squares = 0;
        for (float value : vector) squares += value * value;
        if (squares == 0) vector[0] = squares = 1;
        float length = (float) Math.sqrt(squares);
        for (int i = 0; i < DIM; i++) vector[i] /= length;
        return vector;
    }

    private static void add(String stem, float[] vector) {
        int[] marked = ("<" + stem + ">").codePoints().toArray();
        int grams = marked.length - GRAM + 1;
        add("w " + stem, STEM_WEIGHT, vector);
        for (int i = 0; i < grams; i++) add("g " + new String(marked, i, GRAM), GRAM_WEIGHT / Math.sqrt(grams), vector);
    }

    private static void add(String feature, double weight, float[] vector) {
        byte[] digest = Blake2b.digest(feature.getBytes(StandardCharsets.UTF_8), 4 * HASHES);
        ByteBuffer codes = ByteBuffer.wrap(digest).order(ByteOrder.LITTLE_ENDIAN);
        for (int i = 0; i < HASHES; i++) {
            int code = codes.getInt();
            // The sign bit says which way.
            vector[code & (DIM - 1)] += (float) (code < 0 ? weight : -weight);
        }
    }

    @Override
    public int dim() {
        return DIM;
    }

    @Override
    public String fingerprint() {
        return "hashing-v1-" + DIM;
    }

    @Override
    public void close() {}
}
