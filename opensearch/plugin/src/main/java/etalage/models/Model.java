package etalage.models;

import etalage.encode.Encoder;
import etalage.rank.Ranker;

/**
 * What ranks searches: loaded on this node, never changed. Another one takes its place as a whole.
 *
 * @param name the name that it was pushed under
 * @param hash SHA-256 of its artifact, hex
 * @param title the ranker's own name, from its manifest
 * @param ranker scores feature matrices
 * @param encoder encodes queries; null where the artifact brings none
 * @param bytes size of its files
 */
public record Model(String name, String hash, String title, Ranker ranker, Encoder encoder, long bytes) implements AutoCloseable {
    @Override
    public void close() throws Exception {
        try (Encoder closing = encoder) {
            ranker.close();
        }
    }
}
