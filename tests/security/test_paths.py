"""Crooked paths, other indexes, and all that writes or administers: refused, and nothing reaches the engine."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from .conftest import Pass

ALL: dict[str, Any] = {"match_all": {}}
MATCH = {"match": {"title": "red shoe"}}


@pytest.mark.parametrize(
    "path",
    [
        b"/products/../secret/_search",
        b"/products/%2e%2e/secret/_search",
        b"/products/.%2E/_search",
        b"/./products/_search",
        b"/products%2f_search",
        b"/products%2F..%2Fsecret/_search",
        b"/secret%2f_search/products/_search",
        b"//products/_search",
        b"/products//_search",
        b"/products\\_search",
        b"/products%5c..%5csecret/_search",
        b"/products%00/_search",
        b"/products/_search%00",
        b"/products/_doc/p1%00",
        b"/products/_doc/..",
        b"/products/_doc/%2e%2e%2f_search",
        b"/products/_doc/a%2f..%2fb",
        b"/products/_doc/a/../../_search",
        b"/products%0d%0aX-Evil:1/_search",
        b"/products%c0%af_search",
        b"/%c0%ae%c0%ae/_search",
        b"/products/%e0%80%af/_search",
        b"/products%ff/_search",
        b"/products/_search%0a",
        b"/products%e2%80%a8/_search",
        b"/products/_doc/\xc3\xa9%ed%a0%80",
    ],
)
def test_a_crooked_path_is_a_400(refused: Pass, path: bytes) -> None:
    refused("GET", path, b"", (400, 403, 404) if b"/\xc3" in path else 400)


@pytest.mark.parametrize(
    "index",
    [
        "_all",
        "*",
        "%2A",
        "prod*",
        "-products",
        "products,-products",
        "products,*",
        "products,,other",
        ",",
        "products,",
        "products,_all",
        "<products-{now/d}>",
        "<products>",
        "%3Cproducts-%7Bnow%7D%3E",
        "remote:products",
        "products%2Csecret",
        "products%20",
        "%2eproducts",
        "products;x",
        "products%23",
        "products%3Fx",
        "ｐroducts",
        "products%25",
    ],
)
def test_no_other_index_is_reached_by_its_name(refused: Pass, index: str) -> None:
    target = quote(index, safe="%,*<>:;{}-_/")
    for name in ("shop", "everything"):
        refused("GET", f"/{target}/_search", b"", (400, 403, 404), name=name)
        refused("GET", f"/{target}/_count", b"", (400, 403, 404), name=name)
        refused("GET", f"/{target}/_doc/p1", b"", (400, 403, 404), name=name)
        refused("GET", f"/_cluster/health/{target}", b"", (400, 403, 404), name=name)


WRITING = [
    *(("PUT", f"/products{rest}") for rest in ("", "/_doc/p1", "/_create/p1", "/_mapping", "/_settings", "/_alias/x")),
    *(("DELETE", f"/products{rest}") for rest in ("", "/_doc/p1", "/_search", "/_query", "/_alias/x")),
    *(
        ("POST", f"/products/{rest}")
        for rest in (
            "_doc _doc/p1 _create/p1 _bulk _update/p1 _update_by_query _delete_by_query _refresh"
            " _flush _forcemerge _close _open _shrink/x _split/x _clone/x _rollover _cache/clear"
            " _search/template _search/point_in_time _msearch/template _search/scroll _termvectors"
            " _mtermvectors _mget _field_caps _validate/query _explain/p1 _rank_eval _analyze"
            " _async_search _eql/search _pit _search_shards _graph/explore _rollup_search _knn_search"
        ).split()
    ),
    *(
        ("GET", f"/{rest}")
        for rest in (
            "_cat/indices _cat/nodes _nodes _nodes/stats _cluster/settings _cluster/state"
            " _cluster/stats _tasks _snapshot _ingest/pipeline _scripts/x _template _index_template"
            " _component_template _aliases _alias _mapping _settings _stats _segments _recovery"
            " _search _all/_search _count _mget _search/scroll _resolve/index/* _plugins/_sql"
            " _plugins/_security/api/internalusers _plugins/_ml/models _plugins/_ppl _opendistro/_sql"
            " _remote/info _dangling _search/point_in_time/_all _search/pipeline products"
            " products/_mapping products/_settings products/_source/p1 products/_termvectors/p1"
            " products/_explain/p1 products/_search/x products/_search/ products/_count/x"
            " products/_msearch/x _msearch/x _cluster _cluster/health/products/x"
            " products/products/_search .kibana/_search _doc/p1 products/_doc"
        ).split()
    ),
    *(
        ("POST", f"/{rest}")
        for rest in (
            "_bulk _reindex _aliases _scripts/x _scripts/painless/_execute _search/template"
            " _render/template _search/scroll _msearch/template _sql _xpack/sql _plugins/_sql"
            " _plugins/_ppl _plugins/_ml/models/x/_predict _analyze _refresh _flush _forcemerge"
            " _cluster/reroute _cluster/settings _nodes/reload_secure_settings _snapshot/x/y/_restore"
            " _tasks/_cancel _ingest/pipeline/_simulate _search _count _delete_by_query _cache/clear"
        ).split()
    ),
    *(
        ("PUT", f"/{rest}")
        for rest in (
            "_cluster/settings _scripts/x _ingest/pipeline/x _template/x _index_template/x"
            " _snapshot/x _search/pipeline/x _plugins/_security/api/internalusers/x _all/_settings"
        ).split()
    ),
    *(
        ("DELETE", f"/{rest}")
        for rest in ("*", "_all", "_search/scroll", "_scripts/x", "_ingest/pipeline/x", "_snapshot/x")
    ),
    *(
        (method, "/products/_search")
        for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "get", "HEAD")
    ),
    *((method, "/products/_count") for method in ("PUT", "PATCH", "DELETE", "HEAD")),
    *((method, "/_msearch") for method in ("PUT", "PATCH", "DELETE", "HEAD")),
    *((method, "/products/_doc/p1") for method in ("PUT", "POST", "PATCH", "DELETE")),
    *((method, "/") for method in ("POST", "PUT", "DELETE", "PATCH")),
    *((method, "/_cluster/health") for method in ("POST", "PUT", "DELETE")),
]


@pytest.mark.parametrize(("method", "path"), WRITING, ids=[f"{method} {path}" for method, path in WRITING])
def test_nothing_writes_or_administers(refused: Pass, method: str, path: str) -> None:
    for name in ("shop", "everything"):
        refused(method, path, b'{"query": {"match_all": {}}}', (400, 403, 404, 405), name=name)
