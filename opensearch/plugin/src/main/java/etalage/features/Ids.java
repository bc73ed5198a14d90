package etalage.features;

/** A set of token ids, none of them 0, each in a slot of its own by which further values are kept. */
final class Ids {
    private final int[] slots;
    private final int mask;

    /** Room for `most` ids. */
    Ids(int most) {
        // A quarter full at most, so that what is not in it is known at the first look.
        slots = new int[Integer.highestOneBit(Math.max(most, 4)) << 3];
        mask = slots.length - 1;
    }

    /** Slots there are. */
    int size() {
        return slots.length;
    }

    /** The slot of an id, which is added. */
    int add(int id) {
        int slot = id & mask;
        while (slots[slot] != 0 && slots[slot] != id) slot = slot + 1 & mask;
        slots[slot] = id;
        return slot;
    }

    /** The slot of an id, -1 without one. */
    int find(int id) {
        int slot = id & mask;
        while (slots[slot] != id) {
            if (slots[slot] == 0) return -1;
            slot = slot + 1 & mask;
        }
        return slot;
    }
}
