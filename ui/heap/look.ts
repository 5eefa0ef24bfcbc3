/** Colours and words of the boxes of a scene. */

import type { FlameContent } from "../flame/flame";
import type { Look } from "../flame/paint";
import type { Matches } from "../flame/transform";
import { age, exact, readable, share, signed } from "../shell/format";
import { mixed, readPalette } from "../shell/palette";
import type { Palette } from "../shell/palette";
import { baseName } from "./scene";
import type { Scene } from "./scene";

const DIMMED = 0.6;

function changeColour(scene: Scene, palette: Palette, node: number): string {
    if (scene.isNoise(node)) {
        return palette.same;
    }
    const change = scene.change(node);
    const larger = Math.max(scene.total[node], scene.total[node] - change, 1);
    const colours = change > 0 ? palette.grown : palette.shrunk;
    const level = Math.floor(Math.abs(change) / larger * colours.length);
    return colours[Math.min(level, colours.length - 1)];
}

/** One of many colours by node, worked out once for each that is drawn. */
export function lookOf(scene: Scene, matches: Matches | null): Look {
    const palette = readPalette();
    const { names } = scene.profile;
    const dimmed = palette.categories.map((shades) =>
        shades.map((colour) => mixed(colour, palette.ground, DIMMED)));
    const isPair = scene.profile.pair !== null;
    const { tree } = scene;
    const marked = (node: number): boolean =>
        node > 0 && matches !== null && matches[tree.function[node]] === 1;
    return {
        searching: matches !== null,
        marked,
        label: (node) => node === 0 ? "all" : names[tree.function[node]],
        hatch: (node) => !isPair || node === 0 || scene.isNoise(node) ? 0
            : Math.sign(scene.change(node)),
        colour: (node) => {
            if (marked(node)) {
                return palette.mark;
            }
            if (isPair || node === 0) {
                return node === 0 ? palette.same : changeColour(scene, palette, node);
            }
            const shades = (matches === null ? palette.categories : dimmed)[
                scene.category[tree.function[node]]];
            return shades[tree.depth[node] % shades.length];
        },
    };
}

function sizes(scene: Scene, node: number): [string, string][] {
    const { unit, total, value, tree } = scene;
    const parent = tree.parent[node];
    const lines: [string, string][] = [
        ["total", `${readable(total[node], unit)} (${exact(total[node], unit)})`],
        ["self", `${readable(value[node], unit)} (${exact(value[node], unit)})`],
        ["of all", share(total[node], scene.whole)],
    ];
    if (parent >= 0) {
        lines.push(["of its caller", share(total[node], total[parent])]);
    }
    const objects = scene.objectsType === null ? null : scene.typeTotals(scene.objectsType);
    if (objects !== null && objects[node] > 0) {
        lines.push(["average size", `${readable(total[node] / objects[node], "bytes")} of ` +
            `${readable(objects[node], "count")}`]);
    }
    const mean = scene.meanAge(node);
    if (mean !== null) {
        lines.push(["average age", age(mean)]);
    }
    return lines;
}

function changes(scene: Scene, node: number): [string, string][] {
    const { unit, beforeTotal, total } = scene;
    if (beforeTotal === null) {
        return [];
    }
    const noise = scene.noise(node);
    const lines: [string, string][] = [
        ["then", readable(beforeTotal[node], unit)],
        ["now", readable(total[node], unit)],
        ["change", `${signed(scene.change(node), unit)} (${beforeTotal[node] === 0 ? "new"
            : share(scene.change(node), beforeTotal[node])})`],
    ];
    if (noise !== null) {
        lines.push(["sampling", `± ${readable(noise, unit)}` +
            (scene.isNoise(node) ? ": within noise" : "")]);
    }
    return lines;
}

export function describe(scene: Scene, node: number): { title: string;
    lines: [string, string][] } {
    const of = scene.tree.function[node];
    const { names, files, modules, lines: begins, pair } = scene.profile;
    const figures = pair === null ? sizes(scene, node) : changes(scene, node);
    if (of < 0) {
        return { title: "all", lines: figures };
    }
    const place: [string, string][] = files[of] === "" ? []
        : [["file", begins[of] > 0 ? `${files[of]}:${begins[of]}` : files[of]]];
    return { title: names[of],
        lines: [...figures, ...place, ["module", baseName(modules[of])]] };
}

export function contentOf(scene: Scene, matches: Matches | null,
    rootless: boolean): FlameContent {
    return {
        tree: scene.tree,
        self: scene.self,
        width: scene.width,
        look: lookOf(scene, matches),
        rootless,
        describe: (node) => describe(scene, node),
        say: (node) => {
            const { title, lines } = describe(scene, node);
            const spoken = lines.slice(0, 3).map(([name, text]) => `${name} ${text}`).join(", ");
            return `${title}: ${spoken}; ${scene.tree.depth[node]} deep`;
        },
    };
}
