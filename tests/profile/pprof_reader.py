"""A reader of profile.proto for the tests, which shares nothing with the writer but the format."""

import gzip

PROFILE = {
    1: ("sample_type", "value_type"), 2: ("sample", "sample"), 3: ("mapping", "mapping"),
    4: ("location", "location"), 5: ("function", "function"), 6: ("string_table", "bytes"),
    7: ("drop_frames", "one"), 8: ("keep_frames", "one"), 9: ("time_nanos", "one"),
    10: ("duration_nanos", "one"), 11: ("period_type", "value_type"), 12: ("period", "one"),
    13: ("comment", "many"), 14: ("default_sample_type", "one"),
}
MESSAGES = {
    "value_type": {1: ("type", "one"), 2: ("unit", "one")},
    "sample": {1: ("location_id", "many"), 2: ("value", "many"), 3: ("label", "label")},
    "label": {1: ("key", "one"), 2: ("str", "one"), 3: ("num", "one"), 4: ("num_unit", "one")},
    "mapping": {1: ("id", "one"), 2: ("memory_start", "one"), 3: ("memory_limit", "one"),
                4: ("file_offset", "one"), 5: ("filename", "one"), 6: ("build_id", "one"),
                7: ("has_functions", "one"), 8: ("has_filenames", "one"),
                9: ("has_line_numbers", "one"), 10: ("has_inline_frames", "one")},
    "location": {1: ("id", "one"), 2: ("mapping_id", "one"), 3: ("address", "one"),
                 4: ("line", "line"), 5: ("is_folded", "one")},
    "line": {1: ("function_id", "one"), 2: ("line", "one")},
    "function": {1: ("id", "one"), 2: ("name", "one"), 3: ("system_name", "one"),
                 4: ("filename", "one"), 5: ("start_line", "one")},
}
TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")
UNSIGNED = {"id", "location_id", "mapping_id", "function_id", "address", "memory_start",
            "memory_limit", "file_offset"}


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7f) << shift
        if byte < 0x80:
            assert value < 1 << 64 and shift <= 63, "a number of more than 64 bits"
            return value, at
        shift += 7


def number(name, value):
    return value if name in UNSIGNED or value < 1 << 63 else value - (1 << 64)


def fields(data):
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        wire = tag & 7
        assert wire in (0, 2), f"wire type {wire}"
        value, at = varint(data, at)
        if wire == 2:
            assert at + value <= len(data), "a field beyond the end of its message"
            data_of_field = data[at:at + value]
            at += value
            yield tag >> 3, data_of_field
        else:
            yield tag >> 3, value


def message(data, shape):
    result = {name: [] if kind in MESSAGES or kind in ("many", "bytes") else 0
              for name, kind in shape.values()}
    for field, value in fields(data):
        name, kind = shape[field]
        if kind in MESSAGES:
            result[name].append(message(value, MESSAGES[kind]))
        elif kind == "bytes":
            result[name].append(value)
        elif kind == "many" and isinstance(value, bytes):
            at = 0
            while at < len(value):
                one, at = varint(value, at)
                result[name].append(number(name, one))
        elif kind == "many":
            result[name].append(number(name, value))
        else:
            result[name] = number(name, value)
    return result


class Profile:
    """A profile with its references checked and its strings in place."""

    def __init__(self, data):
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        self.raw = message(data, PROFILE)
        self.strings = [text.decode() for text in self.raw["string_table"]]
        assert self.strings[0] == "" and "" not in self.strings[1:]
        self.sample_types = [(self.strings[each["type"]], self.strings[each["unit"]])
                             for each in self.raw["sample_type"]]
        self.default_sample_type = self.strings[self.raw["default_sample_type"]]
        self.comments = [self.strings[each] for each in self.raw["comment"]]
        self.period_type, = [(self.strings[each["type"]], self.strings[each["unit"]])
                             for each in self.raw["period_type"]]
        self.mappings = self.by_id("mapping")
        self.functions = self.by_id("function")
        self.locations = self.by_id("location")
        for location in self.locations.values():
            assert location["mapping_id"] == 0 or location["mapping_id"] in self.mappings
            assert all(line["function_id"] in self.functions for line in location["line"])
        self.samples = [self.sample(each) for each in self.raw["sample"]]

    def by_id(self, kind):
        table = {each["id"]: each for each in self.raw[kind]}
        assert len(table) == len(self.raw[kind]) and 0 not in table, f"{kind} not unique"
        return table

    def sample(self, raw):
        """(frames, labels, values); a frame is an address, or a name where there is none."""
        assert len(raw["value"]) == len(self.sample_types)
        frames = []
        for location_id in raw["location_id"]:
            location = self.locations[location_id]
            lines = [self.strings[self.functions[line["function_id"]]["name"]]
                     for line in location["line"]]
            frames.append(lines[0] if lines else location["address"])
        labels = tuple((self.strings[each["key"]], self.strings[each["str"]] or each["num"],
                        self.strings[each["num_unit"]]) for each in raw["label"])
        return tuple(frames), labels, tuple(raw["value"])

    def type_names(self):
        return tuple(name for name, _ in self.sample_types)

    def totals(self):
        """The sum of each value, by the name of its type."""
        return {name: sum(values[place] for _, _, values in self.samples)
                for place, name in enumerate(self.type_names())}

    def inuse_space_by_file(self):
        """Of the samples that passed through each file's code."""
        spaces = dict.fromkeys(self.files(), 0)
        place = self.type_names().index("inuse_space")
        for raw in self.raw["sample"]:
            mapping_ids = {self.locations[each]["mapping_id"] for each in raw["location_id"]}
            for file in {self.strings[self.mappings[each]["filename"]]
                         for each in mapping_ids - {0}}:
                spaces[file] += raw["value"][place]
        return spaces

    def files(self):
        return [self.strings[mapping["filename"]] for mapping in self.mappings.values()]

    def build_ids(self):
        return [self.strings[mapping["build_id"]] for mapping in self.mappings.values()]


def profile_at(path):
    with open(path, "rb") as file:
        return Profile(file.read())
