/** A verdict as `sluice heap diagnose` gives it: what, where, how fast, why, what to do. */

import { element } from "../shell/element";
import { age, exact, readable } from "../shell/format";
import type { Labels } from "./api";

interface Interval { low: number; mid: number; high: number }
interface Verdict {
    pattern: string; confidence: number;
    site?: { function: string; file: string; line: number };
    bytes_per_second: Interval; evidence: string[];
    rival?: { pattern: string; why_not: string }; fix: string[];
}
export interface Target {
    labels: Labels; seconds_observed: number;
    diagnosis: { verdicts: Verdict[]; seconds_to_limit?: number | null };
}

const WORDS: Record<string, string> = {
    "timer-pileup": "Timers pile up", "task-leak": "Tasks do not end",
    "retained-array": "Old arrays are kept", "unbounded-keys": "Keys without a bound",
    "coarse-window": "A window holds raw points", "fragmentation": "Memory is fragmented",
    "healthy": "Nothing leaks", "undetermined": "Cannot tell",
};

function speed(verdict: Verdict): string {
    const { low, mid, high } = verdict.bytes_per_second;
    return `${readable(mid, "bytes")} a second (${readable(low, "bytes")} to ${readable(high,
        "bytes")})`;
}

export function verdictCard(target: Target): HTMLElement {
    const [verdict] = target.diagnosis.verdicts;
    const isCalm = verdict.pattern === "healthy" || verdict.pattern === "undetermined";
    const site = verdict.site;
    const place = site === undefined || site.function === "" ? null
        : `${site.function}${site.file === "" ? "" : ` ${site.file}:${site.line}`}`;
    return element("article", { class: `verdict${isCalm ? "" : " is-finding"}`,
        "aria-label": "Verdict" },
    element("h2", {}, `${WORDS[verdict.pattern] ?? verdict.pattern}`,
        element("span", { class: "quiet" }, ` ${Math.round(100 * verdict.confidence)} % sure, ` +
            `after ${age(target.seconds_observed)}`)),
    isCalm || place === null ? null : element("p", {}, element("code", {}, place), " grows by ",
        element("strong", { title: `${exact(verdict.bytes_per_second.mid, "bytes")} a second` },
            speed(verdict))),
    element("ul", {}, ...verdict.evidence.map((line) => element("li", {}, line))),
    verdict.rival === undefined || verdict.rival.why_not === "" ? null
        : element("p", { class: "quiet" }, `Not ${verdict.rival.pattern}: ${
            verdict.rival.why_not}`),
    isCalm ? null : element("pre", { tabindex: 0 }, verdict.fix.join("\n")));
}
