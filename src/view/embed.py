#!/usr/bin/python3
"""embed.py NAME FILE: a header with the bytes of a file as the array NAME, ended by a zero."""

import sys


def main():
    name, path = sys.argv[1:3]
    with open(path, "rb") as file:
        data = file.read() + b"\0"
    print(f"static const char {name}[{len(data)}] = {{")
    for at in range(0, len(data), 16):
        print("    " + " ".join(f"{byte if byte < 128 else byte - 256}," for byte in
                                data[at:at + 16]))
    print("};")


if __name__ == "__main__":
    main()
