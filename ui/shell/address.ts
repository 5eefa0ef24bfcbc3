/** The page's state is its URL: what is not there has its usual value. */

export class Address {
    private values: URLSearchParams;
    private readonly listeners: (() => void)[] = [];

    constructor() {
        this.values = new URLSearchParams(location.search);
        addEventListener("popstate", () => {
            this.values = new URLSearchParams(location.search);
            this.tell();
        });
    }

    get(name: string): string | null {
        return this.values.get(name);
    }

    /** A URL with some values changed: null takes one away. */
    with(changes: Record<string, string | null>): string {
        const next = new URLSearchParams(this.values);
        for (const [name, value] of Object.entries(changes)) {
            if (value === null || value === "") {
                next.delete(name);
            } else {
                next.set(name, value);
            }
        }
        const query = next.toString();
        return query === "" ? location.pathname : `?${query}`;
    }

    /** Go there. Typing replaces the entry of the history instead of adding one a letter. */
    change(changes: Record<string, string | null>, replace = false): void {
        const url = this.with(changes);
        if (replace) {
            history.replaceState(null, "", url);
        } else {
            history.pushState(null, "", url);
        }
        this.values = new URLSearchParams(location.search);
        this.tell();
    }

    /** Change the URL alone: what is shown is that already. */
    note(changes: Record<string, string | null>): void {
        history.replaceState(null, "", this.with(changes));
        this.values = new URLSearchParams(location.search);
    }

    onChange(listener: () => void): void {
        this.listeners.push(listener);
    }

    private tell(): void {
        for (const listener of this.listeners) {
            listener();
        }
    }
}
