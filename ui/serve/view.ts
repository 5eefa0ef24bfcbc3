/** What the page and its views know of each other. */

import type { Address } from "../shell/address";
import type { Status } from "./api";

/** The range of time that is looked at: parameters of queries, and the seconds that they mean. */
export interface Range {
    start: string;
    end: string;
    from: number;
    to: number;
}

export interface Scene {
    range: Range;
    service: string | null;
    search: string;
    status: Status;
}

export interface Page {
    readonly address: Address;
}

export interface View {
    readonly root: HTMLElement;
    show(scene: Scene): Promise<void>;
    /** For the keys j and k. */
    step?(by: number): void;
    /** For Enter, where no button has the focus. */
    enter?(): void;
    /** For Escape: close what is open in the view; whether there was something. */
    close?(): boolean;
    leave?(): void;
    /** For what is drawn on a canvas, in a theme that has changed. */
    restyle?(): void;
}
