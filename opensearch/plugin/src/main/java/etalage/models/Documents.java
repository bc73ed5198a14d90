package etalage.models;

import java.util.Collection;
import java.util.List;
import java.util.Map;

/** The documents that models are kept in. */
interface Documents {
    /** A document as it is stored, with what tells whether another one has taken its place since. */
    record Document(Map<String, Object> source, long seqNo, long term) {}

    /** A document, read in real time; null when there is none. */
    Document get(String id);

    /** Documents in the order of {@code ids}; null for one that is not there. */
    List<Document> get(List<String> ids);

    /** Writes documents (id: source), or fails. */
    void write(Map<String, Map<String, Object>> documents);

    /**
     * Writes a document in place of {@code instead} (null: where there is none).
     *
     * @throws org.opensearch.OpenSearchStatusException another one has taken its place (409)
     */
    void swap(String id, Map<String, Object> source, Document instead);

    /** Removes documents; those that are not there are left out. */
    void remove(Collection<String> ids);

    /** The sources of all documents whose {@code kind} is the given one. */
    List<Map<String, Object>> all(String kind);

    /** The ids of all documents whose {@code name} is the given one. */
    List<String> named(String name);
}
