/** Elements made in one expression. Text is always set as text, never parsed as markup. */

type Child = Node | string | null;
type Attributes = Record<string, string | number | boolean | null>;

function applyAttributes(target: Element, attributes: Attributes): void {
    for (const [name, value] of Object.entries(attributes)) {
        if (value === true) {
            target.setAttribute(name, "");
        } else if (value !== false && value !== null) {
            target.setAttribute(name, String(value));
        }
    }
}

export function element<Tag extends keyof HTMLElementTagNameMap>(
    tag: Tag, attributes: Attributes = {}, ...children: Child[]): HTMLElementTagNameMap[Tag] {
    const made = document.createElement(tag);
    applyAttributes(made, attributes);
    made.append(...children.filter((child): child is Node | string => child !== null));
    return made;
}

export function button(label: string, attributes: Attributes,
    press: (event: MouseEvent) => void): HTMLButtonElement {
    const made = element("button", { type: "button", ...attributes }, label);
    made.addEventListener("click", press);
    return made;
}

const SVG = "http://www.w3.org/2000/svg";

/** A 16 by 16 icon of strokes in the colour of the text beside it. */
export function icon(path: string): SVGSVGElement {
    const made = document.createElementNS(SVG, "svg");
    applyAttributes(made, { viewBox: "0 0 16 16", "aria-hidden": "true", class: "icon" });
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", path);
    made.append(line);
    return made;
}

/** Replace what an element holds. */
export function fill(target: Element, ...children: Child[]): void {
    target.replaceChildren(...children.filter((child): child is Node | string => child !== null));
}
