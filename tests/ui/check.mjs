/** Runs tests with TAP output: check("a claim", async () => ...), then await finish(). */

import assert from "node:assert/strict";

const tests = [];

export { assert };

export function check(claim, run) {
    tests.push({ claim, run });
}

/** A line beside the tests: figures that are told and not judged. */
export function tell(text) {
    console.log(`# ${text}`);
}

export async function finish() {
    console.log(`1..${tests.length}`);
    let failed = 0;
    for (const [at, { claim, run }] of tests.entries()) {
        try {
            await run();
            console.log(`ok ${at + 1} - ${claim}`);
        } catch (error) {
            failed++;
            console.log(`not ok ${at + 1} - ${claim}`);
            String(error.stack ?? error).split("\n").slice(0, 24)
                .forEach((line) => tell(line.slice(0, 400)));
        }
    }
    process.exitCode = failed === 0 ? 0 : 1;
}

/** Numbers that a seed repeats (xorshift32). */
export function seeded(seed) {
    let state = seed >>> 0 || 1;
    return (limit) => {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        state >>>= 0;
        return state % limit;
    };
}
