"""A shop's OpenSearch requests: what may pass (`guard`), and what a query says (`reading`)."""
