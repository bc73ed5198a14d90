package etalage.plugin;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.opensearch.common.xcontent.XContentHelper;
import org.opensearch.common.xcontent.json.JsonXContent;
import org.opensearch.index.query.QueryBuilders;

class ReadingTest {
    private static final String LIGHT = "{'term': {'color': 'red'}}";
    private static final String CHEAP = "{'range': {'price': {'lt': 5}}}";

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{'match': {'title': 'red shoes'}} | red shoes",
        "{'match': {'title': {'query': 'red shoes', 'boost': 2}}} | red shoes",
        "{'match': {'stock': {'query': 5}}} | ''",
        "{'multi_match': {'query': 'red shoes', 'fields': ['title']}} | red shoes",
        "{'multi_match': {'query': 42, 'fields': ['title']}} | 42",
        "{'query_string': {'query': '+red AND (\"shoes\"^2 OR boot*)~3'}} | red shoes boot",
        "{'query_string': {'query': 'title:red'}} | ''",
        "{'simple_query_string': {'query': 'title:red'}} | red",
        "{'simple_query_string': {'query': 'shoes -red'}} | ''",
        "{'query_string': {'query': 'shoes NOT red'}} | ''",
        "{'simple_query_string': {'query': 't-shirt 90-60'}} | t shirt 90 60",
        "{'dis_max': {'queries': [{'match': {'a': 'short'}}, {'match': {'b': 'much longer'}}]}} | much longer",
        "{'bool': {'must': {'match': {'a': 'red'}}, 'filter': {'match': {'b': 'longer than red'}}}} | red",
        "{'bool': {'filter': [{'match': {'b': 'red'}}]}} | red",
        "{'function_score': {'query': {'match': {'a': 'red'}}, 'weight': 2}} | red",
        "{'nested': {'path': 'a', 'query': {'match': {'a.b': 'red'}}}} | red",
        "{'constant_score': {'filter': {'match': {'a': 'red'}}}} | red",
        "{'boosting': {'positive': {'match': {'a': 'red'}}, 'negative': {'match': {'a': 'blue shoes'}}}} | red",
        "{'hybrid': {'queries': [{'match': {'a': 'red'}}, {'neural': {'v': {'query_text': 'red shoes'}}}]}} | red shoes",
        "{'term': {'a': 'red'}} | ''",
        "{'match_all': {}} | ''",
        "{'match': {'a': '  '}} | ''",
    })
    void readsTheText(String query, String text) {
        assertEquals(text.equals("''") ? "" : text, Reading.of(json(query)).text());
    }

    @Test
    void theLongestTextCountsByCharactersAndTheFirstOfThose() {
        assertEquals("xyz", Reading.of(json("{'dis_max': {'queries': [{'match': {'a': 'xyz'}}, {'match': {'a': '𝒶𝒷c'}}]}}")).text());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "{'match': {'a': 'red'}} | []",
        "{'match_all': {}} | []",
        LIGHT + " | [" + LIGHT + "]",
        "{'bool': {'must': [{'match': {'a': 'red'}}, " + CHEAP + "], 'filter': [" + LIGHT + "]}} | [" + LIGHT + ", " + CHEAP + "]",
        "{'bool': {'must': {'match': {'a': 'red'}}, 'must_not': " + LIGHT + "}} | [{'bool': {'must_not': [" + LIGHT + "]}}]",
        "{'bool': {'must': {'match': {'a': 'x'}}, 'filter': {'match': {'b': 'red'}}}} | [{'match': {'b': 'red'}}]",
        "{'bool': {'filter': [{'match': {'b': 'red'}}, " + LIGHT + "]}} | [" + LIGHT + "]",
        "{'bool': {'should': [" + LIGHT + ", " + CHEAP + "]}} | [{'bool': {'should': [" + LIGHT + ", " + CHEAP + "], 'minimum_should_match': 1}}]",
        "{'bool': {'must': {'match': {'a': 'x'}}, 'should': [" + LIGHT + "]}} | []",
        "{'bool': {'must': {'match': {'a': 'x'}}, 'should': [" + LIGHT + "], 'minimum_should_match': '1'}}"
                + " | [{'bool': {'should': [" + LIGHT + "], 'minimum_should_match': '1'}}]",
        "{'bool': {'should': [{'match': {'a': 'x'}}, " + LIGHT + "]}} | []",
        "{'dis_max': {'queries': [{'bool': {'must': {'match': {'a': 'x'}}, 'filter': [" + LIGHT + ", " + CHEAP + "]}},"
                + " {'bool': {'must': {'match': {'a': 'y'}}, 'filter': [" + LIGHT + "]}}]}} | [" + LIGHT + "]",
        "{'hybrid': {'queries': [{'match': {'a': 'x'}}], 'filter': " + LIGHT + "}} | [" + LIGHT + "]",
        "{'function_score': {'query': {'bool': {'must': {'match': {'a': 'x'}}, 'filter': " + LIGHT + "}}}} | [" + LIGHT + "]",
        "{'knn': {'v': {'vector': [1], 'k': 3, 'filter': " + LIGHT + "}}} | [" + LIGHT + "]",
    })
    void findsWhatHoldsForEveryProduct(String query, String constraints) {
        Object expected = json("{'all': " + constraints + "}").get("all");
        assertEquals(expected, Reading.of(json(query)).constraints());
    }

    @Test
    void whatANodeTakesByItselfOnlyBecomesAlternatives() {
        Reading read = Reading.of(json("{'hybrid': {'queries': [{'match': {'a': 'x'}}, {'neural': {'v': {'query_text': 'x'}}}], 'filter': " + LIGHT + "}}"));
        Map<String, Object> expected = json(
                "{'bool': {'should': [{'match': {'a': 'x'}}, {'match_none': {}}], 'minimum_should_match': 1, 'filter': " + LIGHT + "}}");
        assertEquals(expected, read.query());
    }

    @Test
    void theNodesOwnFormOfAQueryReadsTheSame() {
        Map<String, Object> query = Dsl.json(QueryBuilders.boolQuery()
                .must(QueryBuilders.multiMatchQuery("red shoes", "title", "brand.text"))
                .filter(QueryBuilders.termQuery("color", "red"))
                .mustNot(QueryBuilders.existsQuery("stock")));
        Reading read = Reading.of(query);
        assertEquals("red shoes", read.text());
        assertEquals(query, read.query());
        assertEquals(List.of("term", "bool"), read.constraints().stream().map(one -> one.keySet().iterator().next()).toList());
        assertEquals("", Reading.of(Dsl.json(QueryBuilders.matchAllQuery())).text());
    }

    private static Map<String, Object> json(String text) {
        return XContentHelper.convertToMap(JsonXContent.jsonXContent, text.strip().replace('\'', '"').replace("\"shoes\"^2", "\\\"shoes\\\"^2"), true);
    }
}
