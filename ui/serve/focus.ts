/** Views draw themselves anew; whoever was at a button there is at the same button afterwards. */

function pressables(root: Element): HTMLElement[] {
    return [...root.querySelectorAll<HTMLElement>("button, a, [tabindex]")];
}

function nameOf(target: Element): string {
    return `${target.tagName} ${target.getAttribute("aria-label") ?? target.textContent}`;
}

export async function keepFocus(root: Element, draw: () => Promise<void>): Promise<void> {
    const held = document.activeElement;
    if (held === null || !root.contains(held)) {
        await draw();
        return;
    }
    const name = nameOf(held);
    const place = pressables(root).filter((one) => nameOf(one) === name)
        .indexOf(held as HTMLElement);
    await draw();
    if (!held.isConnected && document.activeElement === document.body) {
        pressables(root).filter((one) => nameOf(one) === name)[Math.max(0, place)]
            ?.focus({ preventScroll: true });
    }
}
