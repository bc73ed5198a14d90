package etalage.features;

import etalage.rank.Fusion;
import etalage.text.Query;
import java.util.Arrays;

/** One query's candidates with the intermediate results that several features share (`Context` of ranker/features/base.py). */
final class Context {
    /** Kinds of token (`Token`). */
    static final int WORD = 0, NUMBER = 1, MODEL = 2;

    /** How many of the best candidates by the fused score the others are compared with. */
    static final int FEW = 5, MANY = 20;

    final Query query;
    final Candidates found;
    final int size;
    /** Terms of the query, m. */
    final int terms;
    /** Cosine with the query [n], 0 without a vector. */
    final float[] cosines;
    /** The hybrid score [n]. */
    final float[] fused;
    /** Who has a text vector [n]. */
    final boolean[] vectored;
    /** Rows by descending fused score, ties in the list's order [n]. */
    final int[] best;
    /** 1-based rank by BM25, 0 without a match, and by cosine, 0 without a vector [n]. */
    final int[] lexicalRank, vectorRank;
    /** Where each stem of the query stands in each title, attributes, brand, category [m][n], as `Places`. */
    final int[][] places, attributes, brand, category;
    /** Where each surface form of the query stands in each title [m][n]. */
    final int[][] surfaces;
    /** Where each two neighbouring stems of the query stand side by side, in order, in each title, by the first's place [m - 1][n]. */
    final int[][] pairs;
    /** Which places of the title hold a stem of the query [n]. */
    final int[] matched;
    /** Which words of each title have each role of `Naming` [roles][n], as `Places`. */
    final int[][] roles;
    /** Words of each title [n]. */
    final int[] words;
    /** Share of each product's brand words that the query names [n]. */
    final float[] brandNamed;
    /** How rare each stem of the query is in the candidates' titles [m]: log(1 + n / (1 + titles with it)). */
    final float[] rarity;
    /** Which terms of the query are numbers. */
    final int[] numbers;
    /** log(1 + price) [n], NaN where it is unknown. */
    final float[] logPrice;
    /** Cosine with the mean vector of the best `FEW` and `MANY` candidates [n], 0 where either is missing. */
    final float[] likenessFew, likenessMany;

    Context(Query query, Candidates found, float[] cosines, float[] fused) {
        this.query = query;
        this.found = found;
        this.cosines = cosines;
        this.fused = fused;
        size = found.size();
        terms = query.stems().length;
        vectored = found.vectored();
        best = Fusion.order(fused);
        lexicalRank = Fusion.ranks(found.lexical(), Fusion.above(found.lexical(), 0));
        vectorRank = Fusion.ranks(cosines, vectored);
        places = Places.of(query.stems(), found, Candidates.TITLE_AT, Candidates.TITLE);
        attributes = Places.of(query.stems(), found, Candidates.ATTRIBUTES_AT, Candidates.ATTRIBUTES);
        brand = Places.of(query.stems(), found, Candidates.BRAND_AT, Candidates.BRAND);
        category = Places.of(query.stems(), found, Candidates.CATEGORY_AT, Candidates.CATEGORY);
        surfaces = Places.of(query.surfaces(), found, Candidates.SURFACE_AT, Candidates.TITLE);
        roles = Naming.places(found);
        pairs = following(places);
        matched = union(places);
        words = Places.filled(found, Candidates.TITLE_AT, Candidates.TITLE);
        for (int row = 0; row < size; row++) words[row] = Integer.bitCount(words[row]);
        brandNamed = brandNamed();
        rarity = rarity();
        numbers = numbers();
        logPrice = Columns.log(found.numbers(Candidates.PRICE));
        double[] sum = new double[found.dim()];
        int few = Math.min(FEW, size), many = Math.min(MANY, size);
        for (int place = 0; place < few; place++) found.addDirection(best[place], sum);
        likenessFew = found.cosines(sum);
        for (int place = few; place < many; place++) found.addDirection(best[place], sum);
        likenessMany = found.cosines(sum);
    }

    /** Whether title, brand, category or attributes of a row have a stem of the query. */
    boolean anywhere(int term, int row) {
        return (places[term][row] | attributes[term][row] | brand[term][row] | category[term][row]) != 0;
    }

    /** Of sets of places [m][n], the share of the m that are not empty for each of the n: 0 where m is 0. */
    float[] share(int[][] sets) {
        float[] share = new float[size];
        for (int[] set : sets) {
            for (int row = 0; row < size; row++) share[row] += set[row] != 0 ? 1 : 0;
        }
        return Columns.relative(share, sets.length);
    }

    /** Where a stem and then the next one stand side by side, of runs of stems [k][n] that begin one term apart: [k - 1][n]. */
    int[][] following(int[][] runs) {
        int[][] longer = new int[Math.max(runs.length - 1, 0)][size];
        for (int term = 0; term < longer.length; term++) {
            for (int row = 0; row < size; row++) longer[term][row] = runs[term][row] & runs[term + 1][row] >>> 1;
        }
        return longer;
    }

    private int[] union(int[][] sets) {
        int[] union = new int[size];
        for (int[] set : sets) {
            for (int row = 0; row < size; row++) union[row] |= set[row];
        }
        return union;
    }

    private float[] brandNamed() {
        int[] named = union(brand), filled = Places.filled(found, Candidates.BRAND_AT, Candidates.BRAND);
        float[] share = new float[size];
        for (int row = 0; row < size; row++) {
            share[row] = Columns.ratio(Integer.bitCount(named[row]), Integer.bitCount(filled[row]));
        }
        return share;
    }

    private float[] rarity() {
        float[] rarity = new float[terms];
        for (int term = 0; term < terms; term++) {
            int having = 0;
            for (int set : places[term]) having += set != 0 ? 1 : 0;
            rarity[term] = (float) Math.log1p(size / (1.0 + having));
        }
        return rarity;
    }

    private int[] numbers() {
        int[] numbers = new int[terms];
        int count = 0;
        for (int term = 0; term < terms; term++) {
            if (query.kinds()[term] == NUMBER) numbers[count++] = term;
        }
        return Arrays.copyOf(numbers, count);
    }
}
