package etalage.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.features.Features;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What a pushed zip must hold; everything else is refused with the reason. */
class ArtifactTest {
    private static final long LIMIT = 1 << 20;
    private static final byte[] MODEL = Protobuf.ranker(Features.NAMES.size());

    private static void refused(String why, byte[] zip) {
        String told = assertThrows(IllegalArgumentException.class, () -> Artifact.read(zip, LIMIT)).getMessage();
        assertTrue(told.contains(why), told);
    }

    private static byte[] utf8(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    @Test
    void thePackagedRankerIsRead() throws Exception {
        byte[] zip = Zips.starter();
        Artifact read = Artifact.read(zip, LIMIT);
        assertEquals(Artifact.sha256(zip), read.hash());
        assertTrue(read.title().startsWith("ranker-"), read.title());
        assertNull(read.encoder());
    }

    @Test
    void anArtifactWithAnEncoderIsRead() {
        Map<String, byte[]> files = Zips.files("one", MODEL);
        byte[] described = utf8("{\"files\": {\"model.onnx\": \"" + Artifact.sha256(MODEL) + "\", \"tokenizer.json\": \"" + Artifact.sha256(utf8("{}"))
            + "\"}}");
        files.put("encoder/manifest.json", described);
        files.put("encoder/tokenizer.json", utf8("{}"));
        files.put("encoder/model.onnx", MODEL);
        Artifact read = Artifact.read(Zips.zip(files), LIMIT);
        assertArrayEquals(described, read.encoder().manifest());
        assertEquals(files.values().stream().mapToLong(one -> one.length).sum(), read.bytes());

        files.put("encoder/tokenizer.json", utf8("{ }"));
        refused("encoder/tokenizer.json is not the file", Zips.zip(files));
        files.remove("encoder/tokenizer.json");
        refused("lacks a file: encoder/tokenizer.json", Zips.zip(files));
    }

    @Test
    void anAdapterIsReadWithTheEncoderThatItWasTrainedFor() {
        Map<String, byte[]> files = Zips.files("one", MODEL);
        files.put("adapter/model.onnx", MODEL);
        files.put("adapter/manifest.json", utf8("{\"fingerprint_text\": \"abcd\", \"sha256\": \"" + Artifact.sha256(MODEL) + "\"}"));
        assertEquals("abcd", Artifact.read(Zips.zip(files), LIMIT).adapter().fingerprint());
        files.put("adapter/model.onnx", Protobuf.ranker(2));
        refused("adapter/model.onnx is not the file", Zips.zip(files));
        files.remove("adapter/model.onnx");
        refused("lacks a file: adapter/model.onnx", Zips.zip(files));
    }

    @Test
    void whatIsNoZipIsRefused() {
        refused("not a zip", new byte[0]);
        refused("not a zip", utf8("{\"zip\": 1}"));
        byte[] whole = Zips.artifact("one");
        for (int length = 1; length < whole.length / 2; length += 7) {
            byte[] cut = Arrays.copyOf(whole, length);
            assertThrows(IllegalArgumentException.class, () -> Artifact.read(cut, LIMIT));
        }
    }

    @Test
    void namesWithPathsAndOtherFilesAreRefused() {
        for (String name : new String[] {"../model.onnx", "/etc/passwd", "encoder/../model.onnx", "encoder\\model.onnx", "weights.npz", "encoder/"}) {
            Map<String, byte[]> files = Zips.files("one", MODEL);
            files.put(name, MODEL);
            refused("no such file: " + name, Zips.zip(files));
        }
    }

    @Test
    void aBombIsNotUnpacked() {
        Map<String, byte[]> files = Zips.files("one", new byte[64 << 20]);
        byte[] zip = Zips.zip(files);
        assertTrue(zip.length < LIMIT);
        refused("too large: more than " + LIMIT, zip);
    }

    @Test
    void aHugeManifestIsRefused() {
        Map<String, byte[]> files = Zips.files("one", MODEL);
        files.put("manifest.json", new byte[5 << 20]);
        String told = assertThrows(IllegalArgumentException.class, () -> Artifact.read(Zips.zip(files), 64 << 20)).getMessage();
        assertTrue(told.contains("a manifest is too large"), told);
    }

    @Test
    void anotherContractFormatOrModelIsRefused() {
        String hash = Artifact.sha256(MODEL);
        refused("another feature list", Zips.zip(Zips.files("one", MODEL, "0123456789abcdef", hash, "1")));
        refused("another format: 2", Zips.zip(Zips.files("one", MODEL, Features.contract(), hash, "2")));
        refused("another format: null", Zips.zip(Zips.files("one", MODEL, Features.contract(), hash, "null")));
        refused("model.onnx is not the file", Zips.zip(Zips.files("one", MODEL, Features.contract(), Artifact.sha256(new byte[1]), "1")));
        refused("no name", Zips.zip(Zips.files("", MODEL)));
        refused("not an ONNX file", Zips.zip(Zips.files("one", utf8("hello"))));
    }

    @Test
    void aManifestThatIsNoJsonOrMissingIsRefused() {
        Map<String, byte[]> files = Zips.files("one", MODEL);
        for (String json : new String[] {"", "[]", "{", "nonsense", "[".repeat(100_000)}) {
            files.put("manifest.json", utf8(json));
            assertThrows(IllegalArgumentException.class, () -> Artifact.read(Zips.zip(files), LIMIT), json.length() < 20 ? json : "nested");
        }
        files.remove("manifest.json");
        refused("lacks a file: manifest.json", Zips.zip(files));
    }
}
