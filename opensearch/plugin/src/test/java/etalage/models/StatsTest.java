package etalage.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import org.junit.jupiter.api.Test;

class StatsTest {
    private static Map<?, ?> part(Stats stats, String name) {
        return (Map<?, ?>) stats.report().get(name);
    }

    @Test
    void countsAndReasonsAddUp() {
        Stats stats = new Stats();
        stats.count("searches");
        stats.count("searches");
        stats.degraded("late");
        assertEquals(Map.of("searches", 2L), part(stats, "counts"));
        assertEquals(Map.of("late", 1L), part(stats, "degraded"));
    }

    @Test
    void quantilesAreOfTheLastTimesByNearestRank() {
        Stats stats = new Stats();
        for (int i = 0; i < 500; i++) {
            stats.time("rank", 1_000_000_000L);
        }
        for (int i = 1; i <= 1024; i++) {
            stats.time("rank", i * 1000L);
        }
        assertEquals(Map.of("count", 1524L, "p50_us", 512.0, "p99_us", 1014.0), part(stats, "stages").get("rank"));
    }

    @Test
    void oneTimeIsEveryQuantile() {
        Stats stats = new Stats();
        stats.time("rank", 2500);
        assertEquals(Map.of("count", 1L, "p50_us", 2.5, "p99_us", 2.5), part(stats, "stages").get("rank"));
    }

    @Test
    void namesDoNotGrowWithoutEnd() {
        Stats stats = new Stats();
        for (int i = 0; i < 10_000; i++) {
            stats.degraded("reason " + i + "x".repeat(i % 500));
            stats.count("what " + i);
            stats.time("stage " + i, 1);
        }
        for (String part : new String[] {"degraded", "counts", "stages"}) {
            assertTrue(part(stats, part).size() <= 65, part);
            for (Object name : part(stats, part).keySet()) {
                assertTrue(((String) name).length() <= 80);
            }
        }
        long sum = 0;
        for (Object one : part(stats, "degraded").values()) {
            sum += (Long) one;
        }
        assertEquals(10_000, sum);
    }
}
