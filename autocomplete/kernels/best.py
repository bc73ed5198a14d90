"""The best so far, and a queue of what comes next."""

from __future__ import annotations

from autocomplete.kernels.compiled import Real, Whole, compiled


@compiled
def offer(docs: Whole, values: Real, found: int, doc: int, value: float) -> int:
    """Put a document among the best `found` of docs and values, which are in order of value, then number; how many there are.

    A document that is there already keeps its greater value.
    """
    size = len(docs)
    if size == 0 or (found == size and value <= values[size - 1]):
        return found
    for i in range(found):
        if docs[i] == doc:
            if values[i] >= value:
                return found
            for j in range(i, found - 1):
                docs[j], values[j] = docs[j + 1], values[j + 1]
            found -= 1
            break
    at = found if found < size else size - 1
    while at > 0 and (values[at - 1] < value or (values[at - 1] == value and docs[at - 1] > doc)):
        docs[at], values[at] = docs[at - 1], values[at - 1]
        at -= 1
    docs[at], values[at] = doc, value
    return min(found + 1, size)


@compiled
def push(keys: Real, items: Whole, size: int, key: float, item: int) -> int:
    """Add to a binary heap whose greatest key is first; its new size."""
    at = size
    while at > 0:
        up = (at - 1) >> 1
        if keys[up] >= key:
            break
        keys[at], items[at] = keys[up], items[up]
        at = up
    keys[at], items[at] = key, item
    return size + 1


@compiled
def pop(keys: Real, items: Whole, size: int) -> int:
    """Move the first of a heap behind its end; its new size, which is also where the first is."""
    key, item = keys[0], items[0]
    size -= 1
    last, moved = keys[size], items[size]
    at = 0
    while 2 * at + 1 < size:
        down = 2 * at + 1
        if down + 1 < size and keys[down + 1] > keys[down]:
            down += 1
        if keys[down] <= last:
            break
        keys[at], items[at] = keys[down], items[down]
        at = down
    keys[at], items[at] = last, moved
    keys[size], items[size] = key, item
    return size
