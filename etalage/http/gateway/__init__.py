"""OpenSearch's own search requests, answered with Etalage's ranking.

`asked` reads a request, `plan` decides whether it is ranked, `flow` answers it, `reply` puts the answer into OpenSearch's
shape, `ubi` keeps what was searched, `routes` are the doors.
"""
