/** Documents of the program, and its refusals as errors that say what to do next. */

export class Refusal extends Error {
    constructor(message: string, readonly next: string, readonly status: number) {
        super(message);
    }
}

const UNREACHABLE = "Start it again, or look at its terminal for what it says.";

async function refusalOf(answer: Response): Promise<Refusal> {
    try {
        const told = await answer.json() as { error?: unknown; next?: unknown };
        return new Refusal(String(told.error ?? answer.statusText), String(told.next ?? ""),
            answer.status);
    } catch {
        return new Refusal(`The program answered ${answer.status} ${answer.statusText}`,
            UNREACHABLE, answer.status);
    }
}

export async function fetchDocument(path: string,
    parameters: Record<string, string | null>): Promise<unknown> {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        if (value !== null && value !== "") {
            query.set(name, value);
        }
    }
    const text = query.toString();
    let answer: Response;
    try {
        answer = await fetch(text === "" ? path : `${path}?${text}`);
    } catch {
        throw new Refusal("The program does not answer", UNREACHABLE, 0);
    }
    if (!answer.ok) {
        throw await refusalOf(answer);
    }
    const found = await answer.json() as { version?: unknown };
    if (found.version !== 1) {
        throw new Refusal(`${path} has version ${String(found.version)}; this page knows 1`,
            "Reload the page.", 0);
    }
    return found;
}
