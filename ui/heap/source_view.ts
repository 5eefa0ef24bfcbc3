/** A function's source, each line with what it holds. */

import { button, element, fill } from "../shell/element";
import { exact, readable } from "../shell/format";
import { fetchDocument } from "../shell/fetch";
import { sourceOf } from "./document";
import type { SourceText } from "./document";
import type { Scene } from "./scene";
import type { Page, View } from "./view";

const SUGGESTIONS = 12;

export class SourceView implements View {
    readonly needsSums = true;
    readonly root = element("section", { class: "source-view", "aria-label": "Source" });
    private shown = "";

    constructor(private readonly page: Page) {}

    async show(scene: Scene): Promise<void> {
        const name = this.page.address.get("function");
        if (name === null) {
            this.suggest(scene);
            return;
        }
        const of = scene.profile.names.indexOf(name);
        const file = of < 0 ? "" : scene.profile.files[of];
        const at = scene.profile.pair?.b ?? scene.profile.at;
        const tag = this.page.address.get("tag");
        const key = [name, file, at, tag, scene.profile.generation, scene.typeAt].join("\n");
        if (key === this.shown) {
            return;
        }
        const found = sourceOf(await fetchDocument("/api/source",
            { name, file, at: String(at), tag }));
        this.shown = key;
        this.draw(scene, found);
    }

    step(by: number): void {
        const marked = [...this.root.querySelectorAll<HTMLElement>("tr.hot")];
        const at = marked.findIndex((row) => row === document.activeElement);
        const next = marked[Math.max(0, Math.min(marked.length - 1, at < 0 ? 0 : at + by))];
        next?.focus();
        next?.scrollIntoView({ block: "nearest" });
    }

    private suggest(scene: Scene): void {
        this.shown = "";
        const { self } = scene.functionSums("now");
        const order = [...self.keys()].filter((of) => self[of] > 0)
            .sort((a, b) => self[b] - self[a]).slice(0, SUGGESTIONS);
        fill(this.root, element("div", { class: "empty" },
            element("h2", {}, "Whose source?"),
            element("p", {}, "Choose a function here, in the table, or in the menu of the flame " +
                "graph."),
            element("ul", { class: "choices" }, ...order.map((of) => element("li", {},
                button(scene.profile.names[of], { class: "link" }, () =>
                    this.page.address.change({ function: scene.profile.names[of] })),
                element("span", { class: "quiet" }, readable(self[of], scene.unit)))))));
    }

    private draw(scene: Scene, found: SourceText): void {
        const wanted = scene.profile.types[scene.typeAt].name;
        const at = Math.max(found.types.findIndex((type) => type.name === wanted), 0);
        const unit = found.types[at].unit;
        const place = new Map(found.lines.line.map((line, index) => [line, index]));
        const numbers = found.text.length > 0
            ? found.text.map((_, index) => found.first + index)
            : [...found.lines.line].sort((a, b) => a - b);
        const heaviest = Math.max(1, ...found.lines.total[at]);
        const rows = numbers.map((line) => {
            const index = place.get(line);
            const figures = index === undefined ? null
                : { self: found.lines.self[at][index], total: found.lines.total[at][index] };
            return this.row(line, found.text[line - found.first] ?? "", figures, unit, heaviest);
        });
        fill(this.root, this.head(found),
            element("div", { class: "table-scroll", tabindex: 0, role: "region",
                "aria-label": `Source of ${found.function.name}` },
            element("table", { class: "source" }, element("thead", {}, element("tr", {},
                ...["Self", "Total", "Line"].map((head) =>
                    element("th", { scope: "col", class: "number" }, head)),
                element("th", { scope: "col", class: "text" }, "Source"))),
            element("tbody", {}, ...rows))));
        this.root.querySelector("tr.hot")?.scrollIntoView({ block: "center" });
    }

    private head(found: SourceText): HTMLElement {
        return element("header", { class: "source-head" },
            element("h2", {}, found.function.name),
            element("p", { class: "quiet" }, found.path),
            found.problem === null ? null
                : element("p", { class: "problem", role: "status" }, found.problem));
    }

    private row(line: number, text: string, figures: { self: number; total: number } | null,
        unit: string, heaviest: number): HTMLElement {
        const cell = (value: number | undefined): HTMLElement => element("td",
            { class: "number", title: value ? exact(value, unit) : "" },
            value ? readable(value, unit) : "");
        const heat = element("i", { class: "heat" });
        heat.style.width = `${100 * Math.max(figures?.total ?? 0, 0) / heaviest}%`;
        return element("tr", figures === null ? {} : { class: "hot", tabindex: -1 },
            cell(figures?.self), cell(figures?.total),
            element("td", { class: "number line" }, String(line)),
            element("td", { class: "code" }, figures === null ? null : heat,
                element("code", {}, text)));
    }
}
