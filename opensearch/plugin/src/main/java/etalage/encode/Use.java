package etalage.encode;

import java.util.concurrent.locks.ReadWriteLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import java.util.function.Supplier;

/** The use of native memory, which must not go while it is used: closing waits for those who use it, and others are refused from then on. */
final class Use {
    private final ReadWriteLock lock = new ReentrantReadWriteLock();
    private final String what;
    private boolean closed;

    /** @param what what is used, for errors */
    Use(String what) {
        this.what = what;
    }

    /** What comes of some work; IllegalStateException once it is closed. */
    float[] of(Supplier<float[]> work) {
        lock.readLock().lock();
        try {
            if (closed) throw new IllegalStateException(what + " is closed: another one was pushed. Search again.");
            return work.get();
        } finally {
            lock.readLock().unlock();
        }
    }

    /** Closes, once. */
    void end(Runnable closing) {
        lock.writeLock().lock();
        try {
            if (closed) return;
            closed = true;
            closing.run();
        } finally {
            lock.writeLock().unlock();
        }
    }
}
