/** Draws the boxes of a layout. Boxes of one colour go together; labels come last. */

import type { Palette } from "../shell/palette";
import type { Boxes } from "./layout";
import type { TextFit } from "./text_fit";
import type { Tree } from "./tree";

export const ROW_PX = 20;
const GAP_PX = 1;
const LABEL_PX = 5; // before and after
const HATCHED_PX = 5; // narrower boxes show no hatching

/** How a node looks: places in the palette. */
export interface Look {
    /** Of a category and shade, or of a change. */
    colour(node: number): string;
    /** 1 grew, -1 shrank, 0 neither: hatched one way or the other. */
    hatch(node: number): number;
    label(node: number): string;
    marked(node: number): boolean;
    searching: boolean;
}

export interface Surface {
    context: CanvasRenderingContext2D;
    fit: TextFit;
    palette: Palette;
    patterns: Map<number, CanvasPattern>;
    top: number; // scrolled by
    height: number;
    rowCount: number;
    upward: boolean; // callers: the root's row is the lowest
    rootless: boolean; // the root has no row
}

export function rowTop(surface: Surface, row: number): number {
    const shown = surface.rootless ? row - 1 : row;
    const from = surface.upward ? surface.rowCount - 1 - shown : shown;
    const room = surface.upward ? surface.height - surface.rowCount * ROW_PX : 0;
    return from * ROW_PX - surface.top + Math.max(room, 0);
}

/** Stripes that say what hue alone must not: rising to the right, or falling. */
export function makePatterns(context: CanvasRenderingContext2D, colour: string,
    ratio: number): Map<number, CanvasPattern> {
    const patterns = new Map<number, CanvasPattern>();
    for (const direction of [1, -1]) {
        const tile = document.createElement("canvas");
        tile.width = tile.height = 8 * ratio;
        const pen = tile.getContext("2d") as CanvasRenderingContext2D;
        pen.scale(ratio, ratio);
        pen.strokeStyle = colour;
        pen.lineWidth = 1.2;
        for (const shift of [-8, 0, 8]) {
            pen.moveTo(shift, direction > 0 ? 8 : 0);
            pen.lineTo(shift + 8, direction > 0 ? 0 : 8);
        }
        pen.stroke();
        const pattern = context.createPattern(tile, "repeat");
        if (pattern !== null) {
            pattern.setTransform(new DOMMatrix().scale(1 / ratio));
            patterns.set(direction, pattern);
        }
    }
    return patterns;
}

function paintBands(surface: Surface, tree: Tree, boxes: Boxes): void {
    const { context, palette } = surface;
    context.fillStyle = palette.rule;
    for (let at = 0; at < boxes.bandCount; at++) {
        const top = rowTop(surface, tree.depth[boxes.band[at]] + 1);
        context.fillRect(boxes.bandX[at], top + ROW_PX / 4,
            Math.max(boxes.bandWidth[at] - GAP_PX, 0.5), ROW_PX / 2);
    }
}

/** Boxes by colour, so that the canvas changes its pen as seldom as it can. */
function byColour(boxes: Boxes, look: Look): Map<string, number[]> {
    const groups = new Map<string, number[]>();
    for (let at = 0; at < boxes.count; at++) {
        const colour = look.colour(boxes.node[at]);
        const group = groups.get(colour);
        if (group === undefined) {
            groups.set(colour, [at]);
        } else {
            group.push(at);
        }
    }
    return groups;
}

function paintBoxes(surface: Surface, tree: Tree, boxes: Boxes, look: Look): void {
    const { context } = surface;
    const box = (at: number): void => {
        context.fillRect(boxes.x[at], rowTop(surface, tree.depth[boxes.node[at]]),
            Math.max(boxes.width[at] - GAP_PX, 0.75), ROW_PX - GAP_PX);
    };
    for (const [colour, group] of byColour(boxes, look)) {
        context.fillStyle = colour;
        group.forEach(box);
    }
    for (let at = 0; at < boxes.count; at++) {
        const pattern = boxes.width[at] < HATCHED_PX
            ? undefined : surface.patterns.get(look.hatch(boxes.node[at]));
        if (pattern !== undefined) {
            context.fillStyle = pattern;
            box(at);
        }
    }
}

/** What a search found has a frame besides its colour. */
function paintMarks(surface: Surface, tree: Tree, boxes: Boxes, look: Look): void {
    const { context, palette } = surface;
    context.strokeStyle = palette.markText;
    context.lineWidth = 1.5;
    for (let at = 0; at < boxes.count; at++) {
        if (boxes.width[at] > 4 && look.marked(boxes.node[at])) {
            context.strokeRect(boxes.x[at] + 0.75,
                rowTop(surface, tree.depth[boxes.node[at]]) + 0.75,
                boxes.width[at] - GAP_PX - 1.5, ROW_PX - GAP_PX - 1.5);
        }
    }
}

function paintLabels(surface: Surface, tree: Tree, boxes: Boxes, look: Look): void {
    const { context, palette } = surface;
    context.textBaseline = "middle";
    for (let at = 0; at < boxes.count; at++) {
        const node = boxes.node[at];
        const room = boxes.width[at] - GAP_PX - 2 * LABEL_PX;
        const text = room < 12 ? "" : surface.fit.fit(look.label(node), room);
        if (text !== "") {
            context.fillStyle = look.searching && look.marked(node)
                ? palette.markText : palette.boxText;
            context.fillText(text, boxes.x[at] + LABEL_PX,
                rowTop(surface, tree.depth[node]) + ROW_PX / 2);
        }
    }
}

export function paint(surface: Surface, tree: Tree, boxes: Boxes, look: Look): void {
    const { context, palette } = surface;
    context.fillStyle = palette.ground;
    context.fillRect(0, 0, context.canvas.width, context.canvas.height);
    paintBands(surface, tree, boxes);
    paintBoxes(surface, tree, boxes, look);
    if (look.searching) {
        paintMarks(surface, tree, boxes, look);
    }
    paintLabels(surface, tree, boxes, look);
}
