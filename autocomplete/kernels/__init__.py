"""The inner loops of the completion index, compiled by numba.

Texts are UTF-8 and lie in byte order. Documents (completions) are numbered by descending score: the least number of a range is its
best completion, found by range minima, and the documents of a word lie in order of score, with the words of a document beside
it (Gog, Pibiri and Venturini, Efficient and Effective Query Auto-Completion, SIGIR 2020).
"""
