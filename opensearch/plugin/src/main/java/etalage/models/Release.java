package etalage.models;

import java.util.LinkedHashMap;
import java.util.Map;

/**
 * One pushed artifact, as its name's manifest tells of it.
 *
 * @param hash SHA-256 of the zip, hex
 * @param size bytes of the zip
 * @param chunks documents that hold it
 * @param title the ranker's own name
 * @param encoder the fingerprint of its encoder; empty without one
 * @param pushed when, ISO 8601 in UTC
 */
record Release(String hash, long size, int chunks, String title, String encoder, String pushed) {
    Map<String, Object> map() {
        Map<String, Object> map = new LinkedHashMap<>();
        map.put("hash", hash);
        map.put("size", size);
        map.put("chunks", chunks);
        map.put("title", title);
        map.put("encoder", encoder);
        map.put("pushed", pushed);
        return map;
    }

    /** The release that {@link #map} told of; null for null. */
    static Release of(Object told) {
        if (!(told instanceof Map<?, ?> map)) {
            return null;
        }
        return new Release((String) map.get("hash"), ((Number) map.get("size")).longValue(), ((Number) map.get("chunks")).intValue(),
            (String) map.get("title"), (String) map.get("encoder"), (String) map.get("pushed"));
    }
}
