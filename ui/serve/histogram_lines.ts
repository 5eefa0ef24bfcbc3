/** Exponential histograms as lines: their quantiles at each moment. */

import type { HistogramSample, Labels, Series } from "./api";

const QUANTILES: [number, string][] = [[0.5, "p50"], [0.9, "p90"], [0.99, "p99"]];

type Counts = Map<string, [low: number, high: number, count: number]>;

function countsOf(sample: HistogramSample): Counts {
    return new Map(sample.buckets.map(([, low, high, count]) =>
        [`${low} ${high}`, [Number(low), Number(high), Number(count)]]));
}

/** What came since the one before. */
function grown(before: Counts, after: Counts): [number, number, number][] {
    return [...after].map(([key, [low, high, count]]) =>
        [low, high, Math.max(0, count - (before.get(key)?.[2] ?? 0))]);
}

/** Where the wanted one lies; within a bucket they lie evenly. NaN of none. */
function quantile(buckets: [number, number, number][], part: number): number {
    const total = buckets.reduce((sum, [, , count]) => sum + count, 0);
    let left = total * part;
    for (const [low, high, count] of buckets) {
        if (count > 0 && left <= count) {
            return low + (high - low) * left / count;
        }
        left -= count;
    }
    return NaN;
}

/**
 * Sums since the program began never become smaller: of these it is what came since the moment
 * before, of others what each has.
 */
export function quantileLines(metric: Labels, samples: [number, HistogramSample][]): Series[] {
    const all = samples.map(([time, sample]): [number, Counts, number] =>
        [time, countsOf(sample), Number(sample.count)]);
    const isSum = all.length > 1 && all.every(([, , count], at) =>
        at === 0 || count >= all[at - 1][2]);
    const moments = all.slice(isSum ? 1 : 0).map(([time, counts], at):
        [number, [number, number, number][]] =>
        [time, isSum ? grown(all[at][1], counts) : [...counts.values()]]);
    return QUANTILES.map(([part, name]) => ({ metric: { ...metric, quantile: name },
        values: moments.map(([time, buckets]) => [time, String(quantile(buckets, part))]) }));
}
