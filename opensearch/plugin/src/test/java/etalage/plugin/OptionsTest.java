package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.opensearch.OpenSearchException;

class OptionsTest {
    @Test
    void everySettingHasADefault() {
        assertEquals(new Options(null, 200, 100, 500, null), read(Map.of()));
        assertEquals(new Options(null, 50, 50, 500, null), read(Map.of("window", 50)));
    }

    @Test
    void settingsAreTakenOutOfThePipeline() {
        Map<String, Object> config = new HashMap<>(
                Map.of("model", "m", "window", 300, "neighbours", 20, "deadline_ms", 80, "floor", 0.5, "other", 1));
        assertEquals(new Options("m", 300, 20, 80, 0.5), Options.read("type", null, config));
        assertEquals(Map.of("other", 1), config);
    }

    @ParameterizedTest
    @CsvSource({"window,0", "window,10001", "neighbours,0", "neighbours,201", "deadline_ms,0", "floor,1.5", "window,many"})
    void wrongValuesAreRefused(String name, String value) {
        Exception told = assertThrows(OpenSearchException.class, () -> read(Map.of(name, value)));
        assertTrue(told.getMessage().contains(name), told.getMessage());
    }

    private static Options read(Map<String, Object> config) {
        return Options.read("type", null, new HashMap<>(config));
    }
}
