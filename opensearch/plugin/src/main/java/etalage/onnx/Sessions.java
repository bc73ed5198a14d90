package etalage.onnx;

import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtLoggingLevel;
import ai.onnxruntime.OrtSession;

/** Sessions of onnxruntime, as etalage/core/onnx.py makes them. */
public final class Sessions {
    private Sessions() {}

    /** A session that works on the calling thread. */
    public static OrtSession open(byte[] model) throws OrtException {
        try (OrtSession.SessionOptions options = new OrtSession.SessionOptions()) {
            options.setIntraOpNumThreads(1);
            options.setInterOpNumThreads(1);
            // Products with int8 weights stay in floating point, as models were measured, on every version of onnxruntime.
            options.addConfigEntry("session.qdq_matmulnbits_accuracy_level", "1");
            options.setSessionLogLevel(OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR);
            return OrtEnvironment.getEnvironment().createSession(model, options);
        }
    }
}
