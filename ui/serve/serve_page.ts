/** The shell: sections, range, service, search, the strip below; and which view is shown. */

import { Address } from "../shell/address";
import { openHelp } from "../shell/dialog";
import { button, element, fill, icon } from "../shell/element";
import { Refusal } from "../shell/fetch";
import { Keys } from "../shell/keys";
import { onTheme } from "../shell/palette";
import { fetchData, fetchJson } from "./api";
import type { Status } from "./api";
import { LogsView } from "./logs_view";
import { MetricsView } from "./metrics_view";
import { keepFocus } from "./focus";
import { OverviewView } from "./overview_view";
import { problem } from "./parts";
import { ProfilesView } from "./profiles_view";
import { RANGES, rangeOf, shifted } from "./range";
import { ServeStrip } from "./serve_strip";
import { StatusView } from "./status_view";
import { TracesView } from "./traces_view";
import type { Page, Scene, View } from "./view";

interface Section {
    id: string;
    label: string;
    key: string;
    icon: string;
    view: View;
}

const LIVE_EVERY_MS = 5000;

export class ServePage implements Page {
    readonly address = new Address();
    private readonly keys = new Keys();
    private readonly strip = new ServeStrip();
    private readonly sections: Section[] = [
        { id: "overview", label: "Overview", key: "o", view: new OverviewView(this),
            icon: "M2 2h5v5h-5zM9 2h5v5h-5zM2 9h5v5h-5zM9 9h5v5h-5z" },
        { id: "metrics", label: "Metrics", key: "m", view: new MetricsView(this),
            icon: "M2 2v12h12M4 11l3-4l3 2l4-6" },
        { id: "logs", label: "Logs", key: "l", view: new LogsView(this),
            icon: "M2 3h12M2 6.5h9M2 10h12M2 13.5h6" },
        { id: "traces", label: "Traces", key: "t", view: new TracesView(this),
            icon: "M2 3h8M5 7h8M8 11h6" },
        { id: "profiles", label: "Profiles", key: "p", view: new ProfilesView(this),
            icon: "M2 3h12M2 6.5h8M2 10h5M2 13.5h2" },
        { id: "status", label: "Status", key: "s", view: new StatusView(),
            icon: "M8 2a6 6 0 1 0 .01 0M8 5v4l2 2" },
    ];
    private readonly main = element("main", { id: "main", tabindex: -1 });
    private readonly nav = element("nav", { class: "sections", "aria-label": "Sections" });
    private readonly range = element("select", { "aria-label": "Time range" });
    private readonly service = element("select", { "aria-label": "Service" });
    private readonly search = element("input", { type: "search", placeholder: "Search ( / )",
        "aria-label": "Search", spellcheck: "false" });
    private readonly live = button("Live", { class: "live", "aria-pressed": "false" },
        () => this.address.change({ live: this.address.get("live") === null ? "1" : null }));
    private status: Status | null = null;
    private turn = 0;
    private drawn: Record<string, string> = {};
    /** Settled when the last change of the URL is drawn. */
    shown: Promise<void> = Promise.resolve();

    get roots(): HTMLElement[] {
        const controls = element("header", { class: "controls" },
            element("h1", { class: "program" }, "Sluice"), this.service, this.range, this.live,
            this.search);
        return [element("a", { class: "skip", href: "#main" }, "Skip to the content"), controls,
            this.nav, this.main, this.strip.root];
    }

    async start(): Promise<void> {
        this.bindControls();
        this.bindKeys();
        this.address.onChange(() => { this.shown = this.update(); });
        onTheme(() => {
            this.current().view.restyle?.();
            this.shown = this.update();
        });
        this.shown = this.update();
        await this.shown;
        setInterval(() => this.tick(), LIVE_EVERY_MS);
    }

    private bindControls(): void {
        this.range.addEventListener("change",
            () => this.address.change({ range: this.range.value }));
        this.service.addEventListener("change",
            () => this.address.change({ service: this.service.value, query: null }));
        this.search.addEventListener("change",
            () => this.address.change({ search: this.search.value }));
    }

    private bindKeys(): void {
        const { keys, address } = this;
        keys.add("/", "search", () => this.search.focus());
        keys.add("?", "this list", () => openHelp(keys.all, []));
        for (const section of this.sections) {
            keys.add(`g ${section.key}`, section.label.toLowerCase(), () => this.open(section.id));
        }
        keys.add("j", "next row", () => this.current().view.step?.(1));
        keys.add("k", "row before", () => this.current().view.step?.(-1));
        keys.add("Enter", "into the row", () => this.current().view.enter?.());
        keys.add("[", "the time before", () => address.change(
            { range: shifted(rangeOf(address.get("range"), Date.now()), -1) }));
        keys.add("]", "the time after", () => address.change(
            { range: shifted(rangeOf(address.get("range"), Date.now()), 1) }));
        keys.add("Escape", "out: of the search, the selection", () => this.leave());
    }

    private leave(): void {
        if (document.activeElement instanceof HTMLInputElement) {
            document.activeElement.blur();
            return;
        }
        if (this.current().view.close?.() === true) {
            return;
        }
        const way = ["span", "trace", "traced", "zoom", "base", "search", "metric", "query",
            "service"].find((name) => this.address.get(name) !== null);
        if (way !== undefined) {
            this.address.change({ [way]: null });
        }
    }

    private open(id: string): void {
        this.address.change({ view: id === "overview" ? null : id, trace: null, span: null,
            traced: null, line: null, tail: null, search: null });
        this.main.focus();
    }

    private current(): Section {
        const wanted = this.address.get("view") ?? "overview";
        return this.sections.find((section) => section.id === wanted) ?? this.sections[0];
    }

    private tick(): void {
        if (document.visibilityState !== "visible") {
            return;
        }
        if (this.address.get("live") !== null) {
            this.shown = this.update();
        } else {
            void this.refreshStatus().then(() => this.strip.show(this.status),
                () => this.strip.show(null));
        }
    }

    private async refreshStatus(): Promise<Status> {
        this.status = await fetchJson<Status>("/api/status", {});
        return this.status;
    }

    /** Whether `what` is other than last time; somebody may be using what shows it. */
    private isNew(name: string, what: string): boolean {
        const isOld = this.drawn[name] === what;
        this.drawn[name] = what;
        return !isOld;
    }

    private drawSections(current: Section): void {
        fill(this.nav, ...this.sections.map((section) => {
            const made = button("", { "aria-current": section === current ? "page" : null,
                "aria-label": section.label, title: `${section.label} (g ${section.key})` },
            () => this.open(section.id));
            made.append(icon(section.icon), element("span", {}, section.label));
            return made;
        }));
    }

    private drawShell(): void {
        const current = this.current();
        if (this.isNew("section", current.id)) {
            this.drawSections(current);
        }
        const range = this.address.get("range") ?? "1h";
        if (this.isNew("range", range)) {
            const isKnown = RANGES.some(([value]) => value === range);
            fill(this.range, ...RANGES.map(([value, label]) =>
                element("option", { value, selected: value === range }, label)),
            isKnown ? null : element("option", { value: range, selected: true }, "chosen range"));
        }
        const search = this.address.get("search") ?? "";
        if (this.isNew("search", search)) {
            this.search.value = search;
        }
        this.live.setAttribute("aria-pressed", String(this.address.get("live") !== null));
        document.title = `${current.label} · Sluice`;
    }

    private async drawServices(): Promise<void> {
        const chosen = this.address.get("service");
        const lists = await Promise.all(["logs", "traces"].map((signal) =>
            fetchData<string[]>(`/api/${signal}/label/service_name/values`, {})));
        const names = [...new Set([...lists.flat(), ...(chosen === null ? [] : [chosen])])].sort();
        if (this.isNew("services", JSON.stringify([chosen, names]))) {
            fill(this.service, element("option", { value: "" }, "All services"),
                ...names.map((name) =>
                    element("option", { value: name, selected: name === chosen }, name)));
        }
    }

    private async update(): Promise<void> {
        const turn = ++this.turn;
        const section = this.current();
        this.drawShell();
        if (this.main.firstElementChild !== section.view.root) {
            this.sections.forEach((other) => other !== section && other.view.leave?.());
            fill(this.main, section.view.root);
        }
        this.main.setAttribute("aria-busy", "true");
        try {
            const [status] = await Promise.all([this.refreshStatus(), this.drawServices()]);
            const scene: Scene = { range: rangeOf(this.address.get("range"), Date.now()),
                service: this.address.get("service"), search: this.address.get("search") ?? "",
                status };
            if (turn === this.turn) {
                this.strip.show(status);
                await keepFocus(section.view.root, () => section.view.show(scene));
            }
        } catch (error) {
            if (turn === this.turn) {
                fill(this.main, problem(error));
                if (error instanceof Refusal && error.status === 0) {
                    this.strip.show(null);
                }
            }
        } finally {
            this.main.setAttribute("aria-busy", "false");
        }
    }
}
