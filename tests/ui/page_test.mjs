/** The page in a browser: what it looks like, and that people can do with it what they came for. */

import { gzipSync } from "node:zlib";
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { assert, check, finish, tell } from "./check.mjs";
import { axeFindings, boxOf, choose, clickBox, closeBrowser, fetchJson, HOST, keys, NARROW, open,
    close, settled, strangers, takeComplaints, valueOf, WIDE, withPage } from "./browser.mjs";

const VIEWS = {
    flame: "/redis/", butterfly: "/redis/?view=butterfly&function=zmalloc",
    search: "/redis/?search=dict", compare: "/redis/?a=0&b=5", top: "/redis/?view=top",
    "top-compare": "/redis/?view=top&a=0&b=5",
    source: "/sessions/?view=source&function=session_open",
    "source-choice": "/sessions/?view=source", timeline: "/redis/?view=timeline&a=1&b=4",
    rate: "/redis/?view=timeline&chart=rate", memory: "/redis/?view=memory",
    "no-timeline": "/single/?view=timeline", "no-memory": "/single/?view=memory",
};

async function look(page, file) {
    await settled(page);
    await page.screenshot({ path: join(process.env.UI_SCREENSHOTS, file) });
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(beyond <= 0, `${beyond} pixels beyond the window`);
}

for (const [name, path] of Object.entries(VIEWS)) {
    check(`${name}: both themes and widths, nothing for axe, nothing beyond the window`, async () => {
        await withPage(path, {}, async (page) => {
            for (const viewport of [WIDE, NARROW]) {
                await page.setViewportSize(viewport);
                for (const colorScheme of ["light", "dark"]) {
                    await page.emulateMedia({ colorScheme });
                    await look(page, `${name}-${colorScheme}-${viewport.width}.png`);
                    const isJudged = (viewport === WIDE) === (colorScheme === "light");
                    assert.deepEqual(isJudged ? await axeFindings(page) : [], []);
                }
            }
        });
        assert.deepEqual(takeComplaints(), []);
    });
}

function selfSums(profile, type) {
    const column = profile.types.findIndex((one) => one.name === type);
    const sums = new Map();
    profile.nodes.function.forEach((of, node) => {
        const name = profile.strings[profile.functions.name[of]];
        sums.set(name, (sums.get(name) ?? 0) + profile.nodes.self[column][node]);
    });
    return sums;
}

check("the first page is under 150 KB compressed", () => {
    const sizes = readdirSync(process.env.UI_ASSETS).map((name) =>
        gzipSync(readFileSync(join(process.env.UI_ASSETS, name)), { level: 9 }).length);
    const sum = sizes.reduce((all, one) => all + one, 0);
    tell(`${sum} bytes`);
    assert.ok(sum < 150 * 1024);
});

check("a search marks what it finds and sums it, and is in the URL", () =>
    withPage("/sessions/", {}, async (page) => {
        await keys(page, "/");
        await page.keyboard.type("session_");
        await settled(page);
        const profile = await fetchJson("/api/profile", "sessions");
        const bytes = selfSums(profile, "inuse_space").get("session_open");
        const found = await page.locator(".found").textContent();
        assert.match(found, /^1 function found: /);
        assert.ok(found.includes(`${(bytes / 1048576).toFixed(2)} MiB`), found);
        await page.reload();
        await settled(page);
        assert.equal(await page.getByRole("searchbox").inputValue(), "session_");
        assert.equal(await page.locator(".found").textContent(), found);
    }));

check("a click zooms, the breadcrumb leads back, a reload stays, Escape leaves", () =>
    withPage("/redis/", {}, async (page) => {
        await clickBox(page, "processCommand");
        const zoomed = await boxOf(page, "processCommand");
        assert.ok(zoomed.width > 1100, `${zoomed.width} pixels wide`);
        await page.reload();
        await settled(page);
        assert.deepEqual(await boxOf(page, "processCommand"), zoomed);
        await page.locator(".crumbs button[title='_start']").click();
        await settled(page);
        assert.ok((await boxOf(page, "_start")).width > 1100);
        assert.ok((await boxOf(page, "processCommand")).width < 1100);
        await page.goBack();
        await settled(page);
        assert.deepEqual(await boxOf(page, "processCommand"), zoomed);
        await keys(page, "Escape");
        assert.equal(valueOf(page, "zoom"), null);
    }));

check("a tooltip says what a box holds, exactly", () =>
    withPage("/sessions/", {}, async (page) => {
        const box = await boxOf(page, "session_open");
        await page.mouse.move(box.x + 20, box.y + 8);
        const bytes = selfSums(await fetchJson("/api/profile", "sessions"), "inuse_space")
            .get("session_open");
        const text = await page.locator(".tooltip").innerText();
        assert.ok(text.startsWith("session_open"), text);
        assert.ok(text.includes(`(${bytes.toLocaleString("en")} bytes)`), text);
        assert.match(text, /average size\n3\d\d B of/);
    }));

check("where samples say their age, a tooltip says the mean", () =>
    withPage("/hostile/", {}, async (page) => {
        const box = await boxOf(page, "main");
        await page.mouse.move(box.x + 20, box.y + 8);
        assert.match(await page.locator(".tooltip").innerText(), /average age\n1\.5 min/);
    }));

check("focus, ignore and hide are in the menu, and say what is left", () =>
    withPage("/sessions/", {}, async (page) => {
        const sums = selfSums(await fetchJson("/api/profile", "sessions"), "inuse_space");
        const held = async () => await page.locator(".held").getAttribute("title");
        const bytes = (value) => `${value.toLocaleString("en")} bytes`;
        await clickBox(page, "cache_put", "right");
        await choose(page, "Focus");
        assert.equal(await held(), bytes(sums.get("cache_put")));
        await page.getByRole("button", { name: /Remove focus/ }).click();
        await settled(page);
        await clickBox(page, "cache_put", "right");
        await choose(page, "Ignore");
        assert.equal(await held(), bytes(sums.get("session_open")));
        await keys(page, "Escape");
        await clickBox(page, "handle_request", "right");
        await choose(page, "Hide");
        const [above, below] = [await boxOf(page, "main"), await boxOf(page, "session_open")];
        assert.equal(below.y - above.y, above.height, "session_open is just below main");
    }));

check("a butterfly has a function's callers above and what it calls below", () =>
    withPage("/redis/", {}, async (page) => {
        await clickBox(page, "dictAddRaw", "right");
        await choose(page, "Callers and callees");
        const caller = await boxOf(page, "dbAdd", 1);
        const callee = await boxOf(page, "_dictExpand", 0);
        const [upper, lower] = [await boxOf(page, "dictAddRaw", 1),
            await boxOf(page, "dictAddRaw", 0)];
        assert.ok(caller.y < upper.y && upper.y < lower.y && lower.y < callee.y);
        assert.equal(upper.width, lower.width);
        await clickBox(page, "dbAdd", "left", 1);
        assert.ok((await boxOf(page, "dbAdd", 1)).width > 1100);
        await keys(page, "Escape", "Escape");
        assert.equal(valueOf(page, "view"), null);
    }));

check("brushing two moments of the timeline compares them, and what grew is shown", () =>
    withPage("/sessions/?view=timeline", {}, async (page) => {
        const plot = await page.locator(".u-over").boundingBox();
        const middle = plot.y + plot.height / 2;
        await page.mouse.move(plot.x + 4, middle);
        await page.mouse.down();
        await page.mouse.move(plot.x + plot.width - 2, middle, { steps: 5 });
        await page.mouse.up();
        await settled(page);
        assert.deepEqual([valueOf(page, "a"), valueOf(page, "b")], ["0", "5"]);
        await page.getByRole("button", { name: "Compare A and B" }).click();
        await settled(page);
        await page.getByRole("button", { name: "What grew" }).click();
        await settled(page);
        assert.ok((await boxOf(page, "session_open")).width > 1000);
        await keys(page, "g", "t");
        const first = page.locator("tbody tr[aria-rowindex='2']");
        assert.match(await first.innerText(), /session_open/);
        assert.match(await first.innerText(), /grew/);
        const cache = page.locator("tbody tr", { hasText: "cache_put" });
        assert.match(await cache.innerText(), /noise/);
        await page.getByRole("button", { name: "End the comparison" }).click();
        await settled(page);
        assert.equal(valueOf(page, "a"), null);
    }));

check("the keyboard alone searches, goes through rows, sections and moments, and gets out", () =>
    withPage("/sessions/", {}, async (page) => {
        await keys(page, "g", "t");
        assert.equal(valueOf(page, "view"), "top");
        await keys(page, "j", "k");
        const link = await page.evaluate(() => document.activeElement.textContent);
        assert.equal(link, "session_open");
        await keys(page, "Enter");
        assert.equal(valueOf(page, "function"), "session_open");
        await keys(page, "Escape", "[");
        assert.equal(valueOf(page, "at"), "4");
        await keys(page, "]", "?");
        assert.equal(await page.getByRole("dialog", { name: "Keys" }).isVisible(), true);
        await keys(page, "Escape");
        assert.equal(await page.getByRole("dialog").count(), 0);
        await keys(page, "/");
        await page.keyboard.type("cache");
        await keys(page, "Escape");
        assert.equal(valueOf(page, "search"), null);
    }));

check("the flame graph is walked by arrow keys, each box told, zoomed and its menu opened", () =>
    withPage("/sessions/", {}, async (page) => {
        await page.locator(".flame:not(.upward)").focus();
        await keys(page, "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown", "ArrowDown",
            "ArrowDown");
        const spoken = () => page.locator(".flame:not(.upward) [aria-live]").textContent();
        assert.match(await spoken(), /^session_open: total .*; 6 deep$/);
        await keys(page, "ArrowRight");
        assert.match(await spoken(), /^cache_put: /);
        await keys(page, "Enter");
        assert.ok((await boxOf(page, "cache_put")).width > 1100);
        await keys(page, "m");
        assert.equal(await page.getByRole("menu", { name: "cache_put" }).isVisible(), true);
        await keys(page, "Escape");
        assert.notEqual(valueOf(page, "zoom"), null, "Escape closed the menu and no more");
    }));

check("a table is sorted by its heads, copied as TSV and downloaded as CSV and JSON", () =>
    withPage("/redis/?view=top", {}, async (page) => {
        await page.getByRole("button", { name: "Function", exact: true }).click();
        await settled(page);
        const names = await page.locator("tbody a[href*=butterfly]").allTextContents();
        assert.deepEqual(names, [...names].sort((a, b) => a.localeCompare(b)));
        await page.getByRole("button", { name: "Total" }).click();
        await settled(page);
        await page.getByRole("button", { name: "Copy as TSV" }).click();
        const copied = await page.evaluate(() => navigator.clipboard.readText());
        const rows = copied.trim().split("\n").map((line) => line.split("\t"));
        const total = rows[0].indexOf("total");
        const totals = rows.slice(1).map((row) => Number(row[total]));
        assert.deepEqual(totals, [...totals].sort((a, b) => b - a));
        for (const kind of ["CSV", "JSON"]) {
            const [download] = await Promise.all([page.waitForEvent("download"),
                page.getByRole("button", { name: `Download as ${kind}` }).click()]);
            const text = readFileSync(await download.path(), "utf8");
            const count = kind === "JSON" ? JSON.parse(text).length
                : text.trim().split("\n").length - 1;
            assert.equal(count, rows.length - 1);
        }
    }));

check("only rows that can be seen exist, and the last one can be reached", () =>
    withPage("/redis/?view=top", { viewport: { width: 1280, height: 300 } }, async (page) => {
        const all = Number(await page.locator("table").getAttribute("aria-rowcount"));
        const there = await page.locator("tbody tr[aria-rowindex]").count();
        assert.ok(there < all / 2, `${there} of ${all}`);
        await page.locator(".table-scroll").evaluate((box) => { box.scrollTop = 1e6; });
        await page.locator(`tbody tr[aria-rowindex='${all}']`).waitFor();
    }));

check("source has the line that holds most, with its figure", () =>
    withPage("/sessions/?view=top", {}, async (page) => {
        await page.getByRole("link", { name: /sessions\.c/ }).first().click();
        await settled(page);
        const hot = page.locator("tr.hot");
        assert.equal(await hot.count(), 1);
        assert.match(await hot.innerText(), /MiB[\s\S]*malloc\(sizeof\(\*session\)\)/);
    }));

check("the account of memory adds up to what is resident", () =>
    withPage("/redis/?view=memory", {}, async (page) => {
        const cells = await page.locator(".parts td.number:nth-child(2)").evaluateAll((all) =>
            all.map((cell) => Number(cell.title.replace(/[^0-9]/g, ""))));
        const { account } = await fetchJson("/api/memory", "redis");
        const sum = cells.reduce((all, one) => all + one, 0);
        assert.ok(Math.abs(sum - account.resident.bytes) <= 4096, `${sum}`);
        const first = await page.locator(".account .part").first().boundingBox();
        await page.mouse.move(first.x + 20, first.y + 20);
        assert.match(await page.locator(".meaning").textContent(), /^Heap in use: .* MiB\. /);
    }));

check("a live source is shown anew when there is something newer, unless a moment is pinned", () =>
    withPage("/sessions/", {}, async (page) => {
        await fetch(`${HOST}/sessions/newer`, { method: "POST" });
        await page.reload();
        await settled(page);
        const newer = page.waitForResponse((answer) => answer.url().includes("/api/profile"));
        await fetch(`${HOST}/sessions/newer`, { method: "POST" });
        await newer;
        await settled(page);
        await keys(page, "[");
        await fetch(`${HOST}/sessions/newer`, { method: "POST" });
        await page.getByRole("button", { name: "Newer profiles have come" }).click();
        await settled(page);
        assert.equal(valueOf(page, "at"), null);
        assert.equal(await page.getByRole("button", { name: "Live" }).isVisible(), true);
    }));

check("an error says what happened and what to do, and can be tried again", async () => {
    await withPage("/broken/", {}, async (page) => {
        const alert = page.getByRole("alert");
        assert.match(await alert.innerText(), /heap\.3\.pb\.gz: 1024: .*\s+Record it again/);
        assert.deepEqual(await axeFindings(page), []);
        await page.getByRole("button", { name: "Try again" }).click();
    });
    assert.ok(takeComplaints().every((line) => line.includes("503")));
});

check("a document that breaks the contract is refused in words", async () => {
    for (const [kind, words] of [["columns", /nodes differ in length/], ["depth", /deep, below/],
        ["function", /a node has function 99999/], ["version", /has version 2/]]) {
        await withPage(`/wrong-${kind}/`, {}, async (page) => {
            assert.match(await page.getByRole("alert").innerText(), words);
        });
    }
    takeComplaints();
});

check("names are text, whatever they hold", () => withPage("/hostile/?view=top", {}, async (page) => {
    assert.ok((await page.locator("tbody").innerText()).includes("<img src=x onerror=alert(1)>"));
    for (const view of ["", "?view=butterfly&function=%3Cimg+src%3Dx+onerror%3Dalert(1)%3E",
        "?view=timeline", "?view=memory"]) {
        await page.goto(`${HOST}/hostile/${view}`);
        await settled(page);
    }
    assert.equal(await page.locator("img").count(), 0);
}));

check("nothing moves for those who asked for that", () =>
    withPage("/redis/", { reduced: true }, async (page) => {
        const moving = await page.evaluate(() => document.getAnimations().length);
        assert.equal(moving, 0);
    }));

check("a million calls: the work of a frame is bounded by its pixels", async () => {
    const page = await open("/large/");
    const frames = await page.evaluate(() => {
        const graph = window.sluice.flame.graphs[0];
        const measured = [];
        for (let turn = 0; turn < 120; turn++) {
            graph.root.scrollTop = turn * 4;
            graph.draw();
            measured.push({ ...graph.lastFrame });
        }
        return { nodes: graph.nodeCount, measured };
    });
    const times = frames.measured.map((frame) => frame.ms).sort((a, b) => a - b);
    const visited = Math.max(...frames.measured.map((frame) => frame.visited));
    const boxes = Math.max(...frames.measured.map((frame) => frame.boxes));
    tell(`${frames.nodes} nodes: frame of ${times[60].toFixed(1)} ms (median), ` +
        `${times[113].toFixed(1)} ms (95 %), ${boxes} boxes, ${visited} nodes looked at`);
    assert.ok(frames.nodes > 900000);
    assert.ok(visited < 60000, `${visited} nodes looked at`);
    await close(page);
});

check("no request leaves the machine, and nobody complains", () => {
    assert.deepEqual(strangers(), []);
    assert.deepEqual(takeComplaints(), []);
});

await finish();
await closeBrowser();
