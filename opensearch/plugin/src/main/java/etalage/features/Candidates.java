package etalage.features;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * Candidates of a query: n rows in the engine's order (`Candidates` of opensearch/engine.py).
 *
 * <p>What a document brings is one binary value each, read in place: feature record (`RECORD` of etalage/core/records.py), int8 vectors,
 * title (opensearch/cluster/documents.py). Token ids are uint32, as the bits of an int; 0 is none.
 */
public final class Candidates {
    /** Tokens that a record has room for. */
    static final int TITLE = 32, BRAND = 4, CATEGORY = 12, ATTRIBUTES = 32, MODELS = 6;

    /** Where the columns of token ids begin in a record, in bytes. */
    static final int TITLE_AT = 0,
            SURFACE_AT = TITLE_AT + 4 * TITLE,
            KIND_AT = SURFACE_AT + 4 * TITLE,
            BRAND_AT = KIND_AT + TITLE,
            CATEGORY_AT = BRAND_AT + 4 * BRAND,
            ATTRIBUTES_AT = CATEGORY_AT + 4 * CATEGORY,
            MODELS_AT = ATTRIBUTES_AT + 4 * ATTRIBUTES;

    /** Where the lengths in tokens (uint16) and the numbers (float32, NaN is unknown) are. */
    static final int TITLE_LENGTH = MODELS_AT + 4 * MODELS,
            DESCRIPTION_LENGTH = TITLE_LENGTH + 2,
            PRICE = DESCRIPTION_LENGTH + 2,
            LIST_PRICE = PRICE + 4,
            STOCK = LIST_PRICE + 4,
            RATING = STOCK + 4,
            REVIEWS = RATING + 4,
            POPULARITY = REVIEWS + 4,
            CLICK_RATE = POPULARITY + 4,
            PURCHASE_RATE = CLICK_RATE + 4,
            CREATED = PURCHASE_RATE + 4;

    /** Bytes of a record, and the version of its layout (`RECORD_VERSION`). */
    public static final int RECORD = CREATED + 4, RECORD_VERSION = 2;

    /** Text fields whose BM25 a row has (`TEXT` of opensearch/fields.py). */
    public static final int FIELDS = 6;

    private static final VarHandle INT = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle FLOAT = MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle SHORT = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);

    private final int dim;
    private final int fixed;
    private final String[] ids;
    private final boolean[] near;
    private final float[] lexical;
    private final float[][] fields;
    private final byte[][] rows;
    private final double[] lengths;

    /**
     * @param dim components of the text vectors; 0 without any
     * @param dimImage components of the image vectors
     * @param ids ids of the documents [n]
     * @param near who is among the nearest vectors [n]
     * @param lexical combined BM25 [n], 0 without a match
     * @param fields BM25 of each text field, weights divided out [n][FIELDS]
     * @param rows values of the field `record` [n]
     * @throws IllegalArgumentException columns of other lengths, or a row too short for its vectors
     */
    public Candidates(
            int dim, int dimImage, String[] ids, boolean[] near, float[] lexical, float[][] fields, byte[][] rows) {
        int size = rows.length;
        if (ids.length != size || near.length != size || lexical.length != size || fields.length != size) {
            throw new IllegalArgumentException("columns of candidates differ in length: " + ids.length + " ids, "
                    + near.length + " near, " + lexical.length + " lexical, " + fields.length + " fields, " + size + " rows");
        }
        this.dim = dim;
        fixed = RECORD + dim + dimImage;
        for (int row = 0; row < size; row++) {
            if (rows[row].length < fixed) {
                throw new IllegalArgumentException("the record of [" + ids[row] + "] has " + rows[row].length
                        + " bytes, at least " + fixed + " are needed for vectors of " + dim + " and " + dimImage
                        + " components; index the catalog again");
            }
            if (fields[row].length != FIELDS) {
                throw new IllegalArgumentException(
                        "[" + ids[row] + "] has " + fields[row].length + " scores of fields, not " + FIELDS);
            }
        }
        this.ids = ids;
        this.near = near;
        this.lexical = lexical;
        this.fields = fields;
        this.rows = rows;
        lengths = new double[size];
        for (int row = 0; row < size; row++) lengths[row] = length(rows[row]);
    }

    /** How many there are. */
    public int size() {
        return rows.length;
    }

    /** Components of the text vectors. */
    public int dim() {
        return dim;
    }

    /** The id of a row. */
    public String id(int row) {
        return ids[row];
    }

    /** The title of a row. */
    public String title(int row) {
        return new String(rows[row], fixed, rows[row].length - fixed, StandardCharsets.UTF_8);
    }

    /** Whether a row is among the nearest vectors. */
    public boolean near(int row) {
        return near[row];
    }

    /** Combined BM25 [n]; not to be written to. */
    public float[] lexical() {
        return lexical;
    }

    /** BM25 of one text field [n]. */
    public float[] field(int number) {
        float[] column = new float[rows.length];
        for (int row = 0; row < column.length; row++) column[row] = fields[row][number];
        return column;
    }

    /** Who has a text vector [n]. */
    public boolean[] vectored() {
        boolean[] vectored = new boolean[rows.length];
        for (int row = 0; row < vectored.length; row++) vectored[row] = lengths[row] > 0;
        return vectored;
    }

    /**
     * Cosine of a vector [dim] with each text vector: [n], 0 without one. Rounded once, at the end: what is equal stays so, and ranks
     * by it are the same wherever they are computed.
     */
    public float[] cosines(double[] vector) {
        if (vector.length != dim) {
            throw new IllegalArgumentException(
                    "a vector of " + vector.length + " components, those of the index have " + dim);
        }
        double squares = 0;
        for (double value : vector) squares += value * value;
        double length = Math.max(Math.sqrt(squares), 1e-12);
        float[] cosines = new float[rows.length];
        for (int row = 0; row < cosines.length; row++) {
            if (lengths[row] > 0) cosines[row] = (float) (dot(rows[row], vector) / (lengths[row] * length));
        }
        return cosines;
    }

    /** Adds the text vector of a row, of unit length, to `sum` [dim]. */
    void addDirection(int row, double[] sum) {
        if (lengths[row] == 0) return;
        byte[] bytes = rows[row];
        for (int at = 0; at < dim; at++) sum[at] += bytes[RECORD + at] / lengths[row];
    }

    /** A token id of a column that begins at `column`. */
    int token(int row, int column, int place) {
        return (int) INT.get(rows[row], column + 4 * place);
    }

    /** The kind of a word of the title (`Token`). */
    int kind(int row, int place) {
        return rows[row][KIND_AT + place];
    }

    /** A length in tokens. */
    int length(int row, int at) {
        return Short.toUnsignedInt((short) SHORT.get(rows[row], at));
    }

    /** A number of each record [n], NaN where it is unknown. */
    float[] numbers(int at) {
        float[] column = new float[rows.length];
        for (int row = 0; row < column.length; row++) column[row] = (float) FLOAT.get(rows[row], at);
        return column;
    }

    /** Whether an article number of a row has this id. */
    public boolean hasModel(int row, int id) {
        for (int place = 0; place < MODELS; place++) {
            if (token(row, MODELS_AT, place) == id) return true;
        }
        return false;
    }

    private double length(byte[] bytes) {
        int squares = 0;
        for (int at = RECORD; at < RECORD + dim; at++) squares += bytes[at] * bytes[at];
        return Math.sqrt(squares);
    }

    /** Four sums side by side: one alone waits for each addition. */
    private double dot(byte[] bytes, double[] vector) {
        double a = 0, b = 0, c = 0, d = 0;
        int at = 0;
        for (; at + 3 < dim; at += 4) {
            a += bytes[RECORD + at] * vector[at];
            b += bytes[RECORD + at + 1] * vector[at + 1];
            c += bytes[RECORD + at + 2] * vector[at + 2];
            d += bytes[RECORD + at + 3] * vector[at + 3];
        }
        for (; at < dim; at++) a += bytes[RECORD + at] * vector[at];
        return a + b + (c + d);
    }
}
