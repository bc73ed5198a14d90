package etalage.models;

import etalage.features.Features;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipInputStream;
import org.opensearch.OpenSearchParseException;
import org.opensearch.common.xcontent.XContentHelper;
import org.opensearch.common.xcontent.json.JsonXContent;

/**
 * A pushed artifact, read and checked: a zip of {@code manifest.json} and {@code model.onnx} of the ranker and, if it brings the
 * encoder of queries, {@code encoder/manifest.json}, {@code encoder/tokenizer.json} and {@code encoder/model.onnx}; if an adapter was
 * trained for it, {@code adapter/manifest.json} and {@code adapter/model.onnx}.
 *
 * @param title the ranker's name in its manifest
 * @param hash SHA-256 of the zip, hex
 * @param model the ranker, ONNX
 * @param encoder files of the encoder; null without one
 * @param adapter what moves the encoder's vectors; null without one
 * @param bytes size of all files, unpacked
 */
record Artifact(String title, String hash, byte[] model, Encoding encoder, Moving adapter, long bytes) {
    /** The files of an encoder of queries. */
    record Encoding(byte[] model, byte[] tokenizer, byte[] manifest) {}

    /** The model of an adapter, and the fingerprint of the encoder that it was trained for. */
    record Moving(byte[] model, String fingerprint) {}

    private static final int FORMAT = 1;
    private static final String MANIFEST = "manifest.json";
    private static final String MODEL = "model.onnx";
    private static final String TOKENIZER = "tokenizer.json";
    private static final String ENCODER = "encoder/";
    private static final int MANIFEST_MAX = 4 << 20;
    private static final String ADAPTER = "adapter/";
    private static final List<String> NAMES = List.of(MANIFEST, MODEL, ENCODER + MANIFEST, ENCODER + TOKENIZER, ENCODER + MODEL,
        ADAPTER + MANIFEST, ADAPTER + MODEL);

    /**
     * Reads a zip whose files, unpacked, have at most {@code limit} bytes together.
     *
     * @throws IllegalArgumentException it is no such zip, or what it holds is not what its manifests describe
     */
    static Artifact read(byte[] zip, long limit) {
        Map<String, byte[]> files = unpack(zip, limit);
        complete(files, "", List.of(MANIFEST, MODEL));
        byte[] model = files.get(MODEL);
        String title = ranker(json(MANIFEST, files.get(MANIFEST)), model);
        Onnx.check("the ranker", model);
        long bytes = files.values().stream().mapToLong(one -> one.length).sum();
        return new Artifact(title, sha256(zip), model, encoding(files), moving(files), bytes);
    }

    private static Map<String, byte[]> unpack(byte[] zip, long limit) {
        Map<String, byte[]> files = new HashMap<>();
        long left = limit;
        try (ZipInputStream entries = new ZipInputStream(new ByteArrayInputStream(zip))) {
            for (ZipEntry entry = entries.getNextEntry(); entry != null; entry = entries.getNextEntry()) {
                String name = entry.getName();
                if (!NAMES.contains(name)) {
                    String shown = name.length() <= 80 ? name : name.substring(0, 80) + "…";
                    throw new IllegalArgumentException("an artifact has no such file: " + shown + ". It holds only " + NAMES + ".");
                }
                byte[] content = entries.readNBytes((int) Math.min(left + 1, Integer.MAX_VALUE - 8));
                if (content.length > left) {
                    throw new IllegalArgumentException("the artifact's files are too large: more than " + limit
                        + " bytes together. Push a smaller model, or raise " + Models.MAX_SIZE.getKey() + ".");
                }
                if (name.endsWith(MANIFEST) && content.length > MANIFEST_MAX) {
                    throw new IllegalArgumentException("a manifest is too large: " + name + ", more than " + MANIFEST_MAX + " bytes. Pack it again.");
                }
                left -= content.length;
                if (files.put(name, content) != null) {
                    throw new IllegalArgumentException("the artifact holds a file twice: " + name + ". Pack it again.");
                }
            }
        } catch (IOException broken) {
            throw new IllegalArgumentException("the artifact is a broken zip: " + broken.getMessage() + ". Pack it again.");
        }
        if (files.isEmpty()) {
            throw new IllegalArgumentException("the artifact is not a zip. Send the zip's bytes, with Content-Type: application/*.");
        }
        return files;
    }

    /** Checks the ranker's manifest; the ranker's name. */
    private static String ranker(Map<String, Object> manifest, byte[] model) {
        if (!(manifest.get("format") instanceof Number format) || format.longValue() != FORMAT) {
            throw new IllegalArgumentException("the artifact has another format: " + manifest.get("format") + ", this plugin reads " + FORMAT
                + ". Use the plugin and Etalage of one version.");
        }
        if (!Features.contract().equals(manifest.get("contract")) || !Features.NAMES.equals(manifest.get("features"))) {
            throw new IllegalArgumentException("the ranker was trained on another feature list: its contract is " + manifest.get("contract")
                + ", this plugin's " + Features.contract() + ". Use the plugin and Etalage of one version, and train again.");
        }
        same(MODEL, model, manifest.get("model_hash"));
        if (!(manifest.get("name") instanceof String name) || name.isEmpty() || name.length() > 200) {
            throw new IllegalArgumentException("the ranker's manifest gives no name of at most 200 characters. Train again.");
        }
        return name;
    }

    /** The checked files of the encoder; null when there is none. */
    private static Encoding encoding(Map<String, byte[]> files) {
        if (!complete(files, ENCODER, List.of(MANIFEST, TOKENIZER, MODEL))) {
            return null;
        }
        byte[] described = files.get(ENCODER + MANIFEST);
        if (!(json(ENCODER + MANIFEST, described).get("files") instanceof Map<?, ?> hashes)) {
            throw new IllegalArgumentException("the encoder's manifest lists no files. Export it again with `etalage models export`.");
        }
        byte[] model = files.get(ENCODER + MODEL);
        byte[] tokenizer = files.get(ENCODER + TOKENIZER);
        same(ENCODER + MODEL, model, hashes.get(MODEL));
        same(ENCODER + TOKENIZER, tokenizer, hashes.get(TOKENIZER));
        Onnx.check("the encoder", model);
        return new Encoding(model, tokenizer, described);
    }

    /** The checked adapter; null when there is none. */
    private static Moving moving(Map<String, byte[]> files) {
        if (!complete(files, ADAPTER, List.of(MANIFEST, MODEL))) {
            return null;
        }
        Map<String, Object> manifest = json(ADAPTER + MANIFEST, files.get(ADAPTER + MANIFEST));
        byte[] model = files.get(ADAPTER + MODEL);
        same(ADAPTER + MODEL, model, manifest.get("sha256"));
        Onnx.check("the adapter", model);
        return new Moving(model, String.valueOf(manifest.get("fingerprint_text")));
    }

    /** Whether there are files in {@code folder}, which is {@code ""} for what must be there; then all of {@code names} must. */
    private static boolean complete(Map<String, byte[]> files, String folder, List<String> names) {
        if (!folder.isEmpty() && files.keySet().stream().noneMatch(name -> name.startsWith(folder))) {
            return false;
        }
        for (String name : names) {
            if (!files.containsKey(folder + name)) {
                throw new IllegalArgumentException("the artifact lacks a file: " + folder + name + ". Pack it with `etalage plugin push`.");
            }
        }
        return true;
    }

    private static Map<String, Object> json(String name, byte[] content) {
        try {
            return XContentHelper.convertToMap(JsonXContent.jsonXContent, content, 0, content.length, false);
        } catch (OpenSearchParseException | IllegalArgumentException broken) {
            throw new IllegalArgumentException(name + " is not JSON. Pack the artifact again.", broken);
        }
    }

    private static void same(String name, byte[] content, Object expected) {
        if (!sha256(content).equals(expected)) {
            throw new IllegalArgumentException(name + " is not the file that its manifest describes: its SHA-256 differs. Pack the artifact again.");
        }
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
