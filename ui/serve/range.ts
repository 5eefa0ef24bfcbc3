/** The range of time: relative to now, or two moments, as the URL has it. */

import type { Range } from "./view";

export const RANGES: [value: string, label: string, seconds: number][] = [
    ["5m", "5 minutes", 300], ["15m", "15 minutes", 900], ["1h", "1 hour", 3600],
    ["6h", "6 hours", 21600], ["24h", "1 day", 86400], ["7d", "7 days", 604800],
];

const USUAL = "1h";

/** `range` is one of RANGES, or "FROM~TO" in seconds since 1970. */
export function rangeOf(range: string | null, nowMs: number): Range {
    const absolute = /^(\d+(?:\.\d+)?)~(\d+(?:\.\d+)?)$/.exec(range ?? "");
    if (absolute !== null) {
        return { start: absolute[1], end: absolute[2], from: Number(absolute[1]),
            to: Number(absolute[2]) };
    }
    const found = RANGES.find(([value]) => value === (range ?? USUAL)) ?? RANGES[2];
    const to = nowMs / 1000;
    return { start: `-${found[0]}`, end: "now", from: to - found[2], to };
}

/** The range before it or after it, for the URL. */
export function shifted(range: Range, by: number): string {
    const span = range.to - range.from;
    const from = range.from + by * span / 2;
    return `${from.toFixed(3)}~${(from + span).toFixed(3)}`;
}
