package etalage.features;

import java.util.List;

/** What the product is like, whatever was asked: price, popularity, ratings, freshness, stock (ranker/features/product.py). */
final class Product {
    static final List<Feature> FEATURES = List.of(
            feature("price", 0, c -> Columns.standardized(c.logPrice)),
            feature("discount", 0, Product::discount),
            feature("popularity", 0, c -> logarithm(c, Candidates.POPULARITY)),
            feature("rating", 0, c -> Columns.standardized(c.found.numbers(Candidates.RATING))),
            feature("reviews", 0, c -> logarithm(c, Candidates.REVIEWS)),
            feature("freshness", 0, c -> Columns.standardized(c.found.numbers(Candidates.CREATED))),
            feature("in_stock", 1, Product::inStock));

    private Product() {}

    private static Feature feature(String name, float missing, Feature.Compute compute) {
        return new Feature(name, "product", missing, compute);
    }

    private static float[] logarithm(Context c, int at) {
        return Columns.standardized(Columns.log(c.found.numbers(at)));
    }

    /** Share taken off the list price, 0 where either is unknown. */
    private static float[] discount(Context c) {
        float[] prices = c.found.numbers(Candidates.PRICE), before = c.found.numbers(Candidates.LIST_PRICE);
        for (int row = 0; row < c.size; row++) {
            float cut = before[row] > 0 ? 1f - prices[row] / before[row] : 0;
            prices[row] = cut == cut ? Math.clamp(cut, 0f, 1f) : 0;
        }
        return prices;
    }

    private static float[] inStock(Context c) {
        float[] stock = c.found.numbers(Candidates.STOCK);
        for (int row = 0; row < c.size; row++) stock[row] = stock[row] != stock[row] || stock[row] > 0 ? 1 : 0;
        return stock;
    }
}
