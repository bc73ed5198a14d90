package etalage.plugin;

import java.io.IOException;
import java.util.Map;
import org.opensearch.core.common.io.stream.StreamInput;
import org.opensearch.core.common.io.stream.StreamOutput;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.search.SearchExtBuilder;

/** `ext.etalage` of a response: how the hits were ranked, and what was done without. */
final class Told extends SearchExtBuilder {
    static final String NAME = "etalage_told";

    private final Map<String, Object> told;

    Told(Map<String, Object> told) {
        this.told = told;
    }

    Told(StreamInput in) throws IOException {
        told = in.readMap();
    }

    @Override
    public String getWriteableName() {
        return NAME;
    }

    @Override
    public void writeTo(StreamOutput out) throws IOException {
        out.writeMap(told);
    }

    @Override
    public XContentBuilder toXContent(XContentBuilder builder, Params params) throws IOException {
        return builder.field(Ext.NAME, told);
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof Told one && told.equals(one.told);
    }

    @Override
    public int hashCode() {
        return told.hashCode();
    }
}
