package etalage.models;

import etalage.encode.Adapter;
import etalage.encode.Encoder;

/** An encoder whose vectors an adapter moves towards what a shop's shoppers mean by them; only products are compared with those. */
record Adapted(Encoder encoder, Adapter adapter) implements Encoder {
    @Override
    public float[] query(String text) {
        return adapter.query(encoder.query(text));
    }

    @Override
    public int dim() {
        return encoder.dim();
    }

    /** The encoder's own: products keep the vectors that they have. */
    @Override
    public String fingerprint() {
        return encoder.fingerprint();
    }

    @Override
    public long hits() {
        return encoder.hits();
    }

    @Override
    public long misses() {
        return encoder.misses();
    }

    @Override
    public void close() {
        adapter.close();
        encoder.close();
    }
}
