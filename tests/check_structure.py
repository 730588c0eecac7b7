#!/usr/bin/env python3
"""Holds the structure that ARCHITECTURE.md promises; exits 1 and names each breach.

 1. Includes point one way: base <- net, stream, store <- ingest <- filters <- alerting <- app.
 2. No file is in an include cycle.
 3. Third-party headers stay in .cc files and in internal/ (absl, being our vocabulary, may stand in headers).
 4. internal/ headers are included only from their own folder.
 5. Sizes: a header stays under 400 lines, a source under 750; no file is named utils, common, types, helpers or misc.
 6. No word of the banned list (unfinished work, `using namespace`, naked new) stands in the code.
 7. Each code folder has a README.md.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["base", "net", "stream", "store", "ingest", "filters", "alerting", "app"]
MAY_INCLUDE = {
    "base": {"base"},
    "net": {"base", "net"},
    "stream": {"base", "stream"},
    "store": {"base", "store"},
    "ingest": {"base", "net", "stream", "store", "ingest"},
    "filters": {"base", "net", "stream", "store", "ingest", "filters"},
    "alerting": {"base", "net", "stream", "store", "ingest", "filters", "alerting"},
    "app": set(FOLDERS),
}
STANDARD_OR_VALUE = re.compile(r"^(absl/|[a-z_]+$|sys/|netinet/|arpa/|linux/)")
SYSTEM_C = {"unistd.h", "fcntl.h", "signal.h", "poll.h", "pthread.h", "dirent.h", "errno.h", "string.h", "time.h", "stdlib.h"}
BANNED_NAMES = {"utils", "util", "common", "types", "helpers", "misc"}
BANNED_WORDS = [
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), "unfinished work does not land"),
    (re.compile(r"^\s*using namespace "), "write the names out"),
    (re.compile(r"catch \(\.\.\.\)\s*\{\s*\}"), "an exception is never swallowed"),
]

NAKED_NEW = re.compile(r"(?<![\w.])new [A-Z]\w*[({]")


def files():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard", "*.h", "*.cc"], cwd=ROOT, check=True,
                            capture_output=True, text=True).stdout.split()
    return [pathlib.PurePosixPath(name) for name in listed if (ROOT / name).exists()]


def includes(path):
    for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1):
        match = re.match(r'\s*#\s*include\s+(["<])([^">]+)[">]', line)
        if match:
            yield number, match.group(1), match.group(2)


def main():
    breaches = []
    sources = files()
    known = {str(path) for path in sources}
    graph = {}
    for path in sources:
        text = (ROOT / path).read_text(encoding="utf-8")
        folder = path.parts[0]
        is_test = bool(re.search(r"((_test|_fuzz|_bench)\.(cc|h)$|^testing_)", path.name)) or "testing" in path.parts
        edges = set()
        for number, kind, name in includes(path):
            place = f"{path}:{number}"
            if kind == '"' and name in known:
                edges.add(name)
                target = pathlib.PurePosixPath(name)
                if folder in MAY_INCLUDE and target.parts[0] in FOLDERS:
                    if target.parts[0] not in MAY_INCLUDE[folder] and not is_test:
                        breaches.append(f"{place}: {folder} may not include {target.parts[0]} ({name})")
                if "internal" in target.parts:
                    owner = target.parts[: target.parts.index("internal")]
                    if path.parts[: len(owner)] != owner:
                        breaches.append(f"{place}: {name} is internal to {'/'.join(owner)}")
            elif path.suffix == ".h" and "internal" not in path.parts and not is_test:
                if not STANDARD_OR_VALUE.match(name) and name not in SYSTEM_C and name not in known:
                    breaches.append(f"{place}: third-party header <{name}> in a public header")
        graph[str(path)] = edges
        lines = text.count("\n")
        limit = 400 if path.suffix == ".h" else 750
        if lines > limit and not is_test:
            breaches.append(f"{path}: {lines} lines, at most {limit}; split it where its second idea begins")
        if path.stem in BANNED_NAMES:
            breaches.append(f"{path}: name the file after what it holds, not {path.stem}")
        before = ""
        for number, line in enumerate(text.splitlines(), 1):
            # A private constructor is reached by handing `new` straight to its owner.
            if NAKED_NEW.search(line) and "_ptr<" not in line and "_ptr<" not in before:
                breaches.append(f"{path}:{number}: {line.strip()[:60]!r}: std::make_unique, or a value")
            before = line
            for pattern, remedy in BANNED_WORDS:
                if pattern.search(line):
                    breaches.append(f"{path}:{number}: {line.strip()[:60]!r}: {remedy}")

    state = {}

    def visit(node, trail):
        state[node] = 1
        for target in sorted(graph.get(node, ())):
            if state.get(target) == 1:
                breaches.append("include cycle: " + " -> ".join(trail[trail.index(target):] + [target])
                                if target in trail else f"include cycle at {target}")
            elif target not in state:
                visit(target, trail + [target])
        state[node] = 2

    for node in sorted(graph):
        if node not in state:
            visit(node, [node])
    for folder in FOLDERS:
        if any(path.parts[0] == folder for path in sources) and not (ROOT / folder / "README.md").exists():
            breaches.append(f"{folder}/: has no README.md")
    for breach in breaches:
        print(breach)
    print(f"{len(sources)} files, {len(breaches)} breaches")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
