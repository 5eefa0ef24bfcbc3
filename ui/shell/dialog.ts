/** What lies above the page for a moment: a menu, the list of keys. Focus stays within. */

import { button, element } from "./element";
import type { Key } from "./keys";

export interface MenuItem {
    label: string;
    run: () => void;
}

function closes(dialog: HTMLDialogElement, opener: HTMLElement | null): void {
    dialog.addEventListener("click", (event) => {
        if (event.target === dialog) {
            dialog.close();
        }
    });
    dialog.addEventListener("close", () => {
        dialog.remove();
        opener?.focus();
    });
}

function moveWithin(dialog: HTMLDialogElement, event: KeyboardEvent): void {
    const steps: Record<string, number> = { ArrowDown: 1, j: 1, ArrowUp: -1, k: -1 };
    const step = steps[event.key];
    if (step !== undefined) {
        const items = [...dialog.querySelectorAll("button")];
        const at = items.indexOf(document.activeElement as HTMLButtonElement);
        items[(at + step + items.length) % items.length].focus();
        event.preventDefault();
    }
    event.stopPropagation(); // Escape closes the menu and nothing else
}

export function openMenu(title: string, items: MenuItem[], x: number, y: number,
    opener: HTMLElement): void {
    const dialog = element("dialog", { class: "menu", "aria-label": title });
    const list = element("div", { role: "menu", "aria-label": title });
    for (const item of items) {
        list.append(button(item.label, { role: "menuitem" }, () => {
            dialog.close();
            item.run();
        }));
    }
    dialog.append(element("p", { class: "menu-title" }, title), list);
    closes(dialog, opener);
    dialog.addEventListener("keydown", (event) => moveWithin(dialog, event));
    document.body.append(dialog);
    dialog.showModal();
    const { offsetWidth, offsetHeight } = dialog;
    dialog.style.left = `${Math.max(8, Math.min(x, innerWidth - offsetWidth - 8))}px`;
    dialog.style.top = `${Math.max(8, Math.min(y, innerHeight - offsetHeight - 8))}px`;
    list.querySelector("button")?.focus();
}

function keyCaps(keys: string): HTMLElement {
    const caps = keys.split(" ").map((key) => element("kbd", {}, key));
    return element("dt", {}, ...caps);
}

export function openHelp(keys: readonly Key[], notes: [string, string][]): void {
    if (document.querySelector("dialog.help") !== null) {
        return;
    }
    const dialog = element("dialog", { class: "help", "aria-labelledby": "help-title" });
    const rows = [...keys.map((key): [string, string] => [key.keys, key.does]), ...notes];
    dialog.append(
        element("h2", { id: "help-title" }, "Keys"),
        element("dl", {}, ...rows.flatMap(([caps, does]) =>
            [keyCaps(caps), element("dd", {}, does)])),
        button("Close", { autofocus: true }, () => dialog.close()));
    closes(dialog, document.activeElement as HTMLElement | null);
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    document.body.append(dialog);
    dialog.showModal();
}
