/** The flame graph with breadcrumb, filters and legend; or one function's butterfly. */

import { FlameGraph } from "../flame/flame";
import { callees, callers, matchedSum } from "../flame/transform";
import type { Matches } from "../flame/transform";
import { pathHashes, pathTo, totals } from "../flame/tree";
import type { Tree } from "../flame/tree";
import { button, element, fill } from "../shell/element";
import { readable, share } from "../shell/format";
import { CATEGORY_COUNT } from "../shell/palette";
import { belowOf, wouldShow } from "./deepen";
import { contentOf } from "./look";
import { baseName, Scene, WIDTHS } from "./scene";
import type { Width } from "./scene";
import type { Page, View } from "./view";

const WIDTH_LABELS: Record<Width, string> = {
    now: "Now", then: "Then", grown: "What grew", shrunk: "What shrank",
};

export class FlameView implements View {
    readonly root: HTMLElement;
    private readonly crumbs = element("nav", { class: "crumbs", "aria-label": "Zoomed into" });
    private readonly chips = element("div", { class: "chips" });
    private readonly legend = element("div", { class: "legend" });
    private readonly found = element("span", { class: "found", role: "status" });
    private readonly upper: FlameGraph;
    private readonly lower: FlameGraph;
    private readonly divider = element("div", { class: "divider", hidden: true });
    private scene: Scene | null = null;
    private hashes: { tree: Tree; of: Uint32Array } | null = null;

    constructor(private readonly page: Page) {
        this.upper = this.graph("Callers", "callers", true);
        this.lower = this.graph("Flame graph; arrow keys move, Enter zooms, m opens the menu",
            "zoom", false);
        this.root = element("section", { class: "flame-view", "aria-label": "Flame graph" },
            element("div", { class: "bar" }, this.crumbs, this.chips, this.found),
            this.upper.root, this.divider, this.lower.root, this.legend);
    }

    show(scene: Scene): void {
        this.scene = scene;
        const { address } = this.page;
        const matches = scene.search(address.get("search"));
        const name = address.get("view") === "butterfly" ? address.get("function") : null;
        const of = name === null ? -1 : scene.profile.names.indexOf(name);
        this.upper.root.hidden = this.divider.hidden = of < 0;
        this.root.classList.toggle("butterfly", of >= 0);
        if (of >= 0) {
            this.showButterfly(scene, of, matches);
        } else {
            this.showAll(scene, matches, name);
        }
        this.showFound(scene, matches);
        this.showChips(scene);
        this.showLegend(scene);
    }

    restyle(): void {
        this.upper.restyle();
        this.lower.restyle();
    }

    /** The graph itself, for the benchmark of its frames. */
    get graphs(): FlameGraph[] {
        return [this.lower, this.upper];
    }

    private graph(label: string, zoomKey: string, upward: boolean): FlameGraph {
        const graph: FlameGraph = new FlameGraph({
            label, upward, tooltip: this.page.tooltip,
            events: {
                zoom: (node) => this.zoomTo(zoomKey, graph, node),
                menu: (node, x, y, opener) => this.openMenu(zoomKey, graph, node, x, y, opener),
            },
        });
        return graph;
    }

    private readonly shownTrees = new Map<FlameGraph, Scene>();

    private showAll(scene: Scene, matches: Matches | null, missing: string | null): void {
        const zoom = this.zoomOf("zoom", scene.tree);
        this.shownTrees.set(this.lower, scene);
        this.lower.show(contentOf(scene, matches, false), zoom);
        this.showCrumbs(scene, zoom, missing);
    }

    private showButterfly(scene: Scene, of: number, matches: Matches | null): void {
        const count = scene.profile.names.length;
        const column = scene.profile.pair !== null ? 1 : scene.typeAt;
        const parts = [
            { graph: this.upper, tree: callers(scene.tree, of, count, column), key: "callers" },
            { graph: this.lower, tree: callees(scene.tree, of, count, column), key: "zoom" },
        ];
        for (const { graph, tree, key } of parts) {
            const part = new Scene(scene.profile, scene.wish, { tree, whole: scene });
            this.shownTrees.set(graph, part);
            graph.show(contentOf(part, matches, true), this.zoomOf(key, tree) || 1);
        }
        const name = scene.profile.names[of];
        fill(this.divider, element("strong", {}, name), " — callers above, what it calls below");
        fill(this.crumbs, button("All", {}, () =>
            this.page.address.change({ view: null, function: null, zoom: null, callers: null })),
        element("span", { "aria-current": "true" }, name));
    }

    /** Paths are remembered as hashes, so that a URL still works on a newer profile. */
    private hashesOf(tree: Tree): Uint32Array {
        if (this.hashes?.tree !== tree) {
            this.hashes = { tree, of: pathHashes(tree, (this.scene as Scene).profile.names) };
        }
        return this.hashes.of;
    }

    private zoomOf(key: string, tree: Tree): number {
        const wanted = this.page.address.get(key);
        return wanted === null ? 0
            : Math.max(this.hashesOf(tree).indexOf(parseInt(wanted, 36)), 0);
    }

    private zoomTo(key: string, graph: FlameGraph, node: number): void {
        const { tree } = this.shownTrees.get(graph) as Scene;
        const target = node === graph.zoom ? Math.max(tree.parent[node], 0) : node;
        const isAll = target === 0 || (target === 1 && this.root.classList.contains("butterfly"));
        this.page.address.change({
            [key]: isAll ? null : this.hashesOf(tree)[target].toString(36),
            deep: isAll ? null : this.deepOf(target) });
    }

    /**
     * The nodes on the way to one below which what was left out is asked for: those that were
     * before, and this one where it would be seen. Frames that are hidden make other paths.
     */
    private deepOf(target: number): string | null {
        const scene = this.scene as Scene;
        if (this.root.classList.contains("butterfly") || scene.profile.cut === 0 ||
            scene.wish.hide !== null) {
            return null;
        }
        const hashes = this.hashesOf(scene.tree);
        const before = (this.page.address.get("deep") ?? "").split(".");
        const path = pathTo(scene.tree, target);
        const deep = path.filter((node) => before.includes(hashes[node].toString(36)));
        const last = deep[deep.length - 1] ?? 0;
        if (last !== target && belowOf(scene.profile, this.unfiltered(scene, target)) !== null &&
            wouldShow(scene.width[target], this.heldBy(scene, last),
                this.lower.root.clientWidth)) {
            deep.push(target);
        }
        return deep.length === 0 ? null : deep.map((node) => hashes[node].toString(36)).join(".");
    }

    /** What a node holds without filters, of two moments the larger: parts are judged by it. */
    private heldBy(scene: Scene, node: number): number {
        const { pair, tree } = scene.profile;
        const columns = pair === null ? [tree.self[scene.typeAt]] : tree.self.slice(0, 2);
        const at = this.unfiltered(scene, node);
        return Math.max(...columns.map((column) => Math.abs(totals(tree, column)[at])));
    }

    /** The node of the whole profile with the path of a filtered one's. */
    private unfiltered(scene: Scene, node: number): number {
        return scene.tree.parent === scene.profile.tree.parent ? node
            : pathHashes(scene.profile.tree, scene.profile.names)
                .indexOf(this.hashesOf(scene.tree)[node]);
    }

    private openMenu(key: string, graph: FlameGraph, node: number, x: number, y: number,
        opener: HTMLElement): void {
        const { tree } = this.shownTrees.get(graph) as Scene;
        if (node > 0) {
            this.page.functionMenu(tree.function[node], x, y, opener,
                () => this.zoomTo(key, graph, node));
        }
    }

    private showCrumbs(scene: Scene, zoom: number, missing: string | null): void {
        const steps = pathTo(scene.tree, zoom);
        const name = (node: number): string => scene.profile.names[scene.tree.function[node]];
        const hashes = zoom === 0 ? null : this.hashesOf(scene.tree);
        const shown = steps.length > 6 ? [...steps.slice(0, 2), -1, ...steps.slice(-3)] : steps;
        fill(this.crumbs,
            button("All", { "aria-current": zoom === 0 ? "true" : null },
                () => this.page.address.change({ zoom: null, deep: null })),
            ...shown.map((node) => node < 0 ? element("span", {}, "…")
                : button(name(node), { title: name(node),
                    "aria-current": node === zoom ? "true" : null },
                () => this.page.address.change({
                    zoom: (hashes as Uint32Array)[node].toString(36), deep: this.deepOf(node) }))),
            missing === null ? null
                : element("span", { class: "quiet" }, scene.profile.cut === 0
                    ? `${missing} is not in this profile`
                    : `${missing} is not in the picture: too narrow, or not in this profile`));
    }

    private showFound(scene: Scene, matches: Matches | null): void {
        if (matches === null) {
            fill(this.found);
            return;
        }
        const sum = matchedSum(scene.tree, scene.total, matches);
        const count = matches.reduce((all, one) => all + one, 0);
        fill(this.found, element("span", { class: "mark-swatch" }),
            `${count} function${count === 1 ? "" : "s"} found: ` +
            `${readable(sum, scene.unit)}, ${share(sum, scene.whole)} of all`);
    }

    private showChips(scene: Scene): void {
        const { address } = this.page;
        const chips = ["focus", "ignore", "hide"].filter((key) => address.get(key) !== null)
            .map((key) => button(`${key} ${address.get(key)} ×`,
                { class: "chip", "aria-label": `Remove ${key} ${address.get(key)}` },
                () => address.change({ [key]: null, zoom: null })));
        fill(this.chips, ...chips, scene.profile.pair === null ? null : this.widthChoice(scene));
    }

    private widthChoice(scene: Scene): HTMLElement {
        return element("span", { class: "segments", role: "group", "aria-label": "Width of boxes" },
            ...WIDTHS.map((width) => button(WIDTH_LABELS[width],
                { "aria-pressed": String(scene.wish.width === width) },
                () => this.page.address.change({ width: width === "now" ? null : width,
                    zoom: null }))));
    }

    private showLegend(scene: Scene): void {
        if (scene.profile.pair !== null) {
            fill(this.legend, ...[["grown-swatch", "grew"], ["shrunk-swatch", "shrank"],
                ["same-swatch", "within the noise of sampling"]].map(([kind, text]) =>
                element("span", {}, element("i", { class: `swatch ${kind}` }), text)));
            return;
        }
        const shown = scene.modules.slice(0, CATEGORY_COUNT - 1);
        const more = scene.modules.length - shown.length;
        fill(this.legend, ...shown.map((module, at) => element("span", { title: module },
            element("i", { class: `swatch category-${at}` }), baseName(module))),
        more <= 0 ? null : element("span", {},
            element("i", { class: `swatch category-${CATEGORY_COUNT - 1}` }), `${more} more`));
    }
}
