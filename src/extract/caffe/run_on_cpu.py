"""Runs the original's extraction script, unmodified, on the processor.

    python run_on_cpu.py SCRIPT [ARGUMENT]...

The script asks Caffe for a GPU. CPU mode alone would not do: a Caffe that is built with cuDNN aborts without a GPU as soon as a net
has a layer of cuDNN's (BVLC/caffe#3317). So this module changes `caffe` when the script imports it: set_mode_gpu and set_device choose
CPU mode, and Net gets a copy of its prototxt in which each layer that may be cuDNN's has `engine: CAFFE`. A layer's engine decides how
it computes, not what.

It runs inside the container: with Python 2.7 in the original's image, with Python 3 elsewhere.
"""

import io
import os
import re
import runpy
import sys
import tempfile

try:
    import importlib.util
except ImportError:  # Python 2
    import importlib

# The types of layers that Caffe has in two engines (caffe/src/caffe/layer_factory.cpp), and where their engine is chosen.
PARAMETERS = {
    "Convolution": "convolution_param",
    "Deconvolution": "convolution_param",
    "LRN": "lrn_param",
    "Pooling": "pooling_param",
    "ReLU": "relu_param",
    "Sigmoid": "sigmoid_param",
    "Softmax": "softmax_param",
    "TanH": "tanh_param",
}

TOKEN = re.compile(
    r"""
    (?P<space> (?: \s | \#[^\n]* )+ )
    | (?P<string> "(?: [^"\\\n] | \\. )*" | '(?: [^'\\\n] | \\. )*' )
    | (?P<mark> [{}<>\[\]:;,] )
    | (?P<word> [^\s{}<>\[\]:;,"'\#]+ )
    """,
    re.VERBOSE,
)
CLOSERS = {"{": "}", "<": ">"}


class PrototxtError(ValueError):
    """A prototxt that this module cannot read."""


class Token(object):
    """A word, string or mark, or the `end` of the text."""

    def __init__(self, kind, text, start):
        self.kind, self.text, self.start, self.end = kind, text, start, start + len(text)

    def is_mark(self, marks):
        return self.kind == "mark" and self.text in marks


class Scalar(object):
    """A number, name or string, and its place."""

    def __init__(self, tokens):
        self.start, self.end = tokens[0].start, tokens[-1].end
        # Strings that follow each other are one.
        self.text = "".join(token.text[1:-1] if token.kind == "string" else token.text for token in tokens)


class Message(object):
    """The fields between two braces, as pairs of name and value, and the place between the braces."""

    def __init__(self, start, end, fields):
        self.start, self.end, self.fields = start, end, fields

    def all(self, name, kind):
        """Returns the values of a field that are of a kind."""
        return [value for key, value in self.fields if key == name and isinstance(value, kind)]


class Parser(object):
    """Parses protobuf's text format, as far as Caffe's files use it, and keeps the place of each value."""

    def __init__(self, text):
        self.text = text
        self.tokens = self.split()
        self.at = 0

    def split(self):
        tokens, at = [], 0
        while at < len(self.text):
            found = TOKEN.match(self.text, at)
            if found is None:
                raise self.error("an unexpected character", at)
            if found.lastgroup != "space":
                tokens.append(Token(found.lastgroup, found.group(), at))
            at = found.end()
        return tokens + [Token("end", "", at)]

    def error(self, what, place):
        return PrototxtError("line %d of the prototxt: %s" % (self.text.count("\n", 0, place) + 1, what))

    def unexpected(self, expected, token):
        found = token.text.encode("ascii", "replace").decode("ascii") or "the end"
        return self.error("expected %s, found %s" % (expected, found), token.start)

    def take(self):
        token = self.tokens[self.at]
        if token.kind != "end":
            self.at += 1
        return token

    def skip(self, marks):
        """Skips the next token if it is one of these marks, and returns whether it was."""
        found = self.tokens[self.at].is_mark(marks)
        self.at += found
        return found

    def document(self):
        """Returns the whole text as a message."""
        fields = []
        while self.tokens[self.at].kind != "end":
            fields += self.field()
        return Message(0, len(self.text), fields)

    def field(self):
        """Returns the values of the next field, each with the field's name."""
        name = self.take()
        if name.kind != "word":
            raise self.unexpected("the name of a field", name)
        self.skip(":")
        if not self.skip("["):
            values = [self.value()]
        else:
            values = []
            while not self.skip("]"):
                values.append(self.value())
                self.skip(",")
        self.skip(",;")
        return [(name.text, value) for value in values]

    def value(self):
        token = self.take()
        if token.is_mark("{<"):
            fields, closer = [], CLOSERS[token.text]
            while not self.tokens[self.at].is_mark(closer):
                fields += self.field()
            return Message(token.end, self.take().start, fields)
        if token.kind not in ("word", "string"):
            raise self.unexpected("a value", token)
        tokens = [token]
        while token.kind == "string" and self.tokens[self.at].kind == "string":
            tokens.append(self.take())
        return Scalar(tokens)


def with_own_engine(text):
    """Returns a prototxt in which every layer with a choice of engines has `engine: CAFFE`, and the number of these layers.

    Everything else stays as it is, to the byte.
    """
    net = Parser(text).document()
    if net.all("layers", Message):
        raise PrototxtError("the prototxt has layers of the old form; Caffe's upgrade_net_proto_text converts them")
    edits, changed = [], 0
    for layer in net.all("layer", Message):
        types = layer.all("type", Scalar)
        parameter = PARAMETERS.get(types[-1].text) if types else None
        if parameter is None:
            continue
        changed += 1
        blocks = layer.all(parameter, Message)
        if not blocks:
            edits.append((layer.end, layer.end, " %s { engine: CAFFE } " % parameter))
        for block in blocks:
            engines = block.all("engine", Scalar)
            edits += [(engine.start, engine.end, "CAFFE") for engine in engines]
            if not engines:
                edits.append((block.start, block.start, " engine: CAFFE "))
    parts, at = [], 0
    for start, end, new in sorted(edits):
        parts += [text[at:start], new]
        at = end
    return "".join(parts + [text[at:]]), changed


def net_with_own_engine(real):
    """Returns a function that creates a net as the class `real` does, from a changed copy of its prototxt."""

    def create(*arguments, **keywords):
        arguments = list(arguments)
        given, key = (arguments, 0) if arguments else (keywords, "network_file")
        if given is keywords and key not in keywords:
            return real(**keywords)
        # Latin-1 keeps every byte.
        with io.open(given[key], encoding="latin-1", newline="") as file:
            text, changed = with_own_engine(file.read())
        sys.stderr.write("run_on_cpu: %d layers compute with Caffe's own engine\n" % changed)
        copy = tempfile.NamedTemporaryFile(suffix=".prototxt", delete=False)
        try:
            with copy:
                copy.write(text.encode("latin-1"))
            given[key] = copy.name
            return real(*arguments, **keywords)
        finally:
            os.remove(copy.name)

    return create


def use_cpu(caffe):
    """Makes `caffe` compute on the processor, whatever it is asked for."""
    caffe.set_mode_gpu = lambda: caffe.set_mode_cpu()
    caffe.set_device = lambda device: caffe.set_mode_cpu()
    caffe.Net = net_with_own_engine(caffe.Net)


class CaffeImporter(object):
    """Imports `caffe` from wherever Python finds it, then changes it. Every other module is left to Python."""

    def __init__(self):
        self.importing = False

    def find_module(self, name, path=None):
        """Answers Python 2."""
        return self if name == "caffe" and not self.importing else None

    def load_module(self, name):
        """Imports the module for Python 2."""
        self.importing = True
        try:
            module = importlib.import_module(name)
        finally:
            self.importing = False
        use_cpu(module)
        return module

    def find_spec(self, name, path=None, target=None):
        """Answers Python 3."""
        if name != "caffe" or self.importing:
            return None
        self.importing = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.importing = False
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_change(module):
                execute(module)
                use_cpu(module)

            spec.loader.exec_module = execute_and_change
        return spec


def main():
    if len(sys.argv) < 2:
        sys.exit("usage: run_on_cpu.py SCRIPT [ARGUMENT]...")
    # What Python sets if it runs the script itself.
    del sys.argv[0]
    sys.path[0] = os.path.dirname(os.path.abspath(sys.argv[0]))
    sys.meta_path.insert(0, CaffeImporter())
    runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
