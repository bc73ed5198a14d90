package etalage.encode;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import etalage.onnx.Sessions;
import java.util.Map;
import java.util.Set;

/** A model of queries' vectors, run on the calling thread; safe to use from several threads, but not while it is closed. */
final class Onnx implements AutoCloseable {
    private final String what;
    private final OrtSession session;
    private final String output;
    private final int dim;

    /**
     * Loads a model.
     *
     * @param what what it is, for errors
     * @param model the content of its ONNX file
     * @param output its output float32 [1, dim]
     * @throws IllegalArgumentException it is no model that can be run
     */
    Onnx(String what, byte[] model, String output, int dim) {
        this.what = what;
        this.output = output;
        this.dim = dim;
        try {
            session = Sessions.open(model);
        } catch (OrtException error) {
            throw new IllegalArgumentException(what + " cannot be loaded: " + error.getMessage() + ". Export it again.", error);
        }
    }

    /**
     * The vector that the model gives: [dim].
     *
     * @throws IllegalStateException it failed, or the vector is not finite or of another size
     */
    float[] run(Map<String, OnnxTensor> inputs) {
        try (OrtSession.Result result = session.run(inputs, Set.of(output))) {
            if (!(result.get(0).getValue() instanceof float[][] vectors) || vectors.length != 1 || vectors[0].length != dim) {
                throw new IllegalStateException(what + " does not give a vector [1, " + dim + "]. Export it again.");
            }
            for (float value : vectors[0]) {
                if (!Float.isFinite(value)) throw new IllegalStateException(what + " gives a vector that is not finite. Export it again.");
            }
            return vectors[0];
        } catch (OrtException error) {
            throw new IllegalStateException(what + " failed: " + error.getMessage() + ". Export it again.", error);
        }
    }

    @Override
    public void close() {
        try {
            session.close();
        } catch (OrtException error) {
            throw new IllegalStateException(what + " cannot be closed: " + error.getMessage(), error);
        }
    }
}
