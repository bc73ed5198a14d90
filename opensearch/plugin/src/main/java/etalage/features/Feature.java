package etalage.features;

/**
 * One column of the matrix.
 *
 * @param missing the value when its input is unknown
 * @param compute gives the column [n] of a query's candidates, finite
 */
record Feature(String name, String family, float missing, Compute compute) {
    interface Compute {
        float[] of(Context context);
    }
}
