package etalage.plugin;

import etalage.models.Model;
import etalage.plugin.Shapes.Shape;
import etalage.text.Query;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.opensearch.index.query.QueryBuilder;
import org.opensearch.search.builder.SearchSourceBuilder;

/**
 * A search that is ranked: what the request's processor hands to the response's.
 *
 * @param source as the shop sent it
 * @param theirs the shop's query as one that can stand inside another
 * @param constraints what holds for every product, as JSON
 * @param kept the same as one clause; null for nothing
 * @param query the text in it, understood
 * @param ext options of ours
 * @param shape the index that is searched
 * @param model what ranks, for all of this search; null when there is none
 * @param options settings of the pipeline
 * @param preference the copies of shards that are searched
 * @param started when it began, in nanoseconds of `System.nanoTime`
 */
record Asked(
        SearchSourceBuilder source,
        QueryBuilder theirs,
        List<Map<String, Object>> constraints,
        QueryBuilder kept,
        Query query,
        Ext ext,
        Shape shape,
        Model model,
        Options options,
        String preference,
        long started) {
    /** Under which name a pipeline's context holds the `Sent` of a search. */
    static final String KEY = "etalage.asked";

    private static final int SIZE = 10;

    /**
     * A search as it was sent to the shards.
     *
     * @param asked what was asked for
     * @param vector what products are compared with; null without
     * @param near ids of the neighbours, nearest first; null where the search itself finds them
     * @param degraded what it was done without
     */
    record Sent(Asked asked, float[] vector, List<String> near, List<String> degraded) {
        /** The same with one more thing that it was done without. */
        List<String> without(String what) {
            List<String> all = new ArrayList<>(degraded);
            all.add(what);
            return all;
        }
    }

    /** The first hit that is shown. */
    int from() {
        return Math.max(source.from(), 0);
    }

    /** How many hits are shown. */
    int size() {
        return source.size() < 0 ? SIZE : source.size();
    }

    /** Whether the page lies past the window, where the engine's order goes on. */
    boolean past() {
        return from() >= options.window();
    }

    /** Milliseconds that are left. */
    long left() {
        return options.deadline() - (System.nanoTime() - started) / 1_000_000;
    }
}
