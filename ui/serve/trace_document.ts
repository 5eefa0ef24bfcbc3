/** A trace as OTLP has it, as a tree of spans with times from its beginning. */

interface Value {
    stringValue?: string; intValue?: string; doubleValue?: number; boolValue?: boolean;
}
interface Attribute { key: string; value?: Value }
interface OtlpSpan {
    spanId?: string; parentSpanId?: string; name?: string; kind?: number;
    startTimeUnixNano?: string; endTimeUnixNano?: string; attributes?: Attribute[];
    events?: { timeUnixNano?: string; name?: string; attributes?: Attribute[] }[];
    status?: { code?: number; message?: string };
}
export interface OtlpTrace {
    resourceSpans?: { resource?: { attributes?: Attribute[] };
        scopeSpans?: { scope?: { name?: string }; spans?: OtlpSpan[] }[] }[];
}

export interface Span {
    id: string; parent: string; name: string; service: string; scope: string;
    start: number; duration: number; // nanoseconds, from the trace's beginning
    isError: boolean; message: string;
    attributes: [string, string][];
    resource: [string, string][];
    events: { at: number; name: string }[];
    depth: number;
    isCritical: boolean;
    children: Span[];
}

export interface Trace { spans: Span[]; begin: bigint; duration: number; services: string[] }

function textOf(value: Value | undefined): string {
    const found = value?.stringValue ?? value?.intValue ?? value?.doubleValue ?? value?.boolValue;
    return found === undefined ? JSON.stringify(value ?? "") : String(found);
}

function pairs(attributes: Attribute[] | undefined): [string, string][] {
    return (attributes ?? []).map(({ key, value }) => [key, textOf(value)]);
}

function endOf(span: Span): number {
    return span.start + span.duration;
}

/**
 * What the trace waits for: of each span, backwards from its end, the child that ended last. A
 * child that goes on after its parent was waited for until then, as far as the parent can tell.
 */
function markCritical(first: Span): void {
    const pending = [first];
    for (let span = pending.pop(); span !== undefined; span = pending.pop()) {
        span.isCritical = true;
        const end = endOf(span);
        let until = end;
        const children = span.children.filter((child) => child.start < end && child.duration > 0)
            .sort((a, b) => Math.min(endOf(b), end) - Math.min(endOf(a), end));
        for (const child of children) {
            if (Math.min(endOf(child), end) <= until) {
                pending.push(child);
                until = child.start;
            }
        }
    }
}

/** Gives each its children; who has no parent here, or is its own forefather, is a root. */
function rootsOf(spans: Span[]): Span[] {
    const byId = new Map(spans.map((span) => [span.id, span]));
    const seen = new Set<Span>();
    const roots: Span[] = [];
    for (const span of spans) {
        const way = new Set<Span>(); // up to a root, or to a span that was placed before
        let at: Span | undefined = span;
        while (at !== undefined && !seen.has(at)) {
            way.add(at);
            seen.add(at);
            const parent: Span | undefined = byId.get(at.parent);
            if (parent === undefined || way.has(parent)) {
                roots.push(at);
                break;
            }
            parent.children.push(at);
            at = parent;
        }
    }
    return roots;
}

function ordered(roots: Span[]): Span[] {
    const all: Span[] = [];
    const pending = roots.map((span): [Span, number] => [span, 0]).reverse();
    while (pending.length > 0) {
        const [span, depth] = pending.pop() as [Span, number];
        span.depth = depth;
        all.push(span);
        const children = [...span.children].sort((a, b) => b.start - a.start);
        pending.push(...children.map((child): [Span, number] => [child, depth + 1]));
    }
    return all;
}

export function traceOf(found: OtlpTrace): Trace {
    const raw: { span: OtlpSpan; service: string; scope: string; resource: [string, string][] }[] =
        [];
    for (const part of found.resourceSpans ?? []) {
        const resource = pairs(part.resource?.attributes);
        const service = resource.find(([key]) => key === "service.name")?.[1] ?? "unknown_service";
        for (const scope of part.scopeSpans ?? []) {
            for (const span of scope.spans ?? []) {
                raw.push({ span, service, scope: scope.scope?.name ?? "", resource });
            }
        }
    }
    const begin = raw.reduce((least, { span }) => {
        const start = BigInt(span.startTimeUnixNano ?? "0");
        return start < least ? start : least;
    }, BigInt(raw[0]?.span.startTimeUnixNano ?? "0"));
    const spans = raw.map(({ span, service, scope, resource }): Span => ({
        id: span.spanId ?? "", parent: span.parentSpanId ?? "", name: span.name ?? "", service,
        scope, start: Number(BigInt(span.startTimeUnixNano ?? "0") - begin),
        duration: Math.max(0, Number(BigInt(span.endTimeUnixNano ?? "0") -
            BigInt(span.startTimeUnixNano ?? "0"))),
        isError: span.status?.code === 2, message: span.status?.message ?? "",
        attributes: pairs(span.attributes), resource,
        events: (span.events ?? []).map((event) => ({ name: event.name ?? "",
            at: Number(BigInt(event.timeUnixNano ?? "0") - begin) })),
        depth: 0, isCritical: false, children: [],
    }));
    const roots = rootsOf(spans);
    const first = [...roots].sort((a, b) => b.duration - a.duration)[0];
    if (first !== undefined) {
        markCritical(first);
    }
    const all = ordered(roots.sort((a, b) => a.start - b.start));
    return { spans: all, begin, services: [...new Set(all.map((span) => span.service))],
        duration: all.reduce((most, span) => Math.max(most, span.start + span.duration), 0) };
}
