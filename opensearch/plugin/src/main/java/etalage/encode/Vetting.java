package etalage.encode;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Base64;
import java.util.BitSet;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;

/**
 * Looks through a {@code tokenizer.json} before the native library reads it. What the library does not expect ends the whole process, not
 * the call, so only parts that are known to be safe may be in it.
 */
final class Vetting {
    private static final Map<String, Set<String>> KNOWN = Map.of(
            "normalizer", Set.of(
                    "BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Precompiled", "Prepend", "Replace",
                    "Sequence", "Strip", "StripAccents"),
            "pre_tokenizer", Set.of(
                    "BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "Metaspace", "Punctuation", "Sequence", "Split",
                    "UnicodeScripts", "Whitespace", "WhitespaceSplit"),
            "model", Set.of("BPE", "Unigram", "WordLevel", "WordPiece"),
            "post_processor", Set.of("BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"),
            "decoder", Set.of("BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "Strip", "WordPiece"));

    private static final String WHAT = "the text encoder's tokenizer ";

    /** Regular expressions that cannot take long. */
    private static final Set<String> QUICK = Set.of(" {2,}", "\\s+");

    private Vetting() {}

    /**
     * Checks a tokenizer.
     *
     * @throws IllegalArgumentException it is none, or has a part that is not known to be safe
     */
    static void check(byte[] json) {
        Map<String, Object> tokenizer;
        try {
            tokenizer = Json.object(json);
        } catch (IOException error) {
            throw refused("cannot be read: " + error.getMessage());
        }
        for (Map.Entry<String, Set<String>> known : KNOWN.entrySet()) {
            Object part = tokenizer.get(known.getKey());
            if (part != null) part(part, known.getKey(), known.getValue());
        }
        if (tokenizer.get("model") == null) throw refused("has no model");
    }

    private static void part(Object given, String where, Set<String> known) {
        if (!(given instanceof Map<?, ?> part) || !(part.get("type") instanceof String type) || !known.contains(type)) {
            throw refused("has a " + where + " that is not known here: " + (given instanceof Map<?, ?> map ? map.get("type") : given));
        }
        if (part.get("pattern") instanceof Map<?, ?> pattern && pattern.get("Regex") != null && !QUICK.contains(pattern.get("Regex"))) {
            throw refused("has a regular expression in its " + where + " that is not known here: " + pattern.get("Regex"));
        }
        switch (type) {
            case "Sequence" -> {
                for (Object list : part.values()) {
                    if (list instanceof List<?> parts) for (Object one : parts) part(one, where, known);
                }
            }
            case "Precompiled" -> characters(part.get("precompiled_charsmap"));
            case "TemplateProcessing" -> template(part);
            case "Unigram" -> {
                if (!(part.get("vocab") instanceof List<?> vocabulary)) throw refused("has no vocabulary");
                for (Object piece : vocabulary) {
                    if (!(piece instanceof List<?> pair) || pair.isEmpty() || "".equals(pair.get(0))) throw refused("has an empty piece");
                }
            }
            default -> { }
        }
    }

    /** Every special token that a template puts around a text has to be described, and the text is the first one. */
    private static void template(Map<?, ?> part) {
        if (!(part.get("special_tokens") instanceof Map<?, ?> special)) throw refused("describes no special tokens");
        for (Object value : special.values()) {
            if (!(value instanceof Map<?, ?> token) || !(token.get("ids") instanceof List<?> ids) || !(token.get("tokens") instanceof List<?> tokens)
                    || ids.size() != tokens.size()) {
                throw refused("describes a special token otherwise than by as many ids as tokens");
            }
        }
        for (String name : List.of("single", "pair")) {
            if (!(part.get(name) instanceof List<?> pieces)) throw refused("has no template '" + name + "'");
            for (Object piece : pieces) {
                Map<?, ?> named = piece instanceof Map<?, ?> map ? map : Map.of();
                boolean token = named.get("SpecialToken") instanceof Map<?, ?> one && one.get("id") instanceof String id && special.containsKey(id);
                boolean text = named.get("Sequence") instanceof Map<?, ?> one && ("A".equals(one.get("id")) || name.equals("pair"));
                if (!token && !text) throw refused("has a template '" + name + "' with a piece that is not described: " + piece);
            }
        }
    }

    /**
     * The table of a SentencePiece model: a double array of uint32 that is walked by the bytes of a character, whose values are places in a
     * text of UTF-8. Every step that a byte can take has to stay within them.
     */
    private static void characters(Object base64) {
        try {
            ByteBuffer table = ByteBuffer.wrap(Base64.getDecoder().decode((String) base64)).order(ByteOrder.LITTLE_ENDIAN);
            long bytes = table.getInt() & 0xffffffffL;
            if (bytes % 4 != 0 || bytes > table.remaining() || bytes == 0) throw refused("has a broken table of characters");
            int[] units = new int[(int) (bytes / 4)];
            for (int i = 0; i < units.length; i++) units[i] = table.getInt();
            byte[] text = new byte[table.remaining()];
            table.get(text);
            StandardCharsets.UTF_8.newDecoder().decode(ByteBuffer.wrap(text));
            walk(units, text);
        } catch (RuntimeException | CharacterCodingException error) {
            throw error instanceof IllegalArgumentException refused && refused.getMessage().startsWith(WHAT) ? refused
                    : refused("has a broken table of characters");
        }
    }

    private static void walk(int[] units, byte[] text) {
        BitSet seen = new BitSet(units.length);
        Deque<Integer> left = new ArrayDeque<>();
        left.push(offset(units[0]));
        while (!left.isEmpty()) {
            int base = left.pop();
            if (base < 0 || (base | 0xff) >= units.length) throw refused("has a table of characters that leads out of it");
            if (seen.get(base)) continue;
            seen.set(base);
            for (int letter = 1; letter < 256; letter++) {
                int unit = units[base ^ letter];
                if ((unit & 0x800000ff) != letter) continue;
                int next = base ^ letter ^ offset(unit);
                left.push(next);
                if ((unit >>> 8 & 1) == 0) continue;
                int place = next >= 0 && next < units.length ? units[next] & 0x7fffffff : Integer.MAX_VALUE;
                if (place > text.length || place < text.length && (text[place] & 0xc0) == 0x80) {
                    throw refused("has a table of characters that leads out of its text");
                }
            }
        }
    }

    private static int offset(int unit) {
        return (unit >>> 10) << ((unit & 1 << 9) >>> 6);
    }

    private static IllegalArgumentException refused(String why) {
        String shown = why.length() <= 200 ? why : why.substring(0, 200) + "…";
        return new IllegalArgumentException(WHAT + shown + ". Push one that `etalage models export` wrote.");
    }
}
