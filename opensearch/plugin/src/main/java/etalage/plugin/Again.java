package etalage.plugin;

import java.util.Arrays;
import java.util.function.BiConsumer;
import org.opensearch.ExceptionsHelper;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.core.action.ActionListener;
import org.opensearch.core.rest.RestStatus;

/**
 * Searches of ours beside a shop's, which are sent once more when shards failed. A node that is lost between finding hits and fetching
 * them makes its shards fail, although other nodes hold copies; asked again, those answer.
 */
final class Again {
    private Again() {}

    /** Sends a search by `send`, and tells its answer; that of the second try when shards failed, and it answers. */
    static void search(BiConsumer<SearchRequest, ActionListener<SearchResponse>> send, SearchRequest search, ActionListener<SearchResponse> told) {
        send.accept(search, new ActionListener<>() {
            @Override
            public void onResponse(SearchResponse partial) {
                if (Arrays.stream(partial.getShardFailures()).anyMatch(one -> lost(one.status()))) {
                    send.accept(search, ActionListener.wrap(told::onResponse, failure -> told.onResponse(partial)));
                } else {
                    told.onResponse(partial);
                }
            }

            @Override
            public void onFailure(Exception failure) {
                if (lost(ExceptionsHelper.status(failure))) {
                    send.accept(search, told);
                } else {
                    told.onFailure(failure);
                }
            }
        });
    }

    /** Whether something failed of itself: not of what was asked, nor of too much to do, which another search would add to. */
    private static boolean lost(RestStatus status) {
        return status.getStatus() >= 500;
    }
}
