"""Reads a gzip'd profile.proto, as far as tests ask: an independent reader of what is written."""

import gzip

TYPES = ("alloc_objects", "alloc_space", "inuse_objects", "inuse_space")


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, at


def fields(data):
    """(number, value) of each field: an int or bytes."""
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        elif key & 7 == 2:
            size, at = varint(data, at)
            value, at = data[at:at + size], at + size
        else:
            raise ValueError(f"wire type {key & 7}")
        yield key >> 3, value


def numbers(value):
    """Of a repeated field, packed or not."""
    if isinstance(value, int):
        return [value]
    found, at = [], 0
    while at < len(value):
        number, at = varint(value, at)
        found.append(number)
    return found


class Profile:
    """samples: (location ids, values); mappings: dicts; locations: id to dict; period."""

    def __init__(self, path):
        with gzip.open(path) as file:
            data = file.read()
        self.samples, self.mappings, self.locations, self.types = [], [], {}, []
        self.strings, self.period = [], 0
        for number, value in fields(data):
            if number == 1:
                self.types.append(dict(fields(value)))
            elif number == 2:
                self.samples.append(self._sample(value))
            elif number == 3:
                self.mappings.append(dict(fields(value)))
            elif number == 4:
                location = dict(fields(value))
                self.locations[location[1]] = location
            elif number == 6:
                self.strings.append(value.decode())
            elif number == 12:
                self.period = value

    @staticmethod
    def _sample(data):
        locations, values = [], []
        for number, value in fields(data):
            if number == 1:
                locations += numbers(value)
            elif number == 2:
                values += [one - (1 << 64) if one >> 63 else one for one in numbers(value)]
        return locations, values

    def type_names(self):
        return tuple(self.strings[kind[1]] for kind in self.types)

    def totals(self):
        """By the names of TYPES."""
        return {name: sum(values[place] for _, values in self.samples)
                for place, name in enumerate(TYPES)}

    def depth(self):
        return max((len(locations) for locations, _ in self.samples), default=0)

    def files(self):
        return [self.strings[mapping.get(5, 0)] for mapping in self.mappings]

    def build_ids(self):
        return [self.strings[mapping.get(6, 0)] for mapping in self.mappings]
