/** All moments: live bytes or rates of the top sites, and two of them to compare. */

import type uPlot from "uplot";
import { button, element, fill } from "../shell/element";
import { fetchDocument } from "../shell/fetch";
import { exact, moment, momentUtc, readable } from "../shell/format";
import { readPalette } from "../shell/palette";
import { makeChart } from "./chart";
import type { Band, ChartContent } from "./chart";
import { timelineOf } from "./document";
import type { Timeline } from "./document";
import type { Scene } from "./scene";
import type { Page, View } from "./view";

const SITES_SHOWN = 7; // the palette's last colour is for all others
const OTHERS = 7;
const HEIGHT_PX = 300;

export class TimelineView implements View {
    readonly root = element("section", { class: "timeline-view", "aria-label": "Timeline" });
    private readonly plotBox = element("div", { class: "plot", role: "img",
        "aria-label": "Live bytes by site over time; the table below has its numbers" });
    private readonly table = element("div", { class: "table-scroll sites", tabindex: 0,
        role: "region", "aria-label": "Sites" });
    private readonly bar = element("div", { class: "bar" });
    private timeline: Timeline | null = null;
    private fetched = "";
    private plot: uPlot | null = null;
    private scene: Scene | null = null;

    constructor(private readonly page: Page) {
        new ResizeObserver(() => this.plot?.setSize(this.size())).observe(this.plotBox);
    }

    async show(scene: Scene): Promise<void> {
        this.scene = scene;
        if (!scene.profile.has.timeline) {
            this.fetched = "";
            fill(this.root, onlyOne());
            return;
        }
        const type = scene.profile.types[scene.typeAt].name;
        const key = `${type} ${scene.profile.generation}`;
        if (key !== this.fetched) {
            this.timeline = timelineOf(await fetchDocument("/api/timeline", { type }));
            this.fetched = key;
        }
        fill(this.root, this.bar, this.plotBox, this.table);
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

    private get showsRate(): boolean {
        return this.page.address.get("chart") === "rate" && this.timeline?.rate !== null;
    }

    private bands(timeline: Timeline): Band[] {
        const rows = this.showsRate ? timeline.rate ?? [] : timeline.live;
        const shown = rows.slice(0, SITES_SHOWN).map((values, at): Band =>
            ({ name: timeline.sites.name[at], values, category: at }));
        const rest = timeline.total.map((total, place) => this.showsRate
            ? rows.slice(SITES_SHOWN).reduce((sum, row) => sum + (row[place] ?? 0), 0)
            : Math.max(total - shown.reduce((sum, band) => sum + (band.values[place] ?? 0), 0), 0));
        return [...shown, { name: "others", values: rest, category: OTHERS }];
    }

    private draw(): void {
        const timeline = this.timeline as Timeline;
        const { moments, marks } = timeline;
        const place = (key: string): number | null => {
            const at = moments.id.indexOf(Number(this.page.address.get(key) ?? -1));
            return at < 0 ? null : at;
        };
        const hasResident = timeline.resident.filter((value) => value !== null).length > 1;
        const content: ChartContent = {
            times: moments.time_ms, bands: this.bands(timeline), unit: timeline.unit,
            perSecond: this.showsRate,
            line: hasResident && !this.showsRate
                ? { name: "resident", values: timeline.resident } : null,
            marks: marks.time_ms.map((time, at) => ({ time, text: marks.kind[at] })),
            chosen: [place("a"), place("b")],
        };
        this.plot?.destroy();
        this.plot = makeChart(this.plotBox, content, readPalette(), this.size(), {
            cursor: (at) => this.showTable(content, at),
            brush: (from, to) => this.choose(moments.id[from], moments.id[to]),
        });
        this.showBar(timeline);
        this.showTable(content, null);
    }

    private choose(a: number, b: number): void {
        if (a !== b) {
            this.page.address.change({ a: String(Math.min(a, b)), b: String(Math.max(a, b)) });
        }
    }

    private showBar(timeline: Timeline): void {
        const { address } = this.page;
        const kinds = element("span", { class: "segments", role: "group", "aria-label": "Show" },
            ...[["", "Live"], ["rate", "Allocation rate"]].map(([kind, label]) =>
                button(label, { "aria-pressed": String((address.get("chart") ?? "") === kind),
                    disabled: kind === "rate" && timeline.rate === null },
                () => address.change({ chart: kind }))));
        const isPair = this.scene?.profile.pair !== null;
        fill(this.bar, kinds, isPair
            ? button("Compare A and B in the flame graph", { class: "primary" },
                () => address.change({ view: null, zoom: null }))
            : element("span", { class: "quiet" }, "Drag over the chart to choose two moments, " +
                "or choose them above."));
    }

    private showTable(content: ChartContent, cursor: number | null): void {
        const at = cursor ?? content.times.length - 1;
        const suffix = content.perSecond ? "/s" : "";
        const row = (band: { name: string; values: (number | null)[] },
            swatch: string): HTMLElement => {
            const value = band.values[at];
            return element("tr", {},
                element("th", { scope: "row", class: "text wide", title: band.name },
                    element("i", { class: `swatch ${swatch}` }), this.siteLink(band.name)),
                element("td", { class: "number", title: value === null ? ""
                    : exact(value, content.unit) },
                value === null ? "not known" : readable(value, content.unit) + suffix));
        };
        const time = content.times[at];
        fill(this.table, element("table", {}, element("caption", { title: momentUtc(time) },
            cursor === null ? `Newest: ${moment(time)}` : moment(time)),
        element("tbody", {},
            ...(content.line === null ? [] : [row(content.line, "line-swatch")]),
            ...content.bands.map((band) => row(band, `category-${band.category}`)))));
    }

    private siteLink(name: string): Node | string {
        if (name === "others" || name === "resident") {
            return name;
        }
        return button(name, { class: "link" }, () =>
            this.page.address.change({ view: "butterfly", function: name, zoom: null }));
    }
}

function onlyOne(): HTMLElement {
    return element("div", { class: "empty" }, element("h2", {}, "One moment is no timeline"),
        element("p", {}, "Open a folder of successive profiles, or a live source:"),
        element("pre", { tabindex: 0 },
            "sluice heap run --every 10s -o profiles/ -- ./server\nsluice heap web profiles/"));
}
