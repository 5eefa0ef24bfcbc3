/** What every section of the page has in common. */

import type { Address } from "../shell/address";
import type { Scene } from "./scene";

export interface View {
    readonly root: HTMLElement;
    /** It shows sums of functions, which have to be exact. */
    readonly needsSums?: boolean;
    /** Show what the URL asks for. */
    show(scene: Scene): void | Promise<void>;
    /** For the keys j and k. */
    step?(by: number): void;
    /** The theme has changed. */
    restyle?(): void;
}

export interface Page {
    readonly address: Address;
    readonly tooltip: HTMLElement;
    /** Offer what can be done with a function. */
    functionMenu(of: number, x: number, y: number, opener: HTMLElement, zoom?: () => void): void;
}

/** A regular expression that finds exactly this name. */
export function exactly(name: string): string {
    return `^${name.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}$`;
}
