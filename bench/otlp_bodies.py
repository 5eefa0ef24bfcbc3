"""Export requests of OTLP in Protocol Buffers, of any size, made from a seed."""

import random
import struct


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def field(number, content):
    """A field of bytes: text, or a message."""
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def integer(number, value):
    return varint(number << 3) + varint(value)


def fixed64(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def attribute(number, key, value):
    value = field(1, value) if isinstance(value, str) else integer(3, value)
    return field(number, field(1, key) + field(2, value))


TIME_NS = 1_700_000_000_000_000_000


def resource(name):
    return field(1, attribute(1, "service.name", name) +
                 attribute(1, "host.name", "worker-17.example.net"))


def log_record(source, index):
    words = " ".join(source.choice(("request", "took", "longer", "than", "expected", "for", "user"))
                     for _ in range(16))
    return (fixed64(1, TIME_NS + index) + integer(2, 9) + field(3, "INFO") +
            field(5, field(1, f"{index} {words}")) +
            attribute(6, "http.method", "GET") + attribute(6, "http.status_code", 200) +
            attribute(6, "http.route", "/api/v1/orders/{id}") +
            field(9, source.randbytes(16)) + field(10, source.randbytes(8)) +
            fixed64(11, TIME_NS + index))


def span(source, index):
    return (field(1, source.randbytes(16)) + field(2, source.randbytes(8)) +
            field(4, source.randbytes(8)) + field(5, "GET /api/v1/orders/{id}") + integer(6, 2) +
            fixed64(7, TIME_NS + index) + fixed64(8, TIME_NS + index + 1_000_000) +
            attribute(9, "http.method", "GET") + attribute(9, "http.status_code", 200) +
            attribute(9, "http.route", "/api/v1/orders/{id}") +
            attribute(9, "net.peer.name", "orders.example.net") + field(15, integer(3, 1)))


def data_point(source, index):
    return (fixed64(2, TIME_NS) + fixed64(3, TIME_NS + index) + double(4, source.random()) +
            attribute(7, "http.route", f"/api/v1/orders/{index % 50}") +
            attribute(7, "host.name", f"worker-{index % 20}"))


def logs(count, service="checkout", seed=1):
    source = random.Random(seed)
    records = b"".join(field(2, log_record(source, i)) for i in range(count))
    return field(1, resource(service) + field(2, field(1, field(1, "bench")) + records))


def traces(count, service="checkout", seed=1):
    source = random.Random(seed)
    spans = b"".join(field(2, span(source, i)) for i in range(count))
    return field(1, resource(service) + field(2, field(1, field(1, "bench")) + spans))


def metrics(count, service="checkout", seed=1):
    """Gauges of 20 points each."""
    source = random.Random(seed)
    made = []
    for first in range(0, count, 20):
        points = b"".join(field(1, data_point(source, i))
                          for i in range(first, min(first + 20, count)))
        made.append(field(2, field(1, f"metric_{first % 1000}") + field(3, "1") +
                          field(5, points)))
    return field(1, resource(service) + field(2, field(1, field(1, "bench")) + b"".join(made)))


MAKERS = {"logs": logs, "traces": traces, "metrics": metrics}
