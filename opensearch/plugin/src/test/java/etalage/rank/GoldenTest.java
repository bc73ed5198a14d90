package etalage.rank;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import etalage.features.Features;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * What Python recorded of many requests, computed again: features, scores and order.
 *
 * <p>The file is named by the property `golden` (`python -m etalage.demo.golden FILE`), the packaged artifact by `starter`.
 */
class GoldenTest {
    private static final double FEATURE = 1e-5, SCORE = 1e-4;

    private static int requests, candidates;
    private static double cosines, fused, scores, sameFeatures;
    private static double[] features = new double[Features.NAMES.size()];
    private static final List<String> wrong = new ArrayList<>(), orders = new ArrayList<>();
    private static final List<Long> featureTimes = new ArrayList<>(), scoreTimes = new ArrayList<>();

    @BeforeAll
    static void compute() throws IOException {
        String golden = System.getProperty("golden"), starter = System.getProperty("starter");
        assumeTrue(golden != null, "no golden file: write one with `python -m etalage.demo.golden FILE`, give it with -Dgolden=FILE");
        try (Ranker ranker = new Ranker(Files.readAllBytes(Path.of(starter, "model.onnx")))) {
            Golden.each(Path.of(golden), one -> compare(one, ranker));
        }
        System.out.printf(
                "%d requests, %d candidates; largest differences: cosine %.2g, fused %.2g, feature %.2g, score %.2g%n",
                requests, candidates, cosines, fused, Arrays.stream(features).max().orElse(0), scores);
        System.out.printf(
                "median of the second half, 200 candidates: features %.0f µs, scores %.0f µs%n",
                median(featureTimes), median(scoreTimes));
    }

    @Test
    void theFileHasRequests() {
        assertTrue(requests > 0 && candidates > requests);
    }

    @Test
    void cosinesAndFusedScoresAreThose() {
        assertEquals(0, cosines, 1e-6);
        assertEquals(0, fused, 1e-5);
    }

    @Test
    void everyFeatureIsThat() {
        assertEquals(List.of(), wrong);
    }

    @Test
    void everyScoreIsThat() {
        assertEquals(0, scores, SCORE);
        assertEquals(0, sameFeatures, SCORE);
    }

    @Test
    void everyOrderIsThat() {
        assertEquals(List.of(), orders);
    }

    private static void compare(Golden one, Ranker ranker) {
        int size = one.size(), width = Features.NAMES.size();
        requests++;
        candidates += size;
        float[] near = Fusion.cosines(one.vector(), one.candidates());
        cosines = Math.max(cosines, difference(near, one.cosines()));
        fused = Math.max(fused, difference(Fusion.fused(one.candidates(), near), one.fused()));
        long start = System.nanoTime();
        float[] matrix = Features.matrix(one.query(), one.vector(), one.candidates());
        long ranked = System.nanoTime();
        float[] given = ranker.score(matrix, size);
        if (size == 200) {
            featureTimes.add(ranked - start);
            scoreTimes.add(System.nanoTime() - ranked);
        }
        for (int row = 0; row < size; row++) {
            for (int number = 0; number < width; number++) {
                double away = Math.abs(matrix[row * width + number] - one.feature(row, number));
                // Written so that NaN is wrong.
                if (!(away <= FEATURE) && wrong.size() < 50) {
                    wrong.add("[%s] %s, row %d: %s, Python %s".formatted(
                            one.query().text(), Features.NAMES.get(number), row, matrix[row * width + number], one.feature(row, number)));
                }
                features[number] = Math.max(features[number], away);
            }
        }
        scores = Math.max(scores, difference(given, one.scores()));
        sameFeatures = Math.max(sameFeatures, difference(ranker.score(one.features(), size), one.scores()));
        double[] last = Scores.last(one.fused(), given, Scores.named(one.query(), one.candidates()));
        int[] order = Scores.order(last, one.candidates());
        for (int place = 0; place < size; place++) {
            if (one.last()[order[place]] != one.last()[one.order()[place]] && orders.size() < 50) {
                orders.add("[%s] place %d: row %d, Python row %d".formatted(
                        one.query().text(), place, order[place], one.order()[place]));
            }
        }
    }

    private static double difference(float[] one, float[] other) {
        assertEquals(one.length, other.length);
        double difference = 0;
        for (int row = 0; row < one.length; row++) difference = Math.max(difference, Math.abs(one[row] - other[row]));
        return difference;
    }

    private static double median(List<Long> nanos) {
        return nanos.stream().skip(nanos.size() / 2).sorted().skip(nanos.size() / 4).findFirst().orElse(0L) / 1e3;
    }
}
