package etalage.encode;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import java.io.IOException;
import java.nio.LongBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;

/** An exported transformer ({@code etalage.core.encoders.text}), with the vectors of the last queries remembered. */
public final class OnnxEncoder implements Encoder {
    /** Vectors that are remembered. */
    public static final int REMEMBERED = 10_000;

    private static final String IDS = "input_ids", MASK = "attention_mask", EMBEDDING = "embedding";
    private static final String WHAT = "the text encoder";

    private final Manifest manifest;
    private final String fingerprint;
    private final Subwords subwords;
    private final Onnx model;
    private final Vectors vectors = new Vectors(REMEMBERED);

    private final Use use = new Use(WHAT);

    /**
     * Loads an encoder and encodes once.
     *
     * @param model content of {@code model.onnx}
     * @param tokenizer content of {@code tokenizer.json}
     * @param manifest content of {@code manifest.json}
     * @throws IllegalArgumentException a file is damaged, of another format, or not what an encoder needs
     * @throws LinkageError a native library cannot be loaded
     */
    public OnnxEncoder(byte[] model, byte[] tokenizer, byte[] manifest) {
        this.manifest = Manifest.read(manifest);
        fingerprint = this.manifest.fingerprint();
        Manifest.verify(Manifest.MODEL, model, this.manifest.model());
        Manifest.verify(Manifest.TOKENIZER, tokenizer, this.manifest.tokenizer());
        this.model = new Onnx(WHAT, model, EMBEDDING, this.manifest.dim());
        boolean sound = false;
        Subwords made = null;
        try {
            subwords = made = new Subwords(tokenizer, this.manifest.maxLength());
            encode("");
            sound = true;
        } catch (IllegalStateException error) {
            // A model that fails on an empty text is a wrong file, whatever it says.
            throw new IllegalArgumentException(error.getMessage(), error);
        } finally {
            if (!sound) {
                if (made != null) made.close();
                this.model.close();
            }
        }
    }

    /** Loads the encoder in a folder of the models' cache; see the other constructor. */
    public OnnxEncoder(Path folder) throws IOException {
        this(
                Files.readAllBytes(folder.resolve(Manifest.MODEL)),
                Files.readAllBytes(folder.resolve(Manifest.TOKENIZER)),
                Files.readAllBytes(folder.resolve(Manifest.NAME)));
    }

    @Override
    public float[] query(String text) {
        float[] known = vectors.get(text);
        if (known != null) return known;
        float[] vector = use.of(() -> encode(manifest.query() + text));
        vectors.put(text, vector);
        return vector;
    }

    private float[] encode(String text) {
        long[] ids = subwords.ids(text);
        long[] mask = new long[ids.length];
        Arrays.fill(mask, 1);
        OrtEnvironment environment = OrtEnvironment.getEnvironment();
        long[] shape = {1, ids.length};
        try (OnnxTensor tokens = OnnxTensor.createTensor(environment, LongBuffer.wrap(ids), shape);
                OnnxTensor all = OnnxTensor.createTensor(environment, LongBuffer.wrap(mask), shape)) {
            return model.run(Map.of(IDS, tokens, MASK, all));
        } catch (OrtException error) {
            throw new IllegalStateException(WHAT + " failed: " + error.getMessage(), error);
        }
    }

    @Override
    public int dim() {
        return manifest.dim();
    }

    @Override
    public String fingerprint() {
        return fingerprint;
    }

    @Override
    public long hits() {
        return vectors.hits();
    }

    @Override
    public long misses() {
        return vectors.misses();
    }

    /** Gives the native memory back, once those who encode have ended. */
    @Override
    public void close() {
        use.end(() -> {
            subwords.close();
            model.close();
        });
    }
}
