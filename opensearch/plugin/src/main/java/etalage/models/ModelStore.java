package etalage.models;

import etalage.models.Documents.Document;
import java.io.ByteArrayOutputStream;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;
import org.opensearch.OpenSearchStatusException;
import org.opensearch.ResourceNotFoundException;
import org.opensearch.core.rest.RestStatus;

/**
 * Pushed artifacts in the hidden index {@link #INDEX}, which all nodes read.
 *
 * <p>A zip lies in chunks, by its hash; one manifest per name says which hash serves and which did before. The manifest is written last
 * and in one piece, so that a name changes from one whole artifact to another.
 */
final class ModelStore {
    static final String INDEX = ".etalage-models";
    private static final int CHUNK = 1 << 20;
    private static final int BATCH = 4;
    private static final Pattern NAME = Pattern.compile("[a-z0-9][a-z0-9._-]{0,63}");
    private static final String MANIFEST = "manifest";

    /** What a name stands for: a count of its changes, what serves, and what did before (may be null). */
    record Entry(String name, long version, Release current, Release previous) {
        Map<String, Object> map() {
            Map<String, Object> map = new LinkedHashMap<>();
            map.put("name", name);
            map.put("version", version);
            map.put("current", current.map());
            map.put("previous", previous == null ? null : previous.map());
            return map;
        }

        static Entry of(Map<String, Object> source) {
            return new Entry((String) source.get("name"), ((Number) source.get("version")).longValue(), Release.of(source.get("current")),
                Release.of(source.get("previous")));
        }
    }

    private final Documents documents;

    ModelStore(Documents documents) {
        this.documents = documents;
    }

    /** {@code name}, if it can be a model's. Throws IllegalArgumentException. */
    static String checked(String name) {
        if (!NAME.matcher(name).matches()) {
            throw new IllegalArgumentException("this is no name of a model: " + (name.length() <= 80 ? name : name.substring(0, 80) + "…")
                + ". Use up to 64 of a-z, 0-9, '.', '_' and '-', the first a letter or digit.");
        }
        return name;
    }

    /** What a name stands for; null when nothing was pushed. */
    Entry find(String name) {
        Document found = documents.get(name);
        return found == null ? null : Entry.of(found.source());
    }

    List<Entry> list() {
        List<Entry> entries = new ArrayList<>();
        for (Map<String, Object> one : documents.all(MANIFEST)) {
            entries.add(Entry.of(one));
        }
        entries.sort((one, other) -> one.name().compareTo(other.name()));
        return entries;
    }

    /** Stores a zip, and has the name stand for it; what it stood for before is kept for {@link #rollback}. */
    Entry put(String name, byte[] zip, String title, String encoder) {
        Document before = documents.get(name);
        Entry old = before == null ? null : Entry.of(before.source());
        String hash = Artifact.sha256(zip);
        if (old != null && old.current().hash().equals(hash)) {
            return old;
        }
        int chunks = write(name, hash, zip);
        Release pushed = new Release(hash, zip.length, chunks, title, encoder, Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        Entry entry = new Entry(name, old == null ? 1 : old.version() + 1, pushed, old == null ? null : old.current());
        try {
            swap(entry, before);
        } catch (OpenSearchStatusException overtaken) {
            tidy(name, pushed);
            throw overtaken;
        }
        if (old != null && old.previous() != null && !old.previous().hash().equals(hash)) {
            documents.remove(ids(name, old.previous()));
        }
        return entry;
    }

    /** Has a name stand for what it did before; a second time takes that back. Throws when there is nothing (404, 409). */
    Entry rollback(String name) {
        Document before = documents.get(name);
        if (before == null) {
            throw missing(name);
        }
        Entry old = Entry.of(before.source());
        if (old.previous() == null) {
            throw new OpenSearchStatusException("there is no earlier model to go back to: " + name + ". Push another one.", RestStatus.CONFLICT);
        }
        Entry entry = new Entry(name, old.version() + 1, old.previous(), old.current());
        swap(entry, before);
        return entry;
    }

    /** Removes the chunks of a release that the name does not stand for after all, unless the other push brought the same ones. */
    private void tidy(String name, Release release) {
        Entry now = find(name);
        boolean current = now != null && now.current().hash().equals(release.hash());
        boolean previous = now != null && now.previous() != null && now.previous().hash().equals(release.hash());
        if (!current && !previous) {
            documents.remove(ids(name, release));
        }
    }

    private void swap(Entry entry, Document before) {
        Map<String, Object> source = entry.map();
        source.put("kind", MANIFEST);
        documents.swap(entry.name(), source, before);
    }

    /** Removes a name with all that was pushed under it. Throws when there is none (404). */
    void delete(String name) {
        if (documents.get(name) == null) {
            throw missing(name);
        }
        documents.remove(List.of(name));
        documents.remove(documents.named(name));
    }

    static ResourceNotFoundException missing(String name) {
        return new ResourceNotFoundException("there is no such model: " + name + ". Push it with `etalage plugin push`.");
    }

    /**
     * The zip of a release.
     *
     * @throws IllegalStateException a chunk is missing or changed
     */
    byte[] read(String name, Release release) {
        ByteArrayOutputStream zip = new ByteArrayOutputStream((int) release.size());
        List<String> ids = ids(name, release);
        for (int start = 0; start < ids.size(); start += BATCH) {
            List<String> wanted = ids.subList(start, Math.min(start + BATCH, ids.size()));
            for (Document one : documents.get(wanted)) {
                if (one == null) {
                    throw new IllegalStateException("a part of the model is missing in " + INDEX + ": " + name + ". Push it again.");
                }
                zip.writeBytes(Base64.getDecoder().decode((String) one.source().get("data")));
            }
        }
        byte[] whole = zip.toByteArray();
        if (!Artifact.sha256(whole).equals(release.hash())) {
            throw new IllegalStateException("the model in " + INDEX + " is not what was pushed: " + name + ". Push it again.");
        }
        return whole;
    }

    private int write(String name, String hash, byte[] zip) {
        int chunks = (zip.length + CHUNK - 1) / CHUNK;
        for (int start = 0; start < chunks; start += BATCH) {
            Map<String, Map<String, Object>> some = new LinkedHashMap<>();
            for (int chunk = start; chunk < Math.min(start + BATCH, chunks); chunk++) {
                byte[] part = Arrays.copyOfRange(zip, chunk * CHUNK, Math.min((chunk + 1) * CHUNK, zip.length));
                String data = Base64.getEncoder().encodeToString(part);
                some.put(id(name, hash, chunk), Map.of("kind", "chunk", "name", name, "data", data));
            }
            documents.write(some);
        }
        return chunks;
    }

    private static List<String> ids(String name, Release release) {
        List<String> ids = new ArrayList<>();
        for (int chunk = 0; chunk < release.chunks(); chunk++) {
            ids.add(id(name, release.hash(), chunk));
        }
        return ids;
    }

    /** Names hold no slash, so no chunk's id is a manifest's. */
    private static String id(String name, String hash, int chunk) {
        return name + "/" + hash + "/" + chunk;
    }
}
