/** The shell: sections, moments, sample types, search, the strip below; and which view is shown. */

import { pathHashes } from "../flame/tree";
import { Address } from "../shell/address";
import { openHelp, openMenu } from "../shell/dialog";
import { button, element, fill, icon } from "../shell/element";
import { fetchDocument, Refusal } from "../shell/fetch";
import { Keys } from "../shell/keys";
import { onTheme } from "../shell/palette";
import { belowOf, deepened, withSums } from "./deepen";
import { functionColumnsOf, profileOf } from "./document";
import type { Profile } from "./document";
import { FlameView } from "./flame_view";
import { Controls } from "./controls";
import { MemoryView } from "./memory_view";
import { Scene, WIDTHS } from "./scene";
import type { Width, Wish } from "./scene";
import { SourceView } from "./source_view";
import { Strip } from "./strip";
import { TimelineView } from "./timeline_view";
import { TopView } from "./top_view";
import { exactly } from "./view";
import type { Page, View } from "./view";

interface Section {
    id: string;
    label: string;
    key: string;
    icon: string;
    view: View;
}

const LIVE_EVERY_MS = 2000;

export class HeapPage implements Page {
    readonly address = new Address();
    readonly tooltip = element("div", { class: "tooltip", role: "tooltip", hidden: true });
    readonly flame = new FlameView(this);
    private readonly sections: Section[] = [
        { id: "flame", label: "Flame", key: "f", view: this.flame,
            icon: "M2 3h12M2 6.5h8M2 10h5M2 13.5h2" },
        { id: "top", label: "Top", key: "t", view: new TopView(this),
            icon: "M2 3h12M2 6.5h12M2 10h12M2 13.5h12" },
        { id: "source", label: "Source", key: "s", view: new SourceView(this),
            icon: "M5 4L1.5 8L5 12M11 4l3.5 4L11 12M9 2.5L7 13.5" },
        { id: "timeline", label: "Timeline", key: "l", view: new TimelineView(this),
            icon: "M2 2v12h12M4 11l3-4l3 2l4-6" },
        { id: "memory", label: "Memory", key: "m", view: new MemoryView(),
            icon: "M1.5 5.5h13v5h-13zM6 5.5v5M9.5 5.5v5" },
    ];
    private readonly main = element("main", { id: "main", tabindex: -1 });
    private readonly nav = element("nav", { class: "sections", "aria-label": "Sections" });
    private readonly progress = element("div", { class: "progress", hidden: true });
    private readonly controls = new Controls(this.address);
    private readonly strip = new Strip(this.address);
    private readonly keys = new Keys();
    private readonly profiles = new Map<string, Profile>();
    private scene: Scene | null = null;
    private sceneKey = "";
    private turn = 0;
    /** Settled when the last change of the URL is drawn. */
    shown: Promise<void> = Promise.resolve();

    get roots(): HTMLElement[] {
        return [element("a", { class: "skip", href: "#main" }, "Skip to the content"),
            this.controls.root, this.nav, this.main, this.strip.root, this.progress, this.tooltip];
    }

    async start(): Promise<void> {
        this.bindKeys();
        this.address.onChange(() => { this.shown = this.update(); });
        onTheme(() => this.restyle());
        addEventListener("pageshow", () => this.controls.root.focus());
        this.shown = this.update();
        await this.shown;
        this.watch();
    }

    functionMenu(of: number, x: number, y: number, opener: HTMLElement, zoom?: () => void): void {
        const { names } = (this.scene as Scene).profile;
        const name = names[of];
        const pattern = exactly(name);
        const also = (key: string): string => {
            const already = this.address.get(key);
            return already === null || key === "focus" ? pattern : `${already}|${pattern}`;
        };
        openMenu(name, [
            ...(zoom === undefined ? [] : [{ label: "Zoom to this", run: zoom }]),
            { label: "Callers and callees", run: () => this.address.change(
                { view: "butterfly", function: name, zoom: null, callers: null }) },
            { label: "Source", run: () => this.address.change(
                { view: "source", function: name }) },
            { label: "Focus: stacks with it alone", run: () => this.address.change(
                { focus: also("focus"), zoom: null }) },
            { label: "Ignore: stacks without it", run: () => this.address.change(
                { ignore: also("ignore"), zoom: null }) },
            { label: "Hide this frame", run: () => this.address.change(
                { hide: also("hide"), zoom: null }) },
            { label: "Search for it", run: () => this.address.change({ search: pattern }) },
            { label: "Copy the name", run: () => { void navigator.clipboard.writeText(name); } },
        ], x, y, opener);
    }

    private bindKeys(): void {
        const { keys, address } = this;
        keys.add("/", "search", () => this.controls.focusSearch());
        keys.add("?", "this list", () => openHelp(keys.all, [
            ["Arrows", "move in the flame graph"], ["Enter", "zoom, or back"],
            ["m", "menu of the selected box or row"]]));
        for (const section of this.sections) {
            keys.add(`g ${section.key}`, section.label.toLowerCase(),
                () => address.change({ view: section.id === "flame" ? null : section.id }));
        }
        keys.add("j", "next row", () => this.current().view.step?.(1));
        keys.add("k", "row before", () => this.current().view.step?.(-1));
        keys.add("[", "moment before", () => this.controls.shift(-1));
        keys.add("]", "next moment", () => this.controls.shift(1));
        keys.add("Escape", "out: of the search, the zoom, the comparison", () => this.leave());
    }

    private leave(): void {
        const { address } = this;
        const ways: string[][] = [["search"], ["zoom", "callers", "deep"],
            ["function"],
            ["focus", "ignore", "hide"], ["a", "b", "width"]];
        if (document.activeElement instanceof HTMLInputElement) {
            document.activeElement.blur();
        }
        const way = ways.find((names) => names.some((name) => address.get(name) !== null));
        if (way !== undefined) {
            const changes = Object.fromEntries(way.map((name) => [name, null]));
            const view = address.get("view") === "butterfly" && way[0] === "function"
                ? { view: null } : {};
            address.change({ ...changes, ...view });
        }
    }

    private current(): Section {
        const wanted = this.address.get("view") === "butterfly" ? "flame"
            : this.address.get("view") ?? "flame";
        return this.sections.find((section) => section.id === wanted) ?? this.sections[0];
    }

    private async update(): Promise<void> {
        const turn = ++this.turn;
        const section = this.current();
        this.showSections(section);
        const slow = setTimeout(() => { this.progress.hidden = false; }, 150);
        this.main.setAttribute("aria-busy", "true");
        try {
            const profile = await this.profile(section.view.needsSums === true);
            if (turn !== this.turn) {
                return;
            }
            this.scene = this.sceneOf(profile);
            this.controls.show(this.scene);
            this.strip.show(this.scene);
            document.title = `${profile.program || profile.source} — ${section.label} — Sluice`;
            const view = section.view;
            if (this.main.firstChild !== view.root) {
                this.main.replaceChildren(view.root);
            }
            await view.show(this.scene);
        } catch (error) {
            if (turn === this.turn) {
                this.fail(error as Error);
            }
        } finally {
            clearTimeout(slow);
            if (turn === this.turn) {
                this.progress.hidden = true;
                this.main.removeAttribute("aria-busy");
            }
        }
    }

    private async profile(needsSums: boolean): Promise<Profile> {
        const { address } = this;
        const tag = address.get("tag");
        const [a, b] = [address.get("a"), address.get("b")];
        const isPair = a !== null && b !== null;
        const type = isPair ? address.get("type") : null;
        const at = isPair ? null : address.get("at");
        const key = JSON.stringify([isPair, a, b, at, type, tag]);
        const ask = async (moment: string | null, below: string | null): Promise<Profile> =>
            profileOf(isPair ? await fetchDocument("/api/diff", { a, b, type, tag, below })
                : await fetchDocument("/api/profile", { at: moment, tag, below }));
        const found = this.profiles.get(key) ?? this.keep(key, await ask(at, null));
        if (needsSums && found.cut > 0 && found.entries !== null) {
            const sumsKey = `${key} sums`;
            return this.profiles.get(sumsKey) ?? this.keep(sumsKey, withSums(found,
                functionColumnsOf(await fetchDocument("/api/functions",
                    isPair ? { a, b, type, tag } : { at: String(found.at), tag }))));
        }
        const isZoomed = address.get("zoom") !== null && address.get("view") !== "butterfly";
        const deep = isZoomed && found.cut > 0 ? address.get("deep") : null;
        if (deep === null) {
            return found;
        }
        const deepKey = `${key} ${deep}`;
        return this.profiles.get(deepKey) ?? this.keep(deepKey,
            await this.deepened(found, deep.split("."), (below) => ask(String(found.at), below)));
    }

    /** With what was left out of it below some nodes, each found in what the one before gave. */
    private async deepened(profile: Profile, hashes: string[],
        ask: (below: string) => Promise<Profile>): Promise<Profile> {
        let found = profile;
        for (const hash of hashes) {
            const node = pathHashes(found.tree, found.names).indexOf(parseInt(hash, 36));
            const below = belowOf(found, node);
            if (below !== null) {
                found = deepened(found, node, await ask(below));
            }
        }
        return found;
    }

    private keep(key: string, profile: Profile): Profile {
        if (this.profiles.size >= 4) { // a profile may be large
            this.profiles.delete(this.profiles.keys().next().value as string);
        }
        this.profiles.set(key, profile);
        return profile;
    }

    private sceneOf(profile: Profile): Scene {
        const { address } = this;
        const width = (address.get("width") ?? "now") as Width;
        const wish: Wish = {
            type: address.get("type"), focus: address.get("focus"), ignore: address.get("ignore"),
            hide: address.get("hide"), width: WIDTHS.includes(width) ? width : "now",
        };
        const key = JSON.stringify([wish, profile.generation]);
        if (this.scene?.profile !== profile || key !== this.sceneKey) {
            this.sceneKey = key;
            return new Scene(profile, wish);
        }
        return this.scene;
    }

    private showSections(current: Section): void {
        if (this.nav.childElementCount === 0) {
            fill(this.nav, ...this.sections.map((section) => {
                const made = button("", { "data-section": section.id,
                    title: `${section.label} (g ${section.key})` },
                () => this.address.change({ view: section.id === "flame" ? null : section.id }));
                made.append(icon(section.icon), element("span", {}, section.label));
                return made;
            }));
        }
        for (const one of this.nav.querySelectorAll<HTMLElement>("button")) {
            if (one.dataset["section"] === current.id) {
                one.setAttribute("aria-current", "page");
            } else {
                one.removeAttribute("aria-current");
            }
        }
    }

    private fail(error: Error): void {
        const next = error instanceof Refusal ? error.next
            : "This is a fault of the page or the program; the console has more.";
        fill(this.main, element("div", { class: "empty", role: "alert" },
            element("h2", {}, error.message), element("p", {}, next),
            button("Try again", { class: "primary" }, () => { this.shown = this.update(); })));
        if (!(error instanceof Refusal)) {
            console.error(error);
        }
    }

    private restyle(): void {
        this.sections.forEach((section) => section.view.restyle?.());
        if (this.scene !== null) {
            void this.current().view.show(this.scene);
        }
    }

    /** While the source is live, look whether there is something newer. */
    private watch(): void {
        setInterval(() => void this.refresh(), LIVE_EVERY_MS);
    }

    private async refresh(): Promise<void> {
        const pinned = ["at", "a"].some((name) => this.address.get(name) !== null);
        if (this.scene === null || !this.scene.profile.live || document.hidden ||
            this.address.get("live") === "off") {
            return;
        }
        try {
            const state = await fetchDocument("/api/state", {}) as { generation: number;
                problem: string | null };
            this.strip.problem(state.problem);
            if (state.generation !== this.scene.profile.generation) {
                this.profiles.clear();
                this.strip.newer(pinned);
                if (!pinned) {
                    this.shown = this.update();
                }
            }
        } catch (error) {
            this.strip.problem((error as Error).message);
        }
    }
}
