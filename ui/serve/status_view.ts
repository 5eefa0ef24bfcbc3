/** Receivers, targets, exporters with their queues, and the store. */

import { element, fill } from "../shell/element";
import { age, exact, readable, share } from "../shell/format";
import type { Status, Target } from "./api";
import type { Scene, View } from "./view";

type Cell = string | [value: number, unit: string] | { right: string };

function table(caption: string, heads: string[], rows: Cell[][]): HTMLElement {
    return element("div", { class: "table-box", tabindex: 0, role: "region",
        "aria-label": caption }, element("table", { class: "plain" },
        element("caption", {}, caption),
        element("thead", {}, element("tr", {}, ...heads.map((head, at) =>
            element("th", { scope: "col", class: typeof rows[0]?.[at] === "string" ? "text"
                : "number" }, head)))),
        element("tbody", {}, ...rows.map((cells) => element("tr", {}, ...cells.map((cell) =>
            cellOf(cell)))))));
}

function cellOf(cell: Cell): HTMLElement {
    if (typeof cell === "string") {
        return element("td", { class: "text" }, cell);
    }
    return "right" in cell ? element("td", { class: "number" }, cell.right)
        : element("td", { class: "number", title: exact(cell[0], cell[1]) },
            readable(cell[0], cell[1]));
}

function seconds(time: number, now: number): Cell {
    return { right: time === 0 ? "none" : `${age(Math.max(0, now - time))} ago` };
}

function cacheOf(status: Status): string {
    const cache = status.store_cache;
    const asked = cache === undefined ? 0 : cache.hits + cache.misses;
    return cache === undefined || asked === 0 ? "" : ` Of the blocks of samples that queries ` +
        `read, ${share(cache.hits, asked)} were decoded already (${readable(cache.used_bytes,
            "bytes")}).`;
}

/** Whether the last try of a target was answered, in words. */
function targetState(target: Target): string {
    return target.error === "" ? target.answered === 0 ? "not asked yet" : "answers"
        : target.optional ? "nobody there, which may be" : target.error;
}

export class StatusView implements View {
    readonly root = element("section", { class: "status-view scrolled" });

    async show(scene: Scene): Promise<void> {
        const { status } = scene;
        const { now, store } = status;
        fill(this.root,
            element("p", {}, `Version ${status.version}, running for ${age(now -
                status.started)}.`),
            table("Receivers", ["Receiver", "Records", "Told to come later", "Not readable"],
                status.receivers.map((one) => [one.name, [one.accepted, "count"],
                    [one.refused, "count"], [one.invalid, "count"]])),
            status.targets.length === 0 ? null
                : table("Targets", ["Target", "Service", "State", "Profiles", "Last answer"],
                    status.targets.map((one) => [one.endpoint, one.service, targetState(one),
                        [one.profiles, "count"], seconds(one.answered, now)])),
            table("Exporters", ["Exporter", "Sent", "Failed tries", "Lost", "Refused", "Waiting"],
                status.exporters.map((one) => [one.name, [one.sent, "count"],
                    [one.failed, "count"], [one.lost, "count"], [one.refused, "count"],
                    [one.waiting_bytes, "bytes"]])),
            table("Pipelines", ["Pipeline", "Way"], status.pipelines.map((one) => [one.name,
                [one.receivers, one.processors, one.exporters].filter((part) => part.length > 0)
                    .map((part) => part.join(", ")).join(" → ")])),
            store === undefined ? element("p", {}, "This daemon keeps nothing: add the exporter " +
                "store to a pipeline.")
                : element("p", {}, `The store in ${store.path} keeps ${
                    store.retention_seconds === 0 ? "everything" : age(store.retention_seconds)
                }, up to ${readable(store.disk_limit_bytes, "bytes")}.${cacheOf(status)}`),
            table("Store", ["Signal", "Parts", "On disk", "Log", "In memory", "Streams", "Oldest",
                "Newest", "Merges", "Damaged", "Disk errors"],
            status.store_signals.map((one) => [one.signal, [one.parts, "count"],
                [one.disk_bytes, "bytes"], [one.log_bytes, "bytes"], [one.head_bytes, "bytes"],
                [one.streams, "count"], seconds(one.oldest, now), seconds(one.newest, now),
                [one.merges, "count"], [one.damaged, "count"], [one.disk_errors, "count"]])));
    }
}
