/** The page with the real program: what was left out of the picture of all comes with a zoom. */

import { join } from "node:path";
import { assert, check, finish } from "./check.mjs";
import { boxOf, clickBox, closeBrowser, keys, settled, strangers, takeComplaints, valueOf,
    withPage } from "./browser.mjs";

function asked(page) {
    const found = [];
    page.on("request", (request) => {
        if (request.url().includes("/api/")) {
            found.push(new URL(request.url()).searchParams.get("below"));
        }
    });
    return found;
}

async function boxes(page, pattern) {
    return page.evaluate((text) => {
        const { names } = window.sluice.scene.profile;
        const flame = window.sluice.flame.graphs[0];
        return names.filter((name) => new RegExp(text).test(name) &&
            flame.boxesNamed(name).length > 0).length;
    }, pattern);
}

async function zoomTo(page, name) {
    await page.evaluate((wanted) => {
        const { tree, profile } = window.sluice.scene;
        const node = tree.function.findIndex((of, at) => at > 0 && profile.names[of] === wanted);
        window.sluice.flame.graphs[0].options.events.zoom(node);
    }, name);
    await settled(page);
}

check("what is left out is asked for when a zoom would show it, and only then", () =>
    withPage("/", {}, async (page) => {
        const requests = asked(page);
        await clickBox(page, "large");
        assert.deepEqual(requests, []);
        await keys(page, "Escape");
        assert.equal(await boxes(page, "^leaf_"), 0);
        await zoomTo(page, "small");
        assert.equal(requests.length, 1);
        assert.equal(await boxes(page, "^leaf_"), 120);
        assert.ok((await boxOf(page, "leaf_0_0")).width >= 5);
        await page.screenshot({ path: join(process.env.UI_SCREENSHOTS, "deep.png") });
    }));

check("a zoom goes on below what was loaded, and a reload stays there", () =>
    withPage("/", {}, async (page) => {
        await zoomTo(page, "small");
        assert.equal(await boxes(page, "^speck_"), 0);
        await zoomTo(page, "tiny");
        assert.equal(await boxes(page, "^speck_"), 10);
        assert.equal(valueOf(page, "deep").split(".").length, 2);
        const before = await boxOf(page, "speck_9");
        await page.reload();
        await settled(page);
        assert.deepEqual(await boxOf(page, "speck_9"), before);
        await page.locator(".crumbs button[title='small']").click();
        await settled(page);
        assert.equal(valueOf(page, "deep").split(".").length, 1);
        assert.equal(await boxes(page, "^leaf_"), 120);
        await page.goBack();
        await settled(page);
        assert.deepEqual(await boxOf(page, "speck_9"), before);
        await keys(page, "Escape");
        assert.equal(valueOf(page, "deep"), null);
    }));

check("what is zoomed into is in sight, below its callers", () =>
    withPage("/", {}, async (page) => {
        await clickBox(page, "step_9");
        await clickBox(page, "step_20");
        await clickBox(page, "step_45");
        assert.ok((await boxOf(page, "tip")).width > 1100);
        assert.ok((await boxOf(page, "step_42")).y < (await boxOf(page, "step_45")).y);
        await page.reload();
        await settled(page);
        assert.ok((await boxOf(page, "tip")).width > 1100);
    }));

check("sums stay what they were, and functions are found that were not there", () =>
    withPage("/", {}, async (page) => {
        const total = () => page.evaluate(() => window.sluice.scene.total[0]);
        const before = await total();
        assert.equal(await page.evaluate(() =>
            window.sluice.scene.profile.names.includes("leaf_2_39")), false);
        await zoomTo(page, "small");
        assert.equal(await total(), before);
        assert.equal(await page.evaluate(() => {
            const { profile, tree, value } = window.sluice.scene;
            const at = profile.names.indexOf("leaf_2_39");
            return value[tree.function.indexOf(at)];
        }), 1000000 + 39000 + 1);
    }));

check("the same for two moments that are compared", () =>
    withPage("/?a=0&b=1", {}, async (page) => {
        await zoomTo(page, "small");
        assert.equal(await boxes(page, "^leaf_"), 120);
        const change = await page.evaluate(() => {
            const { scene } = window.sluice;
            const at = scene.profile.names.indexOf("leaf_1_7");
            return scene.change(scene.tree.function.indexOf(at));
        });
        assert.equal(change, 1);
    }));

check("with a focus, the whole stack is asked for; with hidden frames, nothing is", () =>
    withPage("/?focus=group_1", {}, async (page) => {
        await zoomTo(page, "small");
        assert.equal(await boxes(page, "^leaf_1_"), 40);
        assert.equal(await boxes(page, "^leaf_0_"), 0);
        await page.goto(page.url().replace(/\?.*/, "?hide=main"));
        await settled(page);
        const requests = asked(page);
        await zoomTo(page, "small");
        assert.deepEqual(requests, []);
        assert.equal(valueOf(page, "deep"), null);
    }));

async function rows(page) {
    const texts = await page.locator("tbody tr").allInnerTexts();
    return texts.map((text) => text.trim()).filter((text) => text !== "") // room beyond the view
        .map((text) => text.split(/\s+/));
}

check("the table is exact, and says so where it cannot be", () =>
    withPage("/?view=top&search=leaf_2_39|speck_9|^tiny", {}, async (page) => {
        const shown = await rows(page);
        assert.deepEqual(shown.map((row) => row.find((text) => /^(leaf|speck|tiny)/.test(text))),
            ["leaf_2_39", "speck_9", "tiny"]);
        const sums = await page.evaluate(() => {
            const { scene } = window.sluice;
            const { self, total } = scene.functionSums("now");
            return ["leaf_2_39", "speck_9", "tiny", "small", "main"].map((name) => {
                const at = scene.profile.names.indexOf(name);
                return [self[at], total[at]];
            });
        });
        assert.deepEqual(sums.slice(0, 3), [[1039001, 1039001], [12, 12], [0, 75]]);
        assert.equal(sums[3][0] + sums[4][0], 0);
        assert.equal(await page.locator(".top-view > p").isVisible(), false);
        await page.goto(`${page.url()}&focus=small`);
        await settled(page);
        assert.equal(await page.locator(".top-view > p").isVisible(), true);
    }));

check("the table of two moments is exact, too", () =>
    withPage("/?view=top&a=0&b=1&search=leaf_2_39", {}, async (page) => {
        const found = await page.evaluate(() => {
            const { scene } = window.sluice;
            const at = scene.profile.names.indexOf("leaf_2_39");
            return [scene.functionSums("then").self[at], scene.functionSums("now").self[at]];
        });
        assert.deepEqual(found, [1039000, 1039001]);
        assert.equal((await rows(page)).length, 1);
    }));

check("nothing is complained of, and nobody else is asked", () => {
    assert.deepEqual(takeComplaints(), []);
    assert.deepEqual(strangers(), []);
});

await finish();
await closeBrowser();
