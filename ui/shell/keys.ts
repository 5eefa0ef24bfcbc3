/** Keys for the whole page: single ones, and `g` followed by a letter. */

export interface Key {
    keys: string; // "/", "g f", "Escape"
    does: string;
    run: (event: KeyboardEvent) => void;
}

const PREFIX_MS = 1500;

/** Whether Enter has a meaning there already. */
function isPressable(target: EventTarget | null): boolean {
    return target instanceof Element && target.closest("button, a, summary") !== null;
}

function isTyping(target: EventTarget | null): boolean {
    return target instanceof HTMLElement &&
        (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

export class Keys {
    readonly all: Key[] = [];
    private prefixUntil = 0;

    constructor() {
        addEventListener("keydown", (event) => this.press(event));
    }

    add(keys: string, does: string, run: (event: KeyboardEvent) => void): void {
        this.all.push({ keys, does, run });
    }

    private press(event: KeyboardEvent): void {
        if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) {
            return;
        }
        if (isTyping(event.target) && event.key !== "Escape") {
            return;
        }
        if (event.key === "Enter" && isPressable(event.target)) {
            return;
        }
        const wanted = event.timeStamp < this.prefixUntil ? `g ${event.key}` : event.key;
        this.prefixUntil = 0;
        const found = this.all.find((key) => key.keys === wanted);
        if (found !== undefined) {
            event.preventDefault();
            found.run(event);
        } else if (event.key === "g") {
            this.prefixUntil = event.timeStamp + PREFIX_MS;
        }
    }
}
