/** Stacked areas over time with uPlot; a brush chooses two moments. */

import uPlot from "uplot";
import { moment, readable } from "../shell/format";
import type { Palette } from "../shell/palette";

export interface Band {
    name: string;
    values: (number | null)[];
    category: number;
}

export interface ChartContent {
    times: number[]; // milliseconds
    bands: Band[]; // from the bottom up
    line: { name: string; values: (number | null)[] } | null;
    unit: string; // of values; a second, where `perSecond`
    perSecond: boolean;
    marks: { time: number; text: string }[];
    chosen: (number | null)[]; // places of A and B
}

export interface ChartEvents {
    cursor(place: number | null): void;
    brush(from: number, to: number): void;
}

const FONT = "12px system-ui, sans-serif";

/** Distances of the lines: whole seconds to days; and what is round in a unit. */
const SECONDS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600,
    43200, 86400, 172800, 432000, 864000];

function roundSteps(unit: string): number[] {
    const steps: number[] = [];
    for (let power = 0; power < 50; power++) {
        if (unit === "bytes") {
            steps.push(2 ** power);
        } else if (power < 15) {
            steps.push(10 ** power, 2 * 10 ** power, 5 * 10 ** power);
        }
    }
    return steps;
}

function stacked(bands: Band[], count: number): (number | null)[][] {
    const sums = new Array<number>(count).fill(0);
    return bands.map((band) => band.values.map((value, at) => {
        sums[at] += value ?? 0;
        return value === null ? null : sums[at];
    }));
}

function axis(palette: Palette): uPlot.Axis {
    return {
        stroke: palette.faint, font: FONT,
        grid: { stroke: palette.rule, width: 1 },
        ticks: { stroke: palette.rule, width: 1, size: 4 },
    };
}

function drawFlag(plot: uPlot, palette: Palette, time: number, text: string, colour: string): void {
    const x = Math.round(plot.valToPos(time / 1000, "x", true));
    const { top, height } = plot.bbox;
    const ratio = devicePixelRatio || 1;
    const pen = plot.ctx;
    pen.save();
    pen.strokeStyle = pen.fillStyle = colour;
    pen.lineWidth = ratio;
    pen.setLineDash([4 * ratio, 3 * ratio]);
    pen.beginPath();
    pen.moveTo(x, top);
    pen.lineTo(x, top + height);
    pen.stroke();
    pen.font = `600 ${11 * ratio}px system-ui, sans-serif`;
    pen.textBaseline = "top";
    pen.textAlign = "left";
    const width = pen.measureText(text).width + 8 * ratio;
    const left = Math.min(x, plot.bbox.left + plot.bbox.width - width);
    pen.fillRect(left, top, width, 16 * ratio);
    pen.fillStyle = palette.ground;
    pen.fillText(text, left + 4 * ratio, top + 3 * ratio);
    pen.restore();
}

/** Where a time in seconds is nearest to. */
function nearest(times: number[], seconds: number): number {
    let best = 0;
    times.forEach((time, at) => {
        if (Math.abs(time / 1000 - seconds) < Math.abs(times[best] / 1000 - seconds)) {
            best = at;
        }
    });
    return best;
}

function seriesOf(content: ChartContent, palette: Palette): uPlot.Series[] {
    const bands = [...content.bands].reverse().map((band): uPlot.Series => {
        const colour = palette.categories[band.category][0];
        return { label: band.name, stroke: palette.ground, width: 1, fill: colour,
            points: { show: content.times.length < 2, fill: colour } };
    });
    const line: uPlot.Series[] = content.line === null ? []
        : [{ label: content.line.name, stroke: palette.text, width: 2, dash: [6, 3],
            points: { show: false } }];
    return [{}, ...bands, ...line];
}

export function makeChart(target: HTMLElement, content: ChartContent, palette: Palette,
    size: { width: number; height: number }, events: ChartEvents): uPlot {
    const unitText = (value: number): string =>
        readable(value, content.unit) + (content.perSecond ? "/s" : "");
    const flags = (plot: uPlot): void => {
        content.marks.forEach((mark) =>
            drawFlag(plot, palette, mark.time, mark.text, palette.faint));
        content.chosen.forEach((place, at) => {
            if (place !== null) {
                drawFlag(plot, palette, content.times[place], "AB"[at], palette.accent);
            }
        });
    };
    const brushed = (plot: uPlot): void => {
        const { left, width } = plot.select;
        if (width >= 4) {
            const place = (x: number): number => nearest(content.times, plot.posToVal(x, "x"));
            events.brush(place(left), place(left + width));
        }
    };
    const rows = stacked(content.bands, content.times.length);
    const data = [content.times.map((time) => time / 1000), ...rows.reverse(),
        ...(content.line === null ? [] : [content.line.values])] as uPlot.AlignedData;
    return new uPlot({
        ...size,
        legend: { show: false },
        padding: [12, 32, 0, 0], // the last time has room
        cursor: { y: false, drag: { x: true, y: false, setScale: false }, points: { show: false } },
        scales: { x: { time: true },
            y: { range: (_plot, _least, most) => [0, (most || 1) * 1.06] } },
        series: seriesOf(content, palette),
        axes: [
            { ...axis(palette), space: 96, incrs: SECONDS,
                values: (_plot, ticks) => ticks.map((tick) => moment(tick * 1000)) },
            { ...axis(palette), size: 84, space: 36, incrs: roundSteps(content.unit),
                values: (_plot, ticks) => ticks.map(unitText) },
        ],
        hooks: {
            draw: [flags], setSelect: [brushed],
            setCursor: [(plot) => events.cursor(plot.cursor.idx ?? null)],
        },
    }, data, target);
}
