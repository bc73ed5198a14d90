package etalage.features;

import java.util.List;
import java.util.stream.Stream;

/** Features of what is not known here, pictures and what the shopper looked at, as where nobody knows it (ranker/features/looks.py, shopper.py). */
final class Absent {
    static final List<Feature> LOOKS = zeros("looks", "looks", "looks_relative", "looks_deviation", "looks_rank");

    static final List<Feature> SHOPPER = zeros(
            "shopper",
            "shopper_likeness",
            "shopper_nearest",
            "shopper_brand",
            "shopper_category",
            "shopper_attributes",
            "shopper_price");

    private Absent() {}

    /** A feature that is 0 for every candidate. */
    static Feature zero(String family, String name) {
        return new Feature(name, family, 0, c -> new float[c.size]);
    }

    private static List<Feature> zeros(String family, String... names) {
        return Stream.of(names).map(name -> zero(family, name)).toList();
    }
}
