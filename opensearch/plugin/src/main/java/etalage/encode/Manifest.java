package etalage.encode;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.Map;

/**
 * What the {@code manifest.json} beside an exported encoder says ({@code etalage.core.encoders.manifest}), as far as queries need it.
 *
 * @param dim components of a vector
 * @param maxLength most tokens of a text, special ones included
 * @param query what goes before a query
 * @param passage what goes before a product's text
 * @param model SHA-256 of the ONNX file, hex
 * @param tokenizer SHA-256 of the tokenizer, hex
 */
record Manifest(int dim, int maxLength, String query, String passage, String model, String tokenizer) {
    static final String NAME = "manifest.json";
    static final String MODEL = "model.onnx";
    static final String TOKENIZER = "tokenizer.json";

    private static final int FORMAT = 1;
    private static final int MOST = 65_536;

    /**
     * Reads a manifest.
     *
     * @throws IllegalArgumentException it is none, of another format, or not complete
     */
    static Manifest read(byte[] json) {
        Map<String, Object> read;
        try {
            read = Json.object(json);
        } catch (IOException error) {
            throw wrong("cannot be read: " + error.getMessage());
        }
        if (!(read.get("format") instanceof Number format) || format.doubleValue() != FORMAT) {
            throw wrong("has format " + read.get("format") + ", this version reads " + FORMAT);
        }
        Map<?, ?> prefixes = read.get("prefixes") instanceof Map<?, ?> map ? map : Map.of();
        Map<?, ?> files = read.get("files") instanceof Map<?, ?> map ? map : Map.of();
        return new Manifest(
                number(read, "dim"), number(read, "max_length"),
                string(prefixes, "query", "prefixes"), string(prefixes, "passage", "prefixes"),
                string(files, MODEL, "files"), string(files, TOKENIZER, "files"));
    }

    private static int number(Map<?, ?> read, String name) {
        if (!(read.get(name) instanceof Integer value) || value < 1 || value > MOST) {
            throw wrong("gives no '" + name + "' from 1 to " + MOST + ": " + read.get(name));
        }
        return value;
    }

    private static String string(Map<?, ?> read, String name, String where) {
        if (!(read.get(name) instanceof String value)) throw wrong("lacks '" + name + "' in '" + where + "'");
        return value;
    }

    private static IllegalArgumentException wrong(String why) {
        return new IllegalArgumentException("the text encoder's manifest " + why + ". Run: etalage models export, and push it again.");
    }

    /**
     * Checks a file of the encoder against its hash.
     *
     * @throws IllegalArgumentException it is another one
     */
    static void verify(String name, byte[] content, String expected) {
        String found = sha256(content);
        if (!found.equals(expected)) {
            throw new IllegalArgumentException("a file of the text encoder is not what was exported: " + name + ", SHA-256 " + found
                    + ", expected " + expected + ". Push it again.");
        }
    }

    /** 16 hex digits over all that decides the vectors, as Python makes them. */
    String fingerprint() {
        String decisive = "[" + quoted(model) + ", " + quoted(tokenizer) + ", " + maxLength
                + ", [[\"passage\", " + quoted(passage) + "], [\"query\", " + quoted(query) + "]]]";
        return sha256(decisive.getBytes(StandardCharsets.US_ASCII)).substring(0, 16);
    }

    /** A string as Python's {@code json.dumps} writes it. */
    private static String quoted(String text) {
        StringBuilder quoted = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            switch (c) {
                case '"' -> quoted.append("\\\"");
                case '\\' -> quoted.append("\\\\");
                case '\n' -> quoted.append("\\n");
                case '\r' -> quoted.append("\\r");
                case '\t' -> quoted.append("\\t");
                case '\b' -> quoted.append("\\b");
                case '\f' -> quoted.append("\\f");
                default -> {
                    if (c >= 0x20 && c < 0x80) quoted.append(c);
                    else quoted.append(String.format("\\u%04x", (int) c));
                }
            }
        }
        return quoted.append('"').toString();
    }

    static String sha256(byte[] content) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(content));
        } catch (NoSuchAlgorithmException error) {
            // Every Java has it.
            throw new IllegalStateException(error);
        }
    }
}
