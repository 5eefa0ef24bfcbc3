/**
 * What the program left out of a profile because no picture of all would show it: asked for when a
 * zoom goes so deep that it would be seen, and put into the tree in place of its caller's sum.
 */

import { pathTo, treeOf } from "../flame/tree";
import type { Tree } from "../flame/tree";
import type { FunctionColumns, Profile } from "./document";

const PARTS = 16384; // what holds less than this part of all is left out
const SEEN_PX = 0.5;
const QUERY_MAX = 3500; // the program takes 4 KiB

/** Whether boxes that were left out below a node would be seen where it is as wide as that. */
export function wouldShow(total: number, whole: number, pixels: number): boolean {
    return total * SEEN_PX < whole / PARTS * pixels;
}

/** The stack of a node as the program's parameter `below`; null where it cannot be asked for. */
export function belowOf(profile: Profile, node: number): string | null {
    const { entries, tree } = profile;
    if (entries === null || node <= 0) {
        return null;
    }
    const text = pathTo(tree, node).map((one) => entries[tree.function[one]]).join(".");
    return text.length > QUERY_MAX ? null : text;
}

type Table = Pick<Profile, "names" | "files" | "modules" | "lines" | "entries">;

/** Functions of both, those of `profile` at their places; and where each of `part` is. */
function functionsOf(profile: Profile, part: Table): { place: Int32Array; added: Table } {
    const entries = [...profile.entries as number[]];
    const known = new Map(entries.map((entry, at) => [entry, at]));
    const added = { names: [...profile.names], files: [...profile.files],
        modules: [...profile.modules], lines: [...profile.lines], entries };
    const place = Int32Array.from(part.entries as number[], (entry, at) => {
        const found = known.get(entry);
        if (found !== undefined) {
            return found;
        }
        added.names.push(part.names[at]);
        added.files.push(part.files[at]);
        added.modules.push(part.modules[at]);
        added.lines.push(part.lines[at]);
        return entries.push(entry) - 1;
    });
    return { place, added };
}

/** Nodes of `tree`, but in place of `node` and what is below it those of `part` from `from` on. */
function spliced<Item>(tree: Tree, node: number, all: ArrayLike<Item>, part: ArrayLike<Item>,
    from: number): Item[] {
    const items: Item[] = [];
    for (let at = 1; at < node; at++) {
        items.push(all[at]);
    }
    for (let at = from; at < part.length; at++) {
        items.push(part[at]);
    }
    for (let at = tree.end[node]; at < tree.count; at++) {
        items.push(all[at]);
    }
    return items;
}

/**
 * The profile with what `part` has of a node's stack: `part` begins with the path to it, without
 * branches, and has the same columns.
 */
export function deepened(profile: Profile, node: number, part: Profile): Profile {
    const { tree } = profile;
    const from = tree.depth[node];
    if (part.entries === null || part.tree.count <= from ||
        part.tree.self.length !== tree.self.length) {
        return profile;
    }
    const { place, added } = functionsOf(profile, part);
    const of = <Item>(all: ArrayLike<Item>, its: ArrayLike<Item>): Item[] =>
        spliced(tree, node, all, its, from);
    const extra = (all: Float64Array | null, its: Float64Array | null): Float64Array | null =>
        all === null ? null
            : Float64Array.from([0, ...of(all, its ?? new Float64Array(part.tree.count))]);
    const depths = of(tree.depth, part.tree.depth).map((depth) => depth - 1);
    const functions = of(tree.function,
        part.tree.function.map((one) => one < 0 ? one : place[one]));
    const columns = tree.self.map((column, at) => of(column, part.tree.self[at]));
    return { ...profile, ...added, tree: treeOf(depths, functions, columns),
        age: extra(profile.age, part.age), variance: extra(profile.variance, part.variance) };
}

/** The profile with functions that its tree leaves out, and the exact sums of all. */
export function withSums(profile: Profile, exact: Table & FunctionColumns): Profile {
    if (profile.entries === null || exact.entries === null) {
        return profile;
    }
    const { place, added } = functionsOf(profile, exact);
    const placed = (columns: Float64Array[]): Float64Array[] => columns.map((column) => {
        const found = new Float64Array(added.names.length);
        column.forEach((value, at) => {
            found[place[at]] = value;
        });
        return found;
    });
    return { ...profile, ...added,
        sums: { self: placed(exact.self), total: placed(exact.total) } };
}
