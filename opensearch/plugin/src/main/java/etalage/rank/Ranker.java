package etalage.rank;

import ai.onnxruntime.NodeInfo;
import ai.onnxruntime.OnnxJavaType;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import etalage.features.Features;
import etalage.onnx.Sessions;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.Map;

/** Scores a feature matrix with an artifact's int8 ONNX model (ranker/rerank.py). Safe to call from several threads. */
public final class Ranker implements AutoCloseable {
    private static final String INPUT = "features";

    private final OrtEnvironment environment = OrtEnvironment.getEnvironment();
    private final OrtSession session;

    /**
     * @param model the bytes of the ONNX file
     * @throws IllegalArgumentException it is no model that takes `features` [n, Features.NAMES.size()] and gives one score [n] or [n, 1]
     */
    public Ranker(byte[] model) {
        try {
            session = Sessions.open(model);
        } catch (OrtException error) {
            throw new IllegalArgumentException(
                    "the ranker is no ONNX model that can be run (" + error.getMessage() + "); train it again", error);
        }
        try {
            check();
        } catch (OrtException | IllegalArgumentException error) {
            close();
            throw error instanceof IllegalArgumentException known ? known : new IllegalArgumentException(error);
        }
    }

    /**
     * Scores [rows] of a row-major matrix [rows * Features.NAMES.size()]; higher is better.
     *
     * @throws IllegalStateException the run failed, or a score is not finite
     */
    public float[] score(float[] matrix, int rows) {
        if (rows == 0) return new float[0];
        float[] scores = new float[rows];
        long[] shape = {rows, Features.NAMES.size()};
        try (OnnxTensor input = OnnxTensor.createTensor(environment, FloatBuffer.wrap(matrix), shape);
                OrtSession.Result result = session.run(Map.of(INPUT, input))) {
            FloatBuffer given = ((OnnxTensor) result.get(0)).getFloatBuffer();
            if (given.remaining() != rows) {
                throw new IllegalStateException("the ranker gave " + given.remaining() + " scores for " + rows + " candidates");
            }
            given.get(scores);
        } catch (OrtException error) {
            throw new IllegalStateException("the ranker failed to run: " + error.getMessage(), error);
        }
        for (float score : scores) {
            if (!Float.isFinite(score)) throw new IllegalStateException("the ranker gave a score that is not finite");
        }
        return scores;
    }

    @Override
    public void close() {
        try {
            session.close();
        } catch (OrtException error) {
            throw new IllegalStateException("the ranker's session can't be closed", error);
        }
    }

    private void check() throws OrtException {
        Map<String, NodeInfo> inputs = session.getInputInfo(), outputs = session.getOutputInfo();
        long[] wanted = {-1, Features.NAMES.size()};
        if (inputs.size() != 1 || !inputs.containsKey(INPUT) || !Arrays.equals(shape(inputs.get(INPUT)), wanted)) {
            throw new IllegalArgumentException("the ranker must take `" + INPUT + "`, float [n, " + wanted[1]
                    + "], and nothing else; it takes " + inputs + "; train it again");
        }
        long[] given = outputs.size() == 1 ? shape(outputs.values().iterator().next()) : new long[0];
        if (given.length < 1 || given.length > 2 || given[0] != -1 || given.length == 2 && given[1] != 1) {
            throw new IllegalArgumentException(
                    "the ranker must give float [n] or [n, 1] and nothing else; it gives " + outputs + "; train it again");
        }
    }

    /** The shape of a tensor of floats, -1 for a length that is free; empty for anything else. */
    private static long[] shape(NodeInfo node) {
        return node.getInfo() instanceof TensorInfo tensor && tensor.type == OnnxJavaType.FLOAT
                ? tensor.getShape()
                : new long[0];
    }
}
