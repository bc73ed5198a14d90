package etalage.features;

import etalage.rank.Fusion;
import etalage.text.Query;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/** The ranker's features: their names in order, the matrix, and the hash that names the list (ranker/features). */
public final class Features {
    /** Raised when a feature of the same name changes its meaning. */
    private static final int VERSION = 1;

    private static final List<Feature> FEATURES = Stream.of(
                    Lexical.FEATURES,
                    Semantic.FEATURES,
                    Absent.LOOKS,
                    Overlap.FEATURES,
                    Proximity.FEATURES,
                    Shape.FEATURES,
                    Consensus.FEATURES,
                    Head.FEATURES,
                    Product.FEATURES,
                    Behaviour.FEATURES,
                    Absent.SHOPPER)
            .flatMap(List::stream)
            .toList();

    /** Names of the columns, in order. */
    public static final List<String> NAMES = FEATURES.stream().map(Feature::name).toList();

    private Features() {}

    /** A hash of the list; a ranker trained on another one must not be used. */
    public static String contract() {
        StringBuilder described = new StringBuilder().append(VERSION).append('\n').append(Candidates.RECORD_VERSION);
        for (Feature one : FEATURES) {
            described.append('\n').append(one.name()).append(':').append(one.family()).append(':').append(one.missing());
        }
        try {
            byte[] digest = MessageDigest.getInstance("SHA-256").digest(described.toString().getBytes(StandardCharsets.UTF_8));
            return HexFormat.of().formatHex(digest).substring(0, 16);
        } catch (NoSuchAlgorithmException error) {
            throw new IllegalStateException("every Java has SHA-256", error);
        }
    }

    /**
     * The features of a query's candidates.
     *
     * @param vector the query's [dim], or null without one
     * @return row-major [n * NAMES.size()], finite
     */
    public static float[] matrix(Query query, float[] vector, Candidates candidates) {
        float[] cosines = Fusion.cosines(vector, candidates);
        return matrix(query, cosines, Fusion.fused(candidates, cosines), candidates);
    }

    /** The features where cosines with the query and fused scores [n] are known. */
    public static float[] matrix(Query query, float[] cosines, float[] fused, Candidates candidates) {
        int size = candidates.size(), width = FEATURES.size();
        float[] matrix = new float[size * width];
        if (size == 0) return matrix;
        Context context = new Context(query, candidates, cosines, fused);
        for (int number = 0; number < width; number++) {
            float[] column = FEATURES.get(number).compute().of(context);
            for (int row = 0; row < size; row++) matrix[row * width + number] = column[row];
        }
        return matrix;
    }
}
