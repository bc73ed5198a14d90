package etalage.plugin;

import etalage.models.Stats;
import etalage.plugin.Asked.Sent;
import etalage.rank.Ranker;
import java.util.List;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.opensearch.action.search.SearchRequest;
import org.opensearch.action.search.SearchResponse;
import org.opensearch.core.action.ActionListener;
import org.opensearch.search.SearchHit;
import org.opensearch.search.pipeline.AbstractProcessor;
import org.opensearch.search.pipeline.PipelineProcessingContext;
import org.opensearch.search.pipeline.SearchResponseProcessor;
import org.opensearch.transport.client.Client;

/** Ranks the candidates that `etalage_retrieve` brought, and shows the page that was asked for as it was asked for. */
final class RankProcessor extends AbstractProcessor implements SearchResponseProcessor {
    static final String TYPE = "etalage_rank";

    private static final Logger log = LogManager.getLogger(RankProcessor.class);

    /** Milliseconds that features and ranker need; with less left, the fused order stays. */
    private static final long RANKING = 5;

    private final Client client;
    private final Stats stats;
    private final Work work;

    RankProcessor(String tag, String description, boolean ignoreFailure, Client client, Stats stats, Work work) {
        super(tag, description, ignoreFailure);
        this.client = client;
        this.stats = stats;
        this.work = work;
    }

    @Override
    public String getType() {
        return TYPE;
    }

    @Override
    public SearchResponse processResponse(SearchRequest request, SearchResponse response) {
        throw new UnsupportedOperationException("[" + TYPE + "] answers by processResponseAsync");
    }

    @Override
    public void processResponseAsync(
            SearchRequest request, SearchResponse response, PipelineProcessingContext context, ActionListener<SearchResponse> told) {
        if (!(context.getAttribute(Asked.KEY) instanceof Sent sent)) {
            told.onResponse(response);
            return;
        }
        Asked asked = sent.asked();
        List<SearchHit> hits = Hits.ordered(response.getHits().getHits(), sent.near());
        if (hits.isEmpty() || asked.past()) {
            page(request, response, sent, Ranking.none(hits), told);
            return;
        }
        Ranker ranker = asked.model() == null ? null : asked.model().ranker();
        long left = asked.left();
        if (ranker == null || left < RANKING) {
            page(request, response, lacking(sent), fused(sent, hits), told);
            return;
        }
        work.run(left, () -> Ranking.of(sent, hits, ranker, stats), new ActionListener<>() {
            @Override
            public void onResponse(Ranking ranking) {
                page(request, response, sent, ranking, told);
            }

            @Override
            public void onFailure(Exception failure) {
                log.log(Work.level(failure), "keeping the fused order: {}", failure.toString());
                page(request, response, lacking(sent), fused(sent, hits), told);
            }
        });
    }

    private static Sent lacking(Sent sent) {
        return new Sent(sent.asked(), sent.vector(), sent.near(), sent.without("rerank"));
    }

    /** The order by the fused score; that of the engine where documents are not what Etalage wrote. */
    private Ranking fused(Sent sent, List<SearchHit> hits) {
        try {
            return Ranking.of(sent, hits, null, stats);
        } catch (IllegalArgumentException unreadable) {
            log.warn("keeping the engine's order: {}", unreadable.toString());
            return Ranking.none(hits);
        }
    }

    /** Brings what is shown of a page's hits, and answers. */
    private void page(SearchRequest request, SearchResponse response, Sent sent, Ranking ranking, ActionListener<SearchResponse> told) {
        Page page;
        try {
            page = Page.of(request, response, sent, ranking);
        } catch (RuntimeException failure) {
            told.onFailure(failure);
            return;
        }
        sent.degraded().forEach(stats::degraded);
        long started = System.nanoTime();
        ActionListener<SearchResponse> shown = new ActionListener<>() {
            @Override
            public void onResponse(SearchResponse brought) {
                SearchResponse answer;
                try {
                    answer = page.answer(brought);
                } catch (RuntimeException failure) {
                    told.onFailure(failure);
                    return;
                }
                stats.time("page", System.nanoTime() - started);
                stats.time("search", System.nanoTime() - sent.asked().started());
                told.onResponse(answer);
            }

            @Override
            public void onFailure(Exception failure) {
                told.onFailure(failure);
            }
        };
        SearchRequest search = page.search();
        if (search == null) {
            shown.onResponse(null);
        } else {
            Again.search(client::search, search, shown);
        }
    }
}
