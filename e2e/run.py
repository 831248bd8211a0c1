#!/usr/bin/env python3
"""Runs the scenarios against Strongroom on the cluster of e2e/cluster, from inside that cluster's network.

    run.py PROGRAM [NAME...]      PROGRAM is the strongroom binary; NAMEs are parts of scenarios' names
    run.py PROGRAM --install      installs, stores the article's secret, and leaves all of it to a person

A scenario is a function `scenario_...` in scenarios/*.py. What it expects and does not see is an exception.
Prints `N passed, N failed`; exits 1 if one failed.
"""
import importlib, pathlib, sys, time, traceback

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from stand import Stand  # noqa: E402


def main():
    program, wanted = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    stand = Stand(program)
    if wanted == ["--install"]:
        stand.install()
        return stand.hand_over()
    timed("chart installed, server unsealed", stand.install)
    results = [timed(name, lambda: scenario(stand)) for name, scenario in scenarios(wanted)]
    print(f"{results.count(True)} passed, {results.count(False)} failed")
    return 0 if results and all(results) else 1


def scenarios(wanted):
    for path in sorted((HERE / "scenarios").glob("*.py")):
        module = importlib.import_module(f"scenarios.{path.stem}")
        for name, function in vars(module).items():
            if name.startswith("scenario_") and (not wanted or any(w in f"{path.stem}.{name}" for w in wanted)):
                yield f"{path.stem}: {function.__doc__.splitlines()[0]}", function


def timed(name, function):
    start = time.monotonic()
    try:
        function()
        ended = True
    except Exception:
        traceback.print_exc()
        ended = False
    print(f"{'ok    ' if ended else 'FAILED'} {time.monotonic() - start:6.1f} s  {name}", flush=True)
    return ended


sys.exit(main())
