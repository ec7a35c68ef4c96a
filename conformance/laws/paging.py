"""Pages: any way through a list gives the list."""

import base64
import re
from collections import Counter
from typing import Any

from conformance.failures import Answer
from conformance.laws.registry import law
from conformance.laws.world import World
from conformance.target import Principal

_PAGES = "parameters limit and cursor; schemas Meta and Links"
_PLACES = "cursors count places, as the contract's examples do: the list moves under them"
_TOO_MANY = "the application has too many consumers"


def cursors(answer: Answer) -> dict[str, Any]:
    """Return the cursors of a page."""
    meta = answer.json.get("meta") if isinstance(answer.json, dict) else None
    found = meta.get("cursors") if isinstance(meta, dict) else None
    return found if isinstance(found, dict) else {}


def by_place(world: World, who: Principal) -> bool:
    """Whether the cursors of consumers count places: by their form, or by what they do.

    Such a cursor cannot help it that the list moves under it. Nobody says that a client may read a
    cursor, so that it must be tried: where a consumer before it is deleted, one that counts places
    leads one further, and no other does.
    """
    answer = world.call("consumersAll", who, query={"limit": 1})
    if is_place(cursors(answer).get("next")):
        return True
    gone = [world.who(f"{index}-place") for index in range(3)]
    for one in gone:
        world.consumer(one)
    found = _before_a_cursor(world, who, [one.consumer_id for one in gone])
    if found is None:
        return False
    consumer_id, query = found
    before = ids(world.call("consumersAll", who, query=query))
    answer = world.call("consumersDelete", Principal(who.application, consumer_id))
    world.need(answer.is_good, "a consumer cannot be deleted")
    after = ids(world.call("consumersAll", who, query=query))
    return len(before) > 0 and after != before and after[: len(before) - 1] == before[1:]


def _before_a_cursor(
    world: World, who: Principal, made: list[str]
) -> tuple[str, dict[str, Any]] | None:
    """Return a consumer that stands last but one before a cursor, and the query of that cursor."""
    query: dict[str, Any] = {"limit": 200}
    for _ in range(60):
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        rows = ids(answer)
        for place, consumer_id in enumerate(rows[:-2]):
            if consumer_id in made:
                short = world.call("consumersAll", who, query={**query, "limit": place + 2})
                following = cursors(short).get("next")
                again = {"limit": place + 2, "cursor": following}
                return (consumer_id, again) if following else None
        following = cursors(answer).get("next")
        if not following:
            return None
        query = {"limit": 200, "cursor": following}
    return None


def is_place(given: Any) -> bool:
    """Whether a cursor counts places or pages, in the form that the contract's examples have."""
    cursor = str(given or "")
    try:
        told = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except ValueError:
        return False
    return re.fullmatch(rb"[\w-]+::(page|offset)::\d+", told) is not None


def ids(answer: Answer) -> list[str]:
    """Return the consumer ids of a page."""
    return [str(row.get("consumer_id")) for row in answer.items]


def pages(world: World, who: Principal, limit: int, most: int = 120) -> list[Answer]:
    """Walk forward through the whole list of consumers."""
    found: list[Answer] = []
    query: dict[str, Any] = {"limit": limit}
    while len(found) < most:
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        found.append(answer)
        following = cursors(answer).get("next")
        if not following or following == query.get("cursor"):
            return found
        if not answer.items and len(found) > 1:
            return found
        query["cursor"] = following
    return found


def some(world: World, count: int) -> tuple[Principal, list[str]]:
    """Create consumers; return who asks, and their ids."""
    made = []
    for index in range(count):
        who = world.who(f"{index:02d}")
        world.consumer(who)
        made.append(who.consumer_id)
    return world.who("00"), made


def size_for(world: World, who: Principal) -> int:
    """Return a limit that goes through the list in a bounded number of pages."""
    answer = world.call("consumersAll", who, query={"limit": 200})
    world.need(answer.is_good and cursors(answer) is not None, "no list of consumers")
    total = len(answer.items) + (1000 if cursors(answer).get("next") else 0)
    return max(3, total // 12) if total <= 200 else 150


def listed_ids(world: World, who: Principal, pages: int = 60) -> list[str]:
    """Return the consumer ids of an application's whole list."""
    found: list[str] = []
    query: dict[str, object] = {"limit": 200}
    for _ in range(pages):
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        found += [str(row.get("consumer_id")) for row in answer.items]
        meta = answer.json.get("meta") or {}
        cursor = (meta.get("cursors") or {}).get("next") if isinstance(meta, dict) else None
        if not cursor or not answer.items or cursor == query.get("cursor"):
            return found
        query["cursor"] = cursor
    world.need(False, _TOO_MANY)
    return found


@law(
    "VLT-PAG-01",
    "pagination",
    _PAGES,
    "contract",
    builds_on=(
        "VLT-PAG-04",
        "VLT-CSM-08",
    ),
)
def pages_are_the_list_once(world: World) -> None:
    """Whatever the limit, the pages together hold each consumer once, in the same order."""
    who, _ = some(world, 7)
    size = size_for(world, who)
    whole = listed_ids(world, who)
    if len(whole) % 2:
        world.consumer(world.who("even"))
        whole = listed_ids(world, who)
    made = [i for i in whole if i.startswith(world.target.prefix)]
    for limit in (size, size + 2, min(200, len(whole) // 2)):
        walked = pages(world, who, limit)
        world.need(not cursors(walked[-1]).get("next"), "the list does not end")
        got = [i for page in walked for i in ids(page)]
        lost = [i for i in made if i not in got]
        if lost:  # another worker of the run may have deleted its own meanwhile
            there = set(listed_ids(world, who))
            lost = [i for i in lost if i in there]
        world.expect(
            not lost,
            "lost",
            "every consumer",
            f"limit {limit}: {len(lost)} of {len(made)} are on no page",
        )
        twice = sorted(i for i, times in Counter(got).items() if times > 1)
        world.expect(
            not twice, "repeated", "each consumer once", f"limit {limit}: {twice[:3]} come again"
        )
        if not lost and not twice:
            same = [i for i in got if i in set(made)] == [i for i in made if i in set(got)]
            world.expect(same, "order", "the order of the whole list", f"limit {limit}: another")


@law(
    "VLT-PAG-02",
    "pagination",
    "limit: number of results to return, default 20",
    "contract",
    builds_on=("VLT-PAG-04",),
)
def a_page_holds_what_was_asked_for(world: World) -> None:
    """A page holds `limit` items, or 20 without one, unless the list ends on it."""
    who, made = some(world, 45)
    following = None
    for limit in (1, 5, 40, None):
        query = {"limit": limit} if limit else {}
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        wanted = min(limit or 20, len(made))
        size = len(answer.items)
        world.expect(
            size == wanted, f"limit {limit or 'default'}", f"{wanted} items", f"{size} items"
        )
        following = cursors(answer).get("next")
    if following:  # of a page whose limit was not named
        answer = world.call("consumersAll", who, query={"cursor": following})
        world.need(answer.is_good, "a cursor opens nothing without a limit")
        size = len(answer.items)
        world.expect(size == 20, "next default", "20 items", f"{size} items")


@law(
    "VLT-PAG-03",
    "pagination",
    _PAGES,
    "contract",
    reads_only=True,
    builds_on=("VLT-PAG-04", "VLT-PAG-01"),
)
def the_last_page_has_no_next(world: World) -> None:
    """The list ends: its last page has no next cursor, and every page before it has items."""
    who = world.who()
    size = size_for(world, who)
    walked = pages(world, who, size, most=120)
    found = [i for page in walked for i in ids(page)]
    goes_round = len(set(found)) < len(found) or not all(page.items for page in walked)
    if len(walked) == 120 and cursors(walked[-1]).get("next"):  # a long list is not an endless one
        world.need(goes_round, _TOO_MANY)
    world.expect(len(walked) < 120, "endless", "a last page", "120 pages and no end")
    world.expect(
        not cursors(walked[-1]).get("next"), "next", "null", cursors(walked[-1]).get("next")
    )
    empty = [n for n, page in enumerate(walked) if not page.items and n > 0]
    world.expect(not empty, "empty", "items on every page", f"page {empty[:1]} is empty")
    counted = [((page.json or {}).get("meta") or {}).get("items_on_page") for page in walked]
    sizes = [len(page.items) for page in walked]
    wrong = [pair for pair in zip(counted, sizes, strict=True) if pair[0] not in {None, pair[1]}]
    world.expect(not wrong, "items_on_page", "the items of each page", wrong[:3])


@law("VLT-PAG-04", "pagination", "schemas Meta and Links", "contract", reads_only=True)
def a_page_describes_itself(world: World) -> None:
    """A page says how many items it holds, its cursors and links agree, and none is before it."""
    who = world.who()
    answer = world.call("consumersAll", who, query={"limit": 2})
    world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
    meta = answer.json.get("meta")
    if not world.expect(isinstance(meta, dict), "meta", "meta with cursors", meta):
        return
    count = meta.get("items_on_page")
    world.expect(count == len(answer.items), "items_on_page", str(len(answer.items)), count)
    links = answer.json.get("links")
    if not world.expect(isinstance(links, dict), "links", "links", links):
        return
    back = cursors(answer).get("previous")
    world.expect(not back, "first", "no previous page before the first", back)
    for name in ("next", "previous"):
        both = (bool(cursors(answer).get(name)), bool(links.get(name)))
        world.expect(both[0] == both[1], name, "a cursor and a link, or neither", both)


@law("VLT-PAG-05", "pagination", "schema Links", "contract", builds_on=("VLT-PAG-04",))
def a_link_leads_where_its_cursor_leads(world: World) -> None:
    """The link to the next page gives the page that the next cursor gives."""
    who, _ = some(world, 5)
    first = world.call("consumersAll", who, query={"limit": 2})
    link, cursor = (first.json.get("links") or {}).get("next"), cursors(first).get("next")
    world.need(link and cursor, "there is no next page")
    by_cursor = world.call("consumersAll", who, query={"limit": 2, "cursor": cursor})
    place = world.target.follow(str(link))
    request = world.target.request("consumersAll", who, query=place.query)
    leads = place.path.endswith(request.path)
    world.expect(leads, "path", f"a link to {request.path}", str(link))
    by_link = world.send("consumersAll", request)
    world.expect(by_link.is_good, "status", "a page", f"HTTP {by_link.status}")
    world.expect(ids(by_link) == ids(by_cursor), "items", str(ids(by_cursor)), ids(by_link))


@law(
    "VLT-PAG-06",
    "pagination",
    "Meta.cursors.previous",
    "contract",
    builds_on=("VLT-PAG-04", "VLT-PAG-01"),
)
def previous_leads_back(world: World) -> None:
    """From the third page, previous leads to the second, and current to the third itself."""
    who, _ = some(world, 8)
    walked = pages(world, who, 2, most=3)
    world.need(len(walked) == 3, "there is no third page")
    here = cursors(walked[2]).get("current")
    if here:
        answer = world.call("consumersAll", who, query={"limit": 2, "cursor": here})
        world.expect(ids(answer) == ids(walked[2]), "current", str(ids(walked[2])), ids(answer))
    back = cursors(walked[2]).get("previous")
    if world.expect(back, "cursor", "a previous cursor on the third page", back):
        answer = world.call("consumersAll", who, query={"limit": 2, "cursor": back})
        world.expect(ids(answer) == ids(walked[1]), "items", str(ids(walked[1])), ids(answer))


@law(
    "VLT-PAG-07",
    "pagination",
    "cursors instead of offsets",
    "inferred",
    builds_on=("VLT-PAG-04", "VLT-PAG-01"),
)
def an_insertion_between_pages_disturbs_nothing(world: World) -> None:
    """Consumers that are created while a client pages neither repeat nor hide others."""
    who, made = some(world, 6)
    world.need(not by_place(world, who), _PLACES)
    size = size_for(world, who)
    got: list[str] = []
    query: dict[str, Any] = {"limit": size}
    for step in range(80):
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good, "no list of consumers")
        got += ids(answer)
        following = cursors(answer).get("next")
        if not following:
            break
        query["cursor"] = following
        if step < 3:
            world.consumer(world.who(f"{'!0z'[step]}-new"))
    else:
        world.need(False, _TOO_MANY)
    lost = [i for i in made if i not in got]
    twice = sorted(i for i, times in Counter(got).items() if times > 1)
    world.expect(not lost, "lost", "every earlier consumer", f"{lost[:3]} are on no page")
    world.expect(not twice, "repeated", "each consumer once", f"{twice[:3]} come again")


@law("VLT-PAG-08", "pagination", "InvalidCursorError (errors page)", "inferred", reads_only=True)
def a_cursor_that_is_none_is_refused(world: World) -> None:
    """A cursor that the deployment did not give out is refused."""
    who = world.who()
    for operation_id in ("consumersAll", "logsAll"):
        answer = world.call(operation_id, who, query={"cursor": "~no cursor~"})
        world.expect(answer.is_refusal, operation_id, "a refusal (400)", f"HTTP {answer.status}")


@law("VLT-PAG-09", "pagination", "limit: minimum 1, maximum 200", "contract", reads_only=True)
def the_bounds_of_limit_hold(world: World) -> None:
    """A limit of 1 or 200 is served; 0, 201, -1 and what is no number are refused."""
    who = world.who()
    for operation_id in ("consumersAll", "logsAll"):
        for limit in ("1", "200"):
            answer = world.call(operation_id, who, query={"limit": limit})
            world.expect(answer.is_good, "legal", "a page", f"limit={limit}: HTTP {answer.status}")
        for limit in ("0", "201", "-1", "ten", "1.5"):
            answer = world.call(operation_id, who, query={"limit": limit})
            world.expect(
                answer.is_refusal,
                "illegal",
                "a refusal (400)",
                f"limit={limit}: HTTP {answer.status}",
            )


def _same_by_link(world: World, who: Principal, page: Answer, query: dict[str, Any]) -> None:
    """Expect that the link of a filtered page leads to the next page of what was filtered."""
    link = (page.json.get("links") or {}).get("next")
    if not link:
        return
    by_cursor = world.call("logsAll", who, query=query)
    request = world.target.request("logsAll", who, query=world.target.follow(str(link)).query)
    by_link = world.send("logsAll", request)
    want, seen = (
        [(row.get("id"), row.get("status_code")) for row in found.items]
        for found in (by_cursor, by_link)
    )
    world.expect(seen == want, "link", f"{len(want)} entries, as by the cursor", seen[:4])


@law(
    "VLT-PAG-10",
    "pagination",
    _PAGES,
    "contract",
    builds_on=("VLT-PAG-04", "VLT-LOG-01", "VLT-FIL-04", "VLT-PAG-01", "VLT-HDR-02"),
)
def pages_of_logs_are_the_logs_once(world: World) -> None:
    """Whatever the limit, the pages of the filtered logs together hold each call once."""
    who = world.who()
    world.consumer(who)
    for index in range(7):
        world.listed(who)
        world.call(
            "connectionsOne", who, unified_api="crm", service_id=f"no-such-{world.nonce}-{index}"
        )
    for _ in range(4):
        world.listed(who)
    calls = {e.request.path for e in world.exchanges if e.operation_id == "connectionsOne"}
    got: list[str] = []
    query: dict[str, Any] = {"limit": 3, "filter[status_code]": 404}
    for _ in range(12):
        answer = world.call("logsAll", who, query=query)
        world.need(answer.is_good and isinstance(answer.data, list), "no logs")
        following = cursors(answer).get("next")
        size = len(answer.items)
        world.expect(size <= 3, "limit", "3 items at most", f"{size} items")
        world.expect(size == 3 or not following, "full", "3 items", f"{size} items and a next page")
        others = [e.get("status_code") for e in answer.items if e.get("status_code") != 404]
        world.expect(not others, "filter", "entries of 404 on each page", others)
        got += [
            path
            for row in answer.items
            for path in calls
            if str(row.get("path", "")).endswith(path)
        ]
        if not following:
            break
        if "cursor" not in query:
            _same_by_link(world, who, answer, {**query, "cursor": following})
        query["cursor"] = following
    world.need(got, "refused calls are not logged")
    lost = calls - set(got)
    world.expect(not lost, "lost", "every call", f"{len(lost)} of 7 are on no page")
    world.expect(
        len(got) == len(set(got)), "repeated", "each call once", f"{len(got)} entries for 7 calls"
    )


@law(
    "VLT-PAG-11",
    "pagination",
    _PAGES,
    "contract",
    builds_on=("VLT-PAG-04", "VLT-PAG-03", "VLT-PAG-02", "VLT-CAS-07"),
)
def a_full_last_page_has_no_next(world: World) -> None:
    """Where the limit is exactly what is left, there is no next page; one more has its own."""
    who, _ = some(world, 3)
    last: dict[str, Any] = {"limit": 200}
    answer = world.call("consumersAll", who, query=last)
    for _ in range(60):
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        if not (following := cursors(answer).get("next")):
            break
        last["cursor"] = following
        answer = world.call("consumersAll", who, query=last)
    world.need(not cursors(answer).get("next"), "the list does not end")
    world.need(0 < len(answer.items) <= 200, "the last page is empty")
    exact = world.call("consumersAll", who, query={**last, "limit": len(answer.items)})
    world.need(ids(exact) == ids(answer), "the list changed meanwhile")
    seen = cursors(exact).get("next")
    world.expect(not seen, "next", f"null: {len(answer.items)} of {len(answer.items)}", seen)
    if len(answer.items) > 1:
        short = world.call("consumersAll", who, query={**last, "limit": len(answer.items) - 1})
        following = cursors(short).get("next")
        world.expect(following, "one is left", "a next page for the last item", following)
        if following:
            query = {"limit": len(answer.items) - 1, "cursor": following}
            rest = world.call("consumersAll", who, query=query)
            world.expect(
                ids(short) + ids(rest) == ids(answer), "one is left", ids(answer)[-1], ids(rest)
            )


@law(
    "VLT-PAG-12",
    "pagination",
    "limit: maximum 200",
    "contract",
    builds_on=("VLT-PAG-04", "VLT-PAG-02", "VLT-PAG-01", "VLT-CSM-01"),
)
def more_than_a_hundred_come_on_one_page(world: World) -> None:
    """Of 130 consumers a page of 130, or of 200, holds as many as were asked for."""
    world.spare()
    who, made = some(world, 130)
    for limit in (130, 200):
        answer = world.call("consumersAll", who, query={"limit": limit})
        world.need(answer.is_good and isinstance(answer.data, list), "no list of consumers")
        size, more = len(answer.items), bool(cursors(answer).get("next"))
        fine = size == limit or (130 <= size < limit and not more)
        world.expect(fine, f"limit {limit}", f"{limit} items, or the whole list", f"{size} items")
    lost = set(made) - set(listed_ids(world, who))
    world.expect(not lost, "lost", "130 consumers in the list", f"{len(lost)} are not in it")


@law(
    "VLT-PAG-13",
    "pagination",
    "cursors instead of offsets",
    "inferred",
    builds_on=("VLT-PAG-04", "VLT-PAG-01", "VLT-PAG-07", "VLT-CAS-07"),
)
def a_change_between_pages_disturbs_nothing(world: World) -> None:
    """Consumers deleted or updated while a client pages neither hide nor repeat others."""
    who, made = some(world, 24)
    world.need(not by_place(world, who), _PLACES)
    size = min(200, max(4, len(listed_ids(world, who)) // 40))
    got: list[str] = []
    touched: set[str] = set()
    query: dict[str, Any] = {"limit": size}
    for _ in range(80):
        answer = world.call("consumersAll", who, query=query)
        world.need(answer.is_good, "no list of consumers")
        got += ids(answer)
        following = cursors(answer).get("next")
        if not following:
            break
        query["cursor"] = following
        seen = [i for i in got if i in made and i not in touched]
        # a cursor may be a place of the last of a page: now this one is deleted, now the one before
        turns = ("consumersDelete", "consumersUpdate")[:: 1 if len(touched) % 4 > 1 else -1]
        for consumer_id, operation_id in zip(seen[-2:], turns, strict=False):
            touched.add(consumer_id)
            world.target.clock.sleep(0.01)
            body = {"body": {"metadata": {"user_name": "moved"}}}
            world.call(
                operation_id,
                Principal(who.application, consumer_id),
                **(body if operation_id == "consumersUpdate" else {}),
            )
    lost = [i for i in made if i not in got]
    twice = sorted(i for i, times in Counter(got).items() if times > 1)
    world.expect(not lost, "lost", "every consumer", f"{lost[:3]} are on no page")
    world.expect(not twice, "repeated", "each consumer once", f"{twice[:3]} come again")
