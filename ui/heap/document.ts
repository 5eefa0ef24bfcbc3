/** The program's documents (docs/formats/profile-page.md), checked before they are relied on. */

import { treeOf } from "../flame/tree";
import type { Tree } from "../flame/tree";

export interface SampleType {
    name: string;
    unit: string;
}

export interface Moments {
    id: number[];
    time_ms: number[];
    name: string[];
}

export interface Offers {
    source: boolean;
    memory: boolean;
    timeline: boolean;
}

/** A profile, or two of them in one tree: then `self` has the columns of both. */
export interface Profile {
    generation: number;
    live: boolean;
    source: string;
    program: string;
    types: SampleType[];
    defaultType: number;
    timeMs: number;
    durationMs: number;
    period: { value: number; unit: string };
    at: number;
    pair: { a: number; b: number } | null;
    moments: Moments;
    has: Offers;
    cut: number;
    names: string[];
    files: string[];
    modules: string[];
    lines: number[];
    /** The program's numbers of functions; null: it can be asked for nothing by them. */
    entries: number[] | null;
    tree: Tree;
    age: Float64Array | null;
    variance: Float64Array | null;
    /** Exact sums of functions where the tree leaves something out; null: those of the tree. */
    sums: FunctionColumns | null;
}

/** By column, as the tree's, and function. */
export interface FunctionColumns {
    self: Float64Array[];
    total: Float64Array[];
}

type FunctionTable = Pick<Profile, "names" | "files" | "modules" | "lines" | "entries">;

export class ContractError extends Error {}

type Raw = Record<string, unknown>;

function member(from: Raw, key: string): Raw {
    const value = from[key];
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
        throw new ContractError(`the document has no ${key}`);
    }
    return value as Raw;
}

function array<Item>(from: Raw, key: string, kind: "number" | "string" | "object"): Item[] {
    const value = from[key];
    if (!Array.isArray(value) || (value.length > 0 && typeof value[0] !== kind)) {
        throw new ContractError(`${key} is no array of ${kind}s`);
    }
    return value as Item[];
}

function numberOf(from: Raw, key: string): number {
    const value = from[key];
    return typeof value === "number" && Number.isFinite(value) ? value : 0;
}

function typesOf(raw: Raw): SampleType[] {
    const types = raw["types"];
    if (!Array.isArray(types) || types.length === 0) {
        throw new ContractError("the document has no sample types");
    }
    return types.map((one: Raw) => ({ name: String(one["name"]), unit: String(one["unit"]) }));
}

function sameLength(columns: ArrayLike<unknown>[], what: string): void {
    if (columns.some((column) => column.length !== columns[0].length)) {
        throw new ContractError(`columns of ${what} differ in length`);
    }
}

function functionsOf(raw: Raw, strings: string[]): FunctionTable {
    const functions = member(raw, "functions");
    const text = (key: string): string[] => array<number>(functions, key, "number")
        .map((at) => {
            if (strings[at] === undefined) {
                throw new ContractError(`functions.${key}: there is no string ${at}`);
            }
            return strings[at];
        });
    const found = { names: text("name"), files: text("file"), modules: text("module"),
        lines: array<number>(functions, "line", "number") };
    const entries = functions["entry"] === undefined
        ? null : array<number>(functions, "entry", "number");
    sameLength([...Object.values(found), ...(entries === null ? [] : [entries])], "functions");
    return { ...found, entries };
}

function nodesOf(raw: Raw, columnCount: number, functionCount: number): { tree: Tree;
    age: Float64Array | null; variance: Float64Array | null } {
    const nodes = member(raw, "nodes");
    const depth = array<number>(nodes, "depth", "number");
    const of = array<number>(nodes, "function", "number");
    const self = nodes["self"];
    if (!Array.isArray(self) || self.length !== columnCount) {
        throw new ContractError(`nodes.self has not ${columnCount} columns`);
    }
    const optional = (key: string): number[] | null =>
        nodes[key] === undefined || nodes[key] === null
            ? null : array<number>(nodes, key, "number");
    const age = optional("age");
    const variance = optional("variance");
    const extra = [age, variance].filter((column): column is number[] => column !== null);
    sameLength([depth, of, ...self as number[][], ...extra], "nodes");
    for (const at of of) {
        if (!(at >= 0 && at < functionCount)) {
            throw new ContractError(`a node has function ${at}, which is not there`);
        }
    }
    const rooted = (column: number[] | null): Float64Array | null =>
        column === null ? null : Float64Array.from([0, ...column]);
    try {
        return { tree: treeOf(depth, of, self as number[][]), age: rooted(age),
            variance: rooted(variance) };
    } catch (error) {
        throw new ContractError((error as Error).message);
    }
}

export function profileOf(document: unknown): Profile {
    const raw = document as Raw;
    const types = typesOf(raw);
    const strings = array<string>(raw, "strings", "string");
    const functions = functionsOf(raw, strings);
    const isPair = raw["a"] !== undefined;
    const moments = member(raw, "moments") as unknown as Moments;
    const period = member(raw, "period");
    const has = member(raw, "has");
    return {
        generation: numberOf(raw, "generation"),
        live: raw["live"] === true,
        source: String(raw["source"] ?? ""),
        program: String(raw["program"] ?? ""),
        types,
        defaultType: Math.min(Math.max(numberOf(raw, "default_type"), 0), types.length - 1),
        timeMs: numberOf(raw, "time_ms"),
        durationMs: numberOf(raw, "duration_ms"),
        period: { value: numberOf(period, "value"), unit: String(period["unit"] ?? "count") },
        at: numberOf(raw, "at"),
        pair: isPair ? { a: numberOf(raw, "a"), b: numberOf(raw, "b") } : null,
        moments,
        has: { source: has["source"] === true, memory: has["memory"] === true,
            timeline: has["timeline"] === true },
        cut: numberOf(raw, "cut"),
        sums: null,
        ...functions,
        ...nodesOf(raw, isPair ? 2 : types.length, functions.names.length),
    };
}

/** What all functions hold, as a document of its own. */
export function functionColumnsOf(document: unknown): FunctionTable & FunctionColumns {
    const raw = document as Raw;
    const table = functionsOf(raw, array<string>(raw, "strings", "string"));
    const columns = (key: string): Float64Array[] => array<number[]>(raw, key, "object")
        .map((column) => Float64Array.from(column));
    const found = { self: columns("self"), total: columns("total") };
    sameLength([table.names, ...found.self, ...found.total], "functions");
    return { ...table, ...found };
}

export interface Timeline {
    generation: number;
    type: string;
    unit: string;
    rate_type: string | null;
    moments: Moments;
    total: number[];
    resident: (number | null)[];
    sites: { name: string[]; file: string[]; module: string[] };
    live: number[][];
    rate: (number | null)[][] | null;
    marks: { time_ms: number[]; kind: string[]; text: string[] };
}

export function timelineOf(document: unknown): Timeline {
    const found = document as Timeline;
    const count = found.moments.id.length;
    const rows = [found.moments.time_ms, found.total, found.resident, ...found.live,
        ...(found.rate ?? [])];
    if (rows.some((row) => row.length !== count) ||
        found.live.length !== found.sites.name.length) {
        throw new ContractError("columns of the timeline differ in length");
    }
    return found;
}

export interface SourceText {
    function: { name: string; file: string; line: number };
    path: string;
    problem: string | null;
    types: SampleType[];
    first: number;
    text: string[];
    lines: { line: number[]; self: number[][]; total: number[][] };
}

export function sourceOf(document: unknown): SourceText {
    const found = document as SourceText;
    sameLength([found.lines.line, ...found.lines.self, ...found.lines.total], "lines");
    return found;
}

/** Of the account, what the page draws; keys of `anonymous` are parts of the bar. */
export interface Account {
    time_ns: number;
    resident: Record<string, number>;
    anonymous: Record<string, number>;
    allocator: Record<string, unknown>;
    files: { path: string; text: number; data: number; private: number }[];
    stacks: { thread: number; name: string; reserved: number; resident: number }[];
    mapped_by: { path: string; private: number }[];
}

export function accountOf(document: unknown): Account {
    const account = member(document as Raw, "account");
    member(account, "resident");
    member(account, "anonymous");
    return account as unknown as Account;
}
