/** Profiles that are kept: of whom, what grows and why, and where the bytes are. */

import { profileOf } from "../heap/document";
import { FlameView } from "../heap/flame_view";
import { Scene as HeapScene } from "../heap/scene";
import { button, element, fill } from "../shell/element";
import type { Address } from "../shell/address";
import { exact, moment, momentUtc, readable } from "../shell/format";
import { fetchJson, quoted, urlOf } from "./api";
import type { ProfileRow } from "./api";
import { emptyState } from "./parts";
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

/** Which profiles belong together, as the URL has it. */
function keyOf(profile: ProfileRow): string {
    return `${profile.labels.service_name ?? "?"} ${profile.type}`;
}

export class ProfilesView implements View {
    readonly root = element("section", { class: "profiles-view" });
    readonly tooltip = element("div", { class: "tooltip", role: "tooltip", hidden: true });
    readonly address: Address;
    private readonly flame: FlameView;
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
                    zoom: null })),
            isChosen ? element("ul", { class: "profile-list" }, ...profiles.slice(0, 100).map(
                (profile) => this.profileRow(profile, newest))) : element("p", { class: "quiet" },
                `${profiles.length}, newest ${moment(newest.time * 1000)}`));
    }

    private profileRow(profile: ProfileRow, newest: ProfileRow): HTMLElement {
        const at = String(profile.time);
        const isShown = (this.address.get("at") ?? String(newest.time)) === at;
        const isBase = this.address.get("base") === at;
        return element("li", {}, button(moment(profile.time * 1000), {
            "aria-pressed": String(isShown), title: momentUtc(profile.time * 1000) },
        () => this.address.change({ at: isShown ? null : at, zoom: null })),
        button("compare", { "aria-pressed": String(isBase),
            "aria-label": `Compare with ${moment(profile.time * 1000)}` },
        () => this.address.change({ base: isBase ? null : at, zoom: null })),
        element("span", { class: "quiet", title: exact(profile.bytes, "bytes") },
            readable(profile.bytes, "bytes")));
    }

    private async showFlame(profiles: ProfileRow[], targets: Target[]): Promise<void> {
        const [newest] = profiles;
        const service = newest.labels.service_name ?? "unknown_service";
        const at = Number(this.address.get("at") ?? newest.time);
        const base = this.address.get("base");
        const query = `{service_name=${quoted(service)}}`;
        const around = (time: number): { start: string; end: string } =>
            ({ start: String(time - 0.001), end: String(time + 0.001) });
        const wish = { query, type: newest.type, ...around(at),
            base_start: base === null ? null : around(Number(base)).start,
            base_end: base === null ? null : around(Number(base)).end };
        const profile = profileOf(await fetchJson<unknown>("/api/profiles/flame", wish));
        const target = targets.find((one) => one.labels.service_name === service);
        const pprof = urlOf("/api/profiles/pprof", { query, type: newest.type, ...around(at) });
        fill(this.body, target === undefined || newest.type !== "heap" ? null
            : verdictCard(target), element("p", { class: "quiet profile-links" },
            `${service}, ${newest.type} of ${moment(at * 1000)}${base === null ? ""
                : ` compared with ${moment(Number(base) * 1000)}`} `,
            element("a", { href: pprof, download: `${service}-${newest.type}.pb.gz` }, "pprof"),
            element("code", {}, `sluice heap web '${location.origin}${pprof}'`)), this.flame.root);
        this.flame.show(new HeapScene(profile, { type: this.address.get("type"), focus: null,
            ignore: null, hide: null, width: "now" }));
    }
}
