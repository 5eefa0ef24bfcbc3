/** Functions as a table: what each holds itself, and with all that it calls. */

import { element } from "../shell/element";
import { alignedShare } from "../shell/format";
import { numberNode, Table } from "../shell/table";
import type { Column } from "../shell/table";
import { baseName, isWhole } from "./scene";
import type { Scene } from "./scene";
import type { Page, View } from "./view";

interface Row {
    of: number;
    name: string;
    self: number;
    total: number;
    objects: number;
    selfBefore: number;
    totalBefore: number;
    deviation: number; // standard errors of the change; 0: not known
    module: string;
    place: string;
}

const NOISE = 1.96;
const NARROW = "(max-width: 640px)"; // the name comes second, so that it can be seen

export class TopView implements View {
    readonly root: HTMLElement;
    readonly needsSums = true;
    private readonly note = element("p", { class: "quiet", role: "status", hidden: true });
    private readonly table: Table<Row>;

    constructor(private readonly page: Page) {
        const { address } = page;
        this.table = new Table<Row>("Functions", "sluice-top", {
            sort: (key, descending) =>
                address.change({ sort: key, order: descending ? null : "up" }),
            open: (row, opener) => {
                const box = opener.getBoundingClientRect();
                page.functionMenu(row.of, box.left, box.bottom, opener);
            },
        });
        this.root = element("section", { class: "top-view", "aria-label": "Top functions" },
            this.note, this.table.root);
    }

    show(scene: Scene): void {
        const { address } = this.page;
        const { cut, sums } = scene.profile;
        this.note.hidden = cut === 0 || (sums !== null && isWhole(scene.wish));
        this.note.textContent = "The profile is large: with a filter, what is too narrow for a " +
            "picture counts as its caller's own.";
        const rows = rowsOf(scene, address.get("search"));
        const columns = this.columns(scene);
        const usual = scene.profile.pair === null ? "self" : "self_change";
        this.table.show(columns, rows, address.get("sort") ?? usual,
            address.get("order") !== "up");
    }

    step(by: number): void {
        this.table.step(by);
    }

    private columns(scene: Scene): Column<Row>[] {
        const figures = scene.profile.pair === null ? singleColumns(scene) : pairColumns(scene);
        const names: Column<Row>[] = [
            { key: "function", head: "Function", about: "Callers and callees by a click",
                unit: null, wide: true, value: (row) => row.name,
                content: (row) => this.link(row) },
            { key: "place", head: "Source", about: "Its lines with their figures", unit: null,
                value: (row) => row.place, content: (row) => this.sourceLink(scene, row) },
            { key: "module", head: "Module", about: "Program or library", unit: null,
                value: (row) => baseName(row.module) },
        ];
        const first = matchMedia(NARROW).matches ? 1 : figures.length;
        return [...figures.slice(0, first), names[0], ...figures.slice(first), ...names.slice(1)];
    }

    private go(text: string, changes: Record<string, string | null>): HTMLElement {
        const { address } = this.page;
        const link = element("a", { href: address.with(changes) }, text);
        link.addEventListener("click", (event) => {
            if (!event.ctrlKey && !event.metaKey && !event.shiftKey) {
                event.preventDefault();
                address.change(changes);
            }
        });
        return link;
    }

    private link(row: Row): HTMLElement {
        return this.go(row.name, { view: "butterfly", function: row.name, zoom: null,
            callers: null });
    }

    private sourceLink(scene: Scene, row: Row): Node | string {
        return row.place === "" || !scene.profile.has.source ? row.place
            : this.go(row.place, { view: "source", function: row.name });
    }
}

function shareBar(part: number, whole: number): HTMLElement {
    const bar = element("i", { class: "share" });
    bar.style.width = `${Math.max(0, Math.min(1, part / Math.max(whole, 1))) * 100}%`;
    return element("span", { class: "with-bar" }, alignedShare(part, whole), bar);
}

function singleColumns(scene: Scene): Column<Row>[] {
    const { unit, whole } = scene;
    const part = (key: "self" | "total", about: string): Column<Row>[] => [
        { key, head: key === "self" ? "Self" : "Total", about, unit, value: (row) => row[key] },
        { key: `${key}_share`, head: "%", about: `${about}, as a share of all`, unit: "percent",
            value: (row) => whole === 0 ? 0 : Number((100 * row[key] / whole).toFixed(4)),
            content: (row) => shareBar(row[key], whole) },
    ];
    const columns = [...part("self", "What the function holds itself"),
        ...part("total", "What it and all that it calls hold")];
    if (scene.objectsType !== null) {
        columns.push(
            { key: "objects", head: "Objects", about: "How many the function holds itself",
                unit: "count", value: (row) => row.objects },
            { key: "mean", head: "Average", about: "Mean size of one", unit: "bytes",
                value: (row) => row.objects > 0 ? row.self / row.objects : null });
    }
    return columns;
}

function verdict(row: Row): string {
    const change = row.total - row.totalBefore;
    if (change === 0 || (row.deviation > 0 && Math.abs(change) < NOISE * row.deviation)) {
        return "noise";
    }
    return change > 0 ? "grew" : "shrank";
}

function pairColumns(scene: Scene): Column<Row>[] {
    const { unit } = scene;
    const changeNode = (change: number, row: Row): HTMLElement => {
        const node = numberNode(change, unit);
        node.prepend(change > 0 ? "+" : "");
        node.classList.add(`is-${change === 0 ? "noise" : verdict(row)}`);
        return node;
    };
    return [
        { key: "self_change", head: "Self change", about: "Of what the function holds itself", unit,
            value: (row) => row.self - row.selfBefore,
            content: (row) => changeNode(row.self - row.selfBefore, row) },
        { key: "change", head: "Change", about: "Of what it and all that it calls hold", unit,
            value: (row) => row.total - row.totalBefore,
            content: (row) => changeNode(row.total - row.totalBefore, row) },
        { key: "verdict", head: "Verdict", about: "Beyond the noise of sampling (95 %), or within",
            unit: null, value: verdict,
            content: (row) => element("span", { class: `is-${verdict(row)}` }, verdict(row)) },
        { key: "then", head: "Then", about: "Total at the first moment", unit,
            value: (row) => row.totalBefore },
        { key: "now", head: "Now", about: "Total at the second moment", unit,
            value: (row) => row.total },
    ];
}

function rowsOf(scene: Scene, search: string | null): Row[] {
    const { names, files, modules, lines } = scene.profile;
    const now = scene.functionSums("now");
    const before = scene.profile.pair === null ? null : scene.functionSums("then");
    const objects = scene.objectsType === null ? null : scene.functionExtra(scene.objectsType);
    const variance = before === null ? null : scene.functionExtra("variance");
    const matches = scene.search(search);
    const rows: Row[] = [];
    for (let of = 0; of < names.length; of++) {
        const row = {
            of, name: names[of], self: now.self[of], total: now.total[of],
            objects: objects?.self[of] ?? 0, selfBefore: before?.self[of] ?? 0,
            totalBefore: before?.total[of] ?? 0,
            deviation: Math.sqrt(Math.max(variance?.total[of] ?? 0, 0)),
            module: modules[of],
            place: files[of] === "" ? "" : baseName(files[of]) +
                (lines[of] > 0 ? `:${lines[of]}` : ""),
        };
        const isThere = row.self !== 0 || row.total !== 0 || row.totalBefore !== 0;
        if (isThere && (matches === null || matches[of] === 1)) {
            rows.push(row);
        }
    }
    return rows;
}
