package etalage.plugin;

import java.util.concurrent.Executor;
import java.util.concurrent.TimeoutException;
import org.apache.logging.log4j.Level;
import org.opensearch.common.CheckedSupplier;
import org.opensearch.common.unit.TimeValue;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.threadpool.Scheduler;
import org.opensearch.threadpool.ThreadPool;

/** Work on the plugin's own threads, which nobody waits for longer than they have time. */
final class Work {
    /** The name of the threads. */
    static final String POOL = "etalage";

    private final ThreadPool threads;
    private final Executor executor;

    Work(ThreadPool threads) {
        this.threads = threads;
        executor = threads.executor(POOL);
    }

    /** Tells what comes of some work: its result, its failure, or a TimeoutException after `millis`, when it is not done by then. */
    <T> void run(long millis, CheckedSupplier<T, Exception> work, ActionListener<T> told) {
        ActionListener<T> once = limited(millis, told);
        try {
            executor.execute(() -> {
                T result;
                try {
                    result = work.get();
                } catch (Exception failure) {
                    once.onFailure(failure);
                    return;
                } catch (LinkageError missing) { // of native code, which must not end the node
                    once.onFailure(new IllegalStateException(missing));
                    return;
                }
                once.onResponse(result);
            });
        } catch (OpenSearchRejectedExecutionException full) {
            once.onFailure(full);
        }
    }

    /** How loudly a failure is told of: there may be many that only come of too much to do, and those are counted. */
    static Level level(Exception failure) {
        boolean busy = failure instanceof TimeoutException || failure instanceof OpenSearchRejectedExecutionException;
        return busy ? Level.DEBUG : Level.WARN;
    }

    /** Tells `told` what this one is told, or of a TimeoutException after `millis`, whichever comes first. */
    <T> ActionListener<T> limited(long millis, ActionListener<T> told) {
        ActionListener<T> once = ActionListener.notifyOnce(told);
        Runnable late = () -> once.onFailure(new TimeoutException("not done in time"));
        Scheduler.ScheduledCancellable timer =
                threads.schedule(late, TimeValue.timeValueMillis(Math.max(millis, 1)), ThreadPool.Names.GENERIC);
        return new ActionListener<>() {
            @Override
            public void onResponse(T result) {
                timer.cancel();
                once.onResponse(result);
            }

            @Override
            public void onFailure(Exception failure) {
                timer.cancel();
                once.onFailure(failure);
            }
        };
    }
}
