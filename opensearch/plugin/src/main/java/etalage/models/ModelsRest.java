package etalage.models;

import java.io.IOException;
import java.util.List;
import java.util.Map;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.core.common.bytes.BytesReference;
import org.opensearch.core.rest.RestStatus;
import org.opensearch.core.xcontent.XContentBuilder;
import org.opensearch.rest.BaseRestHandler;
import org.opensearch.rest.BytesRestResponse;
import org.opensearch.rest.RestChannel;
import org.opensearch.rest.RestRequest;
import org.opensearch.rest.RestRequest.Method;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.client.node.NodeClient;

/** {@code PUT|GET|DELETE /_etalage/models/{name}}, {@code POST /_etalage/models/{name}/_rollback} and {@code GET /_etalage/models}. */
public final class ModelsRest extends BaseRestHandler {
    /** What an answer says, made in a thread that may wait. */
    private interface Work {
        Map<String, Object> run() throws Exception;
    }

    private final Models models;
    private final ThreadPool threads;

    public ModelsRest(Models models, ThreadPool threads) {
        this.models = models;
        this.threads = threads;
    }

    @Override
    public String getName() {
        return "etalage_models";
    }

    @Override
    public List<Route> routes() {
        return List.of(new Route(Method.GET, "/_etalage/models"), new Route(Method.GET, "/_etalage/models/{name}"),
            new Route(Method.PUT, "/_etalage/models/{name}"), new Route(Method.DELETE, "/_etalage/models/{name}"),
            new Route(Method.POST, "/_etalage/models/{name}/_rollback"));
    }

    @Override
    protected RestChannelConsumer prepareRequest(RestRequest request, NodeClient client) {
        String name = request.param("name");
        if (name == null) {
            return waiting(() -> Map.of("models", models.list()));
        }
        ModelStore.checked(name);
        return switch (request.method()) {
            case PUT -> {
                byte[] zip = body(request);
                yield waiting(() -> models.push(name, zip).map());
            }
            case POST -> waiting(() -> models.rollback(name).map());
            case DELETE -> waiting(() -> {
                models.delete(name);
                return Map.of("name", name, "deleted", true);
            });
            default -> waiting(() -> models.describe(name));
        };
    }

    private byte[] body(RestRequest request) {
        BytesReference content = request.requiredContent();
        if (content.length() > models.limit()) {
            throw new OpenSearchStatusException("the artifact is too large: " + content.length() + " bytes, at most " + models.limit()
                + ". Push a smaller model, or raise " + Models.MAX_SIZE.getKey() + ".", RestStatus.REQUEST_ENTITY_TOO_LARGE);
        }
        return BytesReference.toBytes(content);
    }

    private RestChannelConsumer waiting(Work work) {
        return channel -> threads.generic().execute(() -> answer(channel, work));
    }

    private void answer(RestChannel channel, Work work) {
        try {
            channel.sendResponse(json(channel, work.run()));
        } catch (Exception error) {
            if (error instanceof InterruptedException) {
                Thread.currentThread().interrupt();
            }
            try {
                channel.sendResponse(new BytesRestResponse(channel, error));
            } catch (IOException broken) {
                logger.warn("an answer cannot be written", broken);
            }
        }
    }

    static BytesRestResponse json(RestChannel channel, Map<String, Object> document) throws IOException {
        try (XContentBuilder builder = channel.newBuilder()) {
            return new BytesRestResponse(RestStatus.OK, builder.map(document));
        }
    }
}
