/** Parts of a tree: what a search finds, what filters leave, one function's callers and callees. */

import { arrange, ROOT_FUNCTION, totals } from "./tree";
import type { LooseTree, Tree } from "./tree";

/** By function: whether it is meant. */
export type Matches = Uint8Array;

export interface Filters {
    focus: Matches | null; // stacks alone that pass one
    ignore: Matches | null; // and those not that do
    hide: Matches | null; // frames that are left out
}

const FOCUSED = 1;
const IGNORED = 2;

function focusAndIgnore(tree: Tree, filters: Filters): Tree {
    const { focus, ignore } = filters;
    const flags = new Uint8Array(tree.count);
    const self = tree.self.map((column) => Float64Array.from(column));
    flags[0] = focus === null ? FOCUSED : 0;
    for (let node = 0; node < tree.count; node++) {
        if (node > 0) {
            const of = tree.function[node];
            flags[node] = flags[tree.parent[node]] | (focus?.[of] ? FOCUSED : 0) |
                (ignore?.[of] ? IGNORED : 0);
        }
        if (flags[node] !== FOCUSED) {
            for (const column of self) {
                column[node] = 0;
            }
        }
    }
    return { ...tree, self };
}

class Gathering {
    readonly loose: LooseTree;
    private readonly known = new Map<number, number>();

    constructor(private readonly tree: Tree, private readonly functionCount: number) {
        this.loose = {
            parent: [-1], function: [ROOT_FUNCTION], self: tree.self.map(() => [0]),
        };
    }

    child(parent: number, of: number): number {
        const key = parent * this.functionCount + of;
        let found = this.known.get(key);
        if (found === undefined) {
            found = this.loose.parent.length;
            this.known.set(key, found);
            this.loose.parent.push(parent);
            this.loose.function.push(of);
            for (const column of this.loose.self) {
                column.push(0);
            }
        }
        return found;
    }

    add(node: number, columns: Float64Array[], from: number): void {
        for (let at = 0; at < columns.length; at++) {
            this.loose.self[at][node] += columns[at][from];
        }
    }

    arranged(column: number): Tree {
        return arrange(this.loose, Math.min(column, this.tree.self.length - 1));
    }
}

function hidden(tree: Tree, hide: Matches, functionCount: number, column: number): Tree {
    const gathering = new Gathering(tree, functionCount);
    const place = new Int32Array(tree.count);
    for (let node = 1; node < tree.count; node++) {
        const of = tree.function[node];
        const parent = place[tree.parent[node]];
        place[node] = hide[of] ? parent : gathering.child(parent, of);
        gathering.add(place[node], tree.self, node);
    }
    return gathering.arranged(column);
}

export function filtered(tree: Tree, filters: Filters, functionCount: number,
    column: number): Tree {
    const kept = filters.focus === null && filters.ignore === null
        ? tree : focusAndIgnore(tree, filters);
    return filters.hide === null ? kept : hidden(kept, filters.hide, functionCount, column);
}

/** Call for each node of a function that is not below another one of it. */
function eachOutermost(tree: Tree, of: number, visit: (node: number) => void): void {
    for (let node = 1; node < tree.count; node++) {
        if (tree.function[node] === of) {
            visit(node);
            node = tree.end[node] - 1;
        }
    }
}

/** What a function calls, from all of its callers. */
export function callees(tree: Tree, of: number, functionCount: number, column: number): Tree {
    const gathering = new Gathering(tree, functionCount);
    const place = new Int32Array(tree.count);
    eachOutermost(tree, of, (top) => {
        for (let node = top; node < tree.end[top]; node++) {
            const parent = node === top ? 0 : place[tree.parent[node]];
            place[node] = gathering.child(parent, tree.function[node]);
            gathering.add(place[node], tree.self, node);
        }
    });
    return gathering.arranged(column);
}

/** Who calls a function, the nearest first. */
export function callers(tree: Tree, of: number, functionCount: number, column: number): Tree {
    const gathering = new Gathering(tree, functionCount);
    const sums = tree.self.map((self) => totals(tree, self));
    eachOutermost(tree, of, (top) => {
        let place = gathering.child(0, of);
        for (let node = tree.parent[top]; node > 0; node = tree.parent[node]) {
            place = gathering.child(place, tree.function[node]);
        }
        gathering.add(place, sums, top);
    });
    return gathering.arranged(column);
}

export interface FunctionSums {
    self: Float64Array;
    total: Float64Array; // of stacks that pass it, each once
}

/** By function, from a column of the tree and its totals. */
export function functionSums(tree: Tree, self: Float64Array, total: Float64Array,
    functionCount: number): FunctionSums {
    const sums = { self: new Float64Array(functionCount), total: new Float64Array(functionCount) };
    const open = new Int32Array(functionCount); // the end of the outermost node that is open
    for (let node = 1; node < tree.count; node++) {
        const of = tree.function[node];
        sums.self[of] += self[node];
        if (node >= open[of]) {
            open[of] = tree.end[node];
            sums.total[of] += total[node];
        }
    }
    return sums;
}

/** A pattern as people type it: a regular expression, or plain text if it is not one. */
export function patternOf(text: string): RegExp {
    const flags = /[A-Z]/.test(text) ? "" : "i";
    try {
        return new RegExp(text, flags);
    } catch {
        return new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
    }
}

export function matchesOf(names: string[], text: string | null): Matches | null {
    if (text === null || text === "") {
        return null;
    }
    const pattern = patternOf(text);
    return Uint8Array.from(names, (name) => pattern.test(name) ? 1 : 0);
}

/** The sum of what matches: each stack once. */
export function matchedSum(tree: Tree, total: Float64Array, matches: Matches): number {
    let sum = 0;
    for (let node = 1; node < tree.count; node++) {
        if (matches[tree.function[node]]) {
            sum += total[node];
            node = tree.end[node] - 1;
        }
    }
    return sum;
}
