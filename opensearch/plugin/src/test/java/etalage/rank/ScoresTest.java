package etalage.rank;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;

import etalage.features.Candidates;
import etalage.features.Rows;
import etalage.text.Query;
import org.junit.jupiter.api.Test;

class ScoresTest {
    @Test
    void whoIsNamedByNumberComesFirst() {
        Rows rows = new Rows("a", "b", "c").ids("MX-500", "p1", "p2").id(1, 480, 0, "mx500");
        Candidates candidates = rows.candidates();
        boolean[] named = Scores.named(Query.of("mx 500"), candidates);
        assertArrayEquals(new boolean[] {true, true, false}, named);
        double[] last = Scores.last(new float[] {0.1f, 0.2f, 0.9f}, null, named);
        assertArrayEquals(new double[] {1.1, 1.2, 0.9}, last, 1e-6);
        assertArrayEquals(new int[] {1, 0, 2}, Scores.order(last, candidates));
        assertArrayEquals(new boolean[3], Scores.named(Query.of("lamp"), candidates));
    }

    @Test
    void scoresOfTheRankerLieBetweenZeroAndOne() {
        double[] last = Scores.last(new float[3], new float[] {0, 40, -800}, new boolean[3]);
        assertArrayEquals(new double[] {0.5, 1, 0}, last, 1e-9);
    }

    @Test
    void equalScoresGoByIdAsPythonSorts() {
        Candidates candidates = new Rows("a", "b", "c", "d").ids("p2", "\ud83d\ude00", "\uff41", "p10").candidates();
        assertArrayEquals(new int[] {3, 0, 2, 1}, Scores.order(new double[] {1, 1, 1, 1}, candidates));
        assertArrayEquals(new int[] {1, 3, 0, 2}, Scores.order(new double[] {1, 2, 0, 1}, candidates));
    }

    @Test
    void ordersAreDescendingAndStable() {
        assertArrayEquals(new int[] {3, 0, 2, 4, 1}, Fusion.order(new float[] {0.5f, -2, -0f, 7, 0f}));
        int[] ranks = Fusion.ranks(new float[] {9, 1, 1, 3}, new boolean[] {false, true, true, true});
        assertArrayEquals(new int[] {0, 2, 3, 1}, ranks);
    }

    @Test
    void theFusedScoreIsTheMeanOfBoth() {
        float[] fused = Fusion.hybrid(new float[] {2, 4, 0}, new float[] {0.5f, 0.3f, 0}, new boolean[] {true, true, false});
        assertArrayEquals(new float[] {0.75f, 0.5005f, 0}, fused, 1e-6f);
    }
}
