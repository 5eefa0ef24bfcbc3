/** Colours of canvases, from the style sheet, so that both themes are written in one place. */

export interface Palette {
    ground: string;
    text: string;
    faint: string;
    rule: string;
    accent: string;
    mark: string;
    markText: string;
    boxText: string;
    /** By category, then by shade. */
    categories: string[][];
    grown: string[];
    shrunk: string[];
    same: string;
    hatch: string;
}

export const CATEGORY_COUNT = 8; // the last one is for all others
const SHADES = 3;
const CHANGES = 4;

function series(style: CSSStyleDeclaration, name: string, count: number): string[] {
    return Array.from({ length: count },
        (_, i) => style.getPropertyValue(`--${name}-${i}`).trim());
}

/** `colour` nearer to `other` by `part`. Both are #rrggbb. */
export function mixed(colour: string, other: string, part: number): string {
    const channel = (from: string, at: number): number => parseInt(from.slice(at, at + 2), 16);
    const parts = [1, 3, 5].map((at) =>
        Math.round(channel(colour, at) * (1 - part) + channel(other, at) * part));
    return `#${parts.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}

export function readPalette(): Palette {
    const style = getComputedStyle(document.documentElement);
    const value = (name: string): string => style.getPropertyValue(`--${name}`).trim();
    const ground = value("ground");
    return {
        ground,
        text: value("text"),
        faint: value("faint"),
        rule: value("rule"),
        accent: value("accent"),
        mark: value("mark"),
        markText: value("mark-text"),
        boxText: value("box-text"),
        categories: series(style, "category", CATEGORY_COUNT).map((colour) =>
            Array.from({ length: SHADES }, (_, shade) => mixed(colour, ground, shade * 0.1))),
        grown: series(style, "grown", CHANGES),
        shrunk: series(style, "shrunk", CHANGES),
        same: value("same"),
        hatch: value("hatch"),
    };
}

/** Call when the theme changes. */
export function onTheme(listener: () => void): void {
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", listener);
}
