"""The route tables behind the recorded ones, as values of the model."""

from dataclasses import replace

from tests.translators.tables import (
    EXACT,
    PREFIX,
    PRESENT,
    REGEX,
    RETRY,
    header,
    headers,
    host,
    plain_host,
    query,
    radio,
    split,
    table,
    target,
    to,
    uri,
)
from translators.model import (
    CatchAll,
    HeaderOperations,
    ObjectRef,
    Retry,
    Rewrite,
    RouteMatch,
    StringMatch,
    VirtualHost,
)

STREAM, ARCHIVE, SEARCH = (target(name, "radio") for name in ("stream", "archive", "search"))
MAPS, TICKETS = target("maps", "zoo"), target("tickets", "zoo")
NEWS, PHOTOS, WIRE = (target(name, "press") for name in ("news", "photos", "wire"))
CHIMES, BELLS = target("chimes", "clock"), target("bells", "clock")
USER, GUEST = target("user", "web"), target("guest", "web")
M1, M2 = target("m1", "shop"), target("m2", "shop")


def merged(name: str, namespace: str) -> ObjectRef:
    return ObjectRef("VirtualService", namespace, name)


TABLES = {
    "pa-namespace-disable/w-v1/80": table(plain_host("w", "pa", "10.96.164.1")),
    "pa-namespace-disable/w-v1/w.pa.svc.cluster.local:91": table(
        VirtualHost(
            "w.pa.svc.cluster.local:91",
            ("*",),
            (to(target("w", "pa", port=91), name="default"),),
        ),
        name="w.pa.svc.cluster.local:91",
        catch_all=CatchAll.NONE,
    ),
    "sidecar-registry-only/client/80": table(
        plain_host("reg", "sa", "10.96.145.1"), catch_all=CatchAll.BLOCK_ALL
    ),
    "full-story/web-v1/80": table(
        host(
            "cart",
            "store",
            "10.96.205.2",
            to(
                target("cart", "store", subset="canary"),
                headers(header("x-tester", EXACT, "1")),
                name="testers",
            ),
            split(
                (
                    target("cart", "store", subset="stable", weight=95),
                    target(
                        "cart",
                        "store",
                        subset="canary",
                        weight=5,
                        response=HeaderOperations(add=(("x-canary", "yes"),)),
                    ),
                ),
                name="split",
                timeout_ms=2000,
                retry=Retry(
                    2, "gateway-error,connect-failure,refused-stream", per_try_timeout_ms=700
                ),
            ),
        ),
        plain_host("web", "store", "10.96.205.1"),
    ),
    "match-uri-regex/visitor/80": table(
        host(
            "tickets",
            "zoo",
            "10.96.4.1",
            to(TICKETS, uri(REGEX, "/t/[0-9]+(/seat)?")),
            to(TICKETS, uri(REGEX, ".*"), timeout_ms=3000),
        )
    ),
    "match-ignore-uri-case/visitor/80": table(
        host(
            "maps",
            "zoo",
            "10.96.5.1",
            *(
                to(MAPS, replace(uri(kind, value), ignore_uri_case=True))
                for kind, value in ((EXACT, "/North"), (PREFIX, "/South"), (REGEX, "/East.+"))
            ),
        )
    ),
    "match-headers/listener/80": radio(
        "stream",
        "10.96.6.1",
        to(STREAM, headers(header("x-band", EXACT, "fm")), name="exact"),
        to(STREAM, headers(header("x-band", PREFIX, "am-")), name="prefix"),
        to(STREAM, headers(header("x-band", REGEX, "dab[0-9]?")), name="regex"),
        to(STREAM, headers(header("x-any", PRESENT)), name="presence"),
        to(
            STREAM,
            headers(header("a-first", EXACT, "1"), header("b-second", EXACT, "2")),
            name="two-headers",
        ),
    ),
    "match-without-headers/listener/80": radio(
        "archive",
        "10.96.7.1",
        to(ARCHIVE, headers(header("x-member", PRESENT, invert=True))),
        to(ARCHIVE, headers(header("x-tier", EXACT, "gold", invert=True))),
        to(
            ARCHIVE,
            headers(header("x-tier", REGEX, ".+"), header("x-tier", PREFIX, "sil", invert=True)),
        ),
    ),
    "match-query-params/listener/80": radio(
        "search",
        "10.96.8.1",
        to(SEARCH, query(header("lang", EXACT, "fi"))),
        to(SEARCH, query(header("lang", PREFIX, "e"), header("page", REGEX, "[0-9]+"))),
        to(SEARCH, query(header("debug", PRESENT))),
        to(SEARCH, query(header("empty", EXACT, ""))),
    ),
    "match-all-together/driver/80": table(
        host(
            "trucks",
            "depot",
            "10.96.17.1",
            to(
                target("trucks", "depot"),
                RouteMatch(
                    uri=StringMatch(PREFIX, "/v2"),
                    ignore_uri_case=True,
                    headers=(
                        header("x-load", PREFIX, "full"),
                        header("x-skip", PRESENT, invert=True),
                        header(":method", EXACT, "GET"),
                        header(":authority", EXACT, "trucks.depot"),
                    ),
                    query=(header("axle", EXACT, "3"),),
                    written=True,
                ),
            ),
        )
    ),
    "weights-zero/guest/80": table(
        plain_host("drinks", "cinema", "10.96.21.2"),
        host(
            "snacks",
            "cinema",
            "10.96.21.1",
            split(
                (target("snacks", "cinema", weight=40), target("sweets", "cinema", weight=60)),
                uri(PREFIX, "/three"),
            ),
            split((target("drinks", "cinema", weight=100),)),
        ),
        plain_host("sweets", "cinema", "10.96.21.3"),
    ),
    "rewrite-uri/editor/80": table(
        host(
            "news",
            "press",
            "10.96.24.1",
            to(NEWS, uri(PREFIX, "/daily/"), rewrite=Rewrite(uri="/")),
            to(NEWS, uri(PREFIX, "/weekly"), rewrite=Rewrite(uri="/w")),
            to(NEWS, uri(EXACT, "/today"), rewrite=Rewrite(uri="/2026")),
            to(NEWS, uri(REGEX, "/y/[0-9]{4}"), rewrite=Rewrite(uri="/year")),
            to(NEWS, rewrite=Rewrite(uri="/rest")),
        )
    ),
    "rewrite-regex/editor/80": table(
        host(
            "photos",
            "press",
            "10.96.25.1",
            to(
                PHOTOS,
                uri(PREFIX, "/img"),
                rewrite=Rewrite(regex=("/img/([^/]+)/(.*)", r"/store/\2/by/\1")),
            ),
            to(PHOTOS, rewrite=Rewrite(regex=("^/a", "/b"), authority="photos.internal")),
        )
    ),
    "rewrite-authority/editor/80": table(
        host(
            "wire",
            "press",
            "10.96.26.1",
            to(WIRE, uri(PREFIX, "/x"), rewrite=Rewrite(authority="other.example.com")),
            to(WIRE, uri(PREFIX, "/y"), rewrite=Rewrite(uri="/z", authority="third.example.com")),
            to(WIRE),
        )
    ),
    "retries-full/maker/80": table(
        host(
            "chimes",
            "clock",
            "10.96.31.1",
            to(
                CHIMES,
                uri(EXACT, "/all"),
                timeout_ms=6000,
                retry=Retry(
                    7,
                    "gateway-error,reset,retriable-status-codes",
                    codes=(429, 503),
                    per_try_timeout_ms=800,
                    backoff_ms=40,
                    previous_hosts=False,
                    remote_localities=True,
                ),
            ),
            to(CHIMES, uri(EXACT, "/true"), retry=replace(RETRY, attempts=1)),
        )
    ),
    "retries-defaults/maker/80": table(
        host(
            "bells",
            "clock",
            "10.96.32.1",
            to(BELLS, uri(EXACT, "/off"), retry=None),
            to(BELLS, uri(EXACT, "/three"), retry=replace(RETRY, attempts=3)),
            to(
                BELLS,
                uri(EXACT, "/codes"),
                retry=Retry(2, ",retriable-status-codes", codes=(502, 504)),
            ),
            to(
                BELLS,
                uri(EXACT, "/grpc"),
                retry=Retry(4, "cancelled,deadline-exceeded,unavailable"),
            ),
            to(BELLS),
        )
    ),
    "headers-destination-level/front/80": table(
        plain_host("guest", "web", "10.96.40.2"),
        host(
            "user",
            "web",
            "10.96.40.1",
            to(
                replace(
                    USER,
                    request=HeaderOperations(set=(("x-one", "1"),)),
                    response=HeaderOperations(remove=("x-secret",)),
                ),
                uri(PREFIX, "/one"),
            ),
            to(
                USER,
                uri(PREFIX, "/auth"),
                request=HeaderOperations(set=(("Host", "user.example.com"), ("x-k", "v"))),
            ),
            split(
                (
                    replace(
                        USER,
                        weight=50,
                        request=HeaderOperations(set=((":authority", "left.example.com"),)),
                    ),
                    replace(
                        GUEST,
                        weight=50,
                        request=HeaderOperations(set=(("host", "right.example.com"),)),
                    ),
                ),
                uri(PREFIX, "/dauth"),
            ),
            split(
                (
                    replace(
                        USER,
                        weight=90,
                        request=HeaderOperations(add=(("x-pick", "user"),)),
                        response=HeaderOperations(set=(("x-who", "u"),)),
                    ),
                    replace(
                        GUEST,
                        weight=10,
                        request=HeaderOperations(remove=("cookie",)),
                        response=HeaderOperations(add=(("x-who", "g"),)),
                    ),
                ),
                request=HeaderOperations(add=(("x-both", "all"),)),
            ),
        ),
    ),
    "grpc-routes/caller/50051": table(
        host(
            "users",
            "rpc",
            "10.96.54.1",
            to(
                target("users", "rpc", port=50051, subset="v2"),
                RouteMatch(
                    uri=StringMatch(PREFIX, "/users.v1.Users/"),
                    headers=(header("x-canary", EXACT, "yes"),),
                    written=True,
                ),
                timeout_ms=2000,
                retry=Retry(2, "unavailable"),
            ),
            to(target("users", "rpc", port=50051)),
            port=50051,
        ),
        name="50051",
    ),
    "gw-vs-merge/edge/http.80": table(
        VirtualHost(
            "merge.example.com:80",
            ("merge.example.com",),
            (
                to(M1, uri(PREFIX, "/a"), timeout_ms=1000, source=merged("zz-first", "shop")),
                to(
                    M2,
                    uri(PREFIX, "/a/longer"),
                    timeout_ms=3000,
                    source=merged("aa-second", "shop"),
                ),
                to(M1, uri(EXACT, "/c"), timeout_ms=5000, source=merged("third", "other")),
                to(M1, timeout_ms=2000, source=merged("zz-first", "shop")),
                to(M2, uri(PREFIX, "/"), timeout_ms=4000, source=merged("aa-second", "shop")),
            ),
        ),
        name="http.80",
        catch_all=CatchAll.NONE,
    ),
}
