/** Who holds the resident memory: one bar that adds up to what the kernel says. */

import { element, fill } from "../shell/element";
import { fetchDocument } from "../shell/fetch";
import { exact, momentUtc, moment, readable, share } from "../shell/format";
import { accountOf } from "./document";
import type { Account } from "./document";
import { baseName } from "./scene";
import type { Scene } from "./scene";
import type { View } from "./view";

interface Part {
    key: string;
    name: string;
    about: string;
    bytes: number;
}

const MEANINGS: Record<string, [string, string]> = {
    heap_in_use: ["Heap in use", "Blocks that the program holds: what the flame graph explains."],
    heap_free: ["Heap free", "Freed, and still resident: fragmentation, or kept for later. " +
        "A trim gives back what can be given back."],
    heap_metadata: ["Allocator's tables", "What the allocator needs to keep order."],
    sampled_in_use: ["Sampled blocks", "Blocks in use that the profiler watches."],
    sampled_free: ["Sampled, free", "Room of watched blocks that have been freed."],
    profiler: ["Profiler", "The profiler's own tables."],
    thread_stacks: ["Stacks", "What threads have used of their stacks."],
    file_private: ["Variables", "Those of the program and its libraries, and pages of files " +
        "that it changed."],
    named: ["Named mappings", "Mappings that the program has given names."],
    mapped: ["Mapped", "What the program mapped itself, past malloc."],
    unexplained: ["Unexplained", "Anonymous memory that nobody has claimed."],
    file: ["Files", "Pages of programs, libraries and mapped files. The kernel can drop them."],
    shared_memory: ["Shared memory", "Shared with other processes."],
};

function partsOf(account: Account): Part[] {
    const parts = Object.entries(account.anonymous).map(([key, bytes]) => ({ key, bytes }));
    parts.push({ key: "file", bytes: account.resident["file"] ?? 0 },
        { key: "shared_memory", bytes: account.resident["shared_memory"] ?? 0 });
    return parts.filter((part) => part.bytes !== 0).map(({ key, bytes }) => {
        const [name, about] = MEANINGS[key] ?? [key.replace(/_/g, " "), ""];
        return { key, bytes, name, about };
    }).sort((a, b) => b.bytes - a.bytes);
}

/** The largest parts have colours of their own; the last colour is for all others. */
function swatchClass(at: number): string {
    return `category-${Math.min(at, 7)}`;
}

export class MemoryView implements View {
    readonly root = element("section", { class: "memory-view", tabindex: 0,
        "aria-label": "Account of memory" });
    private readonly meaning = element("p", { class: "meaning", role: "status" });

    async show(scene: Scene): Promise<void> {
        if (!scene.profile.has.memory) {
            fill(this.root, noAccount());
            return;
        }
        this.draw(accountOf(await fetchDocument("/api/memory", {})));
    }

    private draw(account: Account): void {
        const parts = partsOf(account);
        const resident = account.resident["bytes"];
        const sum = parts.reduce((all, part) => all + part.bytes, 0);
        const time = account.time_ns / 1e6;
        this.meaning.textContent = "Point at a part, or go through the table, for what it means.";
        fill(this.root,
            element("header", {},
                element("h2", { title: exact(resident, "bytes") },
                    `${readable(resident, "bytes")} resident`),
                element("p", { class: "quiet", title: momentUtc(time) }, moment(time) +
                    (Math.abs(sum - resident) < 1 ? "" : `; the parts add up to ` +
                        `${readable(sum, "bytes")}`) + swapped(account))),
            this.bar(parts, sum), this.meaning, this.table(parts, sum),
            element("div", { class: "columns" },
                owners("Files", account.files.map((file) =>
                    [file.path, file.text + file.data + file.private])),
                owners("Stacks", account.stacks.map((stack) =>
                    [`${stack.thread} ${stack.name}`, stack.resident])),
                owners("Mapped by", (account.mapped_by ?? []).map((module) =>
                    [module.path, module.private]))));
    }

    private bar(parts: Part[], sum: number): HTMLElement {
        const bar = element("div", { class: "account", role: "img",
            "aria-label": "Resident memory by holder: " + parts.map((part) =>
                `${part.name} ${share(part.bytes, sum)}`).join(", ") });
        parts.forEach((part, at) => {
            const box = element("span", { class: `part ${swatchClass(at)}` },
                part.bytes > sum * 0.08 ? part.name : "");
            box.style.flexGrow = String(Math.max(part.bytes, 0));
            box.addEventListener("pointerenter", () => this.explain(part));
            bar.append(box);
        });
        return bar;
    }

    private explain(part: Part): void {
        this.meaning.textContent = `${part.name}: ${readable(part.bytes, "bytes")}. ${part.about}`;
    }

    private table(parts: Part[], sum: number): HTMLElement {
        const rows = parts.map((part, at) => element("tr", {},
            element("td", { class: "text" }, element("i", { class: `swatch ${swatchClass(at)}` }),
                part.name),
            element("td", { class: "number", title: exact(part.bytes, "bytes") },
                readable(part.bytes, "bytes")),
            element("td", { class: "number" }, share(part.bytes, sum)),
            element("td", { class: "text about" }, part.about)));
        return element("table", { class: "parts" },
            element("caption", { class: "spoken" }, "Parts of the resident memory"),
            element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "text" },
                "Held by"),
            element("th", { scope: "col", class: "number" }, "Resident"),
            element("th", { scope: "col", class: "number" }, "%"),
            element("th", { scope: "col", class: "text about" }, "What it is"))),
            element("tbody", {}, ...rows));
    }
}

function swapped(account: Account): string {
    const bytes = account.resident["swapped"] ?? 0;
    return bytes === 0 ? "" : `; ${readable(bytes, "bytes")} swapped out besides`;
}

function owners(title: string, rows: [string, number][]): HTMLElement | null {
    const shown = rows.filter(([, bytes]) => bytes > 0).sort((a, b) => b[1] - a[1]).slice(0, 12);
    return shown.length === 0 ? null : element("section", {}, element("h3", {}, title),
        element("table", {}, element("caption", { class: "spoken" }, title),
            element("tbody", {}, ...shown.map(([name, bytes]) => element("tr", {},
                element("th", { scope: "row", class: "text", title: name }, baseName(name)),
                element("td", { class: "number", title: exact(bytes, "bytes") },
                    readable(bytes, "bytes")))))));
}

function noAccount(): HTMLElement {
    return element("div", { class: "empty" }, element("h2", {}, "No account of memory"),
        element("p", {}, "This source does not say who holds the resident memory. A process that " +
            "runs below the profiler does:"),
        element("pre", { tabindex: 0 }, "sluice heap run --listen 127.0.0.1:6070 -- ./server\n" +
            "sluice heap web http://127.0.0.1:6070/debug/pprof/heap"));
}
