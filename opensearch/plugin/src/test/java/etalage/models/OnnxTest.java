package etalage.models;

import static etalage.models.Protobuf.field;
import static etalage.models.Protobuf.join;
import static etalage.models.Protobuf.model;
import static etalage.models.Protobuf.node;
import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Models that could read other files or never end are refused before anything runs them. */
class OnnxTest {
    private static void refused(String why, byte[] model) {
        String told = assertThrows(IllegalArgumentException.class, () -> Onnx.check("the ranker", model)).getMessage();
        assertTrue(told.startsWith("the ranker ") && told.contains(why), told);
    }

    @Test
    void thePackagedRankerIsTaken() throws Exception {
        byte[] starter = Files.readAllBytes(Path.of(System.getProperty("starter"), "model.onnx"));
        assertDoesNotThrow(() -> Onnx.check("the ranker", starter));
    }

    @Test
    void aPlainModelIsTaken() {
        assertDoesNotThrow(() -> Onnx.check("the ranker", Protobuf.ranker(85)));
        assertDoesNotThrow(() -> Onnx.check("the ranker", model(node("QAttention", "com.microsoft", "a", "b"))));
    }

    @Test
    void whatIsNoOnnxIsRefused() {
        refused("is not an ONNX file", new byte[0]);
        refused("is not an ONNX file", "hello, world".getBytes(StandardCharsets.UTF_8));
        refused("is not an ONNX file", field(1, 8));
        refused("too long", join(field(1, 8), new byte[] {(byte) 0x38, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, 1}));
        refused("wrong type", field(7, 1));
    }

    @Test
    void everyCutIsRefusedOrHarmless() {
        byte[] whole = Protobuf.ranker(85);
        for (int length = 0; length < whole.length; length++) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThrows(IllegalArgumentException.class, () -> Onnx.check("the ranker", cut));
        }
    }

    @Test
    void noBytesBreakTheReader() {
        Random random = new Random(7);
        for (int round = 0; round < 20_000; round++) {
            byte[] bytes = round % 2 == 0 ? new byte[random.nextInt(60)] : Protobuf.ranker(85);
            if (round % 2 == 0) {
                random.nextBytes(bytes);
            } else {
                bytes[random.nextInt(bytes.length)] = (byte) random.nextInt();
            }
            try {
                Onnx.check("the ranker", bytes);
            } catch (IllegalArgumentException refused) {
                assertTrue(refused.getMessage().startsWith("the ranker "));
            }
        }
    }

    @Test
    void weightsInAnotherFileAreRefused() {
        byte[] elsewhere = join(field(1, 4), field(2, 1), field(8, "w"), field(13, field(1, "location"), field(2, "../../etc/passwd")));
        refused("another file", model(field(5, elsewhere)));
        refused("another file", model(field(5, field(1, 4), field(14, 1))));
        refused("another file", model(node("Constant", "", "", "w", join(field(1, "value"), field(5, elsewhere)))));
        refused("another file", model(field(15, field(1, elsewhere))));
    }

    @Test
    void loopsBranchesAndForeignOperatorsAreRefused() {
        byte[] body = join(field(1, "body"), field(6, field(2, "inner")));
        refused("branches or loops", model(node("Loop", "", "m,c", "out", body)));
        refused("branches or loops", model(node("Scan", "", "m", "out", join(field(1, "bodies"), field(11, field(2, "inner"))))));
        refused("another domain: com.example", model(node("Evil", "com.example", "a", "b")));
        refused("functions of its own", join(model(), field(25, field(1, "f"))));
        refused("training steps", join(model(), field(20, field(1, "t"))));
    }
}
