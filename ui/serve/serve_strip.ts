/** Always visible: memory against the limit, what is refused, what lies on disk. */

import { element, fill } from "../shell/element";
import { exact, readable, share } from "../shell/format";
import type { Status } from "./api";

export function refusedOf(status: Status): number {
    const receivers = status.receivers.reduce((sum, one) => sum + one.refused + one.invalid, 0);
    const store = status.store_signals.reduce((sum, one) =>
        sum + one.late + one.future + one.refused + one.invalid, 0);
    return receivers + store;
}

export class ServeStrip {
    readonly root = element("footer", { class: "strip", "aria-label": "The daemon" });
    private refused: number | null = null;

    show(status: Status | null): void {
        if (status === null) {
            fill(this.root, element("span", { class: "state warn", role: "status" },
                "The daemon does not answer"));
            return;
        }
        const { resident_bytes: used, limit_bytes: limit } = status.memory;
        const now = refusedOf(status);
        const recent = this.refused === null ? 0 : Math.max(0, now - this.refused);
        this.refused = now;
        const gauge = element("span", { class: "gauge", "aria-hidden": "true" }, element("i"));
        (gauge.firstElementChild as HTMLElement).style.width =
            `${Math.min(100, 100 * used / limit)}%`;
        const disk = status.store_signals.reduce((sum, one) =>
            sum + one.disk_bytes + one.log_bytes, 0);
        const waiting = status.exporters.reduce((sum, one) => sum + one.waiting_bytes, 0);
        fill(this.root,
            element("span", { title: `${exact(used, "bytes")} of ${exact(limit, "bytes")}` },
                `Memory ${readable(used, "bytes")} of ${readable(limit, "bytes")}, ${share(used,
                    limit)}`), gauge,
            element("span", { class: recent > 0 ? "warn" : "" },
                recent > 0 ? `${readable(recent, "count")} refused just now`
                    : "nothing refused now"),
            element("span", { title: exact(disk, "bytes") },
                `On disk ${readable(disk, "bytes")}`),
            element("span", {}, waiting > 0 ? `Waiting ${readable(waiting, "bytes")}` : ""));
    }
}
