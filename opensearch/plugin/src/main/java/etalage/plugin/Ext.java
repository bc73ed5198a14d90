package etalage.plugin;

import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.core.xcontent.XContentParser;
import org.opensearch.search.SearchExtBuilder;

/** `ext.etalage` of a request. */
final class Ext extends SearchExtBuilder {
    static final String NAME = "etalage";

    /** Longest query in characters (`MAX_CHARACTERS` of ranker/query.py). */
    static final int MAX_CHARACTERS = 1000;

    private static final int MAX_DIM = 4096;
    private static final Set<String> KNOWN = Set.of("query", "vector", "explain", "rank");

    /** The text to search for; null for the one in the shop's query. */
    final String query;

    /** What products are compared with instead of the encoded text; null without. */
    final float[] vector;

    /** Whether each hit's parts are told. */
    final boolean explain;

    /** Whether the search is ranked at all. */
    final boolean rank;

    Ext(String query, float[] vector, boolean explain, boolean rank) {
        this.query = query;
        this.vector = vector;
        this.explain = explain;
        this.rank = rank;
    }

    Ext(StreamInput in) throws IOException {
        query = in.readOptionalString();
        vector = in.readBoolean() ? in.readFloatArray() : null;
        explain = in.readBoolean();
        rank = in.readBoolean();
    }

    /** Reads and checks the options; IllegalArgumentException for one that is not known or not valid. */
    static Ext parse(XContentParser parser) throws IOException {
        if (parser.currentToken() != XContentParser.Token.START_OBJECT) {
            throw new IllegalArgumentException("[ext.etalage] must be an object");
        }
        Map<String, Object> given = parser.map();
        for (String name : given.keySet()) {
            if (!KNOWN.contains(name)) {
                throw new IllegalArgumentException("[ext.etalage." + name + "] is not known; known are explain, query, rank and vector");
            }
        }
        return new Ext(query(given.get("query")), vector(given.get("vector")), flag(given, "explain", false), flag(given, "rank", true));
    }

    private static String query(Object given) {
        if (given == null) {
            return null;
        }
        if (!(given instanceof String text)) {
            throw new IllegalArgumentException("[ext.etalage.query] must be a text");
        }
        int length = text.codePointCount(0, text.length());
        if (length > MAX_CHARACTERS) {
            throw new IllegalArgumentException(
                    "[ext.etalage.query] has " + length + " characters, at most " + MAX_CHARACTERS + " are searched; shorten it");
        }
        return text;
    }

    private static float[] vector(Object given) {
        if (given == null) {
            return null;
        }
        if (!(given instanceof List<?> list) || list.isEmpty() || list.size() > MAX_DIM) {
            throw new IllegalArgumentException("[ext.etalage.vector] must be a list of 1 to " + MAX_DIM + " numbers");
        }
        float[] vector = new float[list.size()];
        double squares = 0;
        for (int at = 0; at < vector.length; at++) {
            if (!(list.get(at) instanceof Number number) || !Float.isFinite(number.floatValue())) {
                throw new IllegalArgumentException("[ext.etalage.vector] has at " + at + " what is no finite number");
            }
            vector[at] = number.floatValue();
            squares += (double) vector[at] * vector[at];
        }
        double length = Math.sqrt(squares);
        if (length == 0) {
            throw new IllegalArgumentException("[ext.etalage.vector] has only zeros; encode the query again");
        }
        // Of unit length already, but for the rounding of its components: its bits are kept.
        if (Math.abs(length - 1) > 1e-3) {
            for (int at = 0; at < vector.length; at++) {
                vector[at] = (float) (vector[at] / length);
            }
        }
        return vector;
    }

    private static boolean flag(Map<String, Object> given, String name, boolean otherwise) {
        Object value = given.getOrDefault(name, otherwise);
        if (value instanceof Boolean flag) {
            return flag;
        }
        if ("on".equals(value) || "off".equals(value)) {
            return value.equals("on");
        }
        throw new IllegalArgumentException("[ext.etalage." + name + "] must be true or false");
    }

    @Override
    public String getWriteableName() {
        return NAME;
    }

    @Override
    public void writeTo(StreamOutput out) throws IOException {
        out.writeOptionalString(query);
        out.writeBoolean(vector != null);
        if (vector != null) {
            out.writeFloatArray(vector);
        }
        out.writeBoolean(explain);
        out.writeBoolean(rank);
    }

    @Override
    public XContentBuilder toXContent(XContentBuilder builder, Params params) throws IOException {
        builder.startObject(NAME);
        if (query != null) {
            builder.field("query", query);
        }
        if (vector != null) {
            builder.array("vector", vector);
        }
        return builder.field("explain", explain).field("rank", rank).endObject();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Ext ext
                && Objects.equals(query, ext.query)
                && Arrays.equals(vector, ext.vector)
                && explain == ext.explain
                && rank == ext.rank;
    }

    @Override
    public int hashCode() {
        return Objects.hash(query, Arrays.hashCode(vector), explain, rank);
    }
}
