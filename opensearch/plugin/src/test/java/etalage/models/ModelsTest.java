package etalage.models;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.features.Features;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.common.settings.Settings;
import org.opensearch.core.common.breaker.CircuitBreakingException;
import org.opensearch.core.common.breaker.NoopCircuitBreaker;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.threadpool.ThreadPool;

/** What a node has loaded follows the store, and nothing that is pushed takes it away. */
class ModelsTest {
    private static final int COLUMNS = Features.NAMES.size();

    private final ThreadPool threads = new ThreadPool(Settings.builder().put("node.name", "test").build());
    private final Shelf shelf = new Shelf();
    private final ModelStore store = new ModelStore(shelf);
    private final Stats stats = new Stats();
    private final Memory memory = new Memory();
    private final Models models = models(new Trial(10_000));

    /** Compared with the store only when a test says so. */
    private Models models(Trial trial) {
        Settings settings = Settings.builder().put("etalage.models.refresh", "1h").put("etalage.models.max_loaded", 2)
            .put("etalage.models.max_size", "2mb").build();
        return new Models(store, settings, threads, stats, memory, trial);
    }

    /** A breaker that counts. */
    private static final class Memory extends NoopCircuitBreaker {
        long limit = Long.MAX_VALUE;
        long used;

        Memory() {
            super("etalage_models");
        }

        @Override
        public double addEstimateBytesAndMaybeBreak(long bytes, String label) {
            if (used + bytes > limit) {
                throw new CircuitBreakingException("too much", bytes, limit, Durability.PERMANENT);
            }
            return used += bytes;
        }

        @Override
        public long addWithoutBreaking(long bytes) {
            return used += bytes;
        }
    }

    @AfterEach
    void stop() {
        models.close();
        ThreadPool.terminate(threads, 10, TimeUnit.SECONDS);
    }

    /** Asks for a name, and waits until what the first call begins has ended. */
    private Model asked(String name) {
        models.current(name);
        models.refresh();
        return models.current(name);
    }

    private void put(String name, byte[] zip) {
        store.put(name, zip, "title", "");
    }

    @Test
    void aNameIsLoadedWhenItIsAskedFor() throws Exception {
        put("shop", Zips.starter());
        Model model = asked("shop");
        assertNotNull(model);
        assertEquals(store.find("shop").current().hash(), model.hash());
        assertNull(model.encoder());
        assertEquals(3, model.ranker().score(new float[3 * COLUMNS], 3).length);
    }

    @Test
    void whatIsNotThereIsNullAndSaysWhy() {
        assertNull(asked("shop"));
        assertEquals("there is no model of this name", models.trouble("shop"));
        assertEquals("the model is not loaded yet", models.trouble("other"));
    }

    @Test
    void aNewOneTakesThePlaceAndTheOldOneStillScores() {
        put("shop", Zips.artifact("one"));
        Model one = asked("shop");
        put("shop", Zips.artifact("two"));
        assertSame(one, models.current("shop"));
        models.refresh();
        assertEquals("two", models.current("shop").title());
        assertEquals(1, one.ranker().score(new float[COLUMNS], 1).length, "a search that holds it goes on");
        models.rollback("shop");
        assertEquals("one", models.current("shop").title());
        models.delete("shop");
        assertNull(models.current("shop"));
    }

    @Test
    void pushedHereServesHereAtOnce() throws Exception {
        models.push("shop", Zips.artifact("one"));
        assertEquals("one", asked("shop").title());
        models.push("shop", Zips.artifact("two"));
        assertEquals("two", models.current("shop").title());
    }

    @Test
    void hostileModelsAreRefusedAndTheServingOneStays() throws Exception {
        models.push("shop", Zips.artifact("one"));
        Model serving = asked("shop");
        byte[] narrow = Protobuf.ranker(COLUMNS - 1);
        byte[] renamed = Protobuf.model(Protobuf.largest("rows", "scores"), Protobuf.value(11, "rows", -1, COLUMNS), Protobuf.value(12, "scores", -1));
        byte[] wide = Protobuf.model(Protobuf.node("Identity", "", "features", "scores"), Protobuf.value(11, "features", -1, COLUMNS),
            Protobuf.value(12, "scores", -1, COLUMNS));
        byte[] infinite = Protobuf.model(Protobuf.largest("features", "top"), Protobuf.node("Sub", "", "top,top", "zero"),
            Protobuf.node("Div", "", "top,zero", "scores"),
            Protobuf.value(11, "features", -1, COLUMNS), Protobuf.value(12, "scores", -1));
        byte[] unknown = Protobuf.model(Protobuf.node("Nonsense", "", "features", "scores"), Protobuf.value(11, "features", -1, COLUMNS),
            Protobuf.value(12, "scores", -1));
        for (byte[] model : new byte[][] {narrow, renamed, wide, infinite, unknown, Protobuf.model()}) {
            byte[] zip = Zips.zip(Zips.files("bad", model));
            assertThrows(IllegalArgumentException.class, () -> models.push("shop", zip));
        }
        assertThrows(IllegalArgumentException.class, () -> models.push("shop", Zips.zip(Zips.files("large", new byte[3 << 20]))));
        assertThrows(IllegalArgumentException.class, () -> models.push("../shop", Zips.artifact("two")));
        models.refresh();
        assertSame(serving, models.current("shop"));
        assertEquals(1, store.find("shop").version());
    }

    @Test
    void whatIsDamagedInTheStoreLeavesWhatServes() {
        put("shop", Zips.artifact("one"));
        Model one = asked("shop");
        put("shop", Zips.zip(Map.of("manifest.json", new byte[1])));
        models.refresh();
        models.refresh();
        assertSame(one, models.current("shop"));
        assertEquals(Map.of("models_loaded", 1L, "models_failed", 1L), stats.report().get("counts"), "it is not tried at every look");
        put("shop", Zips.artifact("three"));
        models.refresh();
        assertEquals("three", models.current("shop").title());
    }

    @Test
    void whileTheStoreIsAwayWhatServesStays() {
        put("shop", Zips.artifact("one"));
        Model one = asked("shop");
        shelf.away = true;
        models.refresh();
        assertSame(one, models.current("shop"));
        assertNull(asked("other"));
        assertEquals("the store of models does not answer", models.trouble("other"));
    }

    @Test
    void noMoreModelsThanAllowed() {
        for (String name : new String[] {"a", "b", "c"}) {
            put(name, Zips.artifact(name));
        }
        assertNotNull(asked("a"));
        assertNotNull(asked("b"));
        assertNull(asked("c"));
        assertEquals("too many models on this node", models.trouble("c"));
        assertEquals(2, models.report().size());
    }

    @Test
    void memoryIsAccountedAndBounded() throws Exception {
        byte[] one = Zips.artifact("one");
        models.push("shop", one);
        assertEquals(0, memory.used, "what was only tried is given back");
        Model model = asked("shop");
        assertEquals(Models.cost(model.bytes()), memory.used);
        memory.limit = memory.used + 1;
        assertEquals(RestStatus.TOO_MANY_REQUESTS,
            assertThrows(OpenSearchStatusException.class, () -> models.push("shop", Zips.artifact("two"))).status());
        put("shop", Zips.artifact("two"));
        models.refresh();
        assertSame(model, models.current("shop"));
        assertEquals(Models.cost(model.bytes()), memory.used);
        byte[] bad = Zips.zip(Zips.files("bad", Protobuf.ranker(COLUMNS - 1)));
        memory.limit = Long.MAX_VALUE;
        assertThrows(IllegalArgumentException.class, () -> models.push("shop", bad));
        assertEquals(Models.cost(model.bytes()), memory.used);
    }

    @Test
    void oneModelIsTriedAtATimeAndALateOneIsRefused() throws Exception {
        CountDownLatch hold = new CountDownLatch(1);
        Trial trial = new Trial(50, (name, artifact) -> {
            hold.await();
            throw new IllegalStateException("nobody waits for this");
        });
        Artifact artifact = Artifact.read(Zips.artifact("one"), 1 << 20);
        assertTrue(assertThrows(IllegalArgumentException.class, () -> trial.load("shop", artifact)).getMessage().contains("within 50 ms"));
        assertThrows(OpenSearchStatusException.class, () -> trial.load("shop", artifact), "the late one is still at it");
        hold.countDown();
    }

    @Test
    void withoutNativeLibrariesItIsOffAndSaysSo() {
        Models off = models(new Trial(1000, (name, artifact) -> {
            throw new UnsatisfiedLinkError("no onnxruntime");
        }));
        put("shop", Zips.artifact("one"));
        off.current("shop");
        off.refresh();
        assertNull(off.current("shop"));
        assertEquals("the native libraries do not load on this node", off.trouble("shop"));
        assertThrows(IllegalStateException.class, () -> off.push("shop", Zips.artifact("two")));
        off.close();
    }
}
