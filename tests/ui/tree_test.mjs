/** The tree and its parts against models too simple to be wrong. Bundled for node by ui_test.py. */

import { assert, check, finish, seeded, tell } from "./check.mjs";
import { Boxes, isInOrder, layOut } from "../../ui/flame/layout";
import { callees, callers, filtered, functionSums, matchedSum, matchesOf, patternOf }
    from "../../ui/flame/transform";
import { arrange, pathHashes, pathTo, totals, treeOf } from "../../ui/flame/tree";
import { alignedFigure, age, readable, share } from "../../ui/shell/format";

const FUNCTIONS = 7;
const seed = Number(process.env.SLUICE_TEST_SEED ?? Date.now() % 1000000007);
tell(`seed ${seed}`);
const random = seeded(seed);

/** Stacks of functions, the outermost first, each with two values. */
function randomStacks() {
    return Array.from({ length: 1 + random(40) }, () => ({
        stack: Array.from({ length: random(8) }, () => random(FUNCTIONS)),
        values: [random(1000), random(10)],
    }));
}

function treeFrom(stacks) {
    const loose = { parent: [-1], function: [-1], self: [[0], [0]] };
    const known = new Map();
    for (const { stack, values } of stacks) {
        let node = 0;
        for (const of of stack) {
            const key = `${node} ${of}`;
            if (!known.has(key)) {
                known.set(key, loose.parent.length);
                loose.parent.push(node);
                loose.function.push(of);
                loose.self.forEach((column) => column.push(0));
            }
            node = known.get(key);
        }
        values.forEach((value, at) => { loose.self[at][node] += value; });
    }
    return arrange(loose, 0);
}

/** A tree as text: what is equal has the same. */
function textOf(tree) {
    const paths = new Map();
    for (let node = 0; node < tree.count; node++) {
        const path = pathTo(tree, node).map((one) => tree.function[one]).join(">");
        if (tree.self.some((column) => column[node] !== 0)) {
            paths.set(path, tree.self.map((column) => column[node]).join(","));
        }
    }
    return [...paths].sort().join("\n");
}

function stacksText(stacks) {
    const sums = new Map();
    for (const { stack, values } of stacks) {
        const path = stack.join(">");
        const sum = sums.get(path) ?? [0, 0];
        sums.set(path, sum.map((one, at) => one + values[at]));
    }
    return [...sums].filter(([, sum]) => sum.some((one) => one !== 0))
        .map(([path, sum]) => [path, sum.join(",")]).sort().join("\n");
}

function summed(stacks, column = 0) {
    return stacks.reduce((sum, one) => sum + one.values[column], 0);
}

function repeated(run) {
    for (let round = 0; round < 300; round++) {
        run(randomStacks());
    }
}

check("a tree has the stacks that it was made of, and preorder can be read back", () => {
    repeated((stacks) => {
        const tree = treeFrom(stacks);
        assert.equal(textOf(tree), stacksText(stacks));
        const depths = [...tree.depth.slice(1)].map((depth) => depth - 1);
        const again = treeOf(depths, [...tree.function.slice(1)],
            tree.self.map((column) => [...column.slice(1)]));
        assert.deepEqual(again.parent, tree.parent);
        assert.deepEqual(again.end, tree.end);
        assert.equal(isInOrder(tree, totals(tree, tree.self[0])), true);
    });
});

check("depths that skip a level are refused", () => {
    assert.throws(() => treeOf([0, 2], [0, 1], [[1, 1]]), RangeError);
    assert.throws(() => treeOf([1], [0], [[1]]), RangeError);
    assert.throws(() => treeOf([NaN], [0], [[1]]), RangeError);
});

check("focus, ignore and hide leave what a filter of stacks leaves", () => {
    const flag = (of) => Uint8Array.from({ length: FUNCTIONS }, (_, at) => at === of ? 1 : 0);
    repeated((stacks) => {
        const tree = treeFrom(stacks);
        const [focus, ignore, hide] = [random(FUNCTIONS), random(FUNCTIONS), random(FUNCTIONS)];
        const made = filtered(tree, { focus: flag(focus), ignore: flag(ignore), hide: flag(hide) },
            FUNCTIONS, 0);
        const kept = stacks.filter(({ stack }) =>
            stack.includes(focus) && !stack.includes(ignore))
            .map(({ stack, values }) =>
                ({ stack: stack.filter((of) => of !== hide), values }));
        assert.equal(textOf(made), stacksText(kept));
    });
});

check("a function counts once in a stack that passes it twice", () => {
    repeated((stacks) => {
        const tree = treeFrom(stacks);
        const sums = functionSums(tree, tree.self[0], totals(tree, tree.self[0]), FUNCTIONS);
        for (let of = 0; of < FUNCTIONS; of++) {
            assert.equal(sums.total[of], summed(stacks.filter((one) => one.stack.includes(of))));
            assert.equal(sums.self[of], summed(stacks.filter((one) => one.stack.at(-1) === of)));
        }
    });
});

check("callers and callees of a function add up to its total", () => {
    repeated((stacks) => {
        const tree = treeFrom(stacks);
        const of = random(FUNCTIONS);
        const passing = stacks.filter(({ stack }) => stack.includes(of));
        const above = passing.map(({ stack, values }) =>
            ({ stack: stack.slice(0, stack.indexOf(of) + 1).reverse(), values }));
        const below = passing.map(({ stack, values }) =>
            ({ stack: stack.slice(stack.indexOf(of)), values }));
        assert.equal(textOf(callers(tree, of, FUNCTIONS, 0)), stacksText(above));
        assert.equal(textOf(callees(tree, of, FUNCTIONS, 0)), stacksText(below));
    });
});

check("a search sums each stack that has a match once", () => {
    repeated((stacks) => {
        const tree = treeFrom(stacks);
        const matches = Uint8Array.from({ length: FUNCTIONS }, () => random(3) === 0 ? 1 : 0);
        assert.equal(matchedSum(tree, totals(tree, tree.self[0]), matches),
            summed(stacks.filter(({ stack }) => stack.some((of) => matches[of]))));
    });
});

check("what is wider than a pixel is laid out, within its caller, and nothing else", () => {
    repeated((stacks) => {
        const tree = treeFrom(stacks);
        const zoom = random(tree.count);
        const boxes = new Boxes();
        for (const self of tree.self) { // siblings are in the order of the first
            const width = totals(tree, self);
            layOut({ tree, width, zoom, pixels: 20, firstRow: 0, lastRow: 20 }, self,
                isInOrder(tree, width), boxes);
            const drawn = new Map();
            for (let at = 0; at < boxes.count; at++) {
                drawn.set(boxes.node[at], [boxes.x[at], boxes.x[at] + boxes.width[at]]);
            }
            for (let node = zoom + 1; node < tree.end[zoom]; node++) {
                const pixels = 20 * width[node] / width[zoom];
                assert.equal(drawn.has(node), pixels >= 1, `node ${node} of ${pixels} pixels`);
                if (drawn.has(node)) {
                    const [left, right] = drawn.get(node);
                    const [least, most] = drawn.get(tree.parent[node]);
                    assert.ok(left >= least - 1e-9 && right <= most + 1e-9);
                }
            }
        }
    });
});

check("a path's hash finds it in another tree of the same names", () => {
    const names = Array.from({ length: FUNCTIONS }, (_, at) => `function ${at}`);
    repeated((stacks) => {
        const [tree, more] = [treeFrom(stacks), treeFrom([...stacks, ...randomStacks()])];
        const node = random(tree.count);
        const found = pathHashes(more, names).indexOf(pathHashes(tree, names)[node]);
        assert.deepEqual(pathTo(more, found).map((one) => more.function[one]),
            pathTo(tree, node).map((one) => tree.function[one]));
    });
});

check("what is typed is a regular expression, or text where it is none", () => {
    assert.equal(patternOf("set.*key").test("setGenericKey"), true);
    assert.equal(patternOf("Key$").test("setkey"), false);
    assert.equal(patternOf("operator[](").test("map::operator[](int)"), true);
    assert.equal(matchesOf(["a"], ""), null);
});

check("numbers are written as people read them", () => {
    const bytes = (value) => readable(value, "bytes");
    assert.deepEqual([0, 17, 1023, 1024, 4928307, -2048, 1048575].map(bytes),
        ["0 B", "17 B", "1023 B", "1.00 KiB", "4.70 MiB", "−2.00 KiB", "1.00 MiB"]);
    assert.equal(readable(310, "nanoseconds"), "310 ns");
    assert.equal(readable(12345, "count"), "12.3 k");
    assert.equal(share(1, 3), "33.3 %");
    assert.equal(share(1, 0), "0 %");
    assert.equal(age(90), "1.5 min");
    const lengths = [0, 17, 4928307, 120000].map((value) =>
        alignedFigure(value, "bytes").number.replace(/^[\d]+/, "").length);
    assert.deepEqual(lengths, [3, 3, 3, 3]);
});

await finish();
