package etalage.features;

import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;

/** The small words of a title, which end its name (ranker/features/naming.py): `Couch Slipcover for Sofas` is a slipcover, for sofas. */
final class Naming {
    /** Roles of a word: part of a name; it ends a name; what follows is what the product is for; `in`, which ends a name only after a word. */
    static final int NAME = 0, ASIDE = 1, PURPOSE = 2, IN = 3;

    private static final Ids KNOWN = new Ids(32);
    private static final byte[] ROLES = new byte[KNOWN.size()];

    static {
        put(PURPOSE, "for fits compatible suitable pour para passend");
        put(ASIDE, "with without from by including includes incl mit ohne avec sans con");
        put(IN, "in");
    }

    private Naming() {}

    /** The role of a word behind the first place, by the id of its surface form. */
    static int role(int surface) {
        int slot = surface == 0 ? -1 : KNOWN.find(surface);
        return slot < 0 ? NAME : ROLES[slot];
    }

    /** Which words of each title have each role, but for the first place: [roles][n], as `Places`; nothing is noted of `NAME`. */
    static int[][] places(Candidates candidates) {
        int[][] places = new int[IN + 1][candidates.size()];
        for (int row = 0; row < candidates.size(); row++) {
            for (int place = 1; place < Candidates.TITLE; place++) {
                int role = role(candidates.token(row, Candidates.SURFACE_AT, place));
                if (role != NAME) places[role][row] |= 1 << place;
            }
        }
        return places;
    }

    private static void put(int role, String words) {
        for (String word : words.split(" ")) {
            CRC32 crc = new CRC32();
            crc.update(word.getBytes(StandardCharsets.UTF_8));
            ROLES[KNOWN.add((int) crc.getValue())] = (byte) role;
        }
    }
}
