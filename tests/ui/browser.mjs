/** A Chromium that the tests steer, and what they ask of the page in it. */

import { createRequire } from "node:module";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { assert } from "./check.mjs";

const modules = process.env.UI_MODULES;
const require = createRequire(join(modules, "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

export const HOST = `http://127.0.0.1:${process.env.UI_PORT}`;
export const WIDE = { width: 1280, height: 720 };
export const NARROW = { width: 390, height: 780 };

const browser = await chromium.launch({
    executablePath: process.env.UI_CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
        "--disable-component-update", "--disable-sync"],
});

/** Whatever a page asked for, and whatever it complained of. */
const requests = new Set();
const hosts = new Set([HOST]);
const complaints = [];

export async function open(path, { viewport = WIDE, theme = "light", reduced = false,
    host = HOST } = {}) {
    hosts.add(host);
    const context = await browser.newContext({
        viewport, colorScheme: theme, reducedMotion: reduced ? "reduce" : "no-preference",
        acceptDownloads: true, permissions: ["clipboard-read", "clipboard-write"],
        timezoneId: "UTC", locale: "en-GB",
    });
    const page = await context.newPage();
    page.on("request", (request) => requests.add(request.url()));
    page.on("pageerror", (error) => complaints.push(`${path}: ${error.message}`));
    page.on("console", (message) => {
        if (["error", "warning"].includes(message.type())) {
            complaints.push(`${path}: ${message.text()}`);
        }
    });
    await page.goto(host + path);
    await settled(page);
    return page;
}

/** The page has drawn what its URL asks for. */
export async function settled(page) {
    await page.waitForFunction(() => window.sluice !== undefined);
    await page.evaluate(async () => {
        let last;
        do {
            last = window.sluice.shown;
            await last;
        } while (last !== window.sluice.shown);
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    });
}

export async function close(page) {
    await page.context().close();
}

export async function closeBrowser() {
    await browser.close();
}

export async function withPage(path, options, run) {
    const page = await open(path, options);
    try {
        await run(page);
    } finally {
        await close(page);
    }
}

export function takeComplaints() {
    return complaints.splice(0);
}

export function strangers() {
    return [...requests].filter((url) => ![...hosts].some((host) =>
        url.startsWith(`${host}/`) || url.startsWith(`blob:${host}/`)));
}

/** What axe-core finds, a line each. It is run from outside: the page's policy stays in force. */
export async function axeFindings(page) {
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => window.axe.run(document, {
        resultTypes: ["violations"] }));
    return violations.flatMap(({ id, help, nodes }) =>
        nodes.map((node) => `${id}: ${help}: ${node.html.slice(0, 160)}`));
}

export async function keys(page, ...pressed) {
    for (const key of pressed) {
        await page.keyboard.press(key);
    }
    await settled(page);
}

export function valueOf(page, name) {
    return new URL(page.url()).searchParams.get(name);
}

/** Where a function's first box lies in the window; it must be drawn. */
export async function boxOf(page, name, graph = 0) {
    const box = await page.evaluate(([wanted, at]) => {
        const flame = window.sluice.flame.graphs[at];
        return flame.boxesNamed(wanted)[0] ?? null;
    }, [name, graph]);
    assert.ok(box !== null, `no box of ${name} is drawn`);
    return box;
}

export async function clickBox(page, name, button = "left", graph = 0) {
    const box = await boxOf(page, name, graph);
    await page.mouse.click(box.x + box.width / 2, box.y + box.height / 2, { button });
    await settled(page);
}

export async function choose(page, label) {
    await page.getByRole("menuitem", { name: label }).click();
    await settled(page);
}

export async function fetchJson(path, source) {
    const answer = await fetch(HOST + path, { headers: { Referer: `${HOST}/${source}/` } });
    return answer.json();
}
