package etalage.encode;

/**
 * What makes vectors of queries; safe to use from several threads.
 *
 * <p>The vector of a query depends on its text and the {@link #fingerprint} only.
 */
public interface Encoder extends AutoCloseable {
    /**
     * The vector of a query: [{@link #dim}], unit length; the caller's own.
     *
     * @throws IllegalStateException the encoder failed, or is closed
     */
    float[] query(String text);

    /** Components of a vector. */
    int dim();

    /** Digest of all that decides the vectors; those of different fingerprints must not be compared. */
    String fingerprint();

    /** Queries so far whose vector was remembered. */
    default long hits() {
        return 0;
    }

    /** Queries so far whose vector was made. */
    default long misses() {
        return 0;
    }

    @Override
    void close();
}
