"""The documents of docs/formats/profile-page.md, made of profiles by a reader of its own: what the
page is tested with, and what the program's answers are compared with."""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "profile"))

from pprof_reader import Profile  # noqa: E402

SITES_MAX = 32


class Moment:
    """A profile as stacks of functions, the outermost first, with values and labels."""

    def __init__(self, path):
        with open(path, "rb") as file:
            self.profile = profile = Profile(file.read())
        self.path = path
        self.name = os.path.basename(path)
        self.types = profile.sample_types
        self.time_ms = profile.raw["time_nanos"] // 1000000
        self.stacks = []
        for raw in profile.raw["sample"]:
            stack = [frame for place in raw["location_id"]
                     for frame in self.frames(profile.locations[place])]
            labels = {profile.strings[label["key"]]: label["num"] for label in raw["label"]}
            self.stacks.append((stack[::-1], raw["value"], labels))

    def frames(self, location):
        """(function, line) of a location, the innermost first."""
        strings, profile = self.profile.strings, self.profile
        mapping = profile.mappings.get(location["mapping_id"])
        module = strings[mapping["filename"]] if mapping else ""
        if not location["line"]:
            return [((f"[{os.path.basename(module)}]", "", module, 0), 0)]
        found = []
        for line in location["line"]:
            function = profile.functions[line["function_id"]]
            found.append(((strings[function["name"]], strings[function["filename"]], module,
                           function["start_line"]), line["line"]))
        return found

    def type(self, name):
        return [one for one, _ in self.types].index(name)

    @property
    def default(self):
        return self.type(self.profile.default_sample_type or self.types[-1][0])


class Node:
    def __init__(self, columns):
        self.children = {}
        self.self = [0] * columns
        self.total = [0] * columns

    def add(self, stack, values):
        nodes = [self]
        for function in stack:
            nodes.append(nodes[-1].children.setdefault(function, Node(len(self.self))))
        for column, value in enumerate(values):
            nodes[-1].self[column] += value
            for node in nodes:
                node.total[column] += value


def preorder(node, weight, depth=0):
    order = sorted(node.children.items(), key=lambda item: (-weight(item[1]), item[0]))
    for function, child in order:
        yield depth, function, child
        yield from preorder(child, weight, depth + 1)


def tree_members(root, weight, columns, extra):
    """strings, functions and nodes; `extra` names the columns that follow those of the types."""
    strings, functions = {"": 0}, {}
    nodes = {"depth": [], "function": [], "self": [[] for _ in range(columns)]}
    nodes.update({name: [] for name in extra})
    for depth, function, node in preorder(root, weight):
        nodes["depth"].append(depth)
        nodes["function"].append(functions.setdefault(function, len(functions)))
        for column in range(columns):
            nodes["self"][column].append(node.self[column])
        for place, name in enumerate(extra):
            nodes[name].append(node.self[columns + place])
    table = {"name": [], "file": [], "module": [], "line": []}
    for name, file, module, line in functions:
        for key, text in (("name", name), ("file", file), ("module", module)):
            table[key].append(strings.setdefault(text, len(strings)))
        table["line"].append(line)
    return {"strings": list(strings), "functions": table, "nodes": nodes}


class Source:
    """Successive profiles of one program, as the program of the page serves them."""

    def __init__(self, paths, accounts=(), source_folder=None):
        self.moments = [Moment(path) for path in paths]
        self.accounts = accounts
        self.source_folder = source_folder
        self.generation = 1
        self.live = False

    def head(self, moment, types):
        profile = moment.profile
        period, = [{"name": name, "unit": unit} for name, unit in [profile.period_type]]
        mapping = next(iter(profile.mappings.values()), None)
        return {
            "version": 1, "generation": self.generation, "live": self.live,
            "source": os.path.dirname(moment.path),
            "program": os.path.basename(profile.strings[mapping["filename"]]) if mapping else "",
            "types": [{"name": name, "unit": unit} for name, unit in types],
            "default_type": 0 if len(types) == 1 else moment.default,
            "time_ms": moment.time_ms, "duration_ms": profile.raw["duration_nanos"] // 1000000,
            "period": {"value": profile.raw["period"], **period},
            "moments": self.moment_columns(),
            "has": {"source": self.source_folder is not None, "memory": bool(self.accounts),
                    "timeline": len(self.moments) > 1},
            "cut": 0,
        }

    def moment_columns(self):
        return {"id": list(range(len(self.moments))),
                "time_ms": [one.time_ms for one in self.moments],
                "name": [one.name for one in self.moments]}

    def profile(self, at=None):
        at = len(self.moments) - 1 if at is None else int(at)
        moment = self.moments[at]
        columns = len(moment.types)
        has_ages = any("age" in labels for _, _, labels in moment.stacks)
        root = Node(columns + has_ages)
        for stack, values, labels in moment.stacks:
            ages = [labels.get("age", 0) * values[moment.type("inuse_space")]] if has_ages else []
            root.add([function for function, _ in stack], [*values, *ages])
        return {**self.head(moment, moment.types), "at": at,
                **tree_members(root, lambda node: node.total[moment.default], columns,
                               ["age"] if has_ages else [])}

    def diff(self, a, b, type=None):
        first, second = self.moments[int(a)], self.moments[int(b)]
        at = second.default if type is None else second.type(type)
        root = Node(3)
        for column, moment in enumerate((first, second)):
            for stack, values, _ in moment.stacks:
                both = [0, 0, variance(moment, values, at)]
                both[column] = values[at]
                root.add([function for function, _ in stack], both)
        members = tree_members(root, lambda node: max(node.total[:2]), 2, ["variance"])
        return {**self.head(second, [second.types[at]]), "a": int(a), "b": int(b), **members}

    def site_values(self, moment, at):
        sums = {}
        for stack, values, _ in moment.stacks:
            if stack:
                sums[stack[-1][0]] = sums.get(stack[-1][0], 0) + values[at]
        return sums

    def timeline(self, type=None):
        last = self.moments[-1]
        at = last.default if type is None else last.type(type)
        live = [self.site_values(one, at) for one in self.moments]
        allocated = [self.site_values(one, one.type("alloc_space")) for one in self.moments]
        sites = sorted({site for one in live for site, value in one.items() if value},
                       key=lambda site: (-max(one.get(site, 0) for one in live), site))[:SITES_MAX]
        rate = [[None] + [
            max(0, now.get(site, 0) - then.get(site, 0)) * 1000 / max(1, b.time_ms - a.time_ms)
            for then, now, a, b in zip(allocated, allocated[1:], self.moments, self.moments[1:])]
            for site in sites]
        return {
            "version": 1, "generation": self.generation, "type": last.types[at][0],
            "unit": last.types[at][1], "rate_type": "alloc_space",
            "moments": self.moment_columns(), "total": [sum(one.values()) for one in live],
            "resident": [one["resident"]["bytes"] for one in self.accounts] or
            [None] * len(self.moments),
            "sites": {"name": [site[0] for site in sites], "file": [site[1] for site in sites],
                      "module": [site[2] for site in sites]},
            "live": [[one.get(site, 0) for one in live] for site in sites], "rate": rate,
            "marks": {"time_ms": [], "kind": [], "text": []},
        }

    def source(self, name, file, at=None):
        moment = self.moments[-1 if at is None else int(at)]
        columns = len(moment.types)
        own, total, start = {}, {}, 0
        for stack, values, _ in moment.stacks:
            passed = set()
            for place, (function, line) in enumerate(stack):
                if function[:2] != (name, file):
                    continue
                start = function[3]
                passed.add(line)
                if place == len(stack) - 1:
                    add(own, line, values, columns)
            for line in passed:
                add(total, line, values, columns)
        lines = sorted(total)
        first, text, problem = self.text_of(file, start, lines)
        return {"version": 1, "function": {"name": name, "file": file, "line": start},
                "path": file, "problem": problem,
                "types": [{"name": one, "unit": unit} for one, unit in moment.types],
                "first": first, "text": text, "lines": {
                    "line": lines,
                    "self": [[own.get(line, [0] * columns)[column] for line in lines]
                             for column in range(columns)],
                    "total": [[total[line][column] for line in lines]
                              for column in range(columns)]}}

    def text_of(self, file, start, lines):
        path = os.path.join(self.source_folder or "", os.path.basename(file))
        if not file or not os.path.isfile(path):
            return 1, [], f"{file or 'the source'} is not on this machine: give --source-path"
        with open(path, encoding="utf-8") as opened:
            text = opened.read().splitlines()
        first = max(1, start - 4)
        return first, text[first - 1:max([start, *lines]) + 8], None

    def memory(self):
        return {"version": 1, "generation": self.generation, "account": self.accounts[-1]}

    def state(self):
        return {"version": 1, "generation": self.generation, "live": self.live, "problem": None}


def add(sums, line, values, columns):
    row = sums.setdefault(line, [0] * columns)
    for column in range(columns):
        row[column] += values[column]


def variance(moment, values, at):
    """Of Poisson sampling: each of n samples stands for value/n, n = value/weight."""
    space = moment.type("inuse_space")
    objects = moment.type("inuse_objects")
    if at not in (space, objects) or values[objects] == 0:
        return 0
    mean = values[space] / values[objects]
    chance = 1 - 2.718281828459045 ** (-mean / max(1, moment.profile.raw["period"]))
    return values[at] ** 2 * (1 - chance) / max(values[objects] * chance, 1)


def load_source(stem):
    """A recorded one of data/: sessions or redis."""
    data = os.path.join(HERE, "data")
    paths = sorted(os.path.join(data, name) for name in os.listdir(data)
                   if name.startswith(stem + ".") and name.endswith(".pb.gz"))
    accounts = []
    for path in paths:
        with open(path.replace(".pb.gz", ".memory.json"), encoding="utf-8") as file:
            accounts.append(json.load(file))
    return Source(paths, accounts, data)
