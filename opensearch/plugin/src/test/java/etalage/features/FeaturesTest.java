package etalage.features;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import etalage.encode.Json;
import etalage.text.Query;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;

class FeaturesTest {
    @Test
    void theContractIsThatOfThePackagedRanker() throws IOException {
        Map<String, Object> manifest = Json.object(Files.readAllBytes(Path.of(System.getProperty("starter"), "manifest.json")));
        assertEquals(manifest.get("features"), Features.NAMES);
        assertEquals(manifest.get("contract"), Features.contract());
    }

    @Test
    void everyValueIsFinite() {
        Rows rows = new Rows("red shoe", "", "shoe 42 for mx500").vector(0, 3, 4).lexical(0, 0, 2);
        for (String query : new String[] {"", "shoe", "shoe shoe 42", "mx500"}) {
            for (float[] vector : new float[][] {null, {0.6f, 0.8f}, {0, 0}}) {
                float[] matrix = Features.matrix(Query.of(query), vector, rows.candidates());
                assertEquals(3 * Features.NAMES.size(), matrix.length);
                for (float value : matrix) assertTrue(Float.isFinite(value) && Math.abs(value) <= 1.5);
            }
        }
    }

    @Test
    void noCandidatesGiveNoRows() {
        assertEquals(0, Features.matrix(Query.of("shoe"), null, new Rows().candidates()).length);
    }

    @Test
    void aRowTooShortForItsVectorsIsRefused() {
        byte[][] rows = {new byte[Candidates.RECORD + 3]};
        IllegalArgumentException error = assertThrows(
                IllegalArgumentException.class,
                () -> new Candidates(4, 0, new String[] {"p0"}, new boolean[1], new float[1], new float[1][6], rows));
        assertTrue(error.getMessage().contains("[p0]") && error.getMessage().contains("547"));
    }

    @Test
    void aVectorOfAnotherLengthIsRefused() {
        assertThrows(IllegalArgumentException.class, () -> new Rows("shoe").column("cosine", "shoe", 1, 0, 0));
    }

    @Test
    void cosinesAreOfTheVectorsThereAre() {
        Rows rows = new Rows("a", "b", "c").vector(0, 30, 40).vector(1, -6, 8);
        assertArrayEquals(new float[] {1, 0.28f, 0}, rows.column("cosine", "a", 0.6f, 0.8f), 1e-6f);
        assertArrayEquals(new float[] {1, 0.001f, 0}, rows.column("cosine_relative", "a", 0.6f, 0.8f), 1e-6f);
        assertArrayEquals(new float[] {0, 0, 0}, rows.column("cosine", "a"), 0);
    }

    @Test
    void equalScoresRankInTheOrderOfTheList() {
        Rows rows = new Rows("a", "b", "c", "d").lexical(2, 0, 5, 2);
        float third = Columns.reciprocal(3);
        assertArrayEquals(new float[] {Columns.reciprocal(2), 0, 1, third}, rows.column("lexical_rank", "a"), 1e-6f);
    }

    @Test
    void aWordThatIsTypedTwiceStandsInBothPlaces() {
        Rows rows = new Rows("shoe rack", "shoe shoe");
        assertArrayEquals(new float[] {0, 1}, rows.column("title_ordered", "shoe shoe"), 0);
        assertArrayEquals(new float[] {1, 1}, rows.column("title_coverage", "shoe shoe"), 0);
        assertArrayEquals(new float[] {0.5f, 1}, rows.column("title_run", "shoe shoe"), 0);
    }

    @Test
    void theLastPlaceOfATitleCounts() {
        Rows rows = new Rows("w ".repeat(31) + "lamp", "w ".repeat(32) + "lamp");
        assertArrayEquals(new float[] {1, 0}, rows.column("title_last", "lamp"), 0);
        assertArrayEquals(new float[] {1, 0}, rows.column("title_coverage", "lamp"), 0);
    }

    @Test
    void aSlipcoverForSofasIsASlipcover() {
        Rows rows = new Rows("Couch Slipcover for Sofas", "Sofa Couch", "Lamp 24 in. for Sofas");
        assertArrayEquals(new float[] {0, 0.5f, 0}, rows.column("noun", "sofa"), 0);
        assertArrayEquals(new float[] {1, 0, 1}, rows.column("served", "sofa"), 0);
        assertArrayEquals(new float[] {1, 0, 0}, rows.column("noun", "slipcover"), 0);
    }

    @Test
    void inEndsANameOnlyBehindAWord() {
        Rows rows = new Rows("24 in. lamp shade", "lamp in blue shade");
        assertArrayEquals(new float[] {0.5f, 1}, rows.column("noun", "lamp"), 0);
    }

    @Test
    void numbersThatAreUnknownAreInTheMiddle() {
        Rows rows = new Rows("a", "b", "c", "d").numbers(Candidates.RATING, 1, 3, Float.NaN);
        assertArrayEquals(new float[] {-1 / 3f, 1 / 3f, 0, 0}, rows.column("rating", "a"), 1e-6f);
        rows.numbers(Candidates.PRICE, 75, 100, Float.NaN, 50).numbers(Candidates.LIST_PRICE, 100, 0, 100, 40);
        assertArrayEquals(new float[] {0.25f, 0, 0, 0}, rows.column("discount", "a"), 1e-6f);
        rows.numbers(Candidates.STOCK, 0, 2, Float.NaN);
        assertArrayEquals(new float[] {0, 1, 1, 1}, rows.column("in_stock", "a"), 0);
    }

    @Test
    void productsOfAnotherBrandThanTheOneNamedConflict() {
        Rows rows = new Rows("a", "b", "c").id(0, Candidates.BRAND_AT, 0, "acm").id(1, Candidates.BRAND_AT, 0, "bolt");
        assertArrayEquals(new float[] {1, 0, 0}, rows.column("brand_conflict", "bolt"), 0);
        assertArrayEquals(new float[] {0, 0, 0}, rows.column("brand_conflict", "lamp"), 0);
    }

    @Test
    void theBestShareTheirWords() {
        Rows rows = new Rows("red shoe", "red boot", "blue shoe").lexical(3, 2, 1);
        assertArrayEquals(new float[] {2 / 6f, 3 / 6f, 1 / 6f}, rows.column("words_of_best", "shoe"), 1e-6f);
    }
}
