/** The strip below: the bound, seen to hold. Always there, so that nothing jumps. */

import type { Address } from "../shell/address";
import { button, element, fill } from "../shell/element";
import { fetchDocument } from "../shell/fetch";
import { exact, moment, momentUtc, readable, share, signed } from "../shell/format";
import { typeWords } from "./controls";
import { accountOf } from "./document";
import type { Scene } from "./scene";

export class Strip {
    readonly root: HTMLElement;
    private readonly held = element("span", { class: "held" });
    private readonly gauge = element("span", { class: "gauge", "aria-hidden": "true" });
    private readonly resident = element("span");
    private readonly sampling = element("span", { class: "quiet" });
    private readonly state = element("span", { class: "state", role: "status" });
    private accountOfGeneration = -1;

    constructor(private readonly address: Address) {
        this.root = element("footer", { class: "strip" }, this.held, this.gauge, this.resident,
            this.sampling, this.state);
    }

    show(scene: Scene): void {
        const { profile, unit, whole } = scene;
        const value = scene.total[0];
        this.held.title = exact(value, unit);
        const type = typeWords(profile.types[scene.typeAt].name);
        this.held.textContent = profile.pair === null
            ? `${readable(value, unit)} ${type}` + (value === whole ? ""
                : `, ${share(value, whole)} of ${readable(whole, unit)}`)
            : `${signed(scene.change(0), unit)} ${type}: ` +
                `${readable(scene.beforeTotal?.[0] ?? 0, unit)} → ${readable(value, unit)}`;
        this.sampling.textContent = profile.period.value > 1
            ? `a sample each ${readable(profile.period.value, profile.period.unit)}` : "";
        fill(this.state, element("span", { title: momentUtc(profile.timeMs) },
            moment(profile.timeMs)), profile.cut === 0 ? null
            : element("span", { title: "What has no place in the tree is added to its caller" },
                `, ${exact(profile.cut, "count")} stacks cut`));
        void this.showResident(scene);
    }

    problem(text: string | null): void {
        this.root.classList.toggle("has-problem", text !== null);
        if (text !== null) {
            fill(this.state, text);
        }
    }

    /** There is something newer than what is shown, which stays. */
    newer(pinned: boolean): void {
        if (pinned) {
            fill(this.state, button("Newer profiles have come: show the newest", {}, () =>
                this.address.change({ at: null, a: null, b: null })));
        }
    }

    private async showResident(scene: Scene): Promise<void> {
        const { has, generation } = scene.profile;
        if (!has.memory || generation === this.accountOfGeneration) {
            this.gauge.hidden = !has.memory;
            return;
        }
        this.accountOfGeneration = generation;
        try {
            const { resident, anonymous } = accountOf(await fetchDocument("/api/memory", {}));
            const held = (anonymous["heap_in_use"] ?? 0) + (anonymous["sampled_in_use"] ?? 0);
            const part = held / Math.max(resident["bytes"], 1);
            const level = element("i");
            level.style.width = `${Math.min(1, part) * 100}%`;
            fill(this.gauge, level);
            fill(this.resident, `${readable(resident["bytes"], "bytes")} resident`,
                element("span", { class: "rest" },
                    `, ${share(held, resident["bytes"])} of it heap in use`));
        } catch {
            this.resident.textContent = "";
        }
    }
}
