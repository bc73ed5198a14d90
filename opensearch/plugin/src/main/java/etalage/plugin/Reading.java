package etalage.plugin;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Pattern;

/**
 * What a shop's query says: the text that was typed, and the conditions that hold for every product found (opensearch/dsl/reading.py).
 *
 * @param text what was typed; empty when the query has no text
 * @param constraints clauses that hold for every product, whichever source brings it
 * @param query the query as one that can stand inside another (`hybrid` becomes alternatives)
 */
record Reading(String text, List<Map<String, Object>> constraints, Map<String, Object> query) {
    private static final Set<String> TEXT = Set.of(
            "match", "match_phrase", "match_phrase_prefix", "match_bool_prefix", "multi_match", "combined_fields", "query_string",
            "simple_query_string", "neural");
    private static final Set<String> VECTOR = Set.of("knn", "neural", "neural_sparse");

    /** Where the scoring clauses of a compound clause other than `bool` are. */
    private static final Map<String, String> INSIDE = Map.of(
            "dis_max", "queries", "hybrid", "queries", "constant_score", "filter", "function_score", "query",
            "boosting", "positive", "nested", "query");

    private static final Pattern SYNTAX = pattern("\\b(?:AND|OR|NOT)\\b|[\\w.*]+:(?=\\S)|[~^]\\d*\\.?\\d*|[+\\-!(){}\\[\\]\"*?\\\\/|]");
    private static final Pattern FIELDED = pattern("(?:^|[\\s(+\\-!])[\\w.*]+:\\S");
    private static final Pattern NEGATED = pattern("(?:^|[\\s(|+])[-!](?=\\S)|\\bNOT\\b");
    private static final Pattern BLANKS = pattern("\\s+");

    /** Reads a query as JSON has it. */
    static Reading of(Map<String, Object> query) {
        List<String> texts = new ArrayList<>();
        texts(query, texts);
        String longest = "";
        for (String text : texts) {
            if (!text.isBlank() && characters(text) > characters(longest)) {
                longest = text;
            }
        }
        List<Map<String, Object>> constraints = new ArrayList<>();
        constraints(query, constraints);
        return new Reading(longest, constraints, inner(query));
    }

    /** The texts of scoring clauses. */
    private static void texts(Map<String, Object> query, List<String> found) {
        String name = name(query);
        Map<String, Object> inner = options(query);
        if (TEXT.contains(name)) {
            found.add(typed(name, inner));
        } else if (name.equals("bool")) {
            boolean scores = false;
            for (String part : List.of("must", "should")) {
                for (Map<String, Object> one : several(inner.get(part))) {
                    scores = true;
                    texts(one, found);
                }
            }
            // A text that only filters is a text nevertheless, where nothing scores.
            if (!scores) {
                for (Map<String, Object> one : several(inner.get("filter"))) {
                    texts(one, found);
                }
            }
        } else {
            for (Map<String, Object> one : inside(name, inner)) {
                texts(one, found);
            }
        }
    }

    /**
     * The text of a text clause, without the syntax of query strings; empty when that names fields, or words that must not be there:
     * products found by their vectors could have them.
     */
    private static String typed(String name, Map<String, Object> inner) {
        if (name.equals("multi_match") || name.equals("combined_fields")) {
            return String.valueOf(inner.getOrDefault("query", ""));
        }
        if (name.equals("query_string") || name.equals("simple_query_string")) {
            String text = String.valueOf(inner.getOrDefault("query", ""));
            boolean fielded = name.equals("query_string") && FIELDED.matcher(text).find();
            if (fielded || NEGATED.matcher(text).find()) {
                return "";
            }
            return BLANKS.matcher(SYNTAX.matcher(text).replaceAll(" ")).replaceAll(" ").strip();
        }
        Object value = inner.isEmpty() ? "" : inner.values().iterator().next();
        if (value instanceof Map<?, ?> options) {
            value = options.get(name.equals("neural") ? "query_text" : "query");
        }
        return value instanceof String text ? text : "";
    }

    /** Whether a clause holds text or vectors, so that it is a source and no condition. */
    private static boolean scores(Map<String, Object> query) {
        String name = name(query);
        if (TEXT.contains(name) || VECTOR.contains(name)) {
            return true;
        }
        List<Map<String, Object>> parts = new ArrayList<>();
        if (name.equals("bool")) {
            parts.addAll(several(options(query).get("must")));
            parts.addAll(several(options(query).get("should")));
        } else {
            parts.addAll(inside(name, options(query)));
        }
        return anyScores(parts);
    }

    private static boolean anyScores(List<Map<String, Object>> queries) {
        for (Map<String, Object> one : queries) {
            if (scores(one)) {
                return true;
            }
        }
        return false;
    }

    /** The conditions of a query besides its text. */
    private static void constraints(Map<String, Object> query, List<Map<String, Object>> found) {
        String name = name(query);
        Map<String, Object> inner = options(query);
        if (name.equals("bool")) {
            ofBool(inner, found);
        } else if (name.equals("hybrid")) {
            found.addAll(several(inner.get("filter")));
            shared(several(inner.get("queries")), found);
        } else if (!scores(query)) {
            if (!name.equals("match_all")) {
                found.add(query);
            }
        } else if (name.equals("dis_max")) {
            shared(several(inner.get("queries")), found);
        } else if (name.equals("function_score") || name.equals("constant_score") || name.equals("boosting")) {
            for (Map<String, Object> one : inside(name, inner)) {
                constraints(one, found);
            }
        } else if (name.equals("knn")) {
            for (Object options : inner.values()) {
                if (options instanceof Map<?, ?> given) {
                    found.addAll(several(given.get("filter")));
                }
            }
        }
    }

    private static void ofBool(Map<String, Object> inner, List<Map<String, Object>> found) {
        List<Map<String, Object>> must = several(inner.get("must"));
        List<Map<String, Object>> should = several(inner.get("should"));
        List<Map<String, Object>> filter = several(inner.get("filter"));
        boolean alone = must.isEmpty() && should.isEmpty();
        for (Map<String, Object> one : filter) {
            // A text in a filter is a hard condition, unless it is all that the query has.
            if (alone && scores(one)) {
                constraints(one, found);
            } else {
                found.add(one);
            }
        }
        for (Map<String, Object> one : several(inner.get("must_not"))) {
            found.add(Map.of("bool", Map.of("must_not", List.of(one))));
        }
        for (Map<String, Object> one : must) {
            constraints(one, found);
        }
        Object required = inner.get("minimum_should_match");
        if (required == null) {
            required = must.isEmpty() && filter.isEmpty() ? 1 : 0;
        }
        if (!should.isEmpty() && !String.valueOf(required).equals("0") && !anyScores(should)) {
            found.add(Map.of("bool", Map.of("should", should, "minimum_should_match", required)));
        }
    }

    /** The conditions that all alternatives have. */
    private static void shared(List<Map<String, Object>> alternatives, List<Map<String, Object>> found) {
        List<Map<String, Object>> left = null;
        for (Map<String, Object> one : alternatives) {
            List<Map<String, Object>> its = new ArrayList<>();
            constraints(one, its);
            if (left == null) {
                left = its;
            } else {
                left.retainAll(its);
            }
        }
        if (left != null) {
            found.addAll(left);
        }
    }

    /** The query as part of another: a node takes `hybrid` only by itself, and models of its own are not ours to run. */
    private static Map<String, Object> inner(Map<String, Object> query) {
        String name = name(query);
        Map<String, Object> inner = options(query);
        if (name.equals("neural") || name.equals("neural_sparse")) {
            return Map.of("match_none", Map.of());
        }
        if (name.equals("hybrid")) {
            Map<String, Object> alternatives = new LinkedHashMap<>();
            alternatives.put("should", inners(inner.get("queries")));
            alternatives.put("minimum_should_match", 1);
            if (inner.get("filter") != null) {
                alternatives.put("filter", inner.get("filter"));
            }
            return Map.of("bool", alternatives);
        }
        if (name.equals("bool")) {
            Map<String, Object> parts = new LinkedHashMap<>(inner);
            for (String part : List.of("must", "should")) {
                if (inner.get(part) != null) {
                    parts.put(part, inners(inner.get(part)));
                }
            }
            return Map.of("bool", parts);
        }
        return query;
    }

    private static List<Map<String, Object>> inners(Object queries) {
        List<Map<String, Object>> found = new ArrayList<>();
        for (Map<String, Object> one : several(queries)) {
            found.add(inner(one));
        }
        return found;
    }

    private static List<Map<String, Object>> inside(String name, Map<String, Object> inner) {
        String part = INSIDE.get(name);
        return part == null ? List.of() : several(inner.get(part));
    }

    private static String name(Map<String, Object> query) {
        return query.isEmpty() ? "" : query.keySet().iterator().next();
    }

    private static Map<String, Object> options(Map<String, Object> query) {
        return query.isEmpty() ? Map.of() : object(query.values().iterator().next());
    }

    @SuppressWarnings("unchecked") // what JSON was parsed to has keys of text
    private static Map<String, Object> object(Object value) {
        return value instanceof Map<?, ?> ? (Map<String, Object>) value : Map.of();
    }

    /** One query or several, as a list; none for null. */
    private static List<Map<String, Object>> several(Object value) {
        List<Map<String, Object>> found = new ArrayList<>();
        for (Object one : value instanceof List<?> list ? list : value == null ? List.of() : List.of(value)) {
            found.add(object(one));
        }
        return found;
    }

    private static int characters(String text) {
        return text.codePointCount(0, text.length());
    }

    private static Pattern pattern(String regex) {
        return Pattern.compile(regex, Pattern.UNICODE_CHARACTER_CLASS);
    }
}
