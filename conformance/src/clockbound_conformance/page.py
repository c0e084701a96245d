"""The report as one HTML page that needs nothing else: no network, no other file, and no script to be read.

The page is built as a tree, in which text can never become markup, whatever an adapter or a vector calls itself. Its
Content-Security-Policy allows the style and the few lines of script that stand here, and nothing else.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
import urllib.parse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeAlias
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from clockbound_conformance import fields, files, rules, schema
from clockbound_conformance.fields import Drawing
from clockbound_conformance.report import printable
from clockbound_conformance.results import Client, Record, Results
from clockbound_conformance.runner import FAILED, OUTCOMES
from clockbound_conformance.units import SECOND_NS

MANY_FAILURES_COUNT = 20
SHOWN_LINES_COUNT = 200  # where more failed, the lines of wrong answers would be a third of the page
INSTANTS = {"realtime_ns": "CLOCK_REALTIME", "monotonic_ns": "CLOCK_MONOTONIC"}
ORIGINS = {
    "hand": "calculated by hand",
    "oracle": "calculated by the oracle",
    "found": "found by a random search, calculated by the oracle",
}
SIDES = {"before": "just before", "at": "at", "after": "just after"}

# A sign beside each word, so that nothing is told by colour alone.
SIGNS = {"passed": "\u2713", "unsupported": "\u2013", "known-failure": "!"}
FAILED_SIGN = "\u2717"
KINDS = {"passed": "good", "unsupported": "plain", "known-failure": "known"}

MEANINGS = {
    "passed": "The client gave the one right answer.",
    "wrong": "The client gave another answer.",
    "timeout": "The program gave no answer in time.",
    "crash": "The program ended.",
    "bad-answer": "The program said something that is outside the protocol.",
    "slow": "The right answer came too late.",
    "not-run": "The suite gave up on the program before.",
    "unexpected-pass": "It passed, although it stands in the list of known failures.",
    "known-failure": "It failed, as the list of known failures says.",
    "unsupported": "The client has no such feature: neither right nor wrong.",
}

# A link to a vector opens it, and what it lies in.
SCRIPT = """\
(function () {
  function open() {
    var found = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (var each = found; each; each = each.parentElement) if (each.tagName === "DETAILS") each.open = true;
    if (found) found.scrollIntoView();
  }
  addEventListener("hashchange", open);
  addEventListener("click", function (event) {
    var link = event.target.closest("a");
    if (link && link.hash === location.hash) open();
  });
  open();
})();
"""

# Text, an element, nothing, or several of them.
Child: TypeAlias = "Element | str | Iterable[Child] | None"


def h(tag: str, *children: Child, **attributes: str) -> Element:
    """An element; a trailing underscore is taken off an attribute's name, and others become hyphens."""
    element = Element(
        tag, {name.rstrip("_").replace("_", "-"): printable(value) for name, value in attributes.items()}
    )
    last: Element | None = None
    for child in _flat(children):
        if isinstance(child, Element):
            element.append(child)
            last = child
        elif last is None:
            element.text = (element.text or "") + printable(child)
        else:
            last.tail = (last.tail or "") + printable(child)
    return element


def _flat(children: Iterable[Child]) -> Iterator[Element | str]:
    for child in children:
        if child is None:
            continue
        if isinstance(child, (str, Element)):  # both can be iterated, too
            yield child
        else:
            yield from _flat(child)


def _to(id: str) -> str:
    return f"#{urllib.parse.quote(printable(id))}"


def render(found: Results) -> str:
    """The page."""
    style = (files.PACKAGE / "page.css").read_text(encoding="utf-8")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src {_hash(style)}",
            f"script-src {_hash(SCRIPT)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("title", f"ClockBound conformance: {verdict(found)}"),
        h("style", style),
    )
    body = h(
        "body",
        h("header", _header(found)),
        h("main", _clients(found), _matrix(found), _failures(found), _vectors(found), _legend(found)),
        h("script", SCRIPT),
    )
    tree = h("html", head, body, lang="en")
    return "<!DOCTYPE html>\n" + ElementTree.tostring(tree, encoding="unicode", method="html") + "\n"


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def verdict(found: Results) -> str:
    """The whole in one sentence, without its full stop."""
    count = len(found.clients)
    failed = [client.label for client in found.clients if not client.passed]
    if count == 1:
        return f"{found.clients[0].label} {'failed' if failed else 'passed'}"
    if not failed:
        return f"All {count} clients passed"
    return f"{len(failed)} of {count} clients failed: {', '.join(failed)}"


# --- the parts of the page -------------------------------------------------------------------------------------------


def _header(found: Results) -> list[Element]:
    runs = {json.dumps(client.run, sort_keys=True): client.run for client in found.clients}.values()
    began = sorted(run["started_utc"] for run in runs)
    facts = [
        f"{len(found.facts):,} vectors",
        _started(began[0]),
        f"{_duration(found.duration_ns)} in all",
        f"suite {_list(sorted({run['suite_version'] for run in runs}))}",
        f"vectors {_list(sorted({run['vectors_sha256'][:12] for run in runs}))}",
    ]
    return [
        h("p", "ClockBound conformance", class_="over"),
        h("h1", _sign(found.passed), " ", verdict(found), class_=_kind(found.passed)),
        h("ul", (h("li", fact) for fact in facts), class_="facts"),
        *(h("p", notice, class_="notice") for notice in found.notices),
    ]


def _list(words: Sequence[str]) -> str:
    return ", ".join(words)


def _started(utc: str) -> str:
    try:
        moment = datetime.datetime.fromisoformat(utc).astimezone(datetime.UTC)
    except (ValueError, OverflowError):
        return utc
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _sign(passed: bool) -> str:
    return SIGNS["passed"] if passed else FAILED_SIGN


def _kind(passed: bool) -> str:
    return "good" if passed else "bad"


def _pill(outcome: str, before: str = "") -> Element:
    sign = SIGNS.get(outcome, FAILED_SIGN)
    words = outcome.replace("-", " ")
    return h(
        "span",
        f"{sign} {before}: {words}" if before else f"{sign} {words}",
        class_=f"pill {KINDS.get(outcome, 'bad')}",
    )


def _clients(found: Results) -> Element:
    return h(
        "section",
        h("h2", "Clients"),
        h("div", (_client(client) for client in found.clients), class_="cards"),
    )


def _client(client: Client) -> Element:
    adapter, hello = client.adapter, client.adapter["hello"]
    outcomes = client.outcomes
    return h(
        "article",
        h("h3", client.label),
        h("p", client.library, class_="faint"),
        _bar(outcomes),
        h(
            "p",
            h(
                "span",
                f"{_sign(client.passed)} {'passed' if client.passed else 'failed'}",
                class_=f"pill {_kind(client.passed)}",
            ),
            f" {client.counts()}, in {_duration(client.summary['duration_ns'])}",
        ),
        h("p", h("strong", client.trouble())) if client.trouble() else None,
        h(
            "details",
            h("summary", "How it was run"),
            _pairs(
                ("command", h("code", " ".join(adapter["command"]))),
                ("described by", h("code", adapter["file"])),
                ("byte order", f"{adapter['byte_order']}-endian"),
                ("layouts", _list(hello["layouts"]) if hello else ""),
                ("can do", _list(hello["features"]) if hello else ""),
                ("says its name is", hello["name"] if hello else ""),
                ("began", _started(client.run["started_utc"])),
                ("chosen", _list(client.run["only"]) or "all vectors"),
                ("at its end", client.summary["message"]),
            ),
        ),
        class_=f"card {_kind(client.passed)}",
    )


def _bar(outcomes: Counter[str]) -> Element:
    """How many did what, as lengths."""
    total = max(sum(outcomes.values()), 1)
    parts, at = [], 0.0
    for kind in ("good", "known", "plain", "bad"):
        count = sum(number for name, number in outcomes.items() if KINDS.get(name, "bad") == kind)
        width = 100 * count / total
        if count:
            parts.append(h("rect", x=f"{at:.2f}", y="0", width=f"{width:.2f}", height="4", class_=kind))
        at += width
    words = ", ".join(f"{count} {name}" for name, count in outcomes.items())
    return h(
        "svg",
        parts,
        viewBox="0 0 100 4",
        preserveAspectRatio="none",
        role="img",
        aria_label=words,
        class_="bar",
    )


def _matrix(found: Results) -> Element:
    known = rules.all_rules()
    rows = []
    for chapter, ids in found.chapters().items():
        within = {id for rule in ids for id in found.of_rule(rule)}
        rows.append(_matrix_row(found, h("th", chapter, scope="row"), within, class_="chapter"))
        for rule in ids:
            name = h(
                "th",
                h("a", rule, href=_to(f"r-{rule}")),
                scope="row",
                title=known[rule].statement if rule in known else "",
            )
            rows.append(_matrix_row(found, name, set(found.of_rule(rule))))
    rows.append(_matrix_row(found, h("th", "All", scope="row"), set(found.facts), class_="chapter"))
    heads = h(
        "tr", h("td", "area and rule"), (h("th", client.label, scope="col") for client in found.clients)
    )
    return h(
        "section",
        h("h2", "Clients by area"),
        h(
            "p",
            "How many vectors passed, of those that test a rule. A vector that tests several rules counts in each of them, "
            "and once in its area.",
            class_="faint",
        ),
        h(
            "div",
            h("table", h("thead", heads), h("tbody", rows), class_="matrix"),
            class_="scroll",
            tabindex="0",
            role="region",
            aria_label="Clients by area",
        ),
        id="areas",
    )


def _matrix_row(found: Results, name: Element, ids: set[str], **attributes: str) -> Element:
    return h("tr", name, (_cell(client, ids) for client in found.clients), **attributes)


def _cell(client: Client, ids: set[str]) -> Element:
    outcomes = Counter(result["outcome"] for id, result in client.results.items() if id in ids)
    total = sum(outcomes.values())
    if not total:
        return h("td", "not asked", class_="plain")
    failed = [name for name in FAILED if outcomes[name]]
    others = [name for name in ("known-failure", "unsupported") if outcomes[name]]
    kind = "bad" if failed else "plain" if not outcomes["passed"] + outcomes["known-failure"] else "good"
    sign = FAILED_SIGN if failed else SIGNS["unsupported" if kind == "plain" else "passed"]
    count = f"{outcomes['passed']}" if outcomes["passed"] == total else f"{outcomes['passed']} of {total}"
    return h(
        "td",
        h("b", sign),
        f" {count}",
        (h("small", f"{outcomes[name]} {name.replace('-', ' ')}") for name in (*failed, *others)),
        class_=kind,
    )


def _failures(found: Results) -> Element | None:
    """What didn't pass, client by client; None where everything did."""
    parts = []
    for client in found.clients:
        groups = [_outcome_group(client, name) for name in (*FAILED, "known-failure")]
        like = _looks_like(client)
        if any(group is not None for group in groups) or client.outcomes["unsupported"]:
            parts.append(h("div", h("h3", client.label), like, groups, _unsupported(client), class_="client"))
    return h("section", h("h2", "What did not pass"), parts, id="failures") if parts else None


def _outcome_group(client: Client, outcome: str) -> Element | None:
    chosen = [result for result in client.results.values() if result["outcome"] == outcome]
    if not chosen:
        return None
    reasons = Counter(result["explanation"] for result in chosen)
    if outcome == "not-run":
        words: list[Element] = [h("li", f"{count} vectors: {reason}") for reason, count in reasons.items()]
    else:
        words = [
            h(
                "li",
                h("a", result["vector"], href=_to(result["vector"])),
                h("span", f" {result['explanation']}"),
                h("em", f" Reason: {result['known_failure']}") if result["known_failure"] else None,
            )
            for result in chosen
        ]
    opened = {} if len(chosen) > MANY_FAILURES_COUNT else {"open": ""}
    return h(
        "details",
        h(
            "summary",
            _pill(outcome),
            f" {_vectors_count(len(chosen))}. ",
            h("span", MEANINGS[outcome], class_="faint"),
        ),
        h("ul", words),
        class_="group",
        **opened,
    )


def _unsupported(client: Client) -> Element | None:
    reasons = Counter(
        result["explanation"] for result in client.results.values() if result["outcome"] == "unsupported"
    )
    if not reasons:
        return None
    return h(
        "details",
        h(
            "summary",
            _pill("unsupported"),
            f" {_vectors_count(sum(reasons.values()))}. ",
            h("span", MEANINGS["unsupported"], class_="faint"),
        ),
        h("ul", (h("li", f"{_vectors_count(count)}: {reason}") for reason, count in reasons.most_common())),
        class_="group",
    )


def _vectors_count(count: int) -> str:
    return "1 vector" if count == 1 else f"{count} vectors"


def _looks_like(client: Client) -> Element | None:
    """The mistakes all of whose vectors were answered wrongly: what to look for first."""
    wrong: dict[tuple[str, str], list[bool]] = {}
    for result in client.results.values():
        if result["outcome"] in ("passed", "wrong"):
            for caught in result["catches"]:
                key = caught["flag"], caught["mistake"]
                wrong.setdefault(key, []).append(result["outcome"] == "wrong")
    found = [(flag, mistake, len(each)) for (flag, mistake), each in wrong.items() if all(each)]
    if not found:
        return None
    return h(
        "div",
        h(
            "p",
            "Every vector that reveals one of these mistakes was answered wrongly, so look for them first:",
        ),
        h(
            "ul",
            (
                h("li", h("code", flag), f" {mistake} ({_vectors_count(count)})")
                for flag, mistake, count in sorted(found, key=lambda each: -each[2])
            ),
        ),
        class_="like",
    )


def _vectors(found: Results) -> Element:
    known = rules.all_rules()
    parts: list[Element] = []
    for chapter, ids in found.chapters().items():
        parts.append(h("h3", chapter))
        for rule in ids:
            statement = known[rule].statement if rule in known else ""
            parts.append(_rule(found, rule, statement))
    mixed = any(not client.passed or client.outcomes["known-failure"] for client in found.clients)
    return h(
        "section",
        h("h2", "Vectors"),
        h(
            "p",
            "Each vector stands under the first rule that it tests. Open one to see its bytes, what was asked, what was "
            "expected and what came.",
            class_="faint",
        ),
        h(
            "label",
            h("input", type="checkbox", id="only-failed"),
            " Show only what did not pass",
            class_="choice",
        )
        if mixed
        else None,
        parts,
        id="vectors",
    )


def _rule(found: Results, rule: str, statement: str) -> Element:
    own = [id for id, fact in found.facts.items() if fact["rules"][0] == rule]
    others = [id for id in found.of_rule(rule) if id not in own]
    failed = [id for id in own if _standing(found, id) == "bad"]
    counts = f"{_vectors_count(len(own))}" + (f", {len(failed)} not passed by every client" if failed else "")
    sign = FAILED_SIGN if failed else SIGNS["passed"]
    return h(
        "details",
        h(
            "summary",
            h("b", sign, class_="bad" if failed else "good"),
            " ",
            h("code", rule),
            " ",
            h("span", counts, class_="faint"),
        ),
        h("p", statement) if statement else None,
        (_vector(found, id) for id in own),
        h(
            "details",
            h("summary", f"{_vectors_count(len(others))} of other rules that test this one too"),
            h("p", _spaced(h("a", id, href=_to(id)) for id in others), class_="links"),
        )
        if others
        else None,
        id=f"r-{rule}",
        class_="rule" if failed or any(_standing(found, id) == "known" for id in own) else "rule ok",
        **({"open": ""} if failed else {}),
    )


def _spaced(elements: Iterable[Element]) -> Iterator[Child]:
    for element in elements:
        yield element
        yield " "


def _standing(found: Results, id: str) -> str:
    """The worst that became of a vector: bad, known, plain or good."""
    kinds = {
        KINDS.get(client.results[id]["outcome"], "bad") for client in found.clients if id in client.results
    }
    return next(kind for kind in ("bad", "known", "plain", "good") if kind in kinds)


# --- one vector ------------------------------------------------------------------------------------------------------


def _vector(found: Results, id: str) -> Element:
    fact = found.facts[id]
    asked = [client for client in found.clients if id in client.results]
    standing = _standing(found, id)
    sign = {"bad": FAILED_SIGN, "known": SIGNS["known-failure"], "plain": SIGNS["unsupported"]}.get(
        standing, SIGNS["passed"]
    )
    others = [client for client in asked if client.results[id]["outcome"] != "passed"]
    return h(
        "details",
        h(
            "summary",
            h("b", sign, class_=standing),
            " ",
            h("code", id),
            (
                [" ", _pill(client.results[id]["outcome"], client.label if len(found.clients) > 1 else "")]
                for client in others
            ),
        ),
        h("p", "Decides: ", fact["distinguishes"]),
        (_outcome(client, client.results[id]) for client in others),
        _steps(asked, id, int(fact["layout"])),
        _facts(fact, asked),
        id=id,
        class_="v" if standing in ("bad", "known") else "v ok",
    )


def _facts(fact: Record, asked: Sequence[Client]) -> Element:
    limits = [f"{SIDES[limit['side']]} {limit['name']}" for limit in fact["limits"]]
    origin = ORIGINS[fact["origin"]]
    if fact["derivation"]:
        origin = f"{origin}: {fact['derivation']}"
    times = [
        f"{client.label} {_duration(client.results[fact['vector']]['duration_ns'])}"
        for client in asked
        if client.results[fact["vector"]]["duration_ns"]
    ]
    return _pairs(
        ("rules", list(_spaced(h("a", rule, href=_to(f"r-{rule}")) for rule in fact["rules"]))),
        ("limits", "; ".join(limits)),
        (
            "catches",
            [h("span", h("code", caught["flag"]), f" {caught['mistake']}. ") for caught in fact["catches"]],
        ),
        ("expected", origin),
        ("took", "; ".join(times)),
    )


def _pairs(*pairs: tuple[str, Child]) -> Element:
    """Names and what they stand for; those with nothing are left out."""
    return h(
        "dl",
        (
            [h("dt", name), h("dd", content)]
            for name, content in pairs
            if content is not None and content not in ("", [])
        ),
    )


def _outcome(client: Client, result: Record) -> Element:
    """What became of it with a client that didn't pass."""
    return h(
        "div",
        h(
            "p",
            _pill(result["outcome"], client.label),
            f" {result['explanation']}",
            h("em", f" Reason: {result['known_failure']}") if result["known_failure"] else None,
        ),
        [h("p", "Standard error ended with:"), h("pre", result["stderr"])] if result["stderr"] else None,
        class_=f"said {KINDS.get(result['outcome'], 'bad')}",
    )


def _steps(asked: Sequence[Client], id: str, layout: int) -> Element:
    """What was done and asked, and what each client answered."""
    longest = max((client.results[id]["steps"] for client in asked), key=len)
    before: dict[tuple[str, str], dict[str, str]] = {}
    items = []
    as_of: dict[str, int | None] = {}
    for number, step in enumerate(longest):
        with_it = [client for client in asked if len(client.results[id]["steps"]) > number]
        records = [(client, client.results[id]["steps"][number]) for client in with_it]
        items.append(
            h(
                "li",
                h("p", h("b", step["do"]), " ", h("span", _meaning(step["do"]), class_="faint")),
                _files(records, layout, before, as_of),
                _readings(step, as_of.get(with_it[0].label)),
                _answers(id, step, records) if "expected" in step else None,
            )
        )
    return h("ol", items, class_="steps")


def _meaning(do: str) -> str:
    """What a step does, as the vectors' schema has it."""
    return str(schema.document("vectors")["$defs"].get(f"step-{do}", {}).get("description", ""))


def _files(
    records: Sequence[tuple[Client, Record]],
    layout: int,
    before: dict[tuple[str, str], dict[str, str]],
    as_of: dict[str, int | None],
) -> list[Element]:
    """The bytes that a step wrote, drawn once for all clients that got the same ones.

    ``before`` holds the hexadecimal fields that each client had in each file, so that later steps show what changed;
    ``as_of`` is set to the as_of that each client has now.
    """
    drawn = []
    for kind in ("segment", "segments", "vmclock"):
        groups: dict[str, list[Client]] = {}
        for client, step in records:
            if kind in step:
                key = json.dumps([client.adapter["byte_order"] if kind != "vmclock" else "", step[kind]])
                groups.setdefault(key, []).append(client)
        for key, clients in groups.items():
            byte_order, content = json.loads(key)
            whose = f" for {_list([client.label for client in clients])}" if len(groups) > 1 else ""
            if content is None:
                name = "segment file" if kind == "segment" else "VMClock page"
                drawn.append(h("p", f"No {name}{whose}.", class_="faint"))
            for data in content if isinstance(content, list) else [content] if content is not None else []:
                drawing = _drawing(kind, bytes.fromhex(data), byte_order, layout)
                known = before.get((clients[0].label, kind), {}) if kind != "segments" else {}
                drawn.append(_table(drawing, whose, known))
                for client in clients:
                    before[client.label, kind] = {field.name: field.hexadecimal for field in drawing.fields}
            if kind == "segment":
                data = bytes.fromhex(content or "")
                own = fields.layout_of(data, byte_order, layout)
                for client in clients:
                    as_of[client.label] = fields.as_of_ns(data, byte_order, own)
    return drawn


def _drawing(kind: str, data: bytes, byte_order: Any, layout: int) -> Drawing:
    if kind == "vmclock":
        return fields.vmclock(data)
    return fields.segment(data, byte_order, fields.layout_of(data, byte_order, layout))


def _table(drawing: Drawing, whose: str, before: dict[str, str]) -> Element:
    """The fields of a file; only those that differ from ``before``, where there was something before."""
    chosen = [field for field in drawing.fields if before.get(field.name) != field.hexadecimal]
    left_count = len(drawing.fields) - len(chosen)
    rows = []
    for field in chosen:
        value: list[Child] = [field.value]
        if field.note:
            value += [" " if field.value else None, h("mark", f"\u2260 {field.note}")]
        cells = (str(field.offset_bytes), h("code", field.hexadecimal), field.name, value)
        rows.append(h("tr", (h("td", cell) for cell in cells)))
    words = f"{drawing.title}{whose}: {drawing.size_bytes} bytes, {drawing.byte_order}-endian"
    notes = []
    if before and left_count:
        notes.append(f"{'its other' if chosen else 'all'} {left_count} fields are as before")
    if drawing.missing:
        names = drawing.missing
        few = len(names) == 1
        notes.append(
            f"too short for {names[0]}" + ("" if few else f" and the {len(names) - 1} fields after it")
        )
    return h(
        "div",
        h("table", h("caption", "; ".join([words, *notes])), h("tbody", rows), class_="bytes"),
        class_="scroll",
        tabindex="0",
    )


def _readings(step: Record, as_of_ns: int | None) -> Element | None:
    """What the clocks showed, and whatever else a step says."""
    pairs: list[tuple[str, Child]] = []
    for name, clock in INSTANTS.items():
        if name in step:
            reading_ns = int(step[name])
            words = f"{reading_ns:,} ns"
            if name == "realtime_ns":
                words += f" ({_utc(reading_ns)})"
            elif as_of_ns is not None:
                words += f" ({_age(reading_ns - as_of_ns)})"
            pairs.append((clock, words))
    for name, words in (
        ("count", "times"),
        ("wait_ns", "wait"),
        ("ahead_ns", "as_of ahead of CLOCK_MONOTONIC by"),
    ):
        if name in step:
            pairs.append((words, f"{int(step[name]):,}{' ns' if name.endswith('_ns') else ''}"))
    return _pairs(*pairs) if pairs else None


def _utc(realtime_ns: int) -> str:
    seconds, rest_ns = divmod(realtime_ns, SECOND_NS)
    moment = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + datetime.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%d %H:%M:%S}.{rest_ns:09d} UTC"


def _age(age_ns: int) -> str:
    return f"{abs(age_ns):,} ns {'after' if age_ns >= 0 else 'before'} as_of"


def _answers(id: str, step: Record, records: Sequence[tuple[Client, Record]]) -> Element:
    rows = [h("tr", h("th", "expected", scope="row"), h("td", _said(step["expected"])), class_="expected")]
    groups: dict[str, list[Client]] = {}
    for client, record in records:
        # Whoever answered rightly shares a line; a wrong answer has its own lines, to the letter.
        right = bool(record.get("passed")) and record["got"] == step["expected"]
        own = None if right else [client.label, record]
        groups.setdefault(json.dumps(own), []).append(client)
    by_label = {client.label: record for client, record in records}
    for clients in groups.values():
        record = by_label[clients[0].label]
        rows.append(_answer_row(id, clients, record, [by_label[client.label] for client in clients]))
    return h("table", h("tbody", rows), class_="answers")


def _answer_row(id: str, clients: Sequence[Client], record: Record, records: Sequence[Record]) -> Element:
    passed = record.get("passed")
    outcome = clients[0].results[id]["outcome"]
    name = _list([client.label for client in clients])
    took = "; ".join(_duration(each["duration_ns"]) for each in records if "duration_ns" in each)
    if passed and record["got"] == record["expected"]:
        return h(
            "tr",
            h("th", f"{SIGNS['passed']} {name}", scope="row"),
            h("td", "as expected, in ", took),
            class_="good",
        )
    if "got" in record and record["got"] is not None:
        content = _said(record["got"])
    else:
        content = h("span", "no answer" if outcome not in ("unsupported", "not-run") else "not asked")
    lines = []
    if record.get("got") is None or clients[0].failed_count <= SHOWN_LINES_COUNT:
        both = ((">", record.get("question", "")), ("<", record.get("answer", "")))
        lines = [f"{mark} {line}" for mark, line in both if line]
    sign = SIGNS["passed"] if passed else SIGNS.get(outcome, FAILED_SIGN)
    return h(
        "tr",
        h("th", f"{sign} {name}", scope="row"),
        h(
            "td",
            content,
            f" in {took}" if took else None,
            h("details", h("summary", "the two lines"), h("pre", "\n".join(lines)))
            if lines and not passed
            else None,
        ),
        class_="good" if passed else KINDS.get(outcome, "bad"),
    )


def _said(answer: Record) -> Element:
    """An answer, or what is expected of one, in words."""
    kind = answer.get("type")
    if kind == "interval" and all(
        isinstance(answer.get(name), str) and schema.is_int64(answer[name])
        for name in ("earliest_ns", "latest_ns")
    ):
        earliest_ns, latest_ns = int(answer["earliest_ns"]), int(answer["latest_ns"])
        return h(
            "span",
            h("code", f"{earliest_ns:,}"),
            " to ",
            h("code", f"{latest_ns:,}"),
            f" ns, {answer.get('status')}",
            h("span", f" ({latest_ns - earliest_ns:,} ns wide)", class_="faint"),
        )
    if kind == "error" and set(answer) == {"type", "kind"}:
        return h(
            "span",
            h("code", str(answer["kind"])),
            h("span", f" {fields.error_meaning(str(answer['kind']))}", class_="faint"),
        )
    if kind == "watching":
        return h("span", "the context opens")
    if kind == "unsupported":
        return h("span", f"unsupported: {answer.get('reason')}")
    if kind == "each-of" and isinstance(answer.get("answers"), list):
        each = [
            _said(one) if isinstance(one, dict) else h("span", json.dumps(one)) for one in answer["answers"]
        ]
        return h("span", "each of these, and nothing else:", h("ul", (h("li", one) for one in each)))
    if kind == "now":
        return h(
            "span",
            f"an interval around CLOCK_REALTIME, {answer.get('bound_ns')} ns to either side, growing by "
            f"{answer.get('max_drift_ppb')} ppb, {answer.get('status')}",
        )
    return h("code", json.dumps(answer, ensure_ascii=False))


def _duration(duration_ns: int) -> str:
    if duration_ns < 10**6:
        return f"{duration_ns / 1e3:.0f} \u00b5s"
    if duration_ns < SECOND_NS:
        return f"{duration_ns / 1e6:.1f} ms"
    return f"{duration_ns / 1e9:.1f} s"


# --- how to read it --------------------------------------------------------------------------------------------------


def _legend(found: Results) -> Element:
    layouts = [
        *(
            name
            for layout, name in fields.LAYOUT_NAMES.items()
            if any(int(fact["layout"]) == layout for fact in found.facts.values())
        ),
        fields.VMCLOCK_NAME,
    ]
    return h(
        "section",
        h("h2", "How to read this"),
        h(
            "details",
            h("summary", "What can become of a vector"),
            _pairs(*((_outcome_name(name), MEANINGS[name]) for name in OUTCOMES)),
        ),
        (
            h(
                "details",
                h("summary", f"Fields of: {fields.document()['layouts'][name]['title']}"),
                _pairs(
                    *(
                        (f"{field} ({unit})" if unit != "-" else field, meaning)
                        for field, unit, meaning in fields.meanings(name)
                    )
                ),
            )
            for name in layouts
        ),
        h(
            "p",
            "In a drawing of a file each line is a field: where it begins, its bytes as they lie there, its name and its value. ",
            h("mark", "\u2260"),
            " marks what the daemon or the hypervisor would not write.",
        ),
    )


def _outcome_name(outcome: str) -> str:
    return f"{SIGNS.get(outcome, FAILED_SIGN)} {outcome.replace('-', ' ')}"
