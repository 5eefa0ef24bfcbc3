/**
 * picture.mjs SLUICE PROFILE: from the start of `sluice heap web` until a browser that runs already
 * has drawn the page. Prints {"seconds", "mib"}: the time, and the most memory of the program.
 */

import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";

const [sluice, profile] = process.argv.slice(2);
const require = createRequire(join(process.env.UI_MODULES, "x.js"));
const { chromium } = require("playwright-core");
const browser = await chromium.launch({ executablePath: process.env.UI_CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
await page.goto("about:blank");

const begun = performance.now();
const program = spawn(sluice, ["heap", "web", "--no-browser", profile],
    { stdio: ["ignore", "pipe", "inherit"] });
const lines = createInterface({ input: program.stdout });
const url = await new Promise((resolve) => lines.once("line", resolve));
await page.goto(url);
await page.waitForFunction(() => window.sluice !== undefined);
await page.evaluate(async () => {
    await window.sluice.shown;
    await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
});
const seconds = (performance.now() - begun) / 1000;
const nodes = await page.evaluate(() => document.querySelectorAll("canvas").length);
const status = readFileSync(`/proc/${program.pid}/status`, "utf8");
const mib = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)[1]) / 1024;
program.kill();
await browser.close();
console.log(JSON.stringify({ seconds, mib, canvases: nodes }));
