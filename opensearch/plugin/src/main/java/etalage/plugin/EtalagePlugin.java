package etalage.plugin;

import etalage.models.Models;
import etalage.models.ModelsRest;
import etalage.models.Stats;
import etalage.models.StatsRest;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.opensearch.cluster.metadata.IndexNameExpressionResolver;
import org.opensearch.cluster.node.DiscoveryNodes;
import org.opensearch.cluster.service.ClusterService;
import org.opensearch.common.settings.ClusterSettings;
import org.opensearch.common.settings.IndexScopedSettings;
import org.opensearch.common.settings.Setting;
import org.opensearch.common.settings.Settings;
import org.opensearch.common.settings.SettingsFilter;
import org.opensearch.common.util.concurrent.OpenSearchExecutors;
import org.opensearch.core.common.breaker.CircuitBreaker;
import org.opensearch.core.common.io.stream.NamedWriteableRegistry;
import org.opensearch.core.xcontent.NamedXContentRegistry;
import org.opensearch.env.Environment;
import org.opensearch.env.NodeEnvironment;
import org.opensearch.indices.breaker.BreakerSettings;
import org.opensearch.plugins.ActionPlugin;
import org.opensearch.plugins.CircuitBreakerPlugin;
import org.opensearch.plugins.Plugin;
import org.opensearch.plugins.SearchPipelinePlugin;
import org.opensearch.plugins.SearchPlugin;
import org.opensearch.repositories.RepositoriesService;
import org.opensearch.rest.RestController;
import org.opensearch.rest.RestHandler;
import org.opensearch.script.ScriptService;
import org.opensearch.search.SearchExtBuilder;
import org.opensearch.search.pipeline.Processor;
import org.opensearch.search.pipeline.SearchRequestProcessor;
import org.opensearch.search.pipeline.SearchResponseProcessor;
import org.opensearch.threadpool.ExecutorBuilder;
import org.opensearch.threadpool.FixedExecutorBuilder;
import org.opensearch.threadpool.ThreadPool;
import org.opensearch.transport.client.Client;
import org.opensearch.watcher.ResourceWatcherService;

/** The plugin: two processors for search pipelines, `ext.etalage` of searches, and the models that rank. */
public final class EtalagePlugin extends Plugin implements SearchPipelinePlugin, SearchPlugin, ActionPlugin, CircuitBreakerPlugin {
    /** Searches that wait for a thread of ours; further ones go without. */
    private static final int QUEUE = 1000;

    private final Stats stats = new Stats();

    // Made by the node after this object.
    private Client client;
    private ClusterService cluster;
    private ThreadPool threads;
    private Shapes shapes;
    private Models models;
    private CircuitBreaker breaker;
    private Work work;

    @Override
    public Collection<Object> createComponents(
            Client client,
            ClusterService cluster,
            ThreadPool threads,
            ResourceWatcherService watcher,
            ScriptService scripts,
            NamedXContentRegistry registry,
            Environment environment,
            NodeEnvironment node,
            NamedWriteableRegistry writeables,
            IndexNameExpressionResolver resolver,
            Supplier<RepositoriesService> repositories) {
        this.client = client;
        this.cluster = cluster;
        this.threads = threads;
        shapes = new Shapes(resolver);
        models = new Models(client, cluster, threads, stats, breaker);
        work = new Work(threads);
        return List.of();
    }

    @Override
    public Map<String, Processor.Factory<SearchRequestProcessor>> getRequestProcessors(Parameters parameters) {
        Dsl dsl = new Dsl(parameters.namedXContentRegistry);
        return Map.of(RetrieveProcessor.TYPE, (factories, tag, description, ignoreFailure, config, context) -> {
            Options options = Options.read(RetrieveProcessor.TYPE, tag, config);
            if (options.model() != null) {
                models.current(options.model()); // loads it before the first search, and refuses a name that none can have
            }
            return new RetrieveProcessor(tag, description, ignoreFailure, options, new RetrieveProcessor.Parts(
                    cluster, client, shapes, dsl, models, stats, work));
        });
    }

    @Override
    public Map<String, Processor.Factory<SearchResponseProcessor>> getResponseProcessors(Parameters parameters) {
        return Map.of(RankProcessor.TYPE, (factories, tag, description, ignoreFailure, config, context) ->
                new RankProcessor(tag, description, ignoreFailure, client, stats, work));
    }

    @Override
    public List<SearchExtSpec<?>> getSearchExts() {
        return List.of(new SearchExtSpec<>(Ext.NAME, Ext::new, Ext::parse));
    }

    @Override
    public List<NamedWriteableRegistry.Entry> getNamedWriteables() {
        return List.of(new NamedWriteableRegistry.Entry(SearchExtBuilder.class, Told.NAME, Told::new));
    }

    @Override
    public List<RestHandler> getRestHandlers(
            Settings settings,
            RestController controller,
            ClusterSettings clusterSettings,
            IndexScopedSettings indexSettings,
            SettingsFilter filter,
            IndexNameExpressionResolver resolver,
            Supplier<DiscoveryNodes> nodes) {
        return List.of(new ModelsRest(models, threads), new StatsRest(models, stats, cluster));
    }

    @Override
    public BreakerSettings getCircuitBreaker(Settings settings) {
        return Models.breaker(settings);
    }

    @Override
    public void setCircuitBreaker(CircuitBreaker breaker) {
        this.breaker = breaker;
    }

    @Override
    public List<Setting<?>> getSettings() {
        return Models.settings();
    }

    @Override
    public List<ExecutorBuilder<?>> getExecutorBuilders(Settings settings) {
        int processors = OpenSearchExecutors.allocatedProcessors(settings);
        return List.of(new FixedExecutorBuilder(settings, Work.POOL, processors, QUEUE, "thread_pool." + Work.POOL));
    }

    @Override
    public void close() throws IOException {
        if (models != null) {
            models.close();
        }
    }
}
