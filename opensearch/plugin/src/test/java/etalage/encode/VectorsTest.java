package etalage.encode;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;

import org.junit.jupiter.api.Test;

/** What is remembered, and what is forgotten first. */
class VectorsTest {
    @Test
    void theLongestUnaskedIsForgotten() {
        Vectors vectors = new Vectors(2);
        vectors.put("a", new float[] {1});
        vectors.put("b", new float[] {2});
        assertArrayEquals(new float[] {1}, vectors.get("a"));
        vectors.put("c", new float[] {3});
        assertNull(vectors.get("b"));
        assertArrayEquals(new float[] {1}, vectors.get("a"));
        assertArrayEquals(new float[] {3}, vectors.get("c"));
        assertEquals(3, vectors.hits());
        assertEquals(1, vectors.misses());
    }

    @Test
    void whoeverChangesAVectorChangesHisOwn() {
        Vectors vectors = new Vectors(2);
        float[] given = {1};
        vectors.put("a", given);
        given[0] = 2;
        vectors.get("a")[0] = 3;
        assertArrayEquals(new float[] {1}, vectors.get("a"));
    }
}
