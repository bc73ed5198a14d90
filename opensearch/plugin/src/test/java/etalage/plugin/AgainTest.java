package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutionException;
import org.junit.jupiter.api.Test;
import org.opensearch.action.search.SearchPhaseExecutionException;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.action.search.ShardSearchFailure;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.concurrency.OpenSearchRejectedExecutionException;
import org.opensearch.search.internal.InternalSearchResponse;

class AgainTest {
    private static final ShardSearchFailure LOST = new ShardSearchFailure(new IllegalStateException("lost"));
    private static final ShardSearchFailure FULL = new ShardSearchFailure(new OpenSearchRejectedExecutionException("full"));
    private static final SearchResponse WHOLE = response();

    private final Deque<Object> answers = new ArrayDeque<>();

    @Test
    void aWholeAnswerIsToldAsItIs() throws Exception {
        answers.add(WHOLE);
        assertSame(WHOLE, ask());
    }

    @Test
    void aPartOfAnAnswerIsAskedForOnceMore() throws Exception {
        answers.addAll(List.of(response(LOST), WHOLE));
        assertSame(WHOLE, ask());
        SearchResponse partial = response(LOST), later = response(LOST, LOST);
        answers.addAll(List.of(partial, later));
        assertSame(later, ask());
        answers.addAll(List.of(partial, new IllegalStateException("lost")));
        assertSame(partial, ask());
    }

    @Test
    void aFailureOfShardsIsAskedForOnceMore() throws Exception {
        answers.addAll(List.of(failure(LOST), WHOLE));
        assertSame(WHOLE, ask());
        // A node that is gone before it is asked for hits fails the search without a word of shards.
        answers.addAll(List.of(new SearchPhaseExecutionException("fetch", "", new IllegalStateException("lost"), ShardSearchFailure.EMPTY_ARRAY), WHOLE));
        assertSame(WHOLE, ask());
        answers.addAll(List.of(failure(LOST), failure(LOST)));
        assertTrue(failed() instanceof SearchPhaseExecutionException);
    }

    @Test
    void whatIsTooMuchOrWrongIsNotAskedForAgain() throws Exception {
        SearchResponse full = response(FULL);
        answers.add(full);
        assertSame(full, ask());
        answers.add(failure(FULL));
        assertTrue(failed() instanceof SearchPhaseExecutionException);
        answers.add(new IllegalArgumentException("wrong"));
        assertTrue(failed() instanceof IllegalArgumentException);
    }

    private SearchResponse ask() throws Exception {
        CompletableFuture<SearchResponse> told = new CompletableFuture<>();
        Again.search(this::send, new SearchRequest("shop"), ActionListener.wrap(told::complete, told::completeExceptionally));
        assertEquals(0, answers.size());
        return told.get();
    }

    private Throwable failed() throws Exception {
        try {
            return new IllegalStateException("answered: " + ask());
        } catch (ExecutionException failure) {
            return failure.getCause();
        }
    }

    private void send(SearchRequest search, ActionListener<SearchResponse> told) {
        Object answer = answers.remove();
        if (answer instanceof SearchResponse response) {
            told.onResponse(response);
        } else {
            told.onFailure((Exception) answer);
        }
    }

    private static SearchPhaseExecutionException failure(ShardSearchFailure... failures) {
        return new SearchPhaseExecutionException("fetch", "shards failed", failures);
    }

    private static SearchResponse response(ShardSearchFailure... failures) {
        return new SearchResponse(InternalSearchResponse.empty(), null, 2, 2 - failures.length, 0, 3, failures, SearchResponse.Clusters.EMPTY);
    }
}
