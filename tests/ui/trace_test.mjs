/** Traces as trees: roots, order, the critical path. Bundled for node by ui_test.py. */

import { assert, check, finish } from "./check.mjs";
import { traceOf } from "../../ui/serve/trace_document";

const BEGIN = 1700000000000000000n;

/** A trace of spans [id, parent, start, end], in microseconds. */
function traced(...spans) {
    return traceOf({ resourceSpans: [{ scopeSpans: [{ spans: spans.map(([id, parent, from, to]) =>
        ({ spanId: id, parentSpanId: parent, name: id,
            startTimeUnixNano: String(BEGIN + BigInt(from) * 1000n),
            endTimeUnixNano: String(BEGIN + BigInt(to) * 1000n) })) }] }] });
}

function shape(trace) {
    return trace.spans.map((span) => `${" ".repeat(span.depth)}${span.id}`);
}

function critical(trace) {
    return trace.spans.filter((span) => span.isCritical).map((span) => span.id).join(" ");
}

check("spans stand below their parents, in the order of their beginnings", () => {
    const trace = traced(["c", "a", 50, 60], ["b", "a", 10, 20], ["a", "", 0, 100],
        ["d", "b", 12, 15]);
    assert.deepEqual(shape(trace), ["a", " b", "  d", " c"]);
    assert.equal(trace.duration, 100000);
    assert.equal(trace.begin, BEGIN);
});

check("a span whose parent is not there is a root", () => {
    assert.deepEqual(shape(traced(["a", "", 0, 100], ["x", "gone", 5, 6], ["y", "x", 5, 6])),
        ["a", "x", " y"]);
});

check("spans that are their own forefathers are shown, each once", () => {
    const trace = traced(["a", "", 0, 100], ["s", "s", 1, 2], ["p", "q", 3, 4], ["q", "r", 3, 4],
        ["r", "p", 3, 4], ["under", "r", 3, 4]);
    assert.deepEqual([...trace.spans].map((span) => span.id).sort(),
        ["a", "p", "q", "r", "s", "under"]);
});

check("the critical path goes back from the end by who ended last", () => {
    assert.equal(critical(traced(["a", "", 0, 100], ["first", "a", 0, 40], ["beside", "a", 5, 30],
        ["last", "a", 45, 95], ["in", "last", 50, 60])), "a first last in");
});

check("a child that outlives its parent was waited for until then", () => {
    assert.equal(critical(traced(["a", "", 0, 100], ["early", "a", 0, 50], ["late", "a", 60, 140])),
        "a early late");
    assert.equal(critical(traced(["a", "", 0, 100], ["after", "a", 120, 140], ["b", "a", 10, 90])),
        "a b");
});

check("a trace may be as deep as it likes", () => {
    const count = 50000;
    const trace = traced(...Array.from({ length: count }, (_, at) =>
        [`s${at}`, at === 0 ? "" : `s${at - 1}`, 0, 100]));
    assert.equal(trace.spans.length, count);
    assert.equal(trace.spans.every((span) => span.isCritical), true);
});

await finish();
