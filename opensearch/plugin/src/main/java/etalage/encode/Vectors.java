package etalage.encode;

import java.util.LinkedHashMap;
import java.util.Map;

/** The vectors of the queries that were asked for last, by text; at most so many. Thread-safe. */
final class Vectors {
    private final Map<String, float[]> kept;
    private long hits;
    private long misses;

    Vectors(int most) {
        kept = new LinkedHashMap<>(16, 0.75f, true) {
            @Override
            protected boolean removeEldestEntry(Map.Entry<String, float[]> eldest) {
                return size() > most;
            }
        };
    }

    /** A copy of the vector of a text, or null. */
    synchronized float[] get(String text) {
        float[] vector = kept.get(text);
        if (vector == null) {
            misses++;
            return null;
        }
        hits++;
        return vector.clone();
    }

    synchronized void put(String text, float[] vector) {
        kept.put(text, vector.clone());
    }

    synchronized long hits() {
        return hits;
    }

    synchronized long misses() {
        return misses;
    }
}
