/** Any number of rows of one height, of which only those in sight exist. */

import { element, fill } from "../shell/element";

const ROW_PX = 24;
const AROUND = 12;

export class RowsList<Row> {
    readonly root: HTMLElement;
    private readonly inner = element("div", { class: "rows-inner" });
    private rows: Row[] = [];
    private drawn = "";
    current = -1;

    constructor(label: string, private readonly draw: (row: Row, at: number) => HTMLElement) {
        this.root = element("div", { class: "rows", tabindex: 0, role: "list",
            "aria-label": label }, this.inner);
        this.root.addEventListener("scroll", () => this.redraw());
        new ResizeObserver(() => this.redraw()).observe(this.root);
    }

    get isAtTop(): boolean {
        return this.root.scrollTop < ROW_PX;
    }

    show(rows: Row[]): void {
        this.rows = rows;
        this.current = Math.min(this.current, rows.length - 1);
        this.inner.style.height = `${rows.length * ROW_PX}px`;
        this.drawn = "";
        this.redraw();
    }

    /** -1 for none. */
    choose(at: number): void {
        this.current = at;
        this.drawn = "";
        this.redraw();
    }

    step(by: number): Row | undefined {
        this.current = Math.max(0, Math.min(this.rows.length - 1, this.current + by));
        const top = this.current * ROW_PX;
        if (top < this.root.scrollTop || top > this.root.scrollTop + this.root.clientHeight -
            2 * ROW_PX) {
            this.root.scrollTop = Math.max(0, top - this.root.clientHeight / 2);
        }
        this.drawn = "";
        this.redraw();
        return this.rows[this.current];
    }

    private redraw(): void {
        const first = Math.max(0, Math.floor(this.root.scrollTop / ROW_PX) - AROUND);
        const last = Math.min(this.rows.length,
            first + Math.ceil(this.root.clientHeight / ROW_PX) + 2 * AROUND);
        if (this.drawn === `${first} ${last}`) {
            return;
        }
        this.drawn = `${first} ${last}`;
        fill(this.inner, ...this.rows.slice(first, last).map((row, place) => {
            const made = this.draw(row, first + place);
            made.style.top = `${(first + place) * ROW_PX}px`;
            made.setAttribute("role", "listitem");
            if (first + place === this.current) {
                made.setAttribute("aria-current", "true");
            }
            return made;
        }));
    }
}
