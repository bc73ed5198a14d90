package etalage.models;

import etalage.encode.Adapter;
import etalage.encode.Encoder;
import etalage.encode.HashingEncoder;
import etalage.encode.OnnxEncoder;
import etalage.features.Features;
import etalage.rank.Ranker;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.FutureTask;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.core.rest.RestStatus;

/**
 * Loads an artifact and runs it once before it may serve.
 *
 * <p>It runs in a thread of its own that is waited for until a deadline: native code cannot be stopped, so a model that never ends keeps
 * that one thread, no other is tried until it ends, and what serves goes on.
 */
final class Trial {
    private static final Logger LOG = LogManager.getLogger(Trial.class);
    private static final int ROWS = 200;
    private static final String PROBE = "red running shoes 42";

    /** What makes a model of an artifact, and runs it. */
    interface Loading {
        Model load(String name, Artifact artifact) throws Exception;
    }

    private final long deadlineMillis;
    private final Loading loading;
    private final Semaphore free = new Semaphore(1);

    Trial(long deadlineMillis) {
        this(deadlineMillis, Trial::tried);
    }

    Trial(long deadlineMillis, Loading loading) {
        this.deadlineMillis = deadlineMillis;
        this.loading = loading;
    }

    /**
     * The loaded model.
     *
     * @throws IllegalArgumentException it does not load, gives other numbers than it should, or is late
     * @throws OpenSearchStatusException another one is being tried (429)
     * @throws LinkageError the native libraries do not load on this machine
     */
    Model load(String name, Artifact artifact) throws InterruptedException {
        if (!free.tryAcquire(deadlineMillis, TimeUnit.MILLISECONDS)) {
            throw new OpenSearchStatusException("another model is being tried on this node. Push again in a moment.", RestStatus.TOO_MANY_REQUESTS);
        }
        FutureTask<Model> trial = new Attempt(() -> {
            try {
                return loading.load(name, artifact);
            } finally {
                free.release();
            }
        });
        Thread thread = new Thread(trial, "etalage-trial");
        thread.setDaemon(true);
        thread.start();
        try {
            return trial.get(deadlineMillis, TimeUnit.MILLISECONDS);
        } catch (TimeoutException late) {
            trial.cancel(false);
            throw new IllegalArgumentException("the model did not score " + ROWS + " rows within " + deadlineMillis + " ms. Push a smaller one.");
        } catch (ExecutionException failed) {
            if (failed.getCause() instanceof LinkageError missing) {
                throw missing;
            }
            throw new IllegalArgumentException("the model cannot be used: " + failed.getCause().getMessage()
                + ". Push what `etalage plugin push` packs.", failed.getCause());
        }
    }

    /** A model that comes after nobody waits for it any more is closed. */
    private static final class Attempt extends FutureTask<Model> {
        Attempt(Callable<Model> work) {
            super(work);
        }

        @Override
        protected void set(Model model) {
            super.set(model);
            if (isCancelled()) {
                Trial.close(model);
            }
        }
    }

    static void close(Model model) {
        try {
            model.close();
        } catch (Exception error) {
            LOG.warn("the model {} does not close: {}", model.name(), error.getMessage());
        }
    }

    private static Model tried(String name, Artifact artifact) throws Exception {
        Ranker ranker = new Ranker(artifact.model());
        Encoder encoder = null;
        try {
            probe(ranker);
            encoder = encoder(artifact.encoder());
            if (artifact.adapter() != null) {
                encoder = adapted(encoder, artifact.adapter());
            }
            if (encoder != null) {
                probe(encoder);
            }
            return new Model(name, artifact.hash(), artifact.title(), ranker, encoder, artifact.bytes());
        } catch (Throwable failed) {
            if (encoder != null) {
                encoder.close();
            }
            ranker.close();
            throw failed;
        }
    }

    private static Encoder encoder(Artifact.Encoding files) {
        return files == null ? null : new OnnxEncoder(files.model(), files.tokenizer(), files.manifest());
    }

    /** With an adapter; of the encoder that needs no files, where the artifact brings none. */
    private static Encoder adapted(Encoder encoder, Artifact.Moving adapter) {
        Encoder moved = encoder != null ? encoder : new HashingEncoder();
        if (!moved.fingerprint().equals(adapter.fingerprint())) {
            throw new IllegalArgumentException("its adapter was trained for another encoder: " + adapter.fingerprint() + ", it brings "
                + moved.fingerprint());
        }
        return new Adapted(moved, new Adapter(adapter.model(), moved.dim()));
    }

    private static void probe(Ranker ranker) {
        int columns = Features.NAMES.size();
        float[] matrix = new float[ROWS * columns];
        for (int i = 0; i < matrix.length; i++) {
            matrix[i] = (i % 7) / 7f;
        }
        float[] scores = ranker.score(matrix, ROWS);
        if (scores.length != ROWS) {
            throw new IllegalArgumentException("it gives " + scores.length + " scores for " + ROWS + " rows");
        }
        for (float score : scores) {
            if (!Float.isFinite(score)) {
                throw new IllegalArgumentException("it gives a score that is not finite");
            }
        }
    }

    private static void probe(Encoder encoder) {
        float[] vector = encoder.query(PROBE);
        double squares = 0;
        for (float one : vector) {
            squares += (double) one * one;
        }
        if (vector.length != encoder.dim() || !(Math.abs(squares - 1) < 1e-2)) {
            throw new IllegalArgumentException("its encoder gives vectors of " + vector.length + " numbers and squared length " + squares
                + ", where " + encoder.dim() + " and 1 are expected");
        }
    }
}
