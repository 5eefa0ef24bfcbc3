/**
 * A table of any length: only rows that can be seen exist. Sorted by a click on a head or by keys,
 * copied as TSV, downloaded as CSV or JSON.
 */

import { button, element, fill } from "./element";
import { alignedFigure, exact } from "./format";

export type Cell = string | number | null;

export interface Column<Row> {
    key: string; // in the URL and in downloads
    head: string;
    about: string;
    /** Of numbers; null: text. */
    unit: string | null;
    value(row: Row): Cell;
    /** A cell's content, where it is not just its value. */
    content?: (row: Row) => Node | string;
    wide?: boolean;
}

export interface TableEvents<Row> {
    sort(key: string, descending: boolean): void;
    open(row: Row, opener: HTMLElement): void;
}

const ROW_PX = 28;
const AROUND = 8; // rows beyond the visible ones

export class Table<Row> {
    readonly root: HTMLElement;
    private readonly body = element("tbody");
    private readonly head = element("tr");
    private readonly caption = element("caption", { class: "spoken" });
    private readonly status = element("span", { class: "quiet", role: "status" });
    private readonly scroller: HTMLElement;
    private rows: Row[] = [];
    private columns: Column<Row>[] = [];
    private sortKey = "";
    private descending = true;
    private current = 0;
    private drawn = "";

    constructor(label: string, private readonly file: string,
        private readonly events: TableEvents<Row>) {
        this.caption.textContent = label;
        this.scroller = element("div", { class: "table-scroll", tabindex: 0, role: "region",
            "aria-label": label }, element("table", {}, this.caption,
            element("thead", {}, this.head), this.body));
        this.root = element("section", { class: "table" }, this.scroller,
            element("footer", { class: "table-foot" }, this.status, this.tools()));
        this.scroller.addEventListener("scroll", () => this.drawRows());
        this.scroller.addEventListener("keydown", (event) => this.press(event));
        new ResizeObserver(() => this.drawRows()).observe(this.scroller);
    }

    show(columns: Column<Row>[], rows: Row[], sortKey: string, descending: boolean): void {
        this.columns = columns;
        this.sortKey = sortKey;
        this.descending = descending;
        const column = columns.find((one) => one.key === sortKey) ?? columns[0];
        const sign = descending ? -1 : 1;
        this.rows = [...rows].sort((a, b) => sign * compared(column.value(a), column.value(b)));
        this.current = Math.min(this.current, Math.max(rows.length - 1, 0));
        this.status.textContent = `${exact(rows.length, "count")} rows`;
        this.drawHead();
        this.drawn = "";
        this.drawRows();
    }

    /** For the keys j and k. */
    step(by: number): void {
        this.current = Math.max(0, Math.min(this.rows.length - 1, this.current + by));
        const top = this.current * ROW_PX;
        const room = this.scroller.clientHeight - 2 * ROW_PX;
        if (top < this.scroller.scrollTop || top > this.scroller.scrollTop + room) {
            this.scroller.scrollTop = top - room / 2;
        }
        this.drawn = "";
        this.drawRows();
        this.body.querySelector<HTMLElement>("tr[aria-current] a, tr[aria-current] button")
            ?.focus({ preventScroll: true });
    }

    private drawHead(): void {
        fill(this.head, ...this.columns.map((column) => {
            const sorted = column.key === this.sortKey;
            const order = this.descending ? "descending" : "ascending";
            const press = (): void => this.events.sort(column.key,
                sorted ? !this.descending : column.unit !== null);
            return element("th", {
                scope: "col", class: column.unit === null ? "text" : "number", title: column.about,
                "aria-sort": sorted ? order : null,
            }, button(column.head, {}, press));
        }));
    }

    private drawRows(): void {
        const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PX) - AROUND);
        const shown = Math.ceil(this.scroller.clientHeight / ROW_PX) + 2 * AROUND;
        const last = Math.min(this.rows.length, first + shown);
        const key = `${first} ${last}`;
        if (key === this.drawn) {
            return;
        }
        this.drawn = key;
        const rows = [];
        for (let at = first; at < last; at++) {
            rows.push(this.row(at));
        }
        fill(this.body, space(first), ...rows, space(this.rows.length - last));
        this.body.parentElement?.setAttribute("aria-rowcount", String(this.rows.length + 1));
    }

    private row(at: number): HTMLTableRowElement {
        const row = this.rows[at];
        const made = element("tr", { "aria-rowindex": at + 2,
            "aria-current": at === this.current ? "true" : null });
        made.append(...this.columns.map((column) => this.cell(column, row)));
        made.addEventListener("contextmenu", (event) => {
            event.preventDefault();
            this.events.open(row, made.querySelector("a") ?? this.scroller);
        });
        return made;
    }

    private cell(column: Column<Row>, row: Row): HTMLTableCellElement {
        const value = column.value(row);
        if (column.unit === null || typeof value !== "number") {
            const text = column.content?.(row) ?? String(value ?? "");
            return element("td", { class: column.wide ? "text wide" : "text",
                title: String(value ?? "") }, text);
        }
        const shown = column.content?.(row) ?? numberNode(value, column.unit);
        return element("td", { class: "number", title: exact(value, column.unit) }, shown);
    }

    private press(event: KeyboardEvent): void {
        const row = this.rows[this.current];
        if (event.key === "m" && row !== undefined && !event.ctrlKey && !event.metaKey) {
            event.preventDefault();
            this.events.open(row, event.target as HTMLElement);
        }
    }

    private tools(): HTMLElement {
        const copy = button("Copy as TSV", {}, () => {
            void navigator.clipboard.writeText(this.text("\t")).then(
                () => { this.status.textContent = `${this.rows.length} rows copied`; },
                () => { this.status.textContent = "The browser does not allow copying"; });
        });
        return element("span", { class: "tools" }, copy,
            button("CSV", { "aria-label": "Download as CSV" },
                () => download(`${this.file}.csv`, "text/csv", this.text(","))),
            button("JSON", { "aria-label": "Download as JSON" },
                () => download(`${this.file}.json`, "application/json", this.json())));
    }

    private text(separator: string): string {
        const rows = this.rows.map((row) =>
            this.columns.map((column) => String(column.value(row) ?? "")));
        const lines = [this.columns.map((column) => column.key), ...rows];
        return lines.map((cells) => cells.map((cell) => quoted(cell, separator)).join(separator))
            .join("\n") + "\n";
    }

    private json(): string {
        return JSON.stringify(this.rows.map((row) => Object.fromEntries(
            this.columns.map((column) => [column.key, column.value(row)]))), null, 1);
    }
}

function compared(a: Cell, b: Cell): number {
    if (typeof a === "number" && typeof b === "number") {
        return a - b;
    }
    return String(a ?? "").localeCompare(String(b ?? ""));
}

/** A spreadsheet must not take a function's name for a formula. */
function quoted(text: string, separator: string): string {
    const plain = separator === "\t" ? text.replace(/[\t\n]/g, " ") : text;
    if (separator !== "," || !/[",\n]/.test(plain)) {
        return plain;
    }
    return `"${plain.replace(/"/g, '""')}"`;
}

function space(rows: number): HTMLElement {
    const filler = element("td", { class: "filler" });
    filler.style.height = `${rows * ROW_PX}px`;
    return element("tr", { "aria-hidden": "true", class: "filler", hidden: rows === 0 }, filler);
}

/** The unit has a place of its own, so that the numbers of a column stand below each other. */
export function numberNode(value: number, unit: string): HTMLElement {
    const parts = alignedFigure(value, unit);
    return element("span", { class: "figure" }, parts.number,
        element("span", { class: "unit" }, parts.unit));
}

function download(name: string, type: string, text: string): void {
    const link = element("a", { download: name });
    link.href = URL.createObjectURL(new Blob([text], { type }));
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
