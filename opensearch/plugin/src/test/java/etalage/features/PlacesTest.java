package etalage.features;

import static org.junit.jupiter.api.Assertions.assertEquals;

import etalage.text.Text;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

class PlacesTest {
    @Test
    void firstLastAndBefore() {
        assertEquals(32, Places.first(0));
        assertEquals(0, Places.afterLast(0));
        assertEquals(-1, Places.before(0));
        int both = 1 << 3 | 1 << 31;
        assertEquals(3, Places.first(both));
        assertEquals(32, Places.afterLast(both));
        assertEquals(0b111, Places.before(both));
    }

    @Test
    void idsThatMeetInATableStayApart() {
        Ids ids = new Ids(4);
        int step = ids.size();
        int[] slots = {ids.add(7), ids.add(7 + step), ids.add(7 + 2 * step), ids.add(-1)};
        assertEquals(4, Arrays.stream(slots).distinct().count());
        for (int at = 0; at < 3; at++) assertEquals(slots[at], ids.find(7 + at * step));
        assertEquals(slots[3], ids.find(-1));
        assertEquals(-1, ids.find(7 + 3 * step));
    }

    @Test
    void smallWordsHaveRoles() {
        assertEquals(Naming.PURPOSE, Naming.role(Text.id("for")));
        assertEquals(Naming.ASIDE, Naming.role(Text.id("ohne")));
        assertEquals(Naming.IN, Naming.role(Text.id("in")));
        assertEquals(Naming.NAME, Naming.role(Text.id("fit")));
        assertEquals(Naming.NAME, Naming.role(0));
    }
}
