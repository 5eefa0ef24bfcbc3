/** Lines over time, by uPlot; which series stand out is the caller's. */

import uPlot from "uplot";
import { moment, readable } from "../shell/format";
import { mixed, readPalette } from "../shell/palette";

export interface Line {
    name: string;
    times: number[]; // seconds
    values: number[];
    isFaint: boolean;
}

const FONT = "12px system-ui, sans-serif";
const HEIGHT = 320;

/** All series on one line of times; null where one has no value. */
function aligned(lines: Line[]): uPlot.AlignedData {
    const times = [...new Set(lines.flatMap((line) => line.times))].sort((a, b) => a - b);
    const places = new Map(times.map((time, at) => [time, at]));
    const columns = lines.map((line) => {
        const column = new Array<number | null | undefined>(times.length).fill(undefined);
        line.times.forEach((time, at) => {
            const value = line.values[at];
            column[places.get(time) as number] = Number.isFinite(value) ? value : null;
        });
        return column;
    });
    return [times, ...columns] as uPlot.AlignedData;
}

/** Of categories that are told apart by dashes, too. */
export function strokeOf(at: number): { colour: string; dash: number[] } {
    const palette = readPalette();
    const colour = mixed(palette.categories[at % 7][0], palette.text, 0.35);
    const dashes = [[], [6, 3], [2, 3], [10, 3, 2, 3]];
    return { colour, dash: dashes[Math.floor(at / 7) % 4] };
}

export class SeriesChart {
    readonly root = chartRoot();
    private plot: uPlot | null = null;

    show(lines: Line[], from: number, to: number): void {
        const palette = readPalette();
        this.plot?.destroy();
        const axis: uPlot.Axis = { stroke: palette.faint, font: FONT,
            grid: { stroke: palette.rule, width: 1 },
            ticks: { stroke: palette.rule, width: 1, size: 4 } };
        this.plot = new uPlot({
            width: Math.max(200, this.root.clientWidth), height: HEIGHT,
            legend: { show: false }, cursor: { y: false, drag: { x: true, y: false } },
            scales: {
                x: { time: true, range: [from, to] },
                y: { range: (_plot, least, most) => least === null ? [null, null]
                    : least === 0 && most === 0 ? [0, 1] // not 0 to 100
                        : uPlot.rangeNum(least, most, 0.1, true) },
            },
            axes: [{ ...axis, values: (_, ticks) => ticks.map((tick) => moment(tick * 1000)),
                space: 90 },
            { ...axis, size: 70, values: (_, ticks) =>
                ticks.map((tick) => readable(tick, "count")) }],
            series: [{}, ...lines.map((line, at) => {
                const { colour, dash } = strokeOf(at);
                return { label: line.name, stroke: line.isFaint ? palette.rule : colour, dash,
                    width: line.isFaint ? 1 : 1.5, points: { show: line.times.length < 60 },
                    spanGaps: false };
            })],
        }, aligned(lines), this.root);
    }

    clear(): void {
        this.plot?.destroy();
        this.plot = null;
    }
}

function chartRoot(): HTMLElement {
    const made = document.createElement("div");
    made.className = "series-chart";
    return made;
}
