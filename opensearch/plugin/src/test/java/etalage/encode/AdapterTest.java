package etalage.encode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Base64;
import org.junit.jupiter.api.Test;

/** The adapter, with a model that is one matrix product of two components. */
class AdapterTest {
    private static final String BEFORE = "CAg6cwobCgVxdWVyeQoBdxIHYWRhcHRlZCIGTWF0TXVsEgFhKhsIAggCEAFCAXdKEA==";
    private static final String AFTER = "WhgKBXF1ZXJ5Eg8KDQgBEgkKAxIBbgoCCAJiGgoHYWRhcHRlZBIPCg0IARIJCgMSAW4KAggCQgQKABAR";

    /** ONNX: query float32 [n, 2] times the weights [2, 2] is adapted float32 [n, 2]. */
    private static byte[] model(float... weights) {
        byte[] before = Base64.getDecoder().decode(BEFORE);
        byte[] after = Base64.getDecoder().decode(AFTER);
        ByteBuffer model = ByteBuffer.allocate(before.length + 16 + after.length).order(ByteOrder.LITTLE_ENDIAN).put(before);
        for (float weight : weights) model.putFloat(weight);
        return model.put(after).array();
    }

    @Test
    void aQueryIsMovedAndOfUnitLength() {
        try (Adapter adapter = new Adapter(model(0, 2, 2, 0), 2)) {
            float[] vector = {0.6f, 0.8f};
            assertArrayEquals(new float[] {0.8f, 0.6f}, adapter.query(vector), 1e-6f);
            assertArrayEquals(new float[] {0.6f, 0.8f}, vector);
        }
    }

    @Test
    void whatPointsNowhereHasAVectorToo() {
        try (Adapter adapter = new Adapter(model(0, 0, 0, 0), 2)) {
            assertArrayEquals(new float[] {1, 0}, adapter.query(new float[] {0.6f, 0.8f}));
        }
    }

    @Test
    void whatDoesNotFitIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Adapter(new byte[] {1, 2, 3}, 2));
        assertThrows(IllegalArgumentException.class, () -> new Adapter(model(1, 0, 0, 1), 3));
        assertThrows(IllegalArgumentException.class, () -> new Adapter(model(Float.POSITIVE_INFINITY, 0, 0, 1), 2));
        try (Adapter adapter = new Adapter(model(1, 0, 0, 1), 2)) {
            assertThrows(IllegalArgumentException.class, () -> adapter.query(new float[3]));
        }
    }

    @Test
    void aClosedOneSaysSo() {
        Adapter adapter = new Adapter(model(1, 0, 0, 1), 2);
        adapter.close();
        adapter.close();
        assertThrows(IllegalStateException.class, () -> adapter.query(new float[2]));
    }
}
