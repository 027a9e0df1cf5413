"""Runs the examples of the documentation and compares; called by test/docs/run.

An example is a ```sql block. A ```text block that follows it (with nothing but blank lines between
them) is what psql prints for it, errors included. A ```sql block without one only has to run
without an error. Every page has a database of its own, with the extension unless the page itself
creates it. The blocks of a page run in order, on connection 1; a block whose first line is
`-- connection N` runs on that connection, which stays open until the end of the page.

Before they are compared, both texts are masked: what differs from run to run becomes a fixed word
(see MASKS), runs of spaces and of dashes become one, for the width of a column follows its content.

Besides: every relative link leads to a file (and a heading), every path of the tree and every test
in backquotes exists, the tour of README.md is scripts/demo.sql, the table behind `<!-- test: settings -->` is
what pg_settings says, and each statement in the table behind `<!-- test: errors -->` fails with the
SQLSTATE in its row.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
PAGES = [TREE / "README.md", *sorted((TREE / "docs").glob("*.md"))]

MASKS = [
    (re.compile(r"\b[0-9a-f]{13}-[0-9a-f]{8,16}\b"), "<lease>"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?([+-]\d\d(:\d\d)?)?"), "<time>"),
    (re.compile(r"\b\d{15,16}\b"), "<version>"),
    (re.compile(r" +"), " "),
    (re.compile(r"-{2,}"), "--"),
    (re.compile(r"[ \t]+$", re.M), ""),
]

MARKER = "end of the example"


def masked(text):
    for pattern, word in MASKS:
        text = pattern.sub(word, text)
    return text.strip("\n")


class Tap:
    def __init__(self):
        self.number = 0
        self.failed = 0

    def verdict(self, good, name, details=""):
        self.number += 1
        self.failed += not good
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}")
        for line in "" if good else details.splitlines():
            print(f"#   {line}")
        sys.stdout.flush()


class Connection:
    """A psql whose standard error goes where its output goes, in the order of printing."""

    def __init__(self, database):
        self.psql = subprocess.Popen(
            ["psql", "-X", "-q", "-d", database, "-P", "pager=off", "-P", "null=NULL"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, encoding="utf-8")

    def run(self, sql):
        self.psql.stdin.write(f"{sql}\n\\warn {MARKER}\n")
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line.rstrip("\n") == MARKER:
                return "".join(lines).strip("\n")
            lines.append(line)
        raise RuntimeError("psql ended:\n" + "".join(lines))

    def close(self):
        self.psql.stdin.close()
        self.psql.stdout.read()
        self.psql.wait()


class Block:
    """One fenced block: its language, its content, and where that lies in the page's lines."""

    def __init__(self, language, first):
        self.language = language
        self.first = first  # the first line behind the opening fence, counted from 0
        self.end = first    # the closing fence
        self.lines = []

    @property
    def text(self):
        return "\n".join(self.lines)


def blocks_of(lines):
    found = []
    current = None
    for number, line in enumerate(lines):
        if line.startswith("```"):
            if current is None:
                current = Block(line[3:].strip(), number + 1)
            else:
                current.end = number
                found.append(current)
                current = None
        elif current is not None:
            current.lines.append(line)
    return found


def examples_of(lines):
    """Pairs of a sql block and the text block that belongs to it, or None."""
    blocks = blocks_of(lines)
    for block, after in zip(blocks, [*blocks[1:], None]):
        if block.language != "sql":
            continue
        between = lines[block.end + 1:after.first - 1] if after is not None else ["-"]
        belongs = after is not None and after.language == "text" and not "".join(between).strip()
        yield block, after if belongs else None


def psql(database, *arguments):
    done = subprocess.run(["psql", "-XqAt", "-d", database, *arguments], text=True, check=True,
                          stdout=subprocess.PIPE, encoding="utf-8")
    return done.stdout


def run_examples(page, tap, update):
    name = page.relative_to(TREE)
    lines = page.read_text(encoding="utf-8").splitlines()
    database = "page_" + re.sub(r"\W", "_", str(name)).lower()
    psql("postgres", "-c", f"CREATE DATABASE {database}")
    creates_it = any("CREATE EXTENSION pg_stash;" in sql.lines for sql, _ in examples_of(lines))
    if not creates_it:
        psql(database, "-c", "CREATE EXTENSION pg_stash")
    connections = {}
    rewritten = []
    for sql, expected in examples_of(lines):
        chosen = re.match(r"-- connection (\d+)", sql.text)
        number = chosen.group(1) if chosen else "1"
        if number not in connections:
            connections[number] = Connection(database)
        printed = connections[number].run(sql.text)
        title = f"{name}:{sql.first + 1}"
        if expected is None:
            good = not re.search(r"^(psql:.*)?(ERROR|FATAL):", printed, re.M)
            tap.verdict(good, title, printed)
        elif update:
            rewritten.append((expected, printed))
        else:
            tap.verdict(masked(printed) == masked(expected.text), title,
                        f"expected:\n{expected.text}\nprinted:\n{printed}")
    for connection in connections.values():
        connection.close()
    for expected, printed in reversed(rewritten):
        kept = [line.rstrip() for line in printed.splitlines()]
        if masked(printed) != masked(expected.text):
            lines[expected.first:expected.end] = kept
    if rewritten:
        page.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return database


def rows_behind(lines, mark):
    """The cells of the Markdown table behind a mark, without its head."""
    if mark not in lines:
        return
    at = lines.index(mark) + 1
    while not lines[at].startswith("|"):
        at += 1
    for line in lines[at + 2:]:
        if not line.startswith("|"):
            return
        yield [cell.strip().replace("\\|", "|")
               for cell in re.split(r"(?<!\\)\|", line.strip()[1:-1])]


def check_settings(page, lines, database, tap):
    """name | default | range | when it takes effect"""
    rows = {row[0].strip("`"): row for row in rows_behind(lines, "<!-- test: settings -->")}
    if not rows:
        return
    query = """
        SELECT name, CASE vartype WHEN 'bool' THEN boot_val
                     ELSE coalesce(nullif(boot_val, ''), '(empty)') || coalesce(' ' || unit, '') END,
               coalesce(min_val || ' – ' || max_val, vartype),
               CASE context WHEN 'postmaster' THEN 'restart' WHEN 'sighup' THEN 'reload'
                            WHEN 'superuser' THEN 'at once, superuser' ELSE 'at once, anybody' END
        FROM pg_settings WHERE name LIKE 'stash.%' AND name <> 'stash.pause_at' ORDER BY name"""
    known = {}
    # The library is loaded; a setting is known to pg_settings then.
    for line in psql(database, "-c", query).splitlines():
        name, *rest = line.split("|")
        known[name] = rest
    for name in sorted(known.keys() | rows.keys()):
        said = [cell.strip("`") for cell in rows[name][1:4]] if name in rows else None
        tap.verdict(said == known.get(name), f"{page.name}: the setting {name}",
                    f"pg_settings: {known.get(name)}\nthe page:    {said}")


def check_errors(page, lines, database, tap):
    """SQLSTATE | when | what to do | statement"""
    rows = list(rows_behind(lines, "<!-- test: errors -->"))
    if not rows:
        return
    connection = Connection(database)
    connection.run("\\set VERBOSITY sqlstate")
    for row in rows:
        state = row[0].strip("`")
        for statement in re.findall(r"`([^`]+)`", row[3]):
            printed = connection.run(f"{statement};")
            tap.verdict(re.search(rf"^ERROR:  {state}$", printed, re.M) is not None,
                        f"{page.name}: {statement} fails with {state}", printed)
    connection.close()


def anchor_of(heading):
    """As GitHub makes it: lower case, no punctuation, a dash for a space."""
    text = re.sub(r"[`*]|\]\([^)]*\)|\[", "", heading.lstrip("#").strip()).lower()
    return re.sub(r"[^\w\- ]", "", text).replace(" ", "-")


def check_links(page, lines, tap):
    in_block = set()
    for block in blocks_of(lines):
        in_block.update(range(block.first - 1, block.end + 1))
    prose = "\n".join(line for i, line in enumerate(lines) if i not in in_block)
    wrong = []
    for target in re.findall(r"\]\(([^)\s]+)\)", prose):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            wrong.append(target)
        elif anchor:
            heads = [line for line in there.read_text(encoding="utf-8").splitlines()
                     if line.startswith("#")]
            if anchor not in map(anchor_of, heads):
                wrong.append(target)
    for path in re.findall(r"`((?:docs|scripts|test|bench|extension|sql)/[\w./*-]+)`", prose):
        if not list(TREE.glob(path.rstrip("/"))):
            wrong.append(path)
    wrong += [test for test in tests_named_in(prose) if not test_exists(test)]
    tap.verdict(not wrong, f"{page.name}: links, paths and tests", "\n".join(wrong))


def tests_named_in(prose):
    return re.findall(r"`(\w+_test\.\w+|\w+\.spec|\w+\.pl)`", prose)


def test_exists(name):
    suite, _, test = name.partition(".")
    if test == "spec":
        return (TREE / "test/isolation/specs" / name).exists()
    if test == "pl":
        return (TREE / "test/tap" / name).exists()
    wanted = re.compile(rf"^TEST(_F|_P)?\({suite}, {test}\)", re.M)
    return any(wanted.search(file.read_text(encoding="utf-8"))
               for file in (TREE / "test/unit").glob("*_test.cpp"))


def statements_of(text):
    """What a script does, without comments, empty lines and psql's own settings."""
    return [line.rstrip() for line in text.splitlines()
            if line.strip() and not line.lstrip().startswith(("--", "\\"))]


def check_tour(tap):
    """The SQL between the tour's two marks in README.md is scripts/demo.sql."""
    lines = (TREE / "README.md").read_text(encoding="utf-8").splitlines()
    first, last = lines.index("<!-- tour -->"), lines.index("<!-- end of the tour -->")
    tour = [statement for sql, _ in examples_of(lines) if first < sql.first < last
            for statement in statements_of(sql.text)]
    demo = statements_of((TREE / "scripts/demo.sql").read_text(encoding="utf-8"))
    differing = next((f"README: {a}\ndemo:   {b}" for a, b in zip(tour, demo) if a != b),
                     f"{len(tour)} lines, {len(demo)} lines")
    tap.verdict(tour == demo, "README.md: the tour is scripts/demo.sql", differing)


def main(arguments):
    update = "--update" in arguments
    named = [TREE / a for a in arguments if a != "--update"]
    os.environ["PGTZ"] = "UTC"
    tap = Tap()
    for page in named or PAGES:
        database = run_examples(page, tap, update)
        lines = page.read_text(encoding="utf-8").splitlines()
        check_settings(page, lines, database, tap)
        check_errors(page, lines, database, tap)
        check_links(page, lines, tap)
        if page.name == "README.md":
            check_tour(tap)
    print(f"1..{tap.number}")
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
