"""What test programs in Python share: each test is a function whose name is a claim."""

import traceback


class Skip(Exception):
    """Raised by a test that cannot run here; the argument says why."""


def run(tests):
    """Run all with TAP output; the result is the program's exit status."""
    print(f"1..{len(tests)}", flush=True)
    failed = 0
    for number, test in enumerate(tests, 1):
        name = test.__name__
        try:
            test()
            print(f"ok {number} - {name}")
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}")
        except Exception:  # whatever it is, the test has failed and the next one runs
            failed += 1
            for line in traceback.format_exc().splitlines():
                print(f"# {line[:500]}")
            print(f"not ok {number} - {name}")
        print(end="", flush=True)
    return 1 if failed else 0
