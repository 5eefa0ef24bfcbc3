/**
 * Which boxes of a tree can be seen: those wider than a pixel, in the rows that are shown. What is
 * narrower is not even looked at where siblings come in order of their widths; elsewhere a whole
 * subtree is passed over in one step. So the work is bounded by the pixels, not by the profile.
 */

import type { Tree } from "./tree";

export interface Frame {
    tree: Tree;
    width: Float64Array; // of each node, in the profile's unit
    zoom: number; // the node that is as wide as all
    pixels: number;
    firstRow: number;
    lastRow: number;
}

/** Boxes as columns, reused from frame to frame. */
export class Boxes {
    count = 0;
    node = new Int32Array(4096);
    x = new Float64Array(4096);
    width = new Float64Array(4096);
    /** Rows of narrow ones that are drawn as one: the node whose children they are. */
    bandCount = 0;
    band = new Int32Array(1024);
    bandX = new Float64Array(1024);
    bandWidth = new Float64Array(1024);
    /** Nodes looked at: what the work was. */
    visited = 0;

    clear(): void {
        this.count = 0;
        this.bandCount = 0;
        this.visited = 0;
    }

    add(node: number, x: number, width: number): void {
        if (this.count === this.node.length) {
            this.node = grown(this.node, Int32Array);
            this.x = grown(this.x, Float64Array);
            this.width = grown(this.width, Float64Array);
        }
        this.node[this.count] = node;
        this.x[this.count] = x;
        this.width[this.count++] = width;
    }

    addBand(node: number, x: number, width: number): void {
        if (this.bandCount === this.band.length) {
            this.band = grown(this.band, Int32Array);
            this.bandX = grown(this.bandX, Float64Array);
            this.bandWidth = grown(this.bandWidth, Float64Array);
        }
        this.band[this.bandCount] = node;
        this.bandX[this.bandCount] = x;
        this.bandWidth[this.bandCount++] = width;
    }
}

function grown<Column extends Int32Array | Float64Array>(
    column: Column, Made: new (length: number) => Column): Column {
    const larger = new Made(column.length * 2);
    larger.set(column);
    return larger;
}

const NARROWEST_PX = 1;

function addAncestors(frame: Frame, boxes: Boxes): void {
    for (let node = frame.zoom; node >= 0; node = frame.tree.parent[node]) {
        const row = frame.tree.depth[node];
        if (row >= frame.firstRow && row <= frame.lastRow) {
            boxes.add(node, 0, frame.pixels);
        }
    }
}

/** The children of a node that is drawn: their band, and where the first of them begins. */
function openChildren(frame: Frame, self: number, node: number, x: number, scale: number,
    boxes: Boxes): void {
    const width = (frame.width[node] - self) * scale;
    if (width >= NARROWEST_PX && frame.tree.depth[node] + 1 >= frame.firstRow) {
        boxes.addBand(node, x, width);
    }
}

export function layOut(frame: Frame, self: Float64Array, inOrder: boolean, boxes: Boxes): void {
    const { tree, width, zoom } = frame;
    boxes.clear();
    addAncestors(frame, boxes);
    if (!(width[zoom] > 0)) {
        return;
    }
    const scale = frame.pixels / width[zoom];
    const nextX = new Float64Array(frame.lastRow + 2); // by row: where the next box begins
    nextX[tree.depth[zoom] + 1] = 0;
    openChildren(frame, self[zoom], zoom, 0, scale, boxes);
    const end = tree.end[zoom];
    for (let node = zoom + 1; node < end;) {
        boxes.visited++;
        const row = tree.depth[node];
        const pixels = width[node] * scale;
        if (row > frame.lastRow) {
            node = tree.end[tree.parent[node]];
            continue;
        }
        if (pixels < NARROWEST_PX) {
            nextX[row] += pixels;
            node = inOrder ? tree.end[tree.parent[node]] : tree.end[node];
            continue;
        }
        const x = nextX[row];
        nextX[row] = x + pixels;
        if (row >= frame.firstRow) {
            boxes.add(node, x, pixels);
        }
        if (row < frame.lastRow && tree.end[node] > node + 1) {
            nextX[row + 1] = x;
            openChildren(frame, self[node], node, x, scale, boxes);
        }
        node++;
    }
}

/** Whether siblings come with the widest first. */
export function isInOrder(tree: Tree, width: Float64Array): boolean {
    for (let node = 1; node < tree.count; node++) {
        const next = tree.end[node];
        if (next < tree.count && tree.depth[next] === tree.depth[node] &&
            width[next] > width[node]) {
            return false;
        }
    }
    return true;
}
