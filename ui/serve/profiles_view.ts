/** Profiles that are kept: of whom, when, how large; and how to look closer. */

import { element, fill } from "../shell/element";
import { exact, moment, momentUtc, readable } from "../shell/format";
import { fetchJson, quoted, urlOf } from "./api";
import type { ProfileRow } from "./api";
import { emptyState } from "./parts";
import type { Scene, View } from "./view";

const LINES = [
    "receivers: {pprof: {targets: [{endpoint: 'http://127.0.0.1:6060', service: my-service}]}}",
    "service: {pipelines: {profiles: {receivers: [pprof], exporters: [store]}}}",
];

export class ProfilesView implements View {
    readonly root = element("section", { class: "profiles-view scrolled" });

    async show(scene: Scene): Promise<void> {
        const query = scene.service === null ? null : `{service_name=${quoted(scene.service)}}`;
        const { profiles } = await fetchJson<{ profiles: ProfileRow[] }>("/api/profiles",
            { query, start: scene.range.start, end: scene.range.end, limit: "500" });
        if (profiles.length === 0) {
            fill(this.root, emptyState("There are no profiles in this time",
                "Ask a program with /debug/pprof/ for its heap by the configuration:", LINES));
            return;
        }
        const groups = new Map<string, ProfileRow[]>();
        for (const profile of profiles) {
            const key = `${profile.labels.service_name ?? "?"} ${profile.type}`;
            groups.set(key, [...(groups.get(key) ?? []), profile]);
        }
        fill(this.root, ...[...groups.values()].map((group) => this.group(group)));
    }

    private group(profiles: ProfileRow[]): HTMLElement {
        const [newest] = profiles;
        const service = newest.labels.service_name ?? "unknown_service";
        const link = (profile: ProfileRow): string => urlOf("/api/profiles/pprof", {
            query: `{service_name=${quoted(service)}}`, type: profile.type,
            start: String(profile.time), end: String(profile.time + 0.001) });
        const command = `sluice heap web '${location.origin}${urlOf("/api/profiles/pprof",
            { query: `{service_name=${quoted(service)}}`, type: newest.type })}'`;
        return element("section", { class: "profile-group" },
            element("h2", {}, `${service}: ${newest.type}`),
            element("p", { class: "quiet" }, `${profiles.length} profiles, the newest of ${
                moment(newest.time * 1000)}`),
            element("pre", { tabindex: 0 }, command),
            element("ul", { class: "profile-list" }, ...profiles.slice(0, 40).map((profile) =>
                element("li", {}, element("a", { href: link(profile), download:
                    `${service}-${profile.type}-${profile.id}.pb.gz`,
                title: momentUtc(profile.time * 1000) }, moment(profile.time * 1000)),
                element("span", { class: "quiet", title: exact(profile.bytes, "bytes") },
                    ` ${readable(profile.bytes, "bytes")}`)))));
    }
}
