package etalage.plugin;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.Map;
import org.opensearch.common.xcontent.LoggingDeprecationHandler;
import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.common.xcontent.XContentHelper;
import org.opensearch.common.xcontent.XContentType;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.core.xcontent.NamedXContentRegistry;
import org.opensearch.core.xcontent.ToXContent;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.core.xcontent.XContentParser;
import org.opensearch.index.query.AbstractQueryBuilder;
import org.opensearch.index.query.QueryBuilder;

/**
 * Queries as JSON has them, and back. Clauses of other plugins, such as `knn`, can be read and made in this way only: their classes are
 * not seen from here.
 */
final class Dsl {
    private final NamedXContentRegistry registry;

    Dsl(NamedXContentRegistry registry) {
        this.registry = registry;
    }

    static Map<String, Object> json(QueryBuilder query) {
        try (XContentBuilder builder = XContentFactory.jsonBuilder()) {
            query.toXContent(builder, ToXContent.EMPTY_PARAMS);
            return XContentHelper.convertToMap(BytesReference.bytes(builder), true, XContentType.JSON).v2();
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible); // memory alone is written
        }
    }

    /** A query; IllegalArgumentException or a parsing exception of the node for a clause that it does not know. */
    QueryBuilder query(Map<String, Object> json) {
        try (XContentBuilder builder = XContentFactory.cborBuilder().map(json);
                XContentParser parser = XContentHelper.createParser(
                        registry, LoggingDeprecationHandler.INSTANCE, BytesReference.bytes(builder), XContentType.CBOR)) {
            return AbstractQueryBuilder.parseInnerQueryBuilder(parser);
        } catch (IOException impossible) {
            throw new UncheckedIOException(impossible);
        }
    }
}
