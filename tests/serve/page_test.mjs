/** The daemon's pages in a browser: from a line to its trace, and all else that people come for. */

import { join } from "node:path";
import { assert, check, finish, tell } from "../ui/check.mjs";
import { axeFindings, closeBrowser, HOST, keys, NARROW, settled, strangers, takeComplaints,
    valueOf, WIDE, withPage } from "../ui/browser.mjs";

const SHOP = JSON.parse(process.env.SERVE_SHOP);
const EMPTY = `http://127.0.0.1:${process.env.SERVE_EMPTY_PORT}`;
const WAIT = { timeout: 60000 };
const TRACE = `/?view=traces&trace=${SHOP.FAILED_TRACE}`;
const charge = (Number.parseInt(SHOP.FAILED_TRACE.slice(0, 8), 16) + 4).toString(16)
    .padStart(16, "0");

const VIEWS = {
    overview: "/", metrics: "/?view=metrics&metric=queue_depth", rate:
    "/?view=metrics&metric=requests_total", logs: "/?view=logs",
    "logs-none": "/?view=logs&search=nowhere", "logs-refused": "/?view=logs&query=%7Bshop",
    traces: "/?view=traces", trace: TRACE, span: `${TRACE}&span=${charge}`,
    profiles: "/?view=profiles", status: "/?view=status",
    "trace-none": "/?view=traces&trace=00000000000000000000000000000001",
};

async function look(page, file) {
    await settled(page);
    await page.screenshot({ path: join(process.env.UI_SCREENSHOTS, file) });
    const beyond = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    assert.ok(beyond <= 0, `${beyond} pixels beyond the window`);
}

async function lookAll(page, name) {
    for (const viewport of [WIDE, NARROW]) {
        await page.setViewportSize(viewport);
        for (const colorScheme of ["light", "dark"]) {
            await page.emulateMedia({ colorScheme });
            await look(page, `${name}-${colorScheme}-${viewport.width}.png`);
            assert.deepEqual(await axeFindings(page), []);
        }
    }
}

/** What a refusal or a trace that is not there brings to the console, by itself. */
function isAsked(line) {
    return /status of (400|404)/.test(line);
}

for (const [name, path] of Object.entries(VIEWS)) {
    check(`${name}: both themes and widths, nothing for axe, all inside the window`, async () => {
        await withPage(path, {}, (page) => lookAll(page, name));
        const isRefused = /refused|trace-none/.test(name);
        assert.deepEqual(takeComplaints().filter((line) => !isRefused || !isAsked(line)), []);
    });
}

check("an empty daemon shows the lines that send something", async () => {
    for (const [view, line] of [["overview", /OTEL_EXPORTER_OTLP_ENDPOINT=http:/],
        ["metrics", /OTEL_SERVICE_NAME=/], ["logs", /curl .*\/v1\/logs/],
        ["traces", /OTEL_EXPORTER_OTLP_ENDPOINT=http:/], ["profiles", /receivers:\s+pprof:/]]) {
        await withPage(`/?view=${view}`, { host: EMPTY }, async (page) => {
            assert.match(await page.locator(".empty pre").innerText(), line);
            await lookAll(page, `empty-${view}`);
            await page.getByRole("button", { name: "Copy" }).click();
            assert.match(await page.evaluate(() => navigator.clipboard.readText()), line);
        });
    }
});

const lines = (page) => page.locator(".log-line");
const fields = (page) => page.getByRole("complementary", { name: "Fields" });

async function search(page, text) {
    await keys(page, "/");
    await page.keyboard.type(text);
    await keys(page, "Enter");
}

check("a line is found by its words, and leads over its fields to its trace", () =>
    withPage("/?view=logs", {}, async (page) => {
        await search(page, "declined by");
        assert.equal(await lines(page).count(), 1);
        assert.match(await page.getByRole("status").first().innerText(), /^1 line;/);
        await lines(page).first().click();
        assert.match(await fields(page).innerText(), new RegExp(SHOP.FAILED_LINE));
        assert.match(await fields(page).innerText(), /customer\s+17/);
        assert.match(await fields(page).innerText(), /scope\s+payment\.requests/);
        await look(page, "fields-light-1280.png");
        await page.getByRole("button", { name: "Show the trace" }).click();
        await settled(page);
        assert.equal(valueOf(page, "trace"), SHOP.FAILED_TRACE);
        assert.equal(await page.locator(".span-row").count(), SHOP.FAILED_SPANS.length);
    }));

check("fields: nothing for axe in either theme and width", () =>
    withPage("/?view=logs&search=declined", {}, async (page) => {
        await lines(page).first().click();
        await lookAll(page, "fields");
    }));

check("a click on a value of the fields narrows the selector, another one excludes", () =>
    withPage("/?view=logs", {}, async (page) => {
        await lines(page).first().click();
        const chosen = await page.locator(".fields dt:text-is('service_name') + dd")
            .evaluate((box) => box.firstChild.textContent);
        await page.getByRole("button", { name: `Only service_name ${chosen}` }).click();
        await settled(page);
        assert.equal(valueOf(page, "query"), `{service_name="${chosen}"}`);
        const selector = page.getByRole("textbox", { name: "Selector" });
        assert.equal(await selector.inputValue(), `{service_name="${chosen}"}`);
        const texts = await page.locator(".line-text").allInnerTexts();
        assert.ok(texts.length > 0 && texts.every((text) => text.startsWith(chosen)), texts[0]);
        await selector.fill("");
        await selector.press("Enter");
        await settled(page);
        await lines(page).first().click();
        await page.getByRole("button", { name: `Not service_name ${chosen}` }).click();
        await settled(page);
        assert.equal(valueOf(page, "query"), `{service_name!="${chosen}"}`);
        assert.ok(!(await page.locator(".line-text").allInnerTexts()).some((text) =>
            text.startsWith(chosen)));
    }));

check("a selector that is refused tells the column, and can be mended where it stands", () =>
    withPage("/?view=logs", {}, async (page) => {
        const selector = page.getByRole("textbox", { name: "Selector" });
        await selector.fill('{service_name="shop" level}');
        await selector.press("Enter");
        await settled(page);
        assert.match(await page.getByRole("alert").innerText(), /column 22[^]*A selector is like/);
        await selector.fill('{service_name="shop"}');
        await selector.press("Enter");
        await settled(page);
        assert.equal(await page.getByRole("alert").count(), 0);
        assert.ok(await lines(page).count() > 10);
        assert.ok(takeComplaints().every(isAsked));
    }));

check("the bars over the lines count them all, and a press on one is its range", () =>
    withPage("/?view=logs&search=request", {}, async (page) => {
        const bars = page.getByRole("group", { name: "Lines over time" }).getByRole("button");
        const names = await bars.evaluateAll((all) => all.map((bar) =>
            bar.getAttribute("aria-label")));
        const counts = names.map((name) => Number(/^[\d,]+/.exec(name)[0].replace(/,/g, "")));
        assert.equal(counts.reduce((sum, one) => sum + one, 0), 3 * 600);
        const at = counts.findLastIndex((count) => count > 0) - 1;
        await bars.nth(at).click();
        await settled(page);
        assert.match(valueOf(page, "range"), /^\d+\.\d+~\d+\.\d+$/);
        assert.match(await page.getByRole("status").first().innerText(),
            new RegExp(`^${counts[at]} lines`));
    }));

check("a waterfall has the spans in order, what the trace waits for, and the error", () =>
    withPage(TRACE, {}, async (page) => {
        const rows = page.getByRole("list", { name: "Spans" }).getByRole("listitem");
        const names = await page.locator(".span-name").allInnerTexts();
        assert.deepEqual(names, SHOP.FAILED_SPANS.map(([, name]) => name));
        const critical = await rows.filter({ has: page.locator(".critical") })
            .locator(".span-name").allInnerTexts();
        assert.deepEqual(critical, SHOP.CRITICAL);
        const failed = await page.locator(".is-error .span-name").allInnerTexts();
        assert.deepEqual(failed, SHOP.FAILED_SPANS.filter((span) => span[5])
            .map(([, name]) => name));
        const track = await page.locator(".span-track").first().boundingBox();
        const bar = await page.locator(".span-track i").nth(4).boundingBox();
        const [, , , begin, end] = SHOP.FAILED_SPANS[4];
        assert.ok(Math.abs((bar.x - track.x) / track.width - begin / 120) < 0.01);
        assert.ok(Math.abs(bar.width / track.width - (end - begin) / 120) < 0.01);
        await page.getByRole("button", { name: "charge" }).click();
        await settled(page);
        const details = page.getByRole("complementary", { name: "Span" });
        assert.match(await details.innerText(), /Error: declined by the bank/);
        assert.match(await details.innerText(), /begins after\s+44(\.0+)? ms/);
        assert.match(await details.innerText(), /takes\s+72(\.0+)? ms/);
    }));

check("a trace leads to its lines, and the list of traces tells which one failed", () =>
    withPage(TRACE, {}, async (page) => {
        await page.getByRole("button", { name: "Logs of this trace" }).click();
        await settled(page);
        const texts = () => page.locator(".line-text").allInnerTexts();
        assert.deepEqual(await texts(), [SHOP.FAILED_LINE]);
        await page.getByRole("button", { name: "All lines" }).click();
        await settled(page);
        assert.ok((await texts()).length > 1 && (await texts()).includes(SHOP.FAILED_LINE));
        await page.goto(`${HOST}/?view=traces`);
        await settled(page);
        const failed = page.locator("tbody tr", { has: page.locator(".bad") });
        assert.equal(await failed.count(), 1);
        assert.match(await failed.innerText(), /shop\s+POST \/checkout\s+120(\.0+)? ms\s+6\s+3/);
    }));

check("of many spans the chosen one is in sight, with what is known of it", () =>
    withPage(`/?view=traces&trace=${SHOP.LONG_TRACE}&span=00000000777777ef`, {}, async (page) => {
        const row = await page.getByRole("button", { name: "DELETE 120" }).boundingBox();
        const details = await page.getByRole("complementary", { name: "Span" }).boundingBox();
        assert.ok(row.y > 0 && row.y + row.height <= details.y, JSON.stringify([row, details]));
        assert.ok(details.y < 700);
        await look(page, "long-light-1280.png");
        await keys(page, "j", "Enter");
        assert.match(await page.getByRole("complementary", { name: "Span" }).innerText(),
            /^cart: DELETE 121/);
    }));

check("a metric is found by its name, has a line and figures for each series", () =>
    withPage("/?view=metrics", {}, async (page) => {
        await search(page, "queue");
        assert.deepEqual(await page.getByRole("list", { name: "Metrics" }).getByRole("button")
            .allInnerTexts(), ["queue_depth"]);
        const rows = page.getByRole("region", { name: "Series" }).locator("tbody tr");
        assert.equal(await rows.count(), 6);
        const row = rows.filter({ hasText: "job=shop" }).filter({ hasText: "queue=mail" });
        const values = Array.from({ length: 80 }, (_, at) => 20 + at * 4 % 17);
        const cells = await row.locator(".number").evaluateAll((all) =>
            all.map((cell) => Number(cell.title.replace(/,/g, ""))));
        assert.deepEqual([cells[0], cells[1], cells[3]],
            [values[79], Math.min(...values), Math.max(...values)]);
        const inked = await page.locator(".series-chart canvas").evaluate((canvas) => {
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width,
                canvas.height);
            return data.filter((value, at) => at % 4 === 3 && value > 0).length;
        });
        assert.ok(inked > 2000, `${inked} pixels`);
    }));

check("a counter is shown by the second, and as it came by a press", () =>
    withPage("/?view=metrics&metric=requests_total&service=payment", {}, async (page) => {
        const figure = () => page.getByRole("region", { name: "Series" })
            .locator("tbody .number").first().getAttribute("title");
        assert.match(await figure(), /^6(\.0+)?$/);
        await page.getByRole("button", { name: "per second" }).click();
        await settled(page);
        assert.equal(valueOf(page, "rate"), "off");
        assert.equal((await figure()).replace(/,/g, ""), String(80 * 45 * 2));
    }));

check("of an exponential histogram the quantiles of each moment are drawn", () =>
    withPage("/?view=metrics&metric=took_seconds&service=shop", {}, async (page) => {
        const rows = page.getByRole("region", { name: "Series" }).locator("tbody tr");
        assert.deepEqual(await rows.locator("td.text").allInnerTexts(),
            ["quantile=p50", "quantile=p90", "quantile=p99"]);
        const last = await rows.evaluateAll((all) => all.map((row) =>
            Number(row.querySelector(".number").title)));
        const bound = (at) => 2 ** (at / 4);
        assert.ok(Math.abs(last[0] - bound(9)) < 0.01, last[0]);
        assert.ok(Math.abs(last[2] - (bound(12) + 0.98 * (bound(13) - bound(12)))) < 0.01, last[2]);
        await look(page, "histogram-light-1280.png");
    }));

check("the status tells whom the daemon asks for profiles, and how that goes", () =>
    withPage("/?view=status", {}, async (page) => {
        const targets = page.getByRole("region", { name: "Targets" });
        assert.match(await targets.innerText(),
            /http:\/\/127\.0\.0\.1:\d+\s+shop\s+answers\s+\d+\s+.* ago/);
    }));

check("each budget is shown beside its limit", () =>
    withPage("/", {}, async (page) => {
        const budgets = await page.getByRole("region", { name: "Budgets" }).innerText();
        assert.match(budgets, /Budget\s+Reserved\s+Most so far\s+Limit\s+Times refused/);
        assert.match(budgets, /store(\s+[\d.]+ [KMG]iB){3}\s+0/);
    }));

check("the first page loads in under 150 KB, answers among it", () =>
    withPage("/", {}, async (page) => {
        const loaded = await page.evaluate(() => [...performance.getEntriesByType("navigation"),
            ...performance.getEntriesByType("resource")].map((one) => one.encodedBodySize));
        const sum = loaded.reduce((all, one) => all + one, 0);
        tell(`${sum} bytes`);
        assert.ok(loaded.length >= 4 && sum > 20000 && sum < 150_000, `${sum}: ${loaded}`);
    }));

async function send(...texts) {
    const logRecords = texts.map((text, at) => ({ body: { stringValue: text }, timeUnixNano:
        `${BigInt(Date.now()) * 1000000n + BigInt(at)}`, severityText: "INFO" }));
    const answer = await fetch(`http://127.0.0.1:${process.env.SERVE_OTLP_PORT}/v1/logs`, {
        method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ resourceLogs: [{ resource: { attributes: [{ key: "service.name",
            value: { stringValue: "tail" } }] }, scopeLogs: [{ logRecords }] }] }) });
    assert.equal(answer.status, 200);
}

check("a live tail shows what is sent afterwards, and pauses where somebody has scrolled", () =>
    withPage("/?view=logs&service=tail", {}, async (page) => {
        const opened = page.waitForResponse((answer) => answer.url().includes("/tail"));
        await page.getByRole("button", { name: "Live tail" }).click();
        await opened;
        const many = Array.from({ length: 100 }, (_, at) => `tail line ${at}`);
        await send(...many);
        await page.getByText("tail line 99", { exact: true }).waitFor(WAIT);
        await look(page, "tail-light-1280.png");
        await page.getByRole("list", { name: "Log lines" }).evaluate((box) => {
            box.scrollTop = 500;
        });
        await send("the one after");
        await page.getByText(/101 lines.*paused/).waitFor(WAIT);
        assert.equal(await page.getByText("the one after", { exact: true }).count(), 0);
        await page.getByRole("list", { name: "Log lines" }).evaluate((box) => {
            box.scrollTop = 0;
        });
        await page.getByText("the one after", { exact: true }).waitFor(WAIT);
        assert.equal(await page.getByText(/paused/).count(), 0);
        await page.getByRole("button", { name: "Live tail" }).click();
        await settled(page);
        assert.equal(await lines(page).first().locator(".line-text").innerText(), "the one after");
    }));

check("the keyboard alone goes from the overview to a trace's span, and out again", () =>
    withPage("/", {}, async (page) => {
        await keys(page, "g", "l");
        assert.equal(valueOf(page, "view"), "logs");
        await search(page, "declined");
        await keys(page, "Escape", "j");
        assert.match(await fields(page).innerText(), /declined by the bank/);
        await keys(page, "Enter");
        assert.equal(await page.evaluate(() => document.activeElement.textContent),
            "Show the trace");
        await keys(page, "Enter");
        assert.equal(valueOf(page, "trace"), SHOP.FAILED_TRACE);
        const details = page.getByRole("complementary", { name: "Span" });
        assert.match(await details.innerText(), /^payment: ask the bank/);
        await keys(page, "k", "k", "k", "k", "Enter");
        assert.match(await details.innerText(), /^cart: reserve/);
        await keys(page, "Escape");
        assert.equal(valueOf(page, "span"), null);
        await keys(page, "Escape");
        assert.equal(valueOf(page, "trace"), null);
        await keys(page, "g", "m");
        await keys(page, "j");
        assert.notEqual(valueOf(page, "metric"), null);
        await keys(page, "?");
        assert.equal(await page.getByRole("dialog", { name: "Keys" }).isVisible(), true);
        await keys(page, "Escape");
        assert.equal(await page.getByRole("dialog").count(), 0);
    }));

check("Escape closes the fields before it takes the search away", () =>
    withPage("/?view=logs&search=declined", {}, async (page) => {
        await keys(page, "j");
        assert.equal(await fields(page).isVisible(), true);
        await keys(page, "Escape");
        assert.equal(await fields(page).isVisible(), false);
        assert.equal(valueOf(page, "search"), "declined");
        await keys(page, "Escape");
        assert.equal(valueOf(page, "search"), null);
    }));

check("the URL is the state: a reload and the way back show the same", () =>
    withPage("/?view=logs", {}, async (page) => {
        await search(page, "customer 17");
        await page.getByLabel("Service").selectOption("payment");
        await settled(page);
        await page.getByLabel("Time range").selectOption("6h");
        await settled(page);
        const state = async () => [await page.locator(".line-text").allInnerTexts(),
            await page.getByRole("searchbox").inputValue(),
            await page.getByLabel("Service").inputValue(),
            await page.getByLabel("Time range").inputValue()];
        const before = await state();
        assert.deepEqual(before.slice(1), ["customer 17", "payment", "6h"]);
        await page.reload();
        await settled(page);
        assert.deepEqual(await state(), before);
        await keys(page, "g", "t");
        assert.match(await page.title(), /^Traces/);
        await page.goBack();
        await settled(page);
        assert.deepEqual(await state(), before);
    }));

check("the line that is open and the tail that runs are there after a reload", () =>
    withPage("/?view=logs&service=payment&range=6h", {}, async (page) => {
        await lines(page).nth(3).click();
        const fields = page.getByRole("complementary", { name: "Fields" });
        const before = await fields.innerText();
        await page.reload();
        await settled(page);
        assert.equal(await fields.innerText(), before);
        const opened = page.waitForResponse((answer) => answer.url().includes("/tail"));
        await page.getByRole("button", { name: "Live tail" }).click();
        await opened;
        const again = page.waitForResponse((answer) => answer.url().includes("/tail"));
        await page.reload();
        await again;
        const tail = page.getByRole("button", { name: "Live tail" });
        assert.equal(await tail.getAttribute("aria-pressed"), "true");
        await tail.click();
        await settled(page);
        await page.reload();
        await settled(page);
        assert.equal(await tail.getAttribute("aria-pressed"), "false");
    }));

check("a live page leaves alone what somebody is writing", () =>
    withPage("/?view=logs&live=1", {}, async (page) => {
        await keys(page, "/");
        await page.keyboard.type("half a wo");
        await page.evaluate(() => window.sluice.tick());
        await settled(page);
        assert.equal(await page.getByRole("searchbox").inputValue(), "half a wo");
        await page.getByRole("textbox", { name: "Selector" }).fill("{service");
        await page.evaluate(() => window.sluice.tick());
        await settled(page);
        assert.equal(await page.getByRole("textbox", { name: "Selector" }).inputValue(),
            "{service");
    }));

check("a live page keeps the fields that are open, and the button that has the focus", () =>
    withPage("/?view=logs&service=shop&live=1", {}, async (page) => {
        await keys(page, "j", "j", "Enter");
        const before = await fields(page).innerText();
        const focus = () => page.evaluate(() => document.activeElement.getAttribute("aria-label"));
        assert.equal(await focus(), "Only service_name shop");
        await page.evaluate(() => window.sluice.tick());
        await settled(page);
        assert.equal(await fields(page).innerText(), before);
        assert.equal(await focus(), "Only service_name shop");
        await page.goto(`${HOST}/?view=traces&live=1`);
        await settled(page);
        await keys(page, "j", "j");
        await page.evaluate(() => window.sluice.tick());
        await settled(page);
        assert.equal(await page.evaluate(() => [...document.querySelectorAll("tbody button")]
            .indexOf(document.activeElement)), 1);
        await keys(page, "j");
        assert.equal(await page.evaluate(() => [...document.querySelectorAll("tbody button")]
            .indexOf(document.activeElement)), 2);
    }));

check("a daemon that is away is said to be, and the view comes back with it", () =>
    withPage("/?view=logs&live=1", {}, async (page) => {
        await page.route("**/api/**", (route) => route.abort());
        await page.evaluate(() => window.sluice.tick());
        await settled(page);
        assert.match(await page.getByRole("alert").innerText(), /The daemon does not answer/);
        assert.match(await page.locator(".strip").innerText(), /The daemon does not answer/);
        await page.unroute("**/api/**");
        await page.evaluate(() => window.sluice.tick());
        await settled(page);
        assert.equal(await page.getByRole("alert").count(), 0);
        assert.ok(await lines(page).count() > 10);
        assert.ok(takeComplaints().every((line) => /ERR_FAILED/.test(line)));
    }));

check("a live tail follows the search", () =>
    withPage("/?view=logs&service=tail", {}, async (page) => {
        const opened = () => page.waitForResponse((answer) => answer.url().includes("/tail"));
        const [first] = await Promise.all([opened(),
            page.getByRole("button", { name: "Live tail" }).click()]);
        assert.ok(!first.url().includes("contains="));
        const [second] = await Promise.all([opened(), search(page, "needle")]);
        assert.ok(second.url().includes("contains=needle"));
        await send("hay", "a needle in it");
        await page.getByText("a needle in it", { exact: true }).waitFor(WAIT);
        assert.equal(await page.getByText("hay", { exact: true }).count(), 0);
    }));

check("profiles are listed by time, drawn, and compared with one before", () =>
    withPage("/?view=profiles", {}, async (page) => {
        const times = page.locator(".profile-list li");
        assert.ok(await times.count() >= 3);
        await page.getByRole("button", { name: /^Compare with/ }).last().click();
        await settled(page);
        assert.notEqual(valueOf(page, "base"), null);
        assert.ok(await page.locator(".flame-view canvas:visible").first().isVisible());
        await look(page, "compared-light-1280.png");
    }));

check("a brushed range of the timeline is added up, and a key goes back to one", () =>
    withPage("/?view=profiles", {}, async (page) => {
        await settled(page);
        const chart = page.locator(".profile-timeline .u-over");
        const box = await chart.boundingBox();
        await page.mouse.move(box.x + 0.1 * box.width, box.y + 20);
        await page.mouse.down();
        await page.mouse.move(box.x + 0.9 * box.width, box.y + 20, { steps: 5 });
        await page.mouse.up();
        await page.getByText(/sum of \d+ profiles/).waitFor(WAIT);
        assert.ok(Number(valueOf(page, "from")) < Number(valueOf(page, "to")));
        await look(page, "summed-light-1280.png");
        const [, count] = /sum of (\d+) profiles/.exec(
            await page.locator(".profile-links").textContent());
        assert.ok(Number(count) >= 2);
        await page.getByRole("button", { name: "show the newest alone" }).press("Enter");
        const all = page.getByRole("button", { name: /^add up all/ });
        await all.waitFor(WAIT);
        assert.equal(valueOf(page, "from"), null);
        await all.press("Enter");
        await page.getByText(/sum of \d+ profiles/).waitFor(WAIT);
        assert.deepEqual(takeComplaints(), []);
    }));

check("every page is under a policy that lets nothing in from elsewhere", async () => {
    for (const path of ["/", "/page.js", "/page.css", "/icon.svg"]) {
        const { headers } = await fetch(HOST + path);
        assert.match(headers.get("content-security-policy"), /^default-src 'self';/);
        assert.match(headers.get("content-security-policy"), /frame-ancestors 'none'/);
        assert.equal(headers.get("x-content-type-options"), "nosniff");
    }
});

check("nothing moves for those who asked for that", () =>
    withPage(TRACE, { reduced: true }, async (page) => {
        assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
    }));

check("no request leaves the machine, and nobody complains", () => {
    assert.deepEqual(strangers(), []);
    assert.deepEqual(takeComplaints(), []);
});

await finish();
await closeBrowser();
