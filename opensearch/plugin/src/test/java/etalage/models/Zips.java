package etalage.models;

import etalage.features.Features;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/** Artifacts, good and bad, as zips. */
final class Zips {
    private Zips() {}

    static byte[] zip(Map<String, byte[]> files) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (ZipOutputStream zip = new ZipOutputStream(out)) {
            for (Map.Entry<String, byte[]> one : files.entrySet()) {
                zip.putNextEntry(new ZipEntry(one.getKey()));
                zip.write(one.getValue());
            }
        } catch (IOException error) {
            throw new IllegalStateException(error);
        }
        return out.toByteArray();
    }

    /** An artifact of a ranker, with the manifest that describes it. */
    static Map<String, byte[]> files(String name, byte[] model) {
        return files(name, model, Features.contract(), Artifact.sha256(model), "1");
    }

    static Map<String, byte[]> files(String name, byte[] model, String contract, String hash, String format) {
        String manifest = "{\"name\": \"" + name + "\", \"format\": " + format + ", \"contract\": \"" + contract + "\", \"model_hash\": \"" + hash
            + "\", \"features\": [\"" + String.join("\", \"", Features.NAMES) + "\"]}";
        Map<String, byte[]> files = new LinkedHashMap<>();
        files.put("manifest.json", manifest.getBytes(StandardCharsets.UTF_8));
        files.put("model.onnx", model);
        return files;
    }

    /** A ranker that scores by the largest number of a row; another name makes another artifact. */
    static byte[] artifact(String name) {
        return zip(files(name, Protobuf.ranker(Features.NAMES.size())));
    }

    static byte[] starter() throws IOException {
        Map<String, byte[]> files = new LinkedHashMap<>();
        for (String name : new String[] {"manifest.json", "model.onnx"}) {
            files.put(name, Files.readAllBytes(Path.of(System.getProperty("starter"), name)));
        }
        return zip(files);
    }
}
