"""Arrows between the files of one Rust library or program: which file uses what another defines (for ci/layers).

Reads sources as tokens; knows modules, items, imports and re-exports, and no types.
"""

import re
from collections import defaultdict

TOKEN = re.compile(
    r"""(?P<space>\s+|//[^\n]*)
      | (?P<raw>(?:b|c)?r(?P<hashes>\#*)".*?"(?P=hashes))
      | (?P<text>(?:b|c)?"(?:\\.|[^"\\])*")
      | (?P<char>b?'(?:\\(?:u\{[^}]*\}|x[0-9a-fA-F]{2}|.)|[^\\'])')
      | (?P<life>'[^\W\d]\w*)
      | (?P<name>(?:r\#)?[^\W\d]\w*)
      | (?P<number>\d\w*(?:\.\d\w*)?)
      | (?P<sign>::|->|=>|\.\.=?|.)""",
    re.VERBOSE | re.DOTALL,
)
ITEMS = {"fn", "struct", "enum", "union", "trait", "type", "const", "static"}
STARTS = ITEMS | {"pub", "mod", "use", "impl", "unsafe", "async", "extern", "macro_rules", "let", "default"}
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}


def tokens(source):
    """Returns (kind, text, line) of each token that is neither space nor comment."""
    found, at, line = [], 0, 1
    while at < len(source):
        if source.startswith("/*", at):
            depth, end = 1, at + 2
            while depth and end < len(source):
                step = source[end : end + 2]
                depth += (step == "/*") - (step == "*/")
                end += 2 if step in ("/*", "*/") else 1
            line += source.count("\n", at, end)
            at = end
            continue
        match = TOKEN.match(source, at)
        if match.lastgroup != "space" and match.group("space") is None:
            kind = "text" if match.group("raw") else match.lastgroup
            found.append((kind, match.group(), line))
        line += source.count("\n", at, match.end())
        at = match.end()
    return found


class Module:
    """A module: where it is written, what it defines, imports and holds."""

    def __init__(self, path, file, parent):
        self.path, self.file, self.parent = path, file, parent
        self.children, self.items = {}, set()
        self.imports, self.globs = defaultdict(list), []
        self.uses, self.mentions = [], []  # (path, line, is a re-export), (path, line)


class Target:
    """The modules of one library or program, and the arrows between their files."""

    def __init__(self, root):
        self.root = Module((), root, None)
        self.modules = []
        self.read(self.root, root.parent)
        self.arrows = defaultdict(dict)  # file -> file -> (line, path) of the first that says so
        for module in self.modules:
            self.draw(module)

    # Reading files.

    def read(self, module, folder):
        """Reads a module's file; its children lie in `folder`."""
        if module.file.exists():
            self.scan(module, tokens(module.file.read_text(encoding="utf-8")), folder)

    def scan(self, module, toks, folder):
        self.modules.append(module)
        at, depth, end = 0, 0, len(toks)
        path_attribute, exported = None, False
        while at < end:
            kind, text, line = toks[at]
            before = toks[at - 1][1] if at else ""
            after = toks[at + 1][1] if at + 1 < end else ""
            if text == "#" and after in ("[", "!"):
                inner = after == "!"
                close = closing(toks, at + 1 + inner)
                attribute = toks[at + 2 + inner : close]
                names = [t for k, t, _ in attribute if k == "name"]
                at = close + 1
                if names[:1] == ["test"] or (names[:1] == ["cfg"] and "test" in names and "not" not in names):
                    if inner:
                        return
                    at = skip_item(toks, at)
                elif names[:1] == ["path"]:
                    path_attribute = attribute[-1][1].strip('"')
                elif names[:1] == ["macro_export"]:
                    exported = True
                for k, t, where in attribute:  # serde names functions in texts
                    if k == "text" and re.fullmatch(r'"(crate|super|self)(::\w+)+"', t):
                        module.mentions.append((t.strip('"').split("::"), where))
                continue
            if kind == "name" and text == "mod" and after and toks[at + 2][1] in ("{", ";"):
                name = after
                if toks[at + 2][1] == "{":
                    child = Module((*module.path, name), module.file, module)
                    close = closing(toks, at + 2)
                    self.scan(child, toks[at + 3 : close], folder / name)
                else:
                    file = folder / path_attribute if path_attribute else folder / f"{name}.rs"
                    below = folder / name
                    if not file.exists():
                        file = below / "mod.rs"
                    child = Module((*module.path, name), file, module)
                    self.read(child, below)
                    close = at + 2
                module.children[name] = child
                path_attribute, at = None, close + 1
                continue
            if kind == "name" and text == "use" and after != "<":
                stop = at
                while toks[stop][1] != ";":
                    stop += 1
                if after == "::":  # another package's, whatever modules are called here
                    at = stop + 1
                    continue
                public = before == "pub" or (before == ")" and "pub" in (t for _, t, _ in toks[max(0, at - 6) : at]))
                for path, name in use_tree(toks[at + 1 : stop], []):
                    module.uses.append((path, line, public))
                    if path[-1] == "*":
                        module.globs.append(path[:-1])
                    elif name != "_":
                        module.imports[name].append(path)
                at = stop + 1
                continue
            if text == "macro_rules" and after == "!":
                name = toks[at + 2][1]
                module.items.add(name)
                if exported:
                    self.root.imports[name].append(["crate", *module.path, name])
                exported, at = False, at + 3
                continue
            if depth == 0 and text in ITEMS and kind == "name":
                name = toks[at + 2][1] if after in ("mut", "unsafe") else after
                if name not in ITEMS and (text != "union" or toks[at + 2][1] in ("{", "<")):
                    module.items.add(name)
                at += 2 if name == after and name not in ITEMS else 1
                continue
            if kind == "name" and before not in (".", "::"):
                path = [text]
                while at + 2 < end and toks[at + 1][1] == "::" and toks[at + 2][0] == "name":
                    path.append(toks[at + 2][1])
                    at += 2
                # `name:` is a field or a binding.
                if len(path) > 1 or (at + 1 < end and toks[at + 1][1]) != ":":
                    module.mentions.append((path, line))
            elif text in OPEN:
                depth += 1
            elif text in CLOSE:
                depth -= 1
            at += 1

    # What a path means.

    def resolve(self, module, path, seen=frozenset()):
        """Returns the files and modules that a path leads to; nothing for other packages' names."""
        first, rest = path[0], path[1:]
        if first not in ("crate", "self", "super"):
            return self.enter(module, path, seen)
        at = self.root if first == "crate" else module if first == "self" else module.parent
        while rest and rest[0] == "super" and at:
            at, rest = at.parent, rest[1:]
        # What cannot be told counts for the file that is named last.
        return (self.enter(at, rest, seen) or {self.deepest(at, rest)}) if at else set()

    def deepest(self, module, path):
        while path and path[0] in module.children:
            module, path = module.children[path[0]], path[1:]
        return module.file

    def enter(self, module, path, seen):
        if not path:
            return {module}
        name, rest = path[0], path[1:]
        if (module.path, name) in seen:
            return set()
        seen = seen | {(module.path, name)}
        if rest and name in module.children:
            return self.enter(module.children[name], rest, seen) or {self.deepest(module.children[name], rest)}
        found = set()
        if name in module.items:
            found.add(module.file)
        for imported in module.imports.get(name, ()):
            # Nothing: another package's, which is no arrow here.
            found |= self.follow(self.resolve(module, imported, seen), rest, seen) or {None}
        if not found and name in module.children:
            found.add(module.children[name])
        if not found:
            for glob in module.globs:
                # A glob over an enum leads to a file: its variants are not looked up.
                for target in self.resolve(module, glob, seen):
                    if isinstance(target, Module) and target is not module:
                        found |= self.enter(target, path, seen)
        return found

    def follow(self, targets, rest, seen):
        found = set()
        for target in targets:
            found |= self.enter(target, rest, seen) if isinstance(target, Module) else {target}
        return found - {None} if len(found) > 1 else found

    # Arrows.

    def draw(self, module):
        for path, line, public in module.uses:
            whole = path[:-1] if path[-1] == "*" else path
            for target in self.resolve(module, whole) if whole else ():
                # A module's name is no arrow: what is used through it is.
                if target and not isinstance(target, Module) and not (public and self.is_below(target, module)):
                    self.arrow(module.file, target, line, path)
        for path, line in module.mentions:
            if path in (["self"], ["super"], ["crate"], ["Self"]):
                continue
            for target in self.resolve(module, path):
                if not isinstance(target, Module):
                    self.arrow(module.file, target, line, path)

    def is_below(self, file, module):
        return any(m.file == file and m.path[: len(module.path)] == module.path for m in self.modules)

    def arrow(self, start, to, line, path):
        if to and start != to:
            self.arrows[start].setdefault(to, (line, "::".join(path)))

    def circles(self):
        """Returns, for each arrow that lies on a circle, the shortest such circle; each once."""
        found = {}
        for start in sorted(self.arrows):
            for to in sorted(self.arrows[start]):
                circle = self.way(to, start)
                if circle:
                    first = circle.index(min(circle))
                    circle = circle[first:] + circle[:first]
                    found.setdefault(tuple(circle))
        return sorted(found, key=lambda circle: (len(circle), circle))

    def way(self, start, to):
        """Returns the shortest way from one file to another, both included; `None` if there is none."""
        before, level = {start: None}, [start]
        while level:
            following = []
            for file in level:
                if file == to:
                    way = []
                    while file:
                        way.append(file)
                        file = before[file]
                    return way[::-1]
                for target in sorted(self.arrows.get(file, ())):
                    if target not in before:
                        before[target] = file
                        following.append(target)
            level = following
        return None


def closing(toks, at):
    """Returns where the bracket that opens at `at` closes."""
    depth = 0
    for index in range(at, len(toks)):
        depth += (toks[index][1] in OPEN) - (toks[index][1] in CLOSE)
        if depth == 0:
            return index
    return len(toks) - 1


def skip_item(toks, at):
    """Returns where what stands at `at` ends: an item, a statement, a field or an arm."""
    while at + 1 < len(toks) and toks[at][1] == "#":
        at = closing(toks, at + 1) + 1
    words = at < len(toks) and toks[at][1]
    whole_use = words == "use" or any(t == "use" for _, t, _ in toks[at : at + 5]) and words == "pub"
    item = words in STARTS
    while at < len(toks):
        text = toks[at][1]
        if text == ";" or (text == "," and not item):
            return at + 1
        if text in CLOSE:
            return at
        if text in OPEN:
            at = closing(toks, at)
            if text == "{" and not whole_use:
                return at + 1
        at += 1
    return at


def use_tree(toks, prefix):
    """Yields (path, name it is known by) for each leaf of a use tree."""
    branch, path, name, at = [], [], None, 0
    while at < len(toks):
        kind, text, _ = toks[at]
        if text == "{":
            close = closing(toks, at)
            yield from use_tree(toks[at + 1 : close], prefix + path)
            path, at = [], close
        elif text == ",":
            branch.append((path, name))
            path, name = [], None
        elif text == "as":
            name, at = toks[at + 1][1], at + 1
        elif kind == "name" or text == "*":
            path.append(text)
        at += 1
    branch.append((path, name))
    for path, name in branch:
        if path:
            whole = prefix + path
            if whole[-1] == "self" and len(whole) > 1:
                whole = whole[:-1]
            yield whole, name or whole[-1]
