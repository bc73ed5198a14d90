package etalage.plugin;

import etalage.features.Candidates;
import etalage.plugin.Shapes.Shape;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.opensearch.common.document.DocumentField;
import org.opensearch.search.SearchHit;

/** Hits of the search that `Retrieval.window` sends. */
final class Hits {
    private Hits() {}

    /** The id of a hit without stored fields: the last of its sort values. */
    static String id(SearchHit hit) {
        Object[] values = hit.getSortValues();
        return String.valueOf(values[values.length - 1]);
    }

    /** The hits with those of `near` first, in its order; as they are without it. */
    static List<SearchHit> ordered(SearchHit[] hits, List<String> near) {
        if (near == null) {
            return Arrays.asList(hits);
        }
        Map<String, Integer> places = new HashMap<>();
        for (String id : near) {
            places.put(id, places.size());
        }
        SearchHit[] first = new SearchHit[near.size()];
        List<SearchHit> rest = new ArrayList<>();
        for (SearchHit hit : hits) {
            Integer place = places.get(id(hit));
            if (place == null) {
                rest.add(hit);
            } else {
                first[place] = hit;
            }
        }
        List<SearchHit> ordered = new ArrayList<>();
        for (SearchHit hit : first) {
            if (hit != null) {
                ordered.add(hit);
            }
        }
        ordered.addAll(rest);
        return ordered;
    }

    /** Hits as candidates; IllegalArgumentException for one whose record is missing or of another form. */
    static Candidates candidates(List<SearchHit> hits, Shape shape) {
        int size = hits.size(), width = Retrieval.FIELDS.length;
        String[] ids = new String[size];
        boolean[] near = new boolean[size];
        float[] lexical = new float[size];
        float[][] fields = new float[size][width];
        byte[][] rows = new byte[size][];
        for (int row = 0; row < size; row++) {
            SearchHit hit = hits.get(row);
            ids[row] = id(hit);
            near[row] = hit.getScore() >= 0.75f * Retrieval.LIFT;
            Map<String, Float> named = hit.getMatchedQueriesAndScores();
            for (int field = 0; field < width; field++) {
                Float score = named.get(Retrieval.NAMED + Retrieval.FIELDS[field]);
                if (score != null) {
                    float weighted = score / Retrieval.WHISPER;
                    lexical[row] += weighted;
                    fields[row][field] = weighted / Retrieval.WEIGHTS[field];
                }
            }
            rows[row] = record(hit, ids[row]);
        }
        return new Candidates(shape.dim(), shape.dimImage(), ids, near, lexical, fields, rows);
    }

    private static byte[] record(SearchHit hit, String id) {
        DocumentField field = hit.field(Retrieval.RECORD);
        if (field == null || !(field.getValue() instanceof String text)) {
            throw new IllegalArgumentException("the document [" + id + "] has no record; index the catalog again");
        }
        return Base64.getDecoder().decode(text);
    }

    /** The named clauses of the shop's own query that a hit matches, and their scores. */
    static Map<String, Float> named(SearchHit hit) {
        Map<String, Float> theirs = new LinkedHashMap<>();
        hit.getMatchedQueriesAndScores().forEach((name, score) -> {
            if (!name.startsWith(Retrieval.NAMED)) {
                theirs.put(name, score);
            }
        });
        return theirs;
    }
}
