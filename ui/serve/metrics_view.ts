/** A metric, its series over time, and what they come to. */

import { button, element, fill } from "../shell/element";
import { exact, readable } from "../shell/format";
import { fetchData, quoted } from "./api";
import type { Labels, Samples, Series } from "./api";
import { quantileLines } from "./histogram_lines";
import { emptyState, SEND_LINES } from "./parts";
import { SeriesChart, strokeOf } from "./series_chart";
import type { Line } from "./series_chart";
import type { Page, Scene, View } from "./view";

const SERIES_MAX = 100;
const SHOWN_MAX = 28;

type Facts = Record<string, { type: string; unit: string; help: string }[]>;

/** What tells the series apart. */
function nameOf(labels: Labels, common: Set<string>): string {
    const own = Object.entries(labels).filter(([name]) => name !== "__name__" && !common.has(name));
    return own.length === 0 ? labels.__name__ ?? "{}"
        : own.map(([name, value]) => `${name}=${value}`).join(" ");
}

function commonOf(series: Series[]): Set<string> {
    const [first] = series;
    return new Set(series.length < 2 ? [] : Object.entries(first.metric).filter(([name, value]) =>
        series.every((one) => one.metric[name] === value)).map(([name]) => name));
}

/** Of counters, what they grow by in a second; where they begin anew, from zero. */
function perSecond(values: [number, string][]): [number, number][] {
    return values.slice(1).map(([time, text], at) => {
        const [before, old] = values[at];
        const value = Number(text);
        const grown = value < Number(old) ? value : value - Number(old);
        return [time, grown / Math.max(time - before, 0.001)];
    });
}

export class MetricsView implements View {
    readonly root = element("section", { class: "metrics-view" });
    private readonly chart = new SeriesChart();
    private readonly list = element("ul", { class: "metric-list", "aria-label": "Metrics" });
    private readonly body = element("div", { class: "metric-body scrolled" });
    private isolated: string | null = null;
    private names: string[] = [];

    constructor(private readonly page: Page) {
        this.root.append(this.list, this.body);
    }

    async show(scene: Scene): Promise<void> {
        const all = await fetchData<string[]>("/api/v1/label/__name__/values",
            { start: scene.range.start, end: scene.range.end });
        const words = scene.search.toLowerCase().split(/\s+/).filter((word) => word !== "");
        this.names = all.filter((name) => words.every((word) => name.toLowerCase().includes(word)));
        const chosen = this.page.address.get("metric") ?? this.names[0] ?? null;
        this.drawList(chosen);
        if (chosen === null) {
            this.chart.clear();
            fill(this.body, emptyState(all.length === 0 ? "There are no metrics in this time"
                : "No metric has these words", "Send some from a program with an OpenTelemetry " +
                "SDK, or widen the range:", SEND_LINES));
            return;
        }
        await this.showMetric(chosen, scene);
    }

    step(by: number): void {
        const at = this.names.indexOf(this.page.address.get("metric") ?? this.names[0]);
        const next = this.names[Math.max(0, Math.min(this.names.length - 1, at + by))];
        if (next !== undefined) {
            this.page.address.change({ metric: next }, true);
        }
    }

    private drawList(chosen: string | null): void {
        fill(this.list, ...this.names.slice(0, 1000).map((name) => element("li", {},
            button(name, { "aria-current": name === chosen ? "true" : null, title: name },
                () => { this.isolated = null; this.page.address.change({ metric: name }); }))));
    }

    private async showMetric(metric: string, scene: Scene): Promise<void> {
        const service = scene.service === null ? "" : `,job=${quoted(scene.service)}`;
        const selector = `{__name__=${quoted(metric)}${service}}`;
        const [found, facts] = await Promise.all([
            fetchData<{ result: Samples[] }>("/api/v1/samples", { "match[]": selector,
                start: scene.range.start, end: scene.range.end, limit: String(SERIES_MAX) }),
            fetchData<Facts>("/api/v1/metadata", { metric:
                metric.replace(/_(bucket|sum|count)$/, "") }),
        ]);
        const about = Object.values(facts)[0]?.[0];
        const isCounter = about?.type === "counter" || /_(total|bucket|sum|count)$/.test(metric);
        const asRate = isCounter && this.page.address.get("rate") !== "off";
        const series = found.result.flatMap(({ metric: labels, values, histograms }) =>
            histograms === undefined ? [{ metric: labels, values: values ?? [] }]
                : quantileLines(labels, histograms));
        this.drawMetric(metric, series, scene, about, isCounter, asRate);
    }

    private drawMetric(metric: string, series: Series[], scene: Scene,
        about: { type: string; unit: string; help: string } | undefined, isCounter: boolean,
        asRate: boolean): void {
        const common = commonOf(series);
        const lines = series.slice(0, SHOWN_MAX).map((one): Line => {
            const points: [number, number][] = asRate ? perSecond(one.values)
                : one.values.map(([time, text]) => [time, Number(text)]);
            const name = nameOf(one.metric, common);
            return { name, times: points.map(([time]) => time),
                values: points.map(([, value]) => value),
                isFaint: this.isolated !== null && this.isolated !== name };
        });
        const toggle = isCounter ? button("per second", { "aria-pressed": String(asRate) },
            () => this.page.address.change({ rate: asRate ? "off" : null })) : null;
        const kind = about === undefined ? "" : [about.type, about.unit].filter((part) =>
            part !== "").join(", ");
        fill(this.body, element("header", { class: "metric-head" }, element("h2", {}, metric),
            element("span", { class: "quiet" }, kind), toggle),
        element("p", { class: "quiet" }, about?.help ?? ""), this.chart.root,
        series.length > SHOWN_MAX ? element("p", { class: "quiet" },
            `${series.length} series; the first ${SHOWN_MAX} are drawn: search or choose a ` +
            "service to see fewer.") : null,
        this.legend(lines));
        this.chart.show(lines, scene.range.from, scene.range.to);
    }

    private legend(lines: Line[]): HTMLElement {
        const rows = lines.map((line, at) => {
            const { colour } = strokeOf(at);
            const finite = line.values.filter((value) => Number.isFinite(value));
            const mean = finite.reduce((sum, value) => sum + value, 0) / Math.max(1, finite.length);
            const numbers = finite.length === 0 ? [NaN, NaN, NaN, NaN]
                : [finite[finite.length - 1], Math.min(...finite), mean, Math.max(...finite)];
            const swatch = element("i", { class: "swatch" });
            swatch.style.background = colour;
            const choose = button(line.name, { "aria-pressed": String(this.isolated === line.name),
                title: line.name }, () => {
                this.isolated = this.isolated === line.name ? null : line.name;
                this.page.address.change({}, true);
            });
            return element("tr", {}, element("td", { class: "text" }, swatch, choose),
                ...numbers.map((value) => element("td", { class: "number",
                    title: Number.isFinite(value) ? exact(value, "count") : "no value" },
                Number.isFinite(value) ? readable(value, "count") : "–")));
        });
        return element("div", { class: "table-box", tabindex: 0, role: "region",
            "aria-label": "Series" }, element("table", { class: "plain" },
            element("thead", {}, element("tr", {}, element("th", { scope: "col", class: "text" },
                "Series"), ...["Last", "Min", "Mean", "Max"].map((head) =>
                element("th", { scope: "col", class: "number" }, head)))),
            element("tbody", {}, ...rows)));
    }
}
