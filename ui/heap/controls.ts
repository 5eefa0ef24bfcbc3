/** The top of the page: what is looked at, which moment, what is measured, and the search. */

import type { Address } from "../shell/address";
import { button, element, fill } from "../shell/element";
import { moment } from "../shell/format";
import type { Moments, Profile } from "./document";
import type { Scene } from "./scene";

const TYPE_NAMES: Record<string, string> = {
    inuse_space: "In use, bytes", inuse_objects: "In use, objects",
    alloc_space: "Allocated, bytes", alloc_objects: "Allocated, objects",
    peak_space: "At the peak, bytes", peak_objects: "At the peak, objects",
};

/** What a figure of a type is: 4.7 MiB in use. */
export function typeWords(name: string): string {
    const words: Record<string, string> = {
        inuse_space: "in use", inuse_objects: "objects in use", alloc_space: "allocated",
        alloc_objects: "objects allocated", peak_space: "at the peak",
        peak_objects: "objects at the peak",
    };
    return words[name] ?? name.replace(/_/g, " ");
}

export class Controls {
    readonly root: HTMLElement;
    private readonly program = element("h1", { class: "program" }, "Sluice heap");
    private readonly moments = element("div", { class: "moments" });
    private readonly type = element("select", { "aria-label": "What is measured",
        hidden: true });
    private readonly search = element("input", { type: "search", placeholder: "Search  /",
        "aria-label": "Search functions: text or a regular expression", autocomplete: "off",
        spellcheck: "false" });
    private readonly live = button("Live", { class: "live", hidden: true }, () =>
        this.address.change({ live: this.address.get("live") === "off" ? null : "off" }));
    private scene: Scene | null = null;

    constructor(private readonly address: Address) {
        this.root = element("header", { class: "controls" }, this.program, this.moments, this.type,
            this.search, this.live);
        this.type.addEventListener("change", () => address.change({ type: this.type.value }));
        this.search.addEventListener("input", () =>
            address.change({ search: this.search.value }, true));
    }

    focusSearch(): void {
        this.search.focus();
        this.search.select();
    }

    show(scene: Scene): void {
        this.scene = scene;
        const { profile } = scene;
        this.program.textContent = profile.program || "Sluice heap";
        this.program.title = profile.source;
        this.showTypes(scene);
        this.showMoments(profile);
        if (document.activeElement !== this.search) {
            this.search.value = this.address.get("search") ?? "";
        }
        this.live.hidden = !profile.live;
        this.live.setAttribute("aria-pressed", String(this.address.get("live") !== "off"));
    }

    /** To the moment before or after. */
    shift(by: number): void {
        if (this.scene === null) {
            return;
        }
        const { profile } = this.scene;
        const { id } = profile.moments;
        const key = profile.pair === null ? "at" : "b";
        const at = id.indexOf(profile.pair?.b ?? profile.at) + by;
        if (at >= 0 && at < id.length) {
            this.address.change({ [key]: String(id[at]) });
        }
    }

    private showTypes(scene: Scene): void {
        const { types } = scene.profile;
        const names = scene.profile.pair === null ? types.map((type) => type.name)
            : this.typesKnown(types[0].name);
        fill(this.type, ...names.map((name) => element("option", { value: name },
            TYPE_NAMES[name] ?? name.replace(/_/g, " "))));
        this.type.value = types[scene.typeAt].name;
        this.type.hidden = false;
        this.known = names;
    }

    private known: string[] = [];

    /** A comparison has one type; the others are those of the profile before it. */
    private typesKnown(current: string): string[] {
        return this.known.includes(current) ? this.known : [current];
    }

    private showMoments(profile: Profile): void {
        const { moments } = profile;
        if (moments.id.length < 2) {
            fill(this.moments, element("span", { class: "quiet" }, moment(profile.timeMs)));
            return;
        }
        fill(this.moments, ...(profile.pair === null ? this.single(profile, moments)
            : this.pair(profile.pair, moments)));
    }

    private single(profile: Profile, moments: Moments): HTMLElement[] {
        const place = moments.id.indexOf(profile.at);
        const other = moments.id[place > 0 ? 0 : moments.id.length - 1];
        return [
            this.step(-1, place === 0),
            this.choice("at", profile.at, moments, "Moment"),
            this.step(1, place === moments.id.length - 1),
            button("Compare", { title: "Compare with another moment" }, () =>
                this.address.change({ a: String(Math.min(other, profile.at)),
                    b: String(Math.max(other, profile.at)), at: null, zoom: null })),
        ];
    }

    private pair(pair: { a: number; b: number }, moments: Moments): HTMLElement[] {
        return [
            element("span", { class: "letter", "aria-hidden": "true" }, "A"),
            this.choice("a", pair.a, moments, "First moment"),
            element("span", { class: "letter", "aria-hidden": "true" }, "B"),
            this.choice("b", pair.b, moments, "Second moment"),
            button("×", { "aria-label": "End the comparison", title: "End the comparison" }, () =>
                this.address.change({ a: null, b: null, width: null, zoom: null })),
        ];
    }

    private step(by: number, disabled: boolean): HTMLElement {
        const label = by < 0 ? "Moment before" : "Next moment";
        return button(by < 0 ? "‹" : "›", { "aria-label": label, disabled,
            title: `${label} (${by < 0 ? "[" : "]"})` }, () => this.shift(by));
    }

    private choice(key: string, chosen: number, moments: Moments, label: string): HTMLElement {
        const select = element("select", { "aria-label": label }, ...moments.id.map((id, at) =>
            element("option", { value: id }, moments.time_ms[at] === 0 ? moments.name[at]
                : moment(moments.time_ms[at]))));
        select.value = String(chosen);
        select.addEventListener("change", () => this.address.change({ [key]: select.value }));
        return select;
    }
}
