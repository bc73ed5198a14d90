package etalage.models;

import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import java.util.concurrent.atomic.LongAdder;

/** What this node counts since it started: events, times per stage, and why searches were degraded. Thread-safe, of bounded size. */
public final class Stats {
    private static final int NAMES = 64;
    private static final int LONGEST = 80;
    private static final String OTHER = "other";

    private final Map<String, LongAdder> counts = new ConcurrentHashMap<>();
    private final Map<String, LongAdder> reasons = new ConcurrentHashMap<>();
    private final Map<String, Times> stages = new ConcurrentHashMap<>();

    /** Counts one event, such as {@code searches}, {@code cache_hits} or {@code cache_misses}. */
    public void count(String what) {
        one(counts, what).increment();
    }

    /** Notes that {@code stage} took {@code nanos} ns once. */
    public void time(String stage, long nanos) {
        Times times = stages.get(named(stages, stage));
        if (times == null) {
            times = stages.computeIfAbsent(named(stages, stage), name -> new Times());
        }
        times.add(nanos);
    }

    /** Notes that a search went without something, for a reason. */
    public void degraded(String reason) {
        one(reasons, reason).increment();
    }

    /** {@code counts}, {@code degraded} (reason: times) and {@code stages} (name: count, p50_us and p99_us of its last calls). */
    public Map<String, Object> report() {
        Map<String, Object> times = new TreeMap<>();
        stages.forEach((name, one) -> times.put(name, one.report()));
        return Map.of("counts", sums(counts), "degraded", sums(reasons), "stages", times);
    }

    private static LongAdder one(Map<String, LongAdder> all, String name) {
        LongAdder found = all.get(name);
        return found != null ? found : all.computeIfAbsent(named(all, name), key -> new LongAdder());
    }

    /** The name to count under: reasons may quote what a request says, which must neither grow a map nor an answer without end. */
    private static String named(Map<String, ?> all, String name) {
        String cut = name.length() <= LONGEST ? name : name.substring(0, LONGEST);
        return all.containsKey(cut) || all.size() < NAMES ? cut : OTHER;
    }

    private static Map<String, Long> sums(Map<String, LongAdder> all) {
        Map<String, Long> sums = new TreeMap<>();
        all.forEach((name, sum) -> sums.put(name, sum.sum()));
        return sums;
    }

    /** The last 1,024 times of a stage. */
    private static final class Times {
        private static final int KEPT = 1024;
        private final AtomicLongArray last = new AtomicLongArray(KEPT);
        private final AtomicLong count = new AtomicLong();

        void add(long nanos) {
            last.set((int) (count.getAndIncrement() % KEPT), nanos);
        }

        Map<String, Object> report() {
            long all = count.get();
            long[] sorted = new long[(int) Math.min(all, KEPT)];
            for (int i = 0; i < sorted.length; i++) {
                sorted[i] = last.get(i);
            }
            Arrays.sort(sorted);
            return Map.of("count", all, "p50_us", rank(sorted, 0.5), "p99_us", rank(sorted, 0.99));
        }

        /** The quantile by nearest rank, in microseconds. */
        private static double rank(long[] sorted, double share) {
            if (sorted.length == 0) {
                return 0;
            }
            return sorted[(int) Math.ceil(share * sorted.length) - 1] / 1000.0;
        }
    }
}
