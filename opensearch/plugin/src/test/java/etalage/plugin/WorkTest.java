package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.opensearch.common.CheckedSupplier;
import org.opensearch.common.settings.Settings;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.threadpool.FixedExecutorBuilder;
import org.opensearch.threadpool.ThreadPool;

class WorkTest {
    private static final long LONG = 60_000;

    private ThreadPool threads;
    private Work work;

    @BeforeEach
    void start() {
        Settings settings = Settings.builder().put("node.name", "test").build();
        threads = new ThreadPool(settings, new FixedExecutorBuilder(settings, Work.POOL, 1, 1, "thread_pool.etalage"));
        work = new Work(threads);
    }

    @AfterEach
    void stop() {
        assertTrue(ThreadPool.terminate(threads, 30, TimeUnit.SECONDS));
    }

    @Test
    void tellsTheResultOrTheFailure() throws Exception {
        assertEquals("done", run(LONG, () -> Thread.currentThread().getName().contains("[etalage]") ? "done" : "elsewhere").get());
        assertInstanceOf(IllegalStateException.class, failure(run(LONG, () -> {
            throw new IllegalStateException("broken");
        })));
        assertInstanceOf(IllegalStateException.class, failure(run(LONG, () -> {
            throw new UnsatisfiedLinkError("no native code");
        })));
    }

    @Test
    void nobodyWaitsLongerThanTheyHaveTime() throws Exception {
        CountDownLatch stuck = new CountDownLatch(1);
        AtomicInteger told = new AtomicInteger();
        CompletableFuture<String> late = new CompletableFuture<>();
        CompletableFuture<String> behind;
        try {
            work.run(5, () -> {
                stuck.await();
                return "too late";
            }, ActionListener.runBefore(listener(late), told::incrementAndGet));
            assertInstanceOf(TimeoutException.class, failure(late));
            behind = run(LONG, () -> "in the queue");
            assertInstanceOf(OpenSearchRejectedExecutionException.class, failure(run(LONG, () -> "no room")));
        } finally {
            stuck.countDown();
        }
        assertEquals("in the queue", behind.get(30, TimeUnit.SECONDS));
        assertEquals(1, told.get());
    }

    private CompletableFuture<String> run(long millis, CheckedSupplier<String, Exception> what) {
        CompletableFuture<String> told = new CompletableFuture<>();
        work.run(millis, what, listener(told));
        return told;
    }

    private static ActionListener<String> listener(CompletableFuture<String> told) {
        return ActionListener.wrap(told::complete, told::completeExceptionally);
    }

    private static Throwable failure(CompletableFuture<String> told) throws Exception {
        return told.handle((result, failure) -> failure).get(30, TimeUnit.SECONDS);
    }
}
