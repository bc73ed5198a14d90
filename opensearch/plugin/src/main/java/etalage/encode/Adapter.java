package etalage.encode;

import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import java.nio.FloatBuffer;
import java.util.Map;

/**
 * Moves a query's vector towards the products that a shop's shoppers mean by it ({@code etalage.core.encoders.adapter}): a small map in
 * the space of the text encoder. Safe to use from several threads.
 */
public final class Adapter implements AutoCloseable {
    private static final String INPUT = "query", OUTPUT = "adapted";
    private static final String WHAT = "the adapter";

    private final int dim;
    private final Onnx model;
    private final Use use = new Use(WHAT);

    /**
     * Loads an adapter and applies it once.
     *
     * @param model content of its ONNX file
     * @param dim components of the encoder's vectors
     * @throws IllegalArgumentException it is no model that maps such vectors
     */
    public Adapter(byte[] model, int dim) {
        this.dim = dim;
        this.model = new Onnx(WHAT, model, OUTPUT, dim);
        try {
            float[] probe = new float[dim];
            probe[0] = 1;
            query(probe);
        } catch (IllegalStateException error) {
            this.model.close();
            throw new IllegalArgumentException(error.getMessage(), error);
        }
    }

    /**
     * The adapted vector of a query's vector [dim]: [dim], unit length.
     *
     * @throws IllegalArgumentException the vector has another size
     * @throws IllegalStateException the model failed, or is closed
     */
    public float[] query(float[] vector) {
        if (vector.length != dim) {
            throw new IllegalArgumentException("the vector is not one that the adapter was trained for: it has " + vector.length
                    + " components, expected " + dim + ". Train the adapter again, or remove it.");
        }
        return use.of(() -> unit(moved(vector)));
    }

    private float[] moved(float[] vector) {
        try (OnnxTensor input = OnnxTensor.createTensor(OrtEnvironment.getEnvironment(), FloatBuffer.wrap(vector), new long[] {1, dim})) {
            return model.run(Map.of(INPUT, input));
        } catch (OrtException error) {
            throw new IllegalStateException(WHAT + " failed: " + error.getMessage(), error);
        }
    }

    private static float[] unit(float[] vector) {
        double squares = 0;
        for (float value : vector) squares += (double) value * value;
        if (squares == 0) {
            // A text in the middle of all texts points nowhere; one axis alone is close to nothing.
            vector[0] = 1;
            return vector;
        }
        double length = Math.sqrt(squares);
        for (int i = 0; i < vector.length; i++) vector[i] = (float) (vector[i] / length);
        return vector;
    }

    /** Gives the native memory back, once those who use it have ended. */
    @Override
    public void close() {
        use.end(model::close);
    }
}
