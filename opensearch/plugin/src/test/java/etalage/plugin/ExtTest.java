package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.opensearch.common.io.stream.BytesStreamOutput;
import org.opensearch.common.xcontent.XContentFactory;
import org.opensearch.common.xcontent.json.JsonXContent;
import org.opensearch.core.xcontent.DeprecationHandler;
import org.opensearch.core.xcontent.NamedXContentRegistry;
import org.opensearch.core.xcontent.ToXContent;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.core.xcontent.XContentParser;

class ExtTest {
    @Test
    void readsWhatItKnows() throws IOException {
        Ext ext = parse("{\"query\": \"red\", \"vector\": [0, 1], \"explain\": true, \"rank\": \"off\"}");
        assertEquals("red", ext.query);
        assertArrayEquals(new float[] {0, 1}, ext.vector);
        assertTrue(ext.explain);
        assertFalse(ext.rank);
        assertTrue(parse("{}").rank);
        assertEquals("a".repeat(1000), parse("{\"query\": \"" + "a".repeat(1000) + "\"}").query);
    }

    @Test
    void vectorsAreOfUnitLength() throws IOException {
        assertArrayEquals(new float[] {0.6f, 0.8f}, parse("{\"vector\": [3, 4]}").vector);
        float[] rounded = {0.6000001f, 0.8f};
        assertArrayEquals(rounded, parse("{\"vector\": [0.6000001, 0.8]}").vector);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "[] | must be an object",
        "{\"vectr\": []} | [ext.etalage.vectr] is not known",
        "{\"query\": 7} | must be a text",
        "{\"vector\": 7} | must be a list",
        "{\"vector\": []} | must be a list",
        "{\"vector\": [0, 0]} | only zeros",
        "{\"vector\": [1, \"NaN\"]} | at 1 what is no finite number",
        "{\"vector\": [1e39]} | at 0 what is no finite number",
        "{\"vector\": [null]} | at 0 what is no finite number",
        "{\"explain\": 1} | must be true or false",
        "{\"rank\": null} | must be true or false",
    })
    void refusesWhatIsNotValid(String json, String says) {
        String told = assertThrows(IllegalArgumentException.class, () -> parse(json)).getMessage();
        assertTrue(told.contains(says), told);
    }

    @Test
    void refusesALongText() {
        String json = "{\"query\": \"" + "a".repeat(1001) + "\"}";
        String told = assertThrows(IllegalArgumentException.class, () -> parse(json)).getMessage();
        assertTrue(told.contains("1001 characters"), told);
    }

    @Test
    void travelsBetweenNodes() throws IOException {
        for (Ext ext : List.of(new Ext(null, null, false, true), new Ext("red", new float[] {1, 2}, true, false))) {
            BytesStreamOutput out = new BytesStreamOutput();
            ext.writeTo(out);
            assertEquals(ext, new Ext(out.bytes().streamInput()));
        }
        Told told = new Told(Map.of("rank", "starter", "degraded", List.of("vectors"), "took", 7L));
        BytesStreamOutput out = new BytesStreamOutput();
        told.writeTo(out);
        assertEquals(told, new Told(out.bytes().streamInput()));
    }

    @Test
    void saysItselfAsJson() throws IOException {
        try (XContentBuilder builder = XContentFactory.jsonBuilder().startObject()) {
            new Ext("red", new float[] {1}, false, true).toXContent(builder, ToXContent.EMPTY_PARAMS);
            assertEquals("{\"etalage\":{\"query\":\"red\",\"vector\":[1.0],\"explain\":false,\"rank\":true}}", builder.endObject().toString());
        }
    }

    private static Ext parse(String json) throws IOException {
        try (XContentParser parser = JsonXContent.jsonXContent.createParser(
                NamedXContentRegistry.EMPTY, DeprecationHandler.THROW_UNSUPPORTED_OPERATION, json)) {
            parser.nextToken();
            return Ext.parse(parser);
        }
    }
}
