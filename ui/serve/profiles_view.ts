/** Profiles that are kept: of whom, what grows and why, and where the bytes are. */

import { profileOf } from "../heap/document";
import { FlameView } from "../heap/flame_view";
import { Scene as HeapScene } from "../heap/scene";
import { button, element, fill } from "../shell/element";
import type { Address } from "../shell/address";
import { moment, momentUtc } from "../shell/format";
import { fetchJson, quoted, urlOf } from "./api";
import type { ProfileRow } from "./api";
import { emptyState } from "./parts";
import { ProfileTimeline } from "./profile_timeline";
import type { Choice } from "./profile_timeline";
import type { Page, Scene, View } from "./view";
import { verdictCard } from "./verdict_card";
import type { Target } from "./verdict_card";

const LINES = [
    "receivers:",
    "  pprof:",
    "    targets: [{endpoint: 'http://127.0.0.1:6060', service: my-service}]",
    "service:",
    "  pipelines:",
    "    profiles: {receivers: [pprof], exporters: [store]}",
];

const MARGIN = 0.001; // seconds, by which a moment's time may be rounded

/** Which profiles belong together, as the URL has it. */
function keyOf(profile: ProfileRow): string {
    return `${profile.labels.service_name ?? "?"} ${profile.type}`;
}

export class ProfilesView implements View {
    readonly root = element("section", { class: "profiles-view" });
    readonly tooltip = element("div", { class: "tooltip", role: "tooltip", hidden: true });
    readonly address: Address;
    private readonly flame: FlameView;
    private readonly timeline = new ProfileTimeline((from, to) => this.address.change(
        { from: String(from), to: String(to), at: null, base: null, zoom: null }));
    private readonly side = element("div", { class: "profile-side scrolled" });
    private readonly body = element("div", { class: "profile-body" });

    constructor(page: Page) {
        this.address = page.address;
        this.flame = new FlameView(this);
    }

    /** The menu of the flame graph: what can be done here. */
    functionMenu(): void {
        this.tooltip.hidden = true;
    }

    restyle(): void {
        this.flame.restyle();
        this.timeline.restyle();
    }

    async show(scene: Scene): Promise<void> {
        const query = scene.service === null ? null : `{service_name=${quoted(scene.service)}}`;
        const asked = { query, start: scene.range.start, end: scene.range.end };
        const { profiles } = await fetchJson<{ profiles: ProfileRow[] }>("/api/profiles",
            { ...asked, limit: "500" });
        if (profiles.length === 0) {
            fill(this.root, emptyState("There are no profiles in this time",
                "Ask a program with /debug/pprof/ for its heap by the configuration:", LINES));
            return;
        }
        const groups = new Map<string, ProfileRow[]>();
        for (const profile of profiles) {
            groups.set(keyOf(profile), [...(groups.get(keyOf(profile)) ?? []), profile]);
        }
        const wanted = this.address.get("target") ?? "";
        const chosen = groups.get(wanted) ?? [...groups.values()][0];
        const { targets } = await fetchJson<{ targets: Target[] }>("/api/verdicts", asked);
        fill(this.root, this.side, this.body, this.tooltip);
        fill(this.side, ...[...groups.values()].map((group) => this.group(group,
            group === chosen)));
        await this.showFlame(chosen, targets);
    }

    private group(profiles: ProfileRow[], isChosen: boolean): HTMLElement {
        const [newest] = profiles;
        return element("section", { class: "profile-group" },
            button(keyOf(newest), { "aria-current": isChosen ? "true" : null },
                () => this.address.change({ target: keyOf(newest), at: null, base: null,
                    from: null, to: null, zoom: null })),
            isChosen ? element("ul", { class: "profile-list" }, ...profiles.slice(0, 100).map(
                (profile) => this.profileRow(profile, newest))) : element("p", { class: "quiet" },
                `${profiles.length}, newest ${moment(newest.time * 1000)}`));
    }

    private profileRow(profile: ProfileRow, newest: ProfileRow): HTMLElement {
        const at = String(profile.time);
        const isShown = this.address.get("from") === null &&
            (this.address.get("at") ?? String(newest.time)) === at;
        const isBase = this.address.get("base") === at;
        return element("li", {}, button(moment(profile.time * 1000), {
            "aria-pressed": String(isShown), title: momentUtc(profile.time * 1000) },
        () => this.address.change({ at: isShown ? null : at, from: null, to: null, zoom: null })),
        button("compare", { "aria-pressed": String(isBase),
            "aria-label": `Compare with ${moment(profile.time * 1000)}` },
        () => this.address.change({ base: isBase ? null : at, from: null, to: null,
            zoom: null })));
    }

    private async showFlame(profiles: ProfileRow[], targets: Target[]): Promise<void> {
        const [newest] = profiles;
        const service = newest.labels.service_name ?? "unknown_service";
        const number = (key: string): number | null => {
            const text = this.address.get(key);
            return text === null || text === "" ? null : Number(text);
        };
        const from = number("from");
        const choice = { from, to: number("to") ?? from, at: number("at") ?? newest.time,
            base: number("base") };
        const same = { query: `{service_name=${quoted(service)}}`, type: newest.type };
        const wish = { ...same, ...wishOf(choice) };
        const profile = profileOf(await fetchJson<unknown>("/api/profiles/flame", wish));
        const oldest = profiles[profiles.length - 1];
        const timeline = profiles.length < 2 ? null : await fetchJson<unknown>(
            "/api/profiles/timeline", { ...same, start: String(oldest.time - MARGIN),
                end: String(newest.time + MARGIN) });
        const target = targets.find((one) => one.labels.service_name === service);
        fill(this.body, target === undefined || newest.type !== "heap" ? null
            : verdictCard(target), timeline === null ? null : this.timeline.root,
        this.caption(service, profiles, choice, wish), this.flame.root);
        if (timeline !== null) {
            this.timeline.show(timeline, choice);
        }
        this.flame.show(new HeapScene(profile, { type: this.address.get("type"), focus: null,
            ignore: null, hide: null, width: "now" }));
    }

    private caption(service: string, profiles: ProfileRow[], choice: Choice,
        wish: Record<string, string | null>): HTMLElement {
        const { type } = profiles[0];
        const { from, to, at, base } = choice;
        const summed = profiles.filter((one) => from !== null && to !== null &&
            one.time >= from - MARGIN && one.time <= to + MARGIN).length;
        const pprof = urlOf("/api/profiles/pprof", { ...wish, base_start: null, base_end: null });
        const what = from !== null && to !== null
            ? `sum of ${summed} profiles, ${moment(from * 1000)} to ${moment(to * 1000)}`
            : `of ${moment(at * 1000)}${base === null ? ""
                : ` compared with ${moment(base * 1000)}`}`;
        const all = profiles.length < 2 || from !== null
            ? from === null ? null : button("show the newest alone", { class: "link" },
                () => this.address.change({ from: null, to: null, zoom: null }))
            : button(`add up all ${profiles.length}`, { class: "link" }, () => this.address.change({
                from: String(profiles[profiles.length - 1].time), to: String(profiles[0].time),
                at: null, base: null, zoom: null }));
        return element("p", { class: "quiet profile-links" }, `${service}, ${type} ${what} `, all,
            element("a", { href: pprof, download: `${service}-${type}.pb.gz` }, "pprof"),
            element("code", {}, `sluice heap web '${location.origin}${pprof}'`));
    }
}

/** The parameters by which the profile is asked for. */
function wishOf(choice: Choice): Record<string, string | null> {
    const { from, to, at, base } = choice;
    if (from !== null && to !== null) {
        return { start: String(from - MARGIN), end: String(to + MARGIN), op: "merge" };
    }
    return { start: String(at - MARGIN), end: String(at + MARGIN),
        base_start: base === null ? null : String(base - MARGIN),
        base_end: base === null ? null : String(base + MARGIN) };
}
