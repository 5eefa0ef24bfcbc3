/** What arrives, what is refused and why, and where the memory is. */

import { button, element, fill } from "../shell/element";
import { age, exact, readable, share } from "../shell/format";
import type { Status, StoreSignal } from "./api";
import { emptyState, SEND_LINES } from "./parts";
import type { Page, Scene, View } from "./view";

const REASONS: [keyof StoreSignal, string][] = [
    ["late", "too old: behind the out-of-order window, or the retention"],
    ["future", "ahead of this machine's clock: look at the sender's"],
    ["refused", "one stream too many: a label has too many values"],
    ["invalid", "labels or sizes that are not right"],
];

const WHAT = { later: "requests", invalid: "requests", partial: "records" };

/** Rates come from two looks. */
interface Look { now: number; records: Map<string, number> }

export class OverviewView implements View {
    readonly root = element("section", { class: "overview scrolled" });
    private before: Look | null = null;
    private rates = new Map<string, number>();

    constructor(private readonly page: Page) {}

    async show(scene: Scene): Promise<void> {
        const { status } = scene;
        this.takeRates(status);
        const total = status.store_signals.reduce((sum, one) => sum + one.records, 0);
        const own = status.receivers.filter((one) => !one.name.startsWith("selfmon"))
            .reduce((sum, one) => sum + one.accepted, 0);
        fill(this.root, element("h2", {}, "What arrives"), this.arrivals(status),
            own === 0 && total >= 0 ? emptyState("Nobody has sent anything yet",
                "Start a program that has an OpenTelemetry SDK with:", SEND_LINES) : null,
            element("h2", {}, "What is refused"), this.refusals(status),
            element("h2", {}, "Memory"), ...this.memory(status));
    }

    private takeRates(status: Status): void {
        const records = new Map(status.store_signals.map((one) => [one.signal, one.records]));
        if (this.before !== null && status.now > this.before.now + 1) {
            const { now, records: old } = this.before;
            this.rates = new Map([...records].map(([signal, count]) =>
                [signal, Math.max(0, count - (old.get(signal) ?? 0)) / (status.now - now)]));
        }
        if (this.before === null || status.now > this.before.now + 1) {
            this.before = { now: status.now, records };
        }
    }

    private arrivals(status: Status): HTMLElement {
        const cards = status.store_signals.map((one) => {
            const rate = this.rates.get(one.signal);
            return element("li", { class: "card" },
                button(one.signal, { class: "card-title" },
                    () => this.page.address.change({ view: one.signal, search: null })),
                element("strong", { title: exact(one.records, "count") },
                    readable(one.records, "count")),
                element("span", { class: "quiet" }, rate === undefined ? "records"
                    : `records, ${readable(rate, "count")}/s`),
                element("span", { class: "quiet" },
                    `${readable(one.streams, "count")} of ${readable(one.stream_limit, "count")} ` +
                    `${one.signal === "metrics" ? "series" : "streams"}`),
                element("span", { class: "quiet" }, one.newest === 0 ? "nothing yet"
                    : `newest ${age(Math.max(0, status.now - one.newest))} ago`));
        });
        return element("ul", { class: "cards" }, ...cards);
    }

    private refusals(status: Status): HTMLElement {
        const rows: HTMLElement[] = [];
        for (const signal of status.store_signals) {
            for (const [key, why] of REASONS) {
                const count = Number(signal[key]);
                if (count > 0) {
                    rows.push(element("li", {}, `${readable(count, "count")} ${signal.signal}: ${
                        why}`));
                }
            }
        }
        for (const receiver of status.receivers) {
            if (receiver.refused > 0) {
                rows.push(element("li", {}, `${receiver.name}: ${readable(receiver.refused,
                    "count")} requests were told to come later, for want of memory or disk`));
            }
            if (receiver.invalid > 0) {
                rows.push(element("li", {}, `${receiver.name}: ${readable(receiver.invalid,
                    "count")} requests could not be read`));
            }
        }
        if (rows.length === 0 && status.refusals.length === 0) {
            return element("p", { class: "quiet" },
                "Nothing has been refused since the daemon started.");
        }
        return element("div", {}, element("ul", { class: "reasons" }, ...rows),
            ...this.told(status));
    }

    /** What senders were told, the newest first. */
    private told(status: Status): HTMLElement[] {
        const rows = status.refusals.map((one) => element("li", {},
            element("span", { class: "quiet" }, `${age(Math.max(0, status.now - one.last))} ago, ${
                one.signal}, ${readable(one.count, "count")} ${WHAT[one.kind]}: `), one.reason));
        return rows.length === 0 ? []
            : [element("h3", {}, "What senders were told"),
                element("ul", { class: "reasons" }, ...rows)];
    }

    private memory(status: Status): HTMLElement[] {
        const { memory } = status;
        const bytes = (value: number): HTMLElement => element("td", { class: "number",
            title: exact(value, "bytes") }, readable(value, "bytes"));
        const rows = memory.budgets.map((one) => element("tr", {},
            element("td", { class: "text" }, one.name), bytes(one.used_bytes),
            bytes(one.peak_bytes), bytes(one.limit_bytes),
            element("td", { class: "number" }, readable(one.refused, "count"))));
        const used = element("i", { title: exact(memory.resident_bytes, "bytes") });
        used.style.width = `${100 * memory.resident_bytes / memory.limit_bytes}%`;
        return [element("div", { class: "account-bar", role: "img", "aria-label":
            `${readable(memory.resident_bytes, "bytes")} of ${readable(memory.limit_bytes,
                "bytes")} are in use` }, used),
        element("p", {}, `${readable(memory.resident_bytes, "bytes")} resident, ${share(
            memory.resident_bytes, memory.limit_bytes)} of the limit of ${readable(
            memory.limit_bytes, "bytes")}.`),
        element("p", { class: "quiet" }, "What the budgets have reserved; a page of it is " +
            "resident once it is used:"),
        element("div", { class: "table-box", tabindex: 0, role: "region", "aria-label": "Budgets" },
            element("table", { class: "plain" },
                element("caption", { class: "spoken" }, "Budgets"),
                element("thead", {}, element("tr", {},
                    element("th", { scope: "col", class: "text" }, "Budget"),
                    ...["Reserved", "Most so far", "Limit", "Times refused"].map((head) =>
                        element("th", { scope: "col", class: "number" }, head)))),
                element("tbody", {}, ...rows)))];
    }
}
