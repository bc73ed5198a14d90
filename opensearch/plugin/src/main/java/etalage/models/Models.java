package etalage.models;

import java.io.Closeable;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Setting.Property;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.common.util.concurrent.ThreadContext;
import org.opensearch.core.common.breaker.CircuitBreaker;
import org.opensearch.core.common.breaker.CircuitBreakingException;
import org.opensearch.core.common.unit.ByteSizeUnit;
import org.opensearch.core.common.unit.ByteSizeValue;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.indices.breaker.BreakerSettings;
import org.opensearch.threadpool.Scheduler;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.client.Client;

/**
 * The models that this node has loaded.
 *
 * <p>A name is loaded in the background when it is first asked for, and from then on compared with the store every few seconds; nodes that
 * are asked for none do nothing. What does not load leaves what serves in its place.
 */
public final class Models implements Closeable {
    /** Most bytes of an artifact, as it is sent and unpacked. */
    public static final Setting<ByteSizeValue> MAX_SIZE = Setting.byteSizeSetting("etalage.models.max_size",
        new ByteSizeValue(64, ByteSizeUnit.MB), new ByteSizeValue(1, ByteSizeUnit.KB), new ByteSizeValue(512, ByteSizeUnit.MB), Property.NodeScope);
    /** Time that a pushed model has to load and score once. */
    public static final Setting<TimeValue> DEADLINE = Setting.timeSetting("etalage.models.deadline", TimeValue.timeValueSeconds(10),
        TimeValue.timeValueMillis(100), Property.NodeScope);
    /** How often loaded models are compared with the store. */
    public static final Setting<TimeValue> REFRESH = Setting.timeSetting("etalage.models.refresh", TimeValue.timeValueSeconds(2),
        TimeValue.timeValueMillis(100), Property.NodeScope);
    /** Memory for all loaded models: what a circuit breaker allows; while one is replaced, both count. */
    public static final Setting<ByteSizeValue> MAX_MEMORY = Setting.memorySizeSetting("etalage.models.max_memory", "25%", Property.NodeScope);
    /** Most names of models that a node loads. */
    public static final Setting<Integer> MAX_LOADED = Setting.intSetting("etalage.models.max_loaded", 16, 1, 256, Property.NodeScope);

    private static final String BREAKER = "etalage_models";
    private static final Logger LOG = LogManager.getLogger(Models.class);
    /** Searches that took a model before it was replaced are long over then. */
    private static final TimeValue RETIREMENT = TimeValue.timeValueSeconds(60);
    private static final long FORGET_NANOS = TimeValue.timeValueMinutes(10).nanos();
    private static final long RETRY_NANOS = TimeValue.timeValueSeconds(30).nanos();

    private static final String LOADING = "the model is not loaded yet";
    private static final String TOO_MANY = "too many models on this node";

    /** Loaded weights are kept as they are and as the processor takes them best. */
    private static final int COPIES = 2;
    /** What the smallest model takes. */
    private static final long SESSION = 1 << 20;

    /** A name that was asked for. Changed under its own lock; {@code model} is read without. */
    private static final class Slot {
        volatile Model model;
        volatile String trouble = LOADING;
        volatile long asked = System.nanoTime();
        private String failed = "";
        private long failedAt;
    }

    private final Map<String, Slot> slots = new ConcurrentHashMap<>();
    private final ThreadPool threads;
    private final Stats stats;
    private final ModelStore store;
    private final Trial trial;
    private final long limit;
    private final int most;
    private final Scheduler.Cancellable refreshing;
    /** An artifact takes its size in memory twice while it is checked. */
    private final Semaphore pushing = new Semaphore(1);
    private final CircuitBreaker breaker;
    private volatile String off;

    /** One per node; asks the store through {@code client}, and accounts what it loads in {@code breaker}. */
    public Models(Client client, ClusterService cluster, ThreadPool threads, Stats stats, CircuitBreaker breaker) {
        this(new ModelStore(new IndexDocuments(ModelStore.INDEX, client, cluster)), cluster.getSettings(), threads, stats, breaker,
            new Trial(DEADLINE.get(cluster.getSettings()).millis()));
    }

    Models(ModelStore store, Settings settings, ThreadPool threads, Stats stats, CircuitBreaker breaker, Trial trial) {
        this.breaker = breaker;
        this.store = store;
        this.threads = threads;
        this.stats = stats;
        limit = MAX_SIZE.get(settings).getBytes();
        most = MAX_LOADED.get(settings);
        this.trial = trial;
        refreshing = threads.scheduleWithFixedDelay(this::refresh, REFRESH.get(settings), ThreadPool.Names.GENERIC);
    }

    /** The settings of this package, for the plugin to register. */
    public static List<Setting<?>> settings() {
        return List.of(MAX_SIZE, DEADLINE, REFRESH, MAX_MEMORY, MAX_LOADED);
    }

    /** The circuit breaker of this package, for the plugin to register. */
    public static BreakerSettings breaker(Settings settings) {
        return new BreakerSettings(BREAKER, MAX_MEMORY.get(settings).getBytes(), 1.0);
    }

    /**
     * The model that serves under a name now; null when none is loaded ({@link #trouble} says why). Never waits: the first call for a
     * name has it loaded, so call it where a pipeline is made. Keep what it returns for the whole of a search.
     */
    public Model current(String name) {
        Slot slot = slots.get(name);
        if (slot == null) {
            slot = ask(name);
        }
        slot.asked = System.nanoTime();
        return slot.model;
    }

    /** Why {@link #current} gives no model, in a few words that are the same for the same reason. */
    public String trouble(String name) {
        Slot slot = slots.get(name);
        return off != null ? off : slot != null ? slot.trouble : slots.size() < most ? LOADING : TOO_MANY;
    }

    private synchronized Slot ask(String name) {
        ModelStore.checked(name);
        Slot known = slots.get(name);
        if (known != null) {
            return known;
        }
        Slot slot = new Slot();
        if (slots.size() < most) {
            slots.put(name, slot);
            threads.generic().execute(() -> compare(name, slot));
        }
        return slot;
    }

    /** Compares what is loaded with the store; called every few seconds. */
    void refresh() {
        slots.forEach((name, slot) -> {
            compare(name, slot);
            if (slot.model == null && System.nanoTime() - slot.asked > FORGET_NANOS) {
                slots.remove(name, slot);
            }
        });
    }

    private void compare(String name, Slot slot) {
        if (off != null) {
            return;
        }
        // As the node itself, whoever's search it was that asked first.
        try (ThreadContext.StoredContext ignored = threads.getThreadContext().stashContext()) {
            synchronized (slot) {
                ModelStore.Entry entry = store.find(name);
                if (entry == null) {
                    slot.trouble = "there is no model of this name";
                    replace(slot, null);
                } else if (slot.model == null || !slot.model.hash().equals(entry.current().hash())) {
                    load(name, slot, entry.current());
                }
            }
        } catch (RuntimeException unreachable) {
            slot.trouble = "the store of models does not answer";
            LOG.debug("the store of models cannot be asked for " + name, unreachable);
        }
    }

    private void load(String name, Slot slot, Release release) {
        if (slot.failed.equals(release.hash()) && System.nanoTime() - slot.failedAt < RETRY_NANOS) {
            return;
        }
        try {
            Model model = loaded(name, Artifact.read(store.read(name, release), limit));
            slot.failed = "";
            stats.count("models_loaded");
            replace(slot, model);
        } catch (InterruptedException stopping) {
            Thread.currentThread().interrupt();
        } catch (LinkageError missing) {
            disable(missing);
        } catch (OpenSearchStatusException busy) {
            slot.trouble = LOADING;
        } catch (IllegalArgumentException | IllegalStateException | CircuitBreakingException unusable) {
            slot.trouble = "the model does not load";
            stats.count("models_failed");
            if (!slot.failed.equals(release.hash())) {
                LOG.warn("the model {} ({}) does not load, {} serves: {}", name, release.hash(), slot.model == null ? "none" : "the earlier one",
                    unusable.getMessage());
            }
            slot.failed = release.hash();
            slot.failedAt = System.nanoTime();
        }
    }

    private Model loaded(String name, Artifact artifact) throws InterruptedException {
        long bytes = cost(artifact.bytes());
        breaker.addEstimateBytesAndMaybeBreak(bytes, "the model " + name);
        boolean done = false;
        try {
            Model model = trial.load(name, artifact);
            done = true;
            return model;
        } finally {
            if (!done) {
                breaker.addWithoutBreaking(-bytes);
            }
        }
    }

    private void close(Model model) {
        Trial.close(model);
        breaker.addWithoutBreaking(-cost(model.bytes()));
    }

    /** The memory in bytes that a model of files of so many bytes is taken to need. */
    static long cost(long bytes) {
        return SESSION + COPIES * bytes;
    }

    /** Without native libraries this node ranks nothing, and says so once. */
    private synchronized void disable(LinkageError missing) {
        if (off != null) {
            return;
        }
        off = "the native libraries do not load on this node";
        LOG.error("ranking is off on this node: its native libraries (onnxruntime, tokenizers) do not load: {}", missing.toString());
    }

    private void replace(Slot slot, Model model) {
        Model before = slot.model;
        slot.model = model;
        if (before != null) {
            threads.schedule(() -> close(before), RETIREMENT, ThreadPool.Names.GENERIC);
        }
    }

    /** Checks, tries and stores an artifact, and serves it here at once; elsewhere within {@link #REFRESH}. Waits. */
    ModelStore.Entry push(String name, byte[] zip) throws InterruptedException {
        ModelStore.checked(name);
        if (!pushing.tryAcquire()) {
            throw new OpenSearchStatusException("another model is being pushed to this node. Push again in a moment.", RestStatus.TOO_MANY_REQUESTS);
        }
        try {
            Artifact artifact = Artifact.read(zip, limit);
            ModelStore.Entry entry = store.put(name, zip, artifact.title(), tried(name, artifact));
            stats.count("models_pushed");
            renew(name);
            return entry;
        } finally {
            pushing.release();
        }
    }

    /** The fingerprint of the artifact's encoder, empty without one, once all of it was tried. */
    private String tried(String name, Artifact artifact) throws InterruptedException {
        try {
            Model model = loaded(name, artifact);
            close(model);
            return model.encoder() == null ? "" : model.encoder().fingerprint();
        } catch (CircuitBreakingException full) {
            throw new OpenSearchStatusException("there is no memory for the model beside those that are loaded (" + full.getMessage()
                + "). Push again in a minute, when those replaced before are gone, or raise " + MAX_MEMORY.getKey() + ".", RestStatus.TOO_MANY_REQUESTS);
        } catch (LinkageError missing) {
            disable(missing);
            throw new IllegalStateException(off + ". Use a Linux with glibc, on x86-64 or arm64.", missing);
        }
    }

    ModelStore.Entry rollback(String name) {
        ModelStore.Entry entry = store.rollback(ModelStore.checked(name));
        renew(name);
        return entry;
    }

    void delete(String name) {
        store.delete(ModelStore.checked(name));
        renew(name);
    }

    private void renew(String name) {
        Slot slot = slots.get(name);
        if (slot != null) {
            compare(name, slot);
        }
    }

    /** What the store tells of a name. Throws when there is none (404). */
    Map<String, Object> describe(String name) {
        ModelStore.Entry entry = store.find(ModelStore.checked(name));
        if (entry == null) {
            throw ModelStore.missing(name);
        }
        return entry.map();
    }

    /** What the store tells of all names. */
    List<Map<String, Object>> list() {
        List<Map<String, Object>> all = new ArrayList<>();
        store.list().forEach(entry -> all.add(entry.map()));
        return all;
    }

    /** The names that this node was asked for: what is loaded, or why nothing is. */
    Map<String, Object> report() {
        Map<String, Object> all = new TreeMap<>();
        slots.forEach((name, slot) -> all.put(name, slot.model == null ? Map.of("trouble", trouble(name)) : told(slot.model)));
        return all;
    }

    private static Map<String, Object> told(Model model) {
        Map<String, Object> all = new TreeMap<>(Map.of("hash", model.hash(), "title", model.title(), "bytes", model.bytes()));
        if (model.encoder() != null) {
            all.put("encoder", model.encoder().fingerprint());
            all.put("cache_hits", model.encoder().hits());
            all.put("cache_misses", model.encoder().misses());
        }
        return all;
    }

    /** Most bytes of an artifact. */
    long limit() {
        return limit;
    }

    @Override
    public void close() {
        refreshing.cancel();
        slots.values().forEach(slot -> {
            if (slot.model != null) {
                close(slot.model);
            }
        });
    }
}
