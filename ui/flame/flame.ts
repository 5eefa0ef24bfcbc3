/**
 * The flame graph as something to look at, point at and steer by keys: a canvas of the size of the
 * window on it, which stays where it is while what it shows is scrolled.
 */

import { element } from "../shell/element";
import { readPalette } from "../shell/palette";
import { Boxes, isInOrder, layOut } from "./layout";
import { makePatterns, paint, ROW_PX, rowTop } from "./paint";
import type { Look, Surface } from "./paint";
import { TextFit } from "./text_fit";
import type { Tree } from "./tree";

export interface FlameContent {
    tree: Tree;
    self: Float64Array; // not negative
    width: Float64Array; // its totals
    look: Look;
    rootless: boolean; // one function stands for all
    describe(node: number): { title: string; lines: [string, string][] };
    say(node: number): string; // in one sentence, for those who do not see it
}

export interface FlameEvents {
    zoom(node: number): void;
    menu(node: number, x: number, y: number, opener: HTMLElement): void;
}

interface Options {
    label: string;
    upward: boolean;
    tooltip: HTMLElement;
    events: FlameEvents;
}

const CALLERS_SHOWN = 3; // of a node that is zoomed into
const FONT = "12px system-ui, sans-serif";

export class FlameGraph {
    readonly root: HTMLElement;
    /** Of the last frame, for whoever measures it. */
    lastFrame = { ms: 0, boxes: 0, visited: 0 };
    private readonly canvas = element("canvas", { "aria-hidden": "true" });
    private readonly spacer = element("div", { class: "flame-spacer" });
    private readonly hoverBox = element("div", { class: "flame-hover", hidden: true });
    private readonly selectedBox = element("div", { class: "flame-selected", hidden: true });
    private readonly spoken = element("div", { class: "spoken", "aria-live": "polite" });
    private readonly boxes = new Boxes();
    private readonly options: Options;
    private surface: Surface | null = null;
    private content: FlameContent | null = null;
    private zoomed = 0;
    private selected = 0;
    private rowCount = 1;
    private inOrder = false;
    private waiting = false;
    private atBottom = false; // until it is scrolled

    constructor(options: Options) {
        this.options = options;
        this.root = element("div", {
            class: options.upward ? "flame upward" : "flame", tabindex: 0, role: "application",
            "aria-roledescription": "flame graph", "aria-label": options.label,
        }, this.spacer, this.spoken);
        this.spacer.append(this.canvas, this.hoverBox, this.selectedBox);
        this.listen();
        new ResizeObserver(() => this.resized()).observe(this.root);
    }

    show(content: FlameContent, zoom: number): void {
        const changed = this.content?.tree !== content.tree;
        const isElsewhere = zoom !== this.zoomed || this.content === null;
        this.content = content;
        this.inOrder = isInOrder(content.tree, content.width);
        this.zoomed = zoom;
        this.selected = changed || zoom > 0 ? zoom : this.selected;
        this.rowCount = this.neededRows();
        this.spacer.style.height = `${this.rowCount * ROW_PX}px`;
        this.atBottom = this.options.upward;
        this.hideTooltip();
        if (isElsewhere && !this.options.upward) {
            this.reveal(zoom);
        }
        this.resized();
    }

    /** What lies below a node that has been zoomed into is what there is to see. */
    private reveal(node: number): void {
        const { tree, rootless } = this.content as FlameContent;
        const top = (tree.depth[node] - (rootless ? 1 : 0)) * ROW_PX;
        const { scrollTop, clientHeight } = this.root;
        if (top < scrollTop || top + ROW_PX > scrollTop + clientHeight / 2) {
            this.root.scrollTop = Math.max(0, top - CALLERS_SHOWN * ROW_PX);
        }
    }

    /** Colours have changed. */
    restyle(): void {
        this.surface = null;
        this.resized();
    }

    get nodeCount(): number {
        return this.content?.tree.count ?? 0;
    }

    /** Where boxes with a label lie in the window: nothing else says it of a canvas. */
    boxesNamed(label: string): { x: number; y: number; width: number; height: number }[] {
        const found = [];
        const { left, top } = this.root.getBoundingClientRect();
        for (let at = 0; at < this.boxes.count; at++) {
            const node = this.boxes.node[at];
            if (this.surface !== null && this.content?.look.label(node) === label) {
                found.push({ x: left + this.boxes.x[at], width: this.boxes.width[at],
                    y: top + rowTop(this.surface, this.content.tree.depth[node]),
                    height: ROW_PX });
            }
        }
        return found;
    }

    get zoom(): number {
        return this.zoomed;
    }

    /** Draw at once, and not with the next frame. */
    draw(): void {
        if (this.content === null || this.surface === null) {
            return;
        }
        const started = performance.now();
        const { tree, width, self, look } = this.content;
        const surface = this.surface;
        surface.top = this.root.scrollTop;
        surface.rowCount = this.rowCount;
        this.canvas.style.top = `${surface.top}px`;
        const [firstRow, lastRow] = this.visibleRows(surface);
        layOut({ tree, width, zoom: this.zoomed, pixels: this.root.clientWidth, firstRow, lastRow },
            self, this.inOrder, this.boxes);
        paint(surface, tree, this.boxes, look);
        this.placeBox(this.selectedBox, this.selected);
        this.lastFrame = { ms: performance.now() - started, boxes: this.boxes.count,
            visited: this.boxes.visited };
    }

    private neededRows(): number {
        const { tree, width } = this.content as FlameContent;
        const least = width[this.zoomed] / Math.max(this.root.clientWidth, 1);
        let deepest = tree.depth[this.zoomed];
        for (let node = this.zoomed + 1; node < tree.end[this.zoomed];) {
            if (width[node] < least) {
                node = tree.end[node];
            } else {
                deepest = Math.max(deepest, tree.depth[node]);
                node++;
            }
        }
        return deepest + (this.content?.rootless === true ? 1 : 2); // the last may be a band
    }

    /** Callers that need less room than there is stand at its lower end. */
    private get roomAbove(): number {
        return this.options.upward
            ? Math.max(0, this.root.clientHeight - this.rowCount * ROW_PX) : 0;
    }

    private visibleRows(surface: Surface): [number, number] {
        const first = Math.max(0, Math.floor(surface.top / ROW_PX));
        const last = Math.min(this.rowCount - 1,
            Math.ceil((surface.top + surface.height) / ROW_PX));
        const shift = surface.rootless ? 1 : 0;
        return surface.upward
            ? [Math.max(0, this.rowCount - 1 - last) + shift, this.rowCount - 1 - first + shift]
            : [first + shift, last + shift];
    }

    private resized(): void {
        const width = this.root.clientWidth;
        const height = this.root.clientHeight;
        if (width === 0 || height === 0) {
            return;
        }
        if (this.atBottom) {
            this.root.scrollTop = this.root.scrollHeight;
        }
        const ratio = devicePixelRatio || 1;
        this.canvas.width = Math.round(width * ratio);
        this.canvas.height = Math.round(height * ratio);
        this.canvas.style.width = `${width}px`;
        this.canvas.style.height = `${height}px`;
        const context = this.canvas.getContext("2d", { alpha: false }) as CanvasRenderingContext2D;
        context.scale(ratio, ratio);
        context.font = FONT;
        context.fontKerning = "none";
        const palette = this.surface?.palette ?? readPalette();
        this.surface = {
            context, palette, fit: this.surface?.fit ?? new TextFit(context), top: 0, height,
            rowCount: this.rowCount, upward: this.options.upward,
            rootless: this.content?.rootless === true,
            patterns: this.surface?.patterns ?? makePatterns(context, palette.hatch, ratio),
        };
        this.draw();
    }

    private drawSoon(): void {
        if (!this.waiting) {
            this.waiting = true;
            requestAnimationFrame(() => {
                this.waiting = false;
                this.draw();
            });
        }
    }

    private listen(): void {
        this.root.addEventListener("wheel", () => { this.atBottom = false; }, { passive: true });
        this.root.addEventListener("scroll", () => {
            this.hideTooltip();
            this.drawSoon();
        });
        this.root.addEventListener("pointermove", (event) => this.hover(event));
        this.root.addEventListener("pointerleave", () => this.hideTooltip());
        this.root.addEventListener("click", (event) => this.click(event));
        this.root.addEventListener("contextmenu", (event) => this.openMenu(event));
        this.root.addEventListener("keydown", (event) => this.press(event));
        this.root.addEventListener("focus", () => this.draw());
    }

    private boxAt(clientX: number, clientY: number): number {
        const bounds = this.root.getBoundingClientRect();
        if (this.surface === null || this.content === null) {
            return -1;
        }
        const x = clientX - bounds.left;
        const fromTop = Math.floor(
            (clientY - bounds.top + this.root.scrollTop - this.roomAbove) / ROW_PX);
        const shown = this.options.upward ? this.rowCount - 1 - fromTop : fromTop;
        const row = this.surface.rootless ? shown + 1 : shown;
        const { node, x: left, width, count } = this.boxes;
        for (let at = 0; at < count; at++) {
            if (this.content.tree.depth[node[at]] === row && x >= left[at] &&
                x < left[at] + width[at]) {
                return at;
            }
        }
        return -1;
    }

    private nodeAt(event: MouseEvent): number {
        const at = this.boxAt(event.clientX, event.clientY);
        return at < 0 ? -1 : this.boxes.node[at];
    }

    private placeBox(box: HTMLElement, node: number): void {
        const at = this.boxes.node.subarray(0, this.boxes.count).indexOf(node);
        const surface = this.surface;
        box.hidden = at < 0 || surface === null;
        if (at < 0 || surface === null || this.content === null) {
            return;
        }
        box.style.left = `${this.boxes.x[at]}px`;
        box.style.top = `${rowTop(surface, this.content.tree.depth[node]) + surface.top}px`;
        box.style.width = `${Math.max(this.boxes.width[at] - 1, 1)}px`;
    }

    private hover(event: PointerEvent): void {
        const node = event.pointerType === "touch" ? -1 : this.nodeAt(event);
        if (node < 0 || this.content === null) {
            this.hideTooltip();
            return;
        }
        this.placeBox(this.hoverBox, node);
        this.showTooltip(node, event.clientX, event.clientY);
    }

    private showTooltip(node: number, x: number, y: number): void {
        const { title, lines } = (this.content as FlameContent).describe(node);
        const tooltip = this.options.tooltip;
        tooltip.replaceChildren(element("strong", {}, title), element("dl", {},
            ...lines.flatMap(([name, text]) =>
                [element("dt", {}, name), element("dd", {}, text)])));
        tooltip.hidden = false;
        const { offsetWidth, offsetHeight } = tooltip;
        const left = Math.min(x + 14, innerWidth - offsetWidth - 8);
        const below = y + 18 + offsetHeight < innerHeight;
        tooltip.style.left = `${Math.max(8, left)}px`;
        tooltip.style.top = `${Math.max(8, below ? y + 18 : y - 12 - offsetHeight)}px`;
    }

    private hideTooltip(): void {
        this.hoverBox.hidden = true;
        this.options.tooltip.hidden = true;
    }

    private click(event: MouseEvent): void {
        const node = this.nodeAt(event);
        if (node >= 0) {
            this.selected = node;
            this.options.events.zoom(node);
        }
    }

    private openMenu(event: MouseEvent): void {
        const node = this.nodeAt(event);
        if (node > 0) {
            event.preventDefault();
            this.hideTooltip();
            this.options.events.menu(node, event.clientX, event.clientY, this.root);
        }
    }

    private press(event: KeyboardEvent): void {
        const moved = this.moved(event.key);
        if (moved !== null) {
            this.select(moved);
        } else if (event.key === "Enter" || event.key === " ") {
            this.options.events.zoom(this.selected);
        } else if (event.key === "m" || event.key === "ContextMenu") {
            const box = this.selectedBox.getBoundingClientRect();
            this.options.events.menu(this.selected, box.left + 8, box.bottom, this.root);
        } else {
            return;
        }
        event.preventDefault();
        event.stopPropagation();
    }

    /** Where a key leads from the selected box; null for a key that does not move. */
    private moved(key: string): number | null {
        const { tree } = this.content as FlameContent;
        const up = this.options.upward ? ["ArrowDown", "k"] : ["ArrowUp", "k"];
        const down = this.options.upward ? ["ArrowUp", "j"] : ["ArrowDown", "j"];
        if (up.includes(key)) {
            return Math.max(tree.parent[this.selected], 0);
        }
        if (down.includes(key)) {
            return this.firstChild(this.selected);
        }
        if (key === "ArrowRight" || key === "ArrowLeft") {
            return this.sibling(key === "ArrowRight");
        }
        return key === "Home" ? this.zoomed : null;
    }

    private firstChild(node: number): number {
        const { tree, width } = this.content as FlameContent;
        for (let child = node + 1; child < tree.end[node]; child = tree.end[child]) {
            if (width[child] > 0) {
                return child;
            }
        }
        return node;
    }

    private sibling(next: boolean): number {
        const { tree, width } = this.content as FlameContent;
        const parent = tree.parent[this.selected];
        let before = this.selected;
        if (parent < 0) {
            return before;
        }
        for (let child = parent + 1; child < tree.end[parent]; child = tree.end[child]) {
            if (next && child > this.selected && width[child] > 0) {
                return child;
            }
            if (!next && child >= this.selected) {
                return before;
            }
            before = width[child] > 0 ? child : before;
        }
        return this.selected;
    }

    private select(node: number): void {
        this.selected = node;
        const content = this.content as FlameContent;
        const surface = this.surface as Surface;
        const top = rowTop({ ...surface, top: 0 }, content.tree.depth[node]);
        this.atBottom = false;
        if (top < this.root.scrollTop || top + 2 * ROW_PX > this.root.scrollTop + surface.height) {
            this.root.scrollTop = top - surface.height / 2;
        }
        this.draw();
        this.spoken.textContent = content.say(node);
    }
}
