package etalage.models;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.ResourceNotFoundException;
import org.opensearch.core.rest.RestStatus;

/** How a name changes from one whole artifact to another. */
class ModelStoreTest {
    private final Shelf shelf = new Shelf();
    private final ModelStore store = new ModelStore(shelf);

    private static byte[] bytes(int seed, int length) {
        byte[] made = new byte[length];
        new Random(seed).nextBytes(made);
        return made;
    }

    private long chunks() {
        return shelf.held.keySet().stream().filter(id -> id.contains("/")).count();
    }

    @Test
    void whatWasPutIsReadBackInChunks() {
        for (int length : new int[] {1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 9 << 20}) {
            byte[] zip = bytes(length, length);
            ModelStore.Entry entry = store.put("shop", zip, "title", "print");
            assertArrayEquals(zip, store.read("shop", entry.current()));
            assertEquals((length + (1 << 20) - 1) >> 20, entry.current().chunks());
            assertEquals(entry, store.find("shop"));
        }
    }

    @Test
    void theOneBeforeIsKeptAndTheOneBeforeThatIsNot() {
        byte[] one = bytes(1, 3 << 20);
        byte[] two = bytes(2, 2 << 20);
        byte[] three = bytes(3, 100);
        store.put("shop", one, "one", "");
        store.put("shop", two, "two", "");
        assertEquals(5, chunks());
        ModelStore.Entry entry = store.put("shop", three, "three", "");
        assertEquals(3, chunks());
        assertEquals(3, entry.version());
        assertArrayEquals(two, store.read("shop", entry.previous()));
    }

    @Test
    void theSameAgainChangesNothing() {
        store.put("shop", bytes(1, 10), "one", "");
        store.put("shop", bytes(2, 10), "two", "");
        assertEquals(2, store.put("shop", bytes(2, 10), "two", "").version());
        assertEquals("one", store.find("shop").previous().title());
    }

    @Test
    void theOneBeforePushedAgainServesWithAllItsChunks() {
        byte[] one = bytes(1, 10);
        store.put("shop", one, "one", "");
        store.put("shop", bytes(2, 10), "two", "");
        ModelStore.Entry entry = store.put("shop", one, "one", "");
        assertArrayEquals(one, store.read("shop", entry.current()));
        assertArrayEquals(bytes(2, 10), store.read("shop", entry.previous()));
    }

    @Test
    void rollbackGoesToAndFro() {
        store.put("shop", bytes(1, 10), "one", "");
        assertEquals(RestStatus.CONFLICT, assertThrows(OpenSearchStatusException.class, () -> store.rollback("shop")).status());
        store.put("shop", bytes(2, 10), "two", "");
        assertEquals("one", store.rollback("shop").current().title());
        ModelStore.Entry entry = store.rollback("shop");
        assertEquals("two", entry.current().title());
        assertEquals(4, entry.version());
        assertThrows(ResourceNotFoundException.class, () -> store.rollback("other"));
    }

    @Test
    void aPushThatIsOvertakenLeavesTheOther() {
        store.put("shop", bytes(1, 10), "one", "");
        shelf.beforeSwap = () -> {
            shelf.beforeSwap = () -> { };
            store.put("shop", bytes(2, 10), "two", "");
        };
        assertEquals(RestStatus.CONFLICT,
            assertThrows(OpenSearchStatusException.class, () -> store.put("shop", bytes(3, 10), "three", "")).status());
        ModelStore.Entry entry = store.find("shop");
        assertEquals("two", entry.current().title());
        assertArrayEquals(bytes(2, 10), store.read("shop", entry.current()));
        assertEquals(2, chunks(), "its own are removed");
    }

    @Test
    void theSamePushedTwiceAtOnceKeepsItsChunks() {
        store.put("shop", bytes(1, 10), "one", "");
        shelf.beforeSwap = () -> {
            shelf.beforeSwap = () -> { };
            store.put("shop", bytes(2, 10), "two", "");
        };
        assertThrows(OpenSearchStatusException.class, () -> store.put("shop", bytes(2, 10), "two", ""));
        assertArrayEquals(bytes(2, 10), store.read("shop", store.find("shop").current()));
    }

    @Test
    void aPushThatBreaksOffChangesNothing() {
        store.put("shop", bytes(1, 10), "one", "");
        shelf.beforeSwap = () -> {
            throw new IllegalStateException("the node died");
        };
        assertThrows(IllegalStateException.class, () -> store.put("shop", bytes(2, 10), "two", ""));
        assertEquals("one", store.find("shop").current().title());
        shelf.beforeSwap = () -> { };
        store.delete("shop");
        assertTrue(shelf.held.isEmpty(), "what it left is removed with the name");
    }

    @Test
    void damageIsNoticed() {
        Release release = store.put("shop", bytes(1, 3 << 20), "one", "").current();
        String id = "shop/" + release.hash() + "/1";
        shelf.write(Map.of(id, Map.of("data", "AAAA")));
        assertThrows(IllegalStateException.class, () -> store.read("shop", release));
        shelf.held.remove(id);
        assertTrue(assertThrows(IllegalStateException.class, () -> store.read("shop", release)).getMessage().contains("missing"));
    }

    @Test
    void deletingRemovesAllOfOneName() {
        store.put("shop", bytes(1, 3 << 20), "one", "");
        store.put("shop", bytes(2, 10), "two", "");
        store.put("shop.2", bytes(3, 10), "three", "");
        store.delete("shop");
        assertNull(store.find("shop"));
        assertEquals(1, store.list().size());
        assertEquals(2, shelf.held.size());
        assertThrows(ResourceNotFoundException.class, () -> store.delete("shop"));
    }

    @Test
    void namesAreOfAFewCharacters() {
        for (String name : new String[] {"products", "a", "shop-2_x.y", "0".repeat(64)}) {
            assertEquals(name, ModelStore.checked(name));
        }
        for (String name : new String[] {"", "..", "-a", "a/b", "A", "ü", "a b", "0".repeat(65), "a\n"}) {
            assertThrows(IllegalArgumentException.class, () -> ModelStore.checked(name), name);
        }
    }
}
