/**
 * A tree of calls as columns, in preorder: what lies below node i are the nodes from i + 1 to
 * end[i]. Node 0 is the root, which stands for all.
 */
export interface Tree {
    count: number;
    depth: Int32Array; // 0 of the root
    parent: Int32Array; // -1 of the root
    end: Int32Array;
    function: Int32Array; // -1 of the root
    self: Float64Array[]; // columns that can be added up
}

export const ROOT_FUNCTION = -1;

/** Build it from depths (0: outermost) and functions in preorder; the root is added. */
export function treeOf(depths: ArrayLike<number>, functions: ArrayLike<number>,
    columns: ArrayLike<number>[]): Tree {
    const count = depths.length + 1;
    const tree = emptyTree(count, columns.length);
    const open = [0];
    for (let node = 1; node < count; node++) {
        const depth = depths[node - 1] + 1;
        if (!(depth >= 1 && depth <= open.length)) {
            throw new RangeError(`node ${node - 1} is ${depth - 1} deep, below none that is`);
        }
        while (open.length > depth) {
            tree.end[open.pop() as number] = node;
        }
        tree.depth[node] = depth;
        tree.parent[node] = open[depth - 1];
        tree.function[node] = functions[node - 1];
        open.push(node);
        for (let column = 0; column < columns.length; column++) {
            tree.self[column][node] = columns[column][node - 1];
        }
    }
    for (const node of open) {
        tree.end[node] = count;
    }
    return tree;
}

function emptyTree(count: number, columnCount: number): Tree {
    const tree: Tree = {
        count,
        depth: new Int32Array(count),
        parent: new Int32Array(count),
        end: new Int32Array(count),
        function: new Int32Array(count),
        self: Array.from({ length: columnCount }, () => new Float64Array(count)),
    };
    tree.parent[0] = -1;
    tree.function[0] = ROOT_FUNCTION;
    return tree;
}

/** Of each node: a column summed over it and all that is below it. */
export function totals(tree: Tree, self: Float64Array): Float64Array {
    const sum = Float64Array.from(self);
    for (let node = tree.count - 1; node > 0; node--) {
        sum[tree.parent[node]] += sum[node];
    }
    return sum;
}

/** Nodes in any order, each after its parent. */
export interface LooseTree {
    parent: number[];
    function: number[];
    self: number[][];
}

/** Children by parent, the heaviest first, equal ones by function. */
function orderedChildren(loose: LooseTree, weight: Float64Array): { first: Int32Array,
    children: Int32Array } {
    const count = loose.parent.length;
    const first = new Int32Array(count + 1);
    for (let node = 1; node < count; node++) {
        first[loose.parent[node] + 1]++;
    }
    for (let node = 0; node < count; node++) {
        first[node + 1] += first[node];
    }
    const next = Int32Array.from(first);
    const children = new Int32Array(count);
    for (let node = 1; node < count; node++) {
        children[next[loose.parent[node]]++] = node;
    }
    for (let node = 0; node < count; node++) {
        if (first[node + 1] - first[node] > 1) {
            children.subarray(first[node], first[node + 1]).sort((a, b) =>
                weight[b] - weight[a] || loose.function[a] - loose.function[b]);
        }
    }
    return { first, children };
}

/** Put nodes into preorder, by a column's totals. */
export function arrange(loose: LooseTree, column: number): Tree {
    const count = loose.parent.length;
    const weight = Float64Array.from(loose.self[column]);
    for (let node = count - 1; node > 0; node--) {
        weight[loose.parent[node]] += weight[node];
    }
    const { first, children } = orderedChildren(loose, weight);
    const tree = emptyTree(count, loose.self.length);
    const place = new Int32Array(count);
    const waiting = [0];
    for (let node = 0; node < count; node++) {
        const from = waiting.pop() as number;
        place[from] = node;
        if (from > 0) {
            const parent = place[loose.parent[from]];
            tree.parent[node] = parent;
            tree.depth[node] = tree.depth[parent] + 1;
            tree.function[node] = loose.function[from];
        }
        loose.self.forEach((values, at) => {
            tree.self[at][node] = values[from];
        });
        for (let child = first[from + 1] - 1; child >= first[from]; child--) {
            waiting.push(children[child]);
        }
    }
    closeEnds(tree);
    return tree;
}

function closeEnds(tree: Tree): void {
    for (let node = tree.count - 1; node >= 0; node--) {
        tree.end[node] = Math.max(tree.end[node], node + 1);
        if (node > 0) {
            const parent = tree.parent[node];
            tree.end[parent] = Math.max(tree.end[parent], tree.end[node]);
        }
    }
}

/** For each node a number that says which path leads to it, from its functions' names. */
export function pathHashes(tree: Tree, names: string[]): Uint32Array {
    const nameHashes = Uint32Array.from(names, (name) => {
        let hash = 0x811c9dc5;
        for (let at = 0; at < name.length; at++) {
            hash = Math.imul(hash ^ name.charCodeAt(at), 0x01000193);
        }
        return hash >>> 0;
    });
    const hashes = new Uint32Array(tree.count);
    for (let node = 1; node < tree.count; node++) {
        const above = hashes[tree.parent[node]];
        hashes[node] = Math.imul(above ^ nameHashes[tree.function[node]], 0x9e3779b1) ^
            (above >>> 15);
    }
    return hashes;
}

/** Nodes of the path to a node, the outermost first, without the root. */
export function pathTo(tree: Tree, node: number): number[] {
    const path = [];
    for (let at = node; at > 0; at = tree.parent[at]) {
        path.push(at);
    }
    return path.reverse();
}
