/** The daemon's HTTP interface, as docs/http-api.md has it. */

import { Refusal } from "../shell/fetch";

export type Labels = Record<string, string>;
type Parameters = Record<string, string | null>;

export interface Budget {
    name: string; used_bytes: number; limit_bytes: number; peak_bytes: number; refused: number;
}
export interface Receiver { name: string; accepted: number; refused: number; invalid: number }
export interface Target {
    endpoint: string; service: string; optional: boolean; profiles: number; answered: number;
    error: string;
}
export interface Exporter {
    name: string; sent: number; failed: number; lost: number; refused: number; waiting: number;
    waiting_bytes: number;
}
export interface RefusalReason {
    signal: string; kind: "later" | "invalid" | "partial"; reason: string; count: number;
    last: number;
}
export interface Pipeline {
    name: string; receivers: string[]; processors: string[]; exporters: string[];
}
export interface StoreSignal {
    signal: string; disk_bytes: number; log_bytes: number; head_bytes: number; parts: number;
    streams: number; stream_limit: number; records: number; late: number; future: number;
    invalid: number; refused: number; flushes: number; merges: number; oldest: number;
    newest: number; damaged: number; disk_errors: number;
}
export interface Status {
    version: string; started: number; now: number;
    memory: { limit_bytes: number; resident_bytes: number; budget_bytes: number;
        overhead_bytes: number; budgets: Budget[] };
    receivers: Receiver[]; targets: Target[]; exporters: Exporter[]; pipelines: Pipeline[];
    refusals: RefusalReason[]; store_signals: StoreSignal[];
    store_cache?: { used_bytes: number; limit_bytes: number; hits: number; misses: number };
    store?: { path: string; disk_limit_bytes: number; retention_seconds: number };
}
export interface LogRow {
    time_ns: string; stream: Labels; line: string; truncated_line: boolean; severity: string;
    trace_id: string; span_id: string; scope: string; attributes: Labels;
}
export interface LogAnswer {
    rows: LogRow[]; truncated: boolean; scanned: number; damaged: number;
}
export interface Histogram { start: number; step: number; counts: number[]; total: number }
export interface Series { metric: Labels; values: [number, string][] }
export interface HistogramSample {
    count: string; buckets: [rule: number, low: string, high: string, count: string][];
}
export interface Samples {
    metric: Labels; values?: [number, string][]; histograms?: [number, HistogramSample][];
}
export interface TraceRow {
    traceID: string; rootServiceName: string; rootTraceName: string; startTimeUnixNano: string;
    durationMs: number; spanCount: number; errorCount: number;
}
export interface ProfileRow {
    time: number; id: string; type: string; bytes: number; labels: Labels;
}

const NEXT = "Look at the daemon's terminal for what it says.";

export function urlOf(path: string, parameters: Parameters): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        if (value !== null && value !== "") {
            query.set(name, value);
        }
    }
    const text = query.toString();
    return text === "" ? path : `${path}?${text}`;
}

async function answerOf(path: string, parameters: Parameters): Promise<Response> {
    let answer: Response;
    try {
        answer = await fetch(urlOf(path, parameters));
    } catch {
        throw new Refusal("The daemon does not answer", NEXT, 0);
    }
    if (!answer.ok) {
        let told = `The daemon answered ${answer.status}`;
        try {
            told = String((await answer.json() as { error?: unknown }).error ?? told);
        } catch { /* it was no JSON */ }
        throw new Refusal(told, "", answer.status);
    }
    return answer;
}

export async function fetchJson<Found>(path: string, parameters: Parameters): Promise<Found> {
    return await (await answerOf(path, parameters)).json() as Found;
}

/** Lists of Prometheus' form. */
export async function fetchData<Found>(path: string, parameters: Parameters): Promise<Found> {
    return (await fetchJson<{ data: Found }>(path, parameters)).data;
}

/** Events that end by themselves: rows of logs. */
export async function fetchLogs(parameters: Parameters): Promise<LogAnswer> {
    const text = await (await answerOf("/api/logs", parameters)).text();
    const found: LogAnswer = { rows: [], truncated: false, scanned: 0, damaged: 0 };
    let isWhole = false;
    for (const event of text.split("\n\n")) {
        const name = /^event: (.*)$/m.exec(event)?.[1];
        const data = /^data: (.*)$/m.exec(event)?.[1];
        if (data === undefined) {
            continue;
        }
        if (name === "row") {
            found.rows.push(JSON.parse(data) as LogRow);
        } else if (name === "end") {
            const end = JSON.parse(data) as { truncated: boolean; scanned_bytes: number;
                damaged: number };
            found.truncated = end.truncated;
            found.damaged = end.damaged;
            found.scanned = end.scanned_bytes;
            isWhole = true;
        }
    }
    if (!isWhole) {
        throw new Refusal("The answer was broken off", "Try again, or ask for less.", 0);
    }
    return found;
}

/** A value in a selector, between its quotes. */
export function quoted(value: string): string {
    return `"${value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n")}"`;
}
