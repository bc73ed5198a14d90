package etalage.features;

import etalage.text.Query;
import etalage.text.Text;
import etalage.text.Token;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.List;

/** Candidates small enough to check by hand: titles, vectors of two components, and what a test puts into the records. */
public final class Rows {
    private static final int DIM = 2;

    private final String[] ids;
    private final boolean[] near;
    private final float[] lexical;
    private final float[][] fields;
    private final ByteBuffer[] rows;

    public Rows(String... titles) {
        int size = titles.length;
        ids = new String[size];
        near = new boolean[size];
        lexical = new float[size];
        fields = new float[size][Candidates.FIELDS];
        rows = new ByteBuffer[size];
        for (int row = 0; row < size; row++) {
            ids[row] = "p" + row;
            byte[] title = titles[row].getBytes(StandardCharsets.UTF_8);
            rows[row] = ByteBuffer.allocate(Candidates.RECORD + DIM + title.length).order(ByteOrder.LITTLE_ENDIAN);
            rows[row].put(Candidates.RECORD + DIM, title);
            for (int at = Candidates.PRICE; at < Candidates.RECORD; at += 4) rows[row].putFloat(at, Float.NaN);
            List<Token> tokens = Text.tokenize(titles[row]);
            for (int place = 0; place < Math.min(tokens.size(), Candidates.TITLE); place++) {
                Token token = tokens.get(place);
                id(row, Candidates.TITLE_AT, place, token.stem());
                id(row, Candidates.SURFACE_AT, place, token.surface());
                rows[row].put(Candidates.KIND_AT + place, (byte) token.kind());
            }
        }
    }

    /** Puts a term into a column of a record. */
    public Rows id(int row, int column, int place, String term) {
        rows[row].putInt(column + 4 * place, Text.id(term));
        return this;
    }

    /** Puts a number into the records, from the first on. */
    public Rows numbers(int at, float... values) {
        for (int row = 0; row < values.length; row++) rows[row].putFloat(at, values[row]);
        return this;
    }

    /** BM25, all of it of the title. */
    public Rows lexical(float... scores) {
        for (int row = 0; row < scores.length; row++) lexical[row] = fields[row][0] = scores[row];
        return this;
    }

    public Rows vector(int row, int x, int y) {
        rows[row].put(Candidates.RECORD, (byte) x).put(Candidates.RECORD + 1, (byte) y);
        near[row] = true;
        return this;
    }

    public Rows ids(String... given) {
        System.arraycopy(given, 0, ids, 0, given.length);
        return this;
    }

    public Candidates candidates() {
        byte[][] bytes = new byte[rows.length][];
        for (int row = 0; row < bytes.length; row++) bytes[row] = rows[row].array();
        return new Candidates(DIM, 0, ids, near, lexical, fields, bytes);
    }

    /** A feature of each candidate, for a query whose vector is null or has two components. */
    public float[] column(String name, String query, float... vector) {
        Candidates candidates = candidates();
        float[] matrix = Features.matrix(Query.of(query), vector.length == 0 ? null : vector, candidates);
        float[] column = new float[candidates.size()];
        int number = Features.NAMES.indexOf(name), width = Features.NAMES.size();
        for (int row = 0; row < column.length; row++) column[row] = matrix[row * width + number];
        return column;
    }
}
