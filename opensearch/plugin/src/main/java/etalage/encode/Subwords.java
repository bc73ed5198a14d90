package etalage.encode;

import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import java.nio.charset.StandardCharsets;

/**
 * The tokenizer of an exported encoder: Hugging Face's own, the library that Python uses, called without DJL's layer above it, which
 * would open connections and write to the home folder. Safe to use from several threads; nobody may use it when it is closed.
 */
final class Subwords implements AutoCloseable {
    /** Characters read per token of the longest text; far more than any text fills. */
    private static final int CHARACTERS = 64;

    private final TokenizersLibrary library = Libraries.tokenizers();
    private final int maxLength;
    private final long handle;

    /**
     * A tokenizer that cuts and does not pad.
     *
     * @param json the content of {@code tokenizer.json}
     * @param maxLength most tokens of a text, special ones included
     * @throws IllegalArgumentException it cannot be read
     * @throws UnsatisfiedLinkError the native library cannot be loaded
     */
    Subwords(byte[] json, int maxLength) {
        this.maxLength = maxLength;
        Vetting.check(json);
        try {
            handle = library.createTokenizerFromString(new String(json, StandardCharsets.UTF_8));
        } catch (RuntimeException error) {
            // The library throws bare RuntimeException for every fault of the file.
            throw new IllegalArgumentException(
                    "the text encoder's tokenizer cannot be read: " + error.getMessage() + ". Run: etalage models export, and push it again.",
                    error);
        }
        library.disablePadding(handle);
        library.setTruncation(handle, maxLength, "LONGEST_FIRST", 0);
    }

    /**
     * Token ids of a text, special tokens included, at least one.
     *
     * @throws IllegalStateException the tokenizer cannot tell them
     */
    long[] ids(String text) {
        int characters = text.codePointCount(0, text.length());
        if (characters > maxLength * CHARACTERS) text = text.substring(0, text.offsetByCodePoints(0, maxLength * CHARACTERS));
        // A lone half of a surrogate pair is no text to the library.
        String sound = new String(text.getBytes(StandardCharsets.UTF_8), StandardCharsets.UTF_8);
        long encoding;
        try {
            encoding = library.encode(handle, sound, true);
        } catch (RuntimeException error) {
            throw new IllegalStateException("the text encoder's tokenizer failed: " + error.getMessage() + ". Export it again.", error);
        }
        try {
            long[] ids = library.getTokenIds(encoding);
            if (ids.length > maxLength) {
                throw new IllegalStateException("the text encoder's tokenizer gives " + ids.length + " tokens, at most " + maxLength
                        + " are allowed. Export it again.");
            }
            return ids.length == 0 ? new long[1] : ids;
        } finally {
            library.deleteEncoding(encoding);
        }
    }

    @Override
    public void close() {
        library.deleteTokenizer(handle);
    }
}
