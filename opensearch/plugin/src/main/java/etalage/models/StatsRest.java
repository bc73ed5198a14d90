package etalage.models;

import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.rest.BaseRestHandler;
import org.opensearch.rest.RestRequest;
import org.opensearch.rest.RestRequest.Method;
import org.opensearch.transport.client.node.NodeClient;

/** {@code GET /_etalage/stats}: what the node that answers has counted, and the models that it has loaded. */
public final class StatsRest extends BaseRestHandler {
    private final Models models;
    private final Stats stats;
    private final ClusterService cluster;

    public StatsRest(Models models, Stats stats, ClusterService cluster) {
        this.models = models;
        this.stats = stats;
        this.cluster = cluster;
    }

    @Override
    public String getName() {
        return "etalage_stats";
    }

    @Override
    public List<Route> routes() {
        return List.of(new Route(Method.GET, "/_etalage/stats"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
        Map<String, Object> report = new TreeMap<>(stats.report());
        report.put("node", cluster.getNodeName());
        report.put("models", models.report());
        return channel -> channel.sendResponse(ModelsRest.json(channel, report));
    }
}
