/** Traces of a time, and the waterfall of one. */

import { button, element, fill } from "../shell/element";
import { counted, exact, moment, momentUtc, readable } from "../shell/format";
import { fetchJson, quoted } from "./api";
import type { TraceRow } from "./api";
import { bars, emptyState, SEND_LINES } from "./parts";
import { traceOf } from "./trace_document";
import type { OtlpTrace, Span, Trace } from "./trace_document";
import type { Page, Scene, View } from "./view";

const LIMIT = "200";
const BUCKETS = 40;

function startMs(row: TraceRow): number {
    return Number(BigInt(row.startTimeUnixNano) / 1000000n);
}

/** Counts by duration, each bucket a constant factor longer than the one before. */
function durations(traces: TraceRow[]): { counts: number[]; from: (at: number) => number } {
    const all = traces.map((trace) => Math.max(trace.durationMs, 0.001));
    const least = Math.min(...all);
    const factor = Math.max(1.0001, (Math.max(...all) / least) ** (1 / BUCKETS));
    const counts = new Array<number>(BUCKETS).fill(0);
    for (const duration of all) {
        const at = Math.floor(Math.log(duration / least) / Math.log(factor));
        counts[Math.min(BUCKETS - 1, at)]++;
    }
    return { counts, from: (at) => least * factor ** at };
}

export class TracesView implements View {
    readonly root = element("section", { class: "traces-view scrolled" });
    private traces: TraceRow[] = [];
    private revealed: string | null = null;

    constructor(private readonly page: Page) {}

    async show(scene: Scene): Promise<void> {
        const id = this.page.address.get("trace");
        if (id !== null) {
            const trace = traceOf(await fetchJson<OtlpTrace>(`/api/traces/${id}`, {}));
            fill(this.root, ...this.waterfall(id, trace));
            this.reveal(this.page.address.get("span"));
            return;
        }
        const query = scene.service === null ? null : `{service_name=${quoted(scene.service)}}`;
        const answer = await fetchJson<{ traces: TraceRow[]; truncated: boolean }>("/api/search",
            { query, name: scene.search, start: scene.range.start, end: scene.range.end,
                minDuration: this.page.address.get("longer"), limit: LIMIT });
        this.traces = answer.traces;
        this.drawList(answer.truncated);
    }

    /** Once: somebody may scroll away from it, and the page be drawn again. */
    private reveal(span: string | null): void {
        if (span !== this.revealed) {
            this.revealed = span;
            this.root.querySelector('.span-name[aria-pressed="true"]')?.scrollIntoView(
                { block: "nearest" });
        }
    }

    step(by: number): void {
        this.focusNear("tbody button, .span-name", by);
    }

    /** The button so many from the one with the focus, or from the chosen one. */
    private focusNear(selector: string, by: number): void {
        const all = [...this.root.querySelectorAll<HTMLElement>(selector)];
        const focused = all.findIndex((one) => one === document.activeElement);
        const at = focused >= 0 ? focused
            : all.findIndex((one) => one.getAttribute("aria-pressed") === "true");
        all[Math.max(0, Math.min(all.length - 1, at + by))]?.focus();
    }

    private drawList(isTruncated: boolean): void {
        if (this.traces.length === 0) {
            fill(this.root, emptyState("There are no traces in this time",
                "Send some from a program with an OpenTelemetry SDK, or widen the range:",
                SEND_LINES));
            return;
        }
        const { counts, from } = durations(this.traces);
        const longer = this.page.address.get("longer");
        const rows = this.traces.map((trace) => element("tr", {},
            element("td", { class: "text", title: momentUtc(startMs(trace)) },
                moment(startMs(trace))),
            element("td", { class: "text" }, trace.rootServiceName),
            element("td", { class: "text wide" }, button(trace.rootTraceName || trace.traceID, {},
                () => this.page.address.change({ trace: trace.traceID }))),
            element("td", { class: "number", title: `${trace.durationMs} ms` },
                readable(trace.durationMs * 1e6, "nanoseconds")),
            element("td", { class: "number spans" }, exact(trace.spanCount, "count")),
            element("td", { class: trace.errorCount > 0 ? "number bad" : "number" },
                exact(trace.errorCount, "count"))));
        fill(this.root, element("h2", {}, "Durations"),
            bars(counts, "Traces by duration", (at) => `${counted(counts[at], "trace",
                "traces")} of ${readable(from(at) * 1e6, "nanoseconds")} and more`, (at) =>
                this.page.address.change({ longer: `${from(at).toFixed(3)}ms` })),
            element("p", { class: "quiet" }, `${counted(this.traces.length, "trace",
                "traces")}, newest first` +
                (isTruncated ? "; there are more: narrow the range" : "") +
                (longer === null ? "" : `; of ${longer} and more`),
            longer === null ? null : button("all durations", {},
                () => this.page.address.change({ longer: null }))),
            element("table", { class: "plain" },
                element("caption", { class: "spoken" }, "Traces"),
                element("thead", {}, element("tr", {}, ...["Time", "Service", "Name", "Duration",
                    "Spans", "Errors"].map((head, at) => element("th", { scope: "col",
                    class: at < 3 ? "text" : at === 4 ? "number spans" : "number" }, head)))),
                element("tbody", {}, ...rows)));
    }

    private waterfall(id: string, trace: Trace): HTMLElement[] {
        const chosen = trace.spans.find((span) => span.id === this.page.address.get("span"));
        const legend = element("ul", { class: "legend-list" }, ...trace.services.map(
            (service, at) => element("li", {}, element("i", { class:
                `swatch category-${at % 7}` }), service)));
        const rows = trace.spans.map((span) => this.spanRow(span, trace, span === chosen));
        const beginMs = Number(trace.begin / 1000000n);
        return [element("header", { class: "trace-head" },
            button("All traces", {}, () => this.page.address.change({ trace: null, span: null })),
            element("h2", {}, trace.spans[0]?.name ?? "Trace"),
            element("span", { class: "quiet", title: momentUtc(beginMs) }, moment(beginMs)),
            element("span", {}, readable(trace.duration, "nanoseconds")),
            element("span", { class: "quiet" }, counted(trace.spans.length, "span",
                "spans")),
            button("Logs of this trace", {}, () => this.page.address.change({ view: "logs",
                trace: null, span: null, search: null, traced: id, range: this.around(beginMs,
                    trace.duration) })),
            element("code", {}, id)), legend,
        element("div", { class: "waterfall", role: "list", "aria-label": "Spans" }, ...rows),
        ...(chosen === undefined ? [] : [this.details(chosen)])];
    }

    private around(beginMs: number, durationNs: number): string {
        return `${(beginMs / 1000 - 1).toFixed(3)}~${(beginMs / 1000 + durationNs / 1e9 +
            1).toFixed(3)}`;
    }

    private spanRow(span: Span, trace: Trace, isChosen: boolean): HTMLElement {
        const whole = Math.max(1, trace.duration);
        const bar = element("i", { class: `category-${trace.services.indexOf(span.service) % 7}${
            span.isCritical ? " critical" : ""}` });
        bar.style.left = `${100 * span.start / whole}%`;
        bar.style.width = `max(2px, ${100 * span.duration / whole}%)`;
        const name = button(span.name, { class: "span-name", title: `${span.service}: ${span.name}`,
            "aria-pressed": String(isChosen) }, () => this.page.address.change(
            { span: isChosen ? null : span.id }));
        name.style.paddingLeft = `${8 + 12 * Math.min(span.depth, 12)}px`;
        return element("div", { class: `span-row${span.isError ? " is-error" : ""}`,
            role: "listitem" }, name, element("span", { class: "span-track" }, bar),
        element("span", { class: "span-time" }, (span.isError ? "error, " : "") +
            readable(span.duration, "nanoseconds")));
    }

    private details(span: Span): HTMLElement {
        const list = (pairs: [string, string][]): HTMLElement => element("dl", {},
            ...pairs.flatMap(([key, value]) => [element("dt", {}, key), element("dd", {}, value)]));
        return element("aside", { class: "span-details", "aria-label": "Span",
            tabindex: 0 },
            element("h2", {}, `${span.service}: ${span.name}`),
            span.isError ? element("p", { class: "bad" }, `Error${span.message === "" ? ""
                : `: ${span.message}`}`) : null,
            list([["span", span.id], ["scope", span.scope], ["begins after", readable(span.start,
                "nanoseconds")], ["takes", readable(span.duration, "nanoseconds")],
            ...span.attributes]),
            span.events.length > 0 ? element("h3", {}, "Events") : null,
            list(span.events.map((event) => [readable(event.at, "nanoseconds"), event.name])),
            element("h3", {}, "Resource"), list(span.resource));
    }
}
