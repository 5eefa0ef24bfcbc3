/** What sites hold over time, of one target: a click chooses a moment, a brush a range. */

import type uPlot from "uplot";
import { makeChart } from "../heap/chart";
import type { Band } from "../heap/chart";
import { timelineOf } from "../heap/document";
import type { Timeline } from "../heap/document";
import { element, fill } from "../shell/element";
import { moment, readable } from "../shell/format";
import { readPalette } from "../shell/palette";

const SITES_SHOWN = 5;
const OTHERS = 7; // the palette's last colour
const HEIGHT_PX = 150;

export interface Choice {
    from: number | null; // seconds; of a range whose profiles are added up
    to: number | null;
    at: number; // of the one moment otherwise
    base: number | null;
}

export class ProfileTimeline {
    private readonly plotBox = element("div", { class: "plot", role: "img",
        "aria-label": "What sites hold over time; drag to add up the profiles of a range" });
    private readonly legend = element("ul", { class: "legend-list" });
    readonly root = element("div", { class: "profile-timeline" }, this.plotBox, this.legend);
    private plot: uPlot | null = null;
    private timeline: Timeline | null = null;
    private choice: Choice | null = null;

    constructor(private readonly brush: (from: number, to: number) => void) {
        new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.plotBox);
    }

    show(document: unknown, choice: Choice): void {
        this.timeline = timelineOf(document);
        this.choice = choice;
        this.draw();
    }

    restyle(): void {
        if (this.timeline !== null) {
            this.draw();
        }
    }

    private size(): { width: number; height: number } {
        return { width: Math.max(this.plotBox.clientWidth, 200), height: HEIGHT_PX };
    }

    private bands(timeline: Timeline): Band[] {
        const shown = timeline.live.slice(0, SITES_SHOWN).map((values, at): Band =>
            ({ name: timeline.sites.name[at], values, category: at }));
        const rest = timeline.total.map((total, place) =>
            Math.max(total - shown.reduce((sum, band) => sum + (band.values[place] ?? 0), 0), 0));
        return rest.every((value) => value === 0) ? shown
            : [...shown, { name: "others", values: rest, category: OTHERS }];
    }

    private draw(): void {
        const timeline = this.timeline as Timeline;
        const choice = this.choice as Choice;
        const times = timeline.moments.time_ms;
        const bands = this.bands(timeline);
        const nearest = (seconds: number | null): number | null => seconds === null ? null
            : times.reduce((best, time, at) => Math.abs(time - seconds * 1000) <
                Math.abs(times[best] - seconds * 1000) ? at : best, 0);
        this.plot?.destroy();
        this.plot = makeChart(this.plotBox, {
            times, bands, unit: timeline.unit, perSecond: false, line: null, marks: [],
            chosen: choice.from !== null ? [nearest(choice.from), nearest(choice.to)]
                : choice.base === null ? [] : [nearest(choice.base), nearest(choice.at)],
        }, readPalette(), this.size(), {
            cursor: (at) => this.showLegend(bands, at ?? times.length - 1),
            brush: (from, to) => this.brush(times[from] / 1000, times[to] / 1000),
        });
        this.showLegend(bands, times.length - 1);
    }

    private showLegend(bands: Band[], at: number): void {
        const { moments, unit } = this.timeline as Timeline;
        fill(this.legend, element("li", { class: "quiet" }, moment(moments.time_ms[at])),
            ...bands.map((band) => element("li", {},
                element("i", { class: `swatch category-${band.category}` }),
                `${band.name} ${readable(band.values[at] ?? 0, unit)}`)));
    }
}
