package etalage.features;

/** Sets of places in a column of at most 32 tokens: bit p stands for place p (ranker/features/bits.py). */
final class Places {
    private Places() {}

    /** The first place, 32 for none. */
    static int first(int places) {
        return Integer.numberOfTrailingZeros(places);
    }

    /** One more than the last place, 0 for none. */
    static int afterLast(int places) {
        return Integer.SIZE - Integer.numberOfLeadingZeros(places);
    }

    /** All places before the first; all there are where there is none. */
    static int before(int places) {
        return Integer.lowestOneBit(places) - 1;
    }

    /**
     * Where each term of a query stands in a column of each candidate: [m][n].
     *
     * @param terms ids of the terms [m], of which the same one may come twice
     * @param column where the column of token ids begins in a record
     * @param width tokens of the column, at most 32
     */
    static int[][] of(int[] terms, Candidates candidates, int column, int width) {
        int size = candidates.size();
        int[][] places = new int[terms.length][];
        Ids known = new Ids(terms.length);
        int[][] bySlot = new int[known.size()][];
        for (int term = 0; term < terms.length; term++) {
            int slot = known.add(terms[term]);
            if (bySlot[slot] == null) bySlot[slot] = new int[size];
            places[term] = bySlot[slot];
        }
        for (int row = 0; row < size; row++) {
            for (int place = 0; place < width; place++) {
                int id = candidates.token(row, column, place);
                int slot = id == 0 ? -1 : known.find(id);
                if (slot >= 0) bySlot[slot][row] |= 1 << place;
            }
        }
        return places;
    }

    /** Which places of a column of each candidate hold a token: [n]. */
    static int[] filled(Candidates candidates, int column, int width) {
        int[] filled = new int[candidates.size()];
        for (int row = 0; row < filled.length; row++) {
            for (int place = 0; place < width; place++) {
                if (candidates.token(row, column, place) != 0) filled[row] |= 1 << place;
            }
        }
        return filled;
    }
}
