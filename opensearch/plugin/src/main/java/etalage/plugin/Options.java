package etalage.plugin;

import java.util.Map;
import org.opensearch.OpenSearchException;
import org.opensearch.ingest.ConfigurationUtils;

/**
 * Settings of the processor `etalage_retrieve`.
 *
 * @param model name of the model that ranks; null for one named like the index
 * @param window candidates that are ranked
 * @param neighbours nearest vectors among them
 * @param deadline milliseconds after which a search goes on without what is not ready
 * @param floor least cosine of neighbours; null takes them all
 */
record Options(String model, int window, int neighbours, long deadline, Double floor) {
    private static final int MOST = 10_000;

    /** Reads them from a pipeline; OpenSearchException for a value that is not valid. */
    static Options read(String type, String tag, Map<String, Object> config) {
        String model = ConfigurationUtils.readOptionalStringProperty(type, tag, config, "model");
        int window = between(type, tag, config, "window", 200, MOST);
        int neighbours = between(type, tag, config, "neighbours", 100, window);
        int deadline = between(type, tag, config, "deadline_ms", 500, 600_000);
        Double floor = config.containsKey("floor") ? ConfigurationUtils.readDoubleProperty(type, tag, config, "floor") : null;
        if (floor != null && !(floor >= -1 && floor <= 1)) {
            throw wrong(type, tag, "floor", "is a cosine, from -1 to 1", floor);
        }
        return new Options(model, window, neighbours, deadline, floor);
    }

    private static int between(String type, String tag, Map<String, Object> config, String name, int otherwise, int most) {
        int value = ConfigurationUtils.readIntProperty(type, tag, config, name, Math.min(otherwise, most));
        if (value < 1 || value > most) {
            throw wrong(type, tag, name, "is from 1 to " + most, value);
        }
        return value;
    }

    private static OpenSearchException wrong(String type, String tag, String name, String rule, Object value) {
        return ConfigurationUtils.newConfigurationException(type, tag, name, rule + ", not " + value);
    }
}
