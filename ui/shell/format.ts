/** Numbers as people read them, and exactly. */

export type Unit = "bytes" | "nanoseconds" | "count" | string;

export interface Figure {
    number: string;
    unit: string;
}

type Step = [size: number, name: string];

function steps(base: number, names: string[]): Step[] {
    return names.map((name, power) => [base ** power, name]);
}

const BYTES = steps(1024, ["B", "KiB", "MiB", "GiB", "TiB", "PiB"]);
const COUNTS = steps(1000, ["", "k", "M", "G", "T"]);
const TIMES = steps(1000, ["ns", "µs", "ms", "s"]);
const NO_DECIMALS = "\u2008\u2007\u2007"; // as wide as a point and two digits

function stepsOf(unit: Unit): Step[] {
    return unit === "bytes" ? BYTES : unit === "nanoseconds" ? TIMES : COUNTS;
}

/** The largest step that leaves at least one before the point, rounding considered. */
function stepOf(value: number, unit: Unit): Step {
    const known = stepsOf(unit);
    return known.reduce((chosen, step) =>
        Math.abs(value) >= step[0] * 0.9995 ? step : chosen, known[0]);
}

function written(size: number, digits: number): string {
    return size.toFixed(digits).replace("-", "−");
}

/** Three digits that count. */
export function figure(value: number, unit: Unit): Figure {
    const [size, name] = stepOf(value, unit);
    const scaled = value / size;
    const isWhole = size === 1 && Number.isInteger(value);
    const digits = isWhole ? 0 : Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0;
    return { number: written(scaled, digits), unit: name };
}

/** Two decimals, or the room for them: the points of a column stand below each other. */
export function alignedFigure(value: number, unit: Unit): Figure {
    const [size, name] = stepOf(value, unit);
    const isWhole = size === 1 && Number.isInteger(value);
    return { number: isWhole ? written(value, 0) + NO_DECIMALS : written(value / size, 2),
        unit: name };
}

export function readable(value: number, unit: Unit): string {
    const parts = figure(value, unit);
    return parts.unit === "" ? parts.number : `${parts.number} ${parts.unit}`;
}

const grouping = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

export function exact(value: number, unit: Unit): string {
    const name = unit === "count" ? "" : ` ${unit}`;
    return grouping.format(value) + name;
}

/** "1 line", "1,800 lines". */
export function counted(value: number, one: string, many: string): string {
    return `${exact(value, "count")} ${value === 1 ? one : many}`;
}

export function signed(value: number, unit: Unit): string {
    return (value > 0 ? "+" : "") + readable(value, unit);
}

export function share(part: number, whole: number): string {
    if (whole === 0) {
        return "0 %";
    }
    const percent = 100 * part / whole;
    const digits = Math.abs(percent) < 9.995 ? 2 : Math.abs(percent) < 99.95 ? 1 : 0;
    return `${percent.toFixed(digits).replace("-", "−")} %`;
}

/** With two decimals always, for columns. */
export function alignedShare(part: number, whole: number): string {
    const percent = whole === 0 ? 0 : 100 * part / whole;
    return `${percent.toFixed(2).replace("-", "−")} %`;
}

export function age(seconds: number): string {
    const steps: [number, string][] = [[86400, "d"], [3600, "h"], [60, "min"]];
    for (const [size, name] of steps) {
        if (seconds >= size) {
            return `${(seconds / size).toFixed(seconds < 10 * size ? 1 : 0)} ${name}`;
        }
    }
    return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
}

const clock = new Intl.DateTimeFormat(undefined,
    { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });

/** Local; the date only where it is not today. */
export function moment(timeMs: number): string {
    if (timeMs === 0) {
        return "unknown time";
    }
    const date = new Date(timeMs);
    const today = date.toDateString() === new Date().toDateString();
    return today ? clock.format(date) : `${day.format(date)} ${clock.format(date)}`;
}

export function momentUtc(timeMs: number): string {
    return timeMs === 0 ? "" : new Date(timeMs).toISOString().replace("T", " ");
}
