/** What is looked at: a profile, or two, through one sample type and the filters of the URL. */

import { filtered, functionSums, matchesOf } from "../flame/transform";
import type { FunctionSums, Matches } from "../flame/transform";
import { totals } from "../flame/tree";
import type { Tree } from "../flame/tree";
import { CATEGORY_COUNT } from "../shell/palette";
import type { Profile } from "./document";

/** How wide boxes are where two moments are compared. */
export const WIDTHS = ["now", "then", "grown", "shrunk"] as const;
export type Width = typeof WIDTHS[number];

export interface Wish {
    type: string | null;
    focus: string | null;
    ignore: string | null;
    hide: string | null;
    width: Width;
}

const NOISE = 1.96; // standard errors; 95 %

/** Whether nothing is filtered. */
export function isWhole(wish: Wish): boolean {
    return wish.focus === null && wish.ignore === null && wish.hide === null;
}

export class Scene {
    readonly typeAt: number;
    readonly unit: string;
    readonly tree: Tree;
    /** What boxes are as wide as. */
    readonly self: Float64Array;
    readonly width: Float64Array;
    /** Of the chosen type; of a pair: of now. */
    readonly value: Float64Array;
    readonly total: Float64Array;
    /** Of a pair: of then. */
    readonly before: Float64Array | null = null;
    readonly beforeTotal: Float64Array | null = null;
    /** Of all, before any filter. */
    readonly whole: number;
    /** By function: a category of the palette. */
    readonly category: Uint8Array;
    /** The modules of the categories, the largest first. */
    readonly modules: string[];
    private readonly sums = new Map<number, Float64Array>();

    /** Of the whole profile; or with another tree of the same columns, made from `whole.tree`. */
    constructor(readonly profile: Profile, readonly wish: Wish,
        part?: { tree: Tree; whole: Scene }) {
        const { pair, types } = profile;
        this.typeAt = pair !== null ? 0 : typeIndex(profile, wish.type);
        this.unit = types[this.typeAt].unit;
        const now = pair !== null ? 1 : this.typeAt;
        this.tree = part?.tree ?? chosenTree(profile, wish, now);
        this.value = this.tree.self[now];
        this.total = totals(this.tree, this.value);
        if (pair !== null) {
            this.before = this.tree.self[0];
            this.beforeTotal = totals(this.tree, this.before);
        }
        this.self = this.widths();
        this.width = totals(this.tree, this.self);
        this.whole = part?.whole.whole ?? summed(profile.tree.self[now]);
        this.modules = part?.whole.modules ?? this.rankedModules();
        this.category = part?.whole.category ?? this.categories();
    }

    /** A column that is there beside the types, summed over subtrees. */
    private extra(name: "age" | "variance"): Float64Array | null {
        const columns = extraNames(this.profile);
        const at = columns.indexOf(name);
        return at < 0 ? null : this.columnTotals(this.profile.tree.self.length + at);
    }

    private columnTotals(at: number): Float64Array {
        let found = this.sums.get(at);
        if (found === undefined) {
            found = totals(this.tree, this.tree.self[at]);
            this.sums.set(at, found);
        }
        return found;
    }

    /** The totals of another type of the profile. */
    typeTotals(name: string): Float64Array | null {
        const at = this.profile.pair !== null
            ? -1 : this.profile.types.findIndex((type) => type.name === name);
        return at < 0 ? null : this.columnTotals(at);
    }

    /** The type that counts what the chosen one measures in bytes. */
    get objectsType(): string | null {
        const name = this.profile.types[this.typeAt].name;
        const objects = name.replace(/_(space|bytes)$/, "_objects");
        return objects !== name && this.profile.types.some((type) => type.name === objects)
            ? objects : null;
    }

    meanAge(node: number): number | null {
        const ages = this.extra("age");
        const bytes = this.typeTotals("inuse_space");
        return ages === null || bytes === null || bytes[node] <= 0
            ? null : ages[node] / bytes[node];
    }

    change(node: number): number {
        return this.beforeTotal === null ? 0 : this.total[node] - this.beforeTotal[node];
    }

    /** 1.96 standard errors of the change; null where the samples do not say. */
    noise(node: number): number | null {
        const variance = this.extra("variance");
        return variance === null ? null : NOISE * Math.sqrt(Math.max(variance[node], 0));
    }

    isNoise(node: number): boolean {
        const noise = this.noise(node);
        return this.change(node) === 0 || (noise !== null && Math.abs(this.change(node)) < noise);
    }

    functionSums(which: "now" | "then"): FunctionSums {
        const pairAt = which === "now" ? 1 : 0;
        const exact = this.exactSums(this.profile.pair === null ? this.typeAt : pairAt);
        if (exact !== null) {
            return exact;
        }
        const [self, total] = which === "now" || this.before === null || this.beforeTotal === null
            ? [this.value, this.total] : [this.before, this.beforeTotal];
        return functionSums(this.tree, self, total, this.profile.names.length);
    }

    functionExtra(name: string): FunctionSums | null {
        const at = name === "variance"
            ? (this.profile.variance === null ? -1 : this.tree.self.length - 1)
            : this.profile.types.findIndex((type) => type.name === name);
        return at < 0 ? null : this.exactSums(at) ?? functionSums(this.tree, this.tree.self[at],
            this.columnTotals(at), this.profile.names.length);
    }

    private exactSums(column: number): FunctionSums | null {
        const { sums } = this.profile;
        return sums === null || !isWhole(this.wish) ? null
            : { self: sums.self[column], total: sums.total[column] };
    }

    search(text: string | null): Matches | null {
        return matchesOf(this.profile.names, text);
    }

    private widths(): Float64Array {
        const { before, value } = this;
        if (before === null) {
            return value.map((one) => Math.max(one, 0));
        }
        const chosen: Record<Width, (node: number) => number> = {
            now: (node) => value[node],
            then: (node) => before[node],
            grown: (node) => value[node] - before[node],
            shrunk: (node) => before[node] - value[node],
        };
        const width = chosen[this.wish.width];
        return value.map((_, node) => Math.max(width(node), 0));
    }

    private rankedModules(): string[] {
        const sums = new Map<string, number>();
        const whole = this.profile.tree;
        const column = whole.self[Math.min(this.profile.pair !== null ? 1 : this.typeAt,
            whole.self.length - 1)];
        const total = totals(whole, column);
        for (let node = 1; node < whole.count; node++) {
            const module = this.profile.modules[whole.function[node]];
            sums.set(module, (sums.get(module) ?? 0) + total[node]);
        }
        return [...sums].sort((a, b) => b[1] - a[1]).map(([module]) => module);
    }

    private categories(): Uint8Array {
        const rank = new Map(this.modules.map((module, at) =>
            [module, Math.min(at, CATEGORY_COUNT - 1)]));
        return Uint8Array.from(this.profile.modules, (module) =>
            rank.get(module) ?? CATEGORY_COUNT - 1);
    }
}

function typeIndex(profile: Profile, wanted: string | null): number {
    const found = profile.types.findIndex((type) => type.name === wanted);
    return found < 0 ? profile.defaultType : found;
}

function extraNames(profile: Profile): string[] {
    return [...(profile.age === null ? [] : ["age"]),
        ...(profile.variance === null ? [] : ["variance"])];
}

/** Its columns are those of the profile, then its age and its variance, if there are. */
function chosenTree(profile: Profile, wish: Wish, column: number): Tree {
    const { names, tree } = profile;
    const extra = [profile.age, profile.variance]
        .filter((one): one is Float64Array => one !== null);
    return filtered({ ...tree, self: [...tree.self, ...extra] }, {
        focus: matchesOf(names, wish.focus), ignore: matchesOf(names, wish.ignore),
        hide: matchesOf(names, wish.hide),
    }, names.length, column);
}

function summed(column: Float64Array): number {
    return column.reduce((sum, one) => sum + one, 0);
}

/** The last part of a path; what is longest stays readable. */
export function baseName(path: string): string {
    return path === "" ? "no module" : path.slice(path.lastIndexOf("/") + 1);
}
