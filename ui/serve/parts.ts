/** Pieces that several views show. */

import { button, element } from "../shell/element";
import { Refusal } from "../shell/fetch";

/** Nothing to show yet: what would change that, ready to copy. */
export function emptyState(title: string, about: string, lines: string[]): HTMLElement {
    const text = lines.join("\n");
    const copy = button("Copy", {}, () => {
        void navigator.clipboard.writeText(text).then(
            () => { copy.textContent = "Copied"; },
            () => { copy.textContent = "The browser does not allow copying"; });
    });
    return element("div", { class: "empty" }, element("h2", {}, title),
        element("p", {}, about), lines.length > 0 ? element("pre", { tabindex: 0 }, text) : null,
        lines.length > 0 ? copy : null);
}

export function problem(error: unknown, next = ""): HTMLElement {
    const refusal = error instanceof Refusal ? error : null;
    return element("div", { class: "empty", role: "alert" },
        element("h2", {}, refusal?.message ?? String(error)),
        element("p", {}, refusal === null ? "Reload the page, and tell us if it stays."
            : refusal.next || next));
}

/** Bars over time; a press on one is told with its number. */
export function bars(counts: number[], label: string, describe: (at: number) => string,
    press: (at: number) => void): HTMLElement {
    const most = Math.max(1, ...counts);
    return element("div", { class: "bars", role: "group", "aria-label": label },
        ...counts.map((count, at) => {
            const bar = button("", { class: "bar-of", title: describe(at),
                "aria-label": describe(at), tabindex: count > 0 ? 0 : -1 }, () => press(at));
            const fill = element("i");
            fill.style.height = count === 0 ? "0" : `${Math.max(4, 100 * count / most)}%`;
            bar.append(fill);
            return bar;
        }));
}

export const SEND_LINES = [
    "export OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318",
    "export OTEL_SERVICE_NAME=my-service",
];
