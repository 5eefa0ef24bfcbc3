/** Logs: how many over time, the lines, and the fields of one; live, too. */

import { button, element, fill } from "../shell/element";
import { Refusal } from "../shell/fetch";
import { counted, exact, moment, momentUtc, readable } from "../shell/format";
import { fetchData, fetchLogs, quoted, urlOf } from "./api";
import type { Histogram, LogRow } from "./api";
import { bars, emptyState, problem } from "./parts";
import { RowsList } from "./rows_list";
import type { Page, Scene, View } from "./view";

const LIMIT = "1000";
const BUCKETS = "60";
const TAIL_ROWS_MAX = 5000;

const SELECTOR_LIKE = 'A selector is like {service_name="shop",host=~"a.*",version!=""}.';

const EXAMPLE = [
    "curl -H 'Content-Type: application/json' http://127.0.0.1:4318/v1/logs -d \\",
    "  '{\"resourceLogs\":[{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":" +
    "{\"stringValue\":\"shop\"}}]},\"scopeLogs\":[{\"logRecords\":[{\"body\":" +
    "{\"stringValue\":\"hello\"}}]}]}]}'",
];

function timeMs(row: LogRow): number {
    return Number(BigInt(row.time_ns) / 1000000n);
}

export class LogsView implements View {
    readonly root = element("section", { class: "logs-view" });
    private readonly histogram = element("div", { class: "histogram" });
    private readonly note = element("p", { class: "quiet note", role: "status" });
    private readonly fields = element("aside", { class: "fields", "aria-label": "Fields",
        hidden: true });
    private readonly rows = new RowsList<LogRow>("Log lines", (row, at) => this.line(row, at));
    private readonly tailButton = button("Live tail", { class: "live", "aria-pressed": "false" },
        () => this.toggleTail());
    private readonly filter = element("input", { type: "text", class: "selector",
        "aria-label": "Selector", placeholder: '{service_name="shop"}', spellcheck: "false" });
    private source: EventSource | null = null;
    private tailRows: LogRow[] = [];
    private tailDraw = 0;
    private dropped = 0;
    private found: LogRow[] = [];
    private opened: LogRow | null = null;
    private selector: string | null = null;
    private contains = "";
    private traced: string | null = null;
    private readonly ofTrace = element("span", { class: "of-trace", hidden: true });

    constructor(private readonly page: Page) {
        this.filter.addEventListener("change",
            () => page.address.change({ query: this.filter.value }));
        this.rows.root.addEventListener("scroll", () => this.scrolled());
        fill(this.root, element("div", { class: "logs-bar" }, this.filter, this.ofTrace,
            this.tailButton),
            this.histogram, this.note,
            element("div", { class: "logs-body" }, this.rows.root, this.fields));
    }

    async show(scene: Scene): Promise<void> {
        const own = this.page.address.get("query") ?? "";
        const selector = own !== "" ? own
            : scene.service === null ? "" : `{service_name=${quoted(scene.service)}}`;
        const traced = this.page.address.get("traced");
        const isOther = selector !== this.selector || scene.search !== this.contains ||
            traced !== this.traced;
        if (selector !== this.selector) {
            this.filter.value = selector;
        }
        this.selector = selector;
        this.contains = scene.search;
        this.showTrace(traced);
        if (this.source !== null || this.page.address.get("tail") !== null) {
            if (isOther || this.source === null) {
                this.startTail();
            }
            return;
        }
        try {
            await this.ask(scene);
        } catch (error) {
            if (!(error instanceof Refusal)) {
                throw error;
            }
            this.showNone(problem(error, error.status === 400 ? SELECTOR_LIKE : ""));
        }
    }

    private showTrace(traced: string | null): void {
        this.traced = traced;
        this.ofTrace.hidden = traced === null;
        if (traced !== null) {
            fill(this.ofTrace, `of trace ${traced.slice(0, 8)}`, button("All lines",
                { title: traced }, () => this.page.address.change({ traced: null })));
        }
    }

    /** The row that is open stays it, wherever it is among these. */
    private showRows(rows: LogRow[]): void {
        const { opened } = this;
        this.rows.current = opened === null ? -1 : rows.findIndex((row) =>
            row.time_ns === opened.time_ns && row.line === opened.line);
        this.rows.show([...rows]);
    }

    /** In the place of lines; the selector stays where it can be mended. */
    private showNone(why: HTMLElement): void {
        this.found = [];
        this.rows.show([]);
        this.note.textContent = "";
        fill(this.histogram, why);
        this.showFields(null);
    }

    private async ask(scene: Scene): Promise<void> {
        const asked = { query: this.selector, contains: this.contains, trace_id: this.traced,
            start: scene.range.start, end: scene.range.end };
        const [histogram, answer] = await Promise.all([
            fetchData<Histogram>("/api/logs/histogram", { ...asked, buckets: BUCKETS }),
            fetchLogs({ ...asked, limit: LIMIT })]);
        if (this.source !== null) {
            return;
        }
        this.found = answer.rows;
        this.drawHistogram(histogram);
        this.note.textContent = counted(histogram.total, "line", "lines") +
            (answer.truncated ? `, of which the newest ${exact(answer.rows.length,
                "count")} are shown` : "") +
            `; ${readable(answer.scanned, "bytes")} read` +
            (answer.damaged === 0 ? "" : `; ${counted(answer.damaged, "block is", "blocks are")} ` +
                "damaged and left out");
        this.reopen();
        this.showRows(this.found);
        if (this.found.length === 0) {
            this.showNone(emptyState("There are no lines in this time",
                scene.search === "" && this.selector === "" ? "Widen the range, or send one:"
                    : "Widen the range, ask for less, or send one:",
                EXAMPLE));
        } else if (this.rows.current < 0) {
            this.showFields(null);
        }
    }

    /** The line of the URL, where the page was loaded with one. */
    private reopen(): void {
        const line = this.page.address.get("line");
        const row = this.opened !== null ? undefined : this.found.find((one) =>
            one.time_ns === line);
        if (row !== undefined) {
            this.showFields(row);
        }
    }

    step(by: number): void {
        this.showFields(this.rows.step(by) ?? null);
    }

    enter(): void {
        (this.fields.querySelector<HTMLElement>("button:not(.close)") ??
            this.fields.querySelector("button"))?.focus();
    }

    close(): boolean {
        const isOpen = !this.fields.hidden;
        this.showFields(null);
        return isOpen;
    }

    leave(): void {
        this.stopTail();
    }

    private drawHistogram(histogram: Histogram): void {
        const { start, step } = histogram;
        fill(this.histogram, bars(histogram.counts, "Lines over time", (at) =>
            `${counted(histogram.counts[at], "line", "lines")} from ${moment((start + at * step) *
                1000)}`, (at) => this.page.address.change({ range:
            `${(start + at * step).toFixed(3)}~${(start + (at + 1) * step).toFixed(3)}` })));
    }

    private line(row: LogRow, at: number): HTMLElement {
        const level = row.severity.toUpperCase();
        const made = element("div", { class: "log-line" },
            element("time", { title: momentUtc(timeMs(row)) }, moment(timeMs(row))),
            element("span", { class: `level ${/^(ERROR|FATAL)/.test(level) ? "bad"
                : level.startsWith("WARN") ? "warn" : ""}` }, level.slice(0, 5)),
            element("span", { class: "line-service" }, row.stream.service_name ?? ""),
            element("span", { class: "line-text" }, row.line));
        made.addEventListener("click", () => {
            this.rows.choose(at);
            this.showFields(row);
        });
        return made;
    }

    private showFields(row: LogRow | null): void {
        const hadFocus = this.fields.contains(document.activeElement);
        this.opened = row;
        this.page.address.note({ line: row?.time_ns ?? null });
        this.fields.hidden = row === null;
        if (row === null) {
            if (hadFocus) {
                this.rows.root.focus({ preventScroll: true });
            }
            this.rows.choose(-1);
            return;
        }
        const entries: [string, string, boolean][] = [
            ["time", momentUtc(timeMs(row)), false], ["severity", row.severity, false],
            ["scope", row.scope, false],
            ...Object.entries(row.stream).map(([name, value]): [string, string, boolean] =>
                [name, value, true]),
            ...Object.entries(row.attributes).map(([name, value]): [string, string, boolean] =>
                [name, value, false]),
            ["trace", row.trace_id, false], ["span", row.span_id, false]];
        fill(this.fields, element("h2", {}, "Fields"),
            button("Close", { class: "close" }, () => this.showFields(null)),
            element("pre", { tabindex: 0 }, row.line),
            row.truncated_line ? element("p", { class: "quiet" }, "The line is longer; it is " +
                "cut here.") : null,
            row.trace_id === "" ? null : button("Show the trace", {}, () =>
                this.page.address.change({ view: "traces", trace: row.trace_id, span: row.span_id,
                    search: null })),
            element("dl", {}, ...entries.filter(([, value]) => value !== "").flatMap(
                ([name, value, isLabel]) => [element("dt", {}, name), element("dd", {}, value,
                    isLabel ? this.filters(name, value) : null)])));
    }

    private filters(name: string, value: string): HTMLElement {
        const change = (sign: string): void => {
            const inner = (this.selector ?? "").replace(/^\{|\}$/g, "");
            const added = `${name}${sign}${quoted(value)}`;
            this.page.address.change({ query: `{${inner === "" ? added : `${inner},${added}`}}` });
        };
        return element("span", { class: "filters" },
            button("only", { "aria-label": `Only ${name} ${value}` },
                () => change("=")),
            button("not", { "aria-label": `Not ${name} ${value}` },
                () => change("!=")));
    }

    private toggleTail(): void {
        if (this.source !== null) {
            this.stopTail();
            this.page.address.change({ tail: null }, true);
            return;
        }
        this.page.address.note({ tail: "1" });
        this.startTail();
    }

    private startTail(): void {
        this.stopTail();
        this.tailRows = [];
        this.dropped = 0;
        this.source = new EventSource(urlOf("/api/logs/tail", { query: this.selector,
            contains: this.contains, trace_id: this.traced }));
        this.source.addEventListener("row", (event) => this.tailRow(event as MessageEvent<string>));
        this.source.addEventListener("dropped", (event) => {
            this.dropped += (JSON.parse((event as MessageEvent<string>).data) as
                { rows: number }).rows;
        });
        this.source.addEventListener("error", () => {
            this.stopTail();
            this.page.address.note({ tail: null });
            this.note.textContent = "The tail has ended: four may run at a time.";
        });
        this.tailButton.setAttribute("aria-pressed", "true");
        fill(this.histogram);
        this.showFields(null);
        this.rows.show([]);
        this.note.textContent = "Waiting for lines";
    }

    private tailRow(event: MessageEvent<string>): void {
        this.tailRows.unshift(JSON.parse(event.data) as LogRow);
        this.tailRows.length = Math.min(this.tailRows.length, TAIL_ROWS_MAX);
        if (this.tailDraw === 0) { // many rows may come in the time of one frame
            this.tailDraw = requestAnimationFrame(() => {
                this.tailDraw = 0;
                this.scrolled();
            });
        }
    }

    /** Where somebody has scrolled, rows stay as they are. */
    private scrolled(): void {
        if (this.source !== null && this.tailRows.length > 0) {
            this.showTail();
        }
    }

    private showTail(): void {
        const isPaused = !this.rows.isAtTop;
        this.note.textContent = counted(this.tailRows.length, "line", "lines") +
            (this.dropped > 0 ? `, and ${exact(this.dropped, "count")} more that came` : "") +
            (isPaused ? "; paused: scroll to the top to go on" : "");
        if (!isPaused) {
            this.showRows(this.tailRows);
        }
    }

    private stopTail(): void {
        this.source?.close();
        this.source = null;
        this.tailButton.setAttribute("aria-pressed", "false");
    }
}
