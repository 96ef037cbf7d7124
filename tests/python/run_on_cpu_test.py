"""What src/extract/caffe/run_on_cpu.py makes of prototxts, and of a `caffe` that a script imports. Run by tests/it/caffe_cpu.rs, with
Python 2.7 too: it is what the original's image has.
"""

import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
import unittest

MODULE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "src", "extract", "caffe", "run_on_cpu.py")
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(MODULE))
from run_on_cpu import PrototxtError, with_own_engine  # noqa: E402

# A form of a layer, and what becomes of it.
LAYERS = [
    # No parameters yet.
    (u'layer {\n  type: "ReLU"\n}', u'layer {\n  type: "ReLU"\n relu_param { engine: CAFFE } }'),
    (u'layer{type:"Softmax"}', u'layer{type:"Softmax" softmax_param { engine: CAFFE } }'),
    (u"layer: { type: 'Pooling' # } { \"\n}", u"layer: { type: 'Pooling' # } { \"\n pooling_param { engine: CAFFE } }"),
    # Parameters without an engine.
    (
        u'layer { convolution_param { pad: 3 weight_filler { type: "gaussian" } } type: "Convolution" }',
        u'layer { convolution_param { engine: CAFFE  pad: 3 weight_filler { type: "gaussian" } } type: "Convolution" }',
    ),
    (
        u'layer { type: "Pooling" pooling_param: {# pool: AVE\npool: MAX} }',
        u'layer { type: "Pooling" pooling_param: { engine: CAFFE # pool: AVE\npool: MAX} }',
    ),
    (u"layer <type: 'TanH', tanh_param <>;>", u"layer <type: 'TanH', tanh_param < engine: CAFFE >;>"),
    # Another engine.
    (u'layer { type: "LRN" lrn_param { engine: CUDNN } }', u'layer { type: "LRN" lrn_param { engine: CAFFE } }'),
    (u'layer { type: "Con" "volution" convolution_param { engine:2 dilation: [2, 2] } }',
     u'layer { type: "Con" "volution" convolution_param { engine:CAFFE dilation: [2, 2] } }'),
    (
        u'layer: [{ type: "ReLU" }, { type: "Sigmoid" }]',
        u'layer: [{ type: "ReLU"  relu_param { engine: CAFFE } }, { type: "Sigmoid"  sigmoid_param { engine: CAFFE } }]',
    ),
    # The engine is CAFFE already.
    (u'layer { type: "ReLU" relu_param { engine: CAFFE } }',) * 2,
]
# What has no choice of engines, or only looks like it.
UNCHANGED = u"""name: "layer { type: \\"ReLU\\" }" # layer { type: "ReLU" }
input: "data" input_shape { dim: 1 dim: 3 dim: 224 dim: 224 }
layer { name: "ReLU" type: "BatchNorm" batch_norm_param { use_global_stats: true } param { lr_mult: 0.0 } }
layer { name: 'p' type: 'Python' python_param { module: 'rpn.proposal_layer' param_str: "'feat_stride': 16" } }
layer { type: "Scale" scale_param { filler { type: "ReLU" value: -1e-5 } } }\r
layer { name: "no type" }
"""


class Prototxts(unittest.TestCase):
    def test_layers_get_the_engine_and_nothing_else_changes(self):
        for layer, expected in LAYERS:
            for before, after in [(u"", u""), (UNCHANGED, u"\n" + UNCHANGED)]:
                text, changed = with_own_engine(before + layer + after)
                self.assertEqual(text, before + expected + after)
                self.assertEqual(changed, 2 if u"Sigmoid" in layer else 1)
                self.assertEqual(with_own_engine(text), (text, changed))
        self.assertEqual(with_own_engine(UNCHANGED), (UNCHANGED, 0))

    def test_what_cannot_be_read_is_an_error_with_its_line(self):
        for text, message in [
            (u'\nlayer { type: "ReLU"', "line 2 of the prototxt: expected the name of a field, found the end"),
            (u'layer { type: "ReLU" }\n}', "line 2 of the prototxt: expected the name of a field, found }"),
            (u"layer { type: }", "line 1 of the prototxt: expected a value, found }"),
            (u"layer { dim: [1, ", "line 1 of the prototxt: expected a value, found the end"),
            (u'a: 1\nname: "open\n', "line 2 of the prototxt: an unexpected character"),
            (u"layers { type: RELU }", "the prototxt has layers of the old form; Caffe's upgrade_net_proto_text converts them"),
            (u"\u00e9: 1 :", "line 1 of the prototxt: expected the name of a field, found :"),
        ]:
            with self.assertRaises(PrototxtError) as caught:
                with_own_engine(text)
            self.assertEqual(str(caught.exception), message)


# A package in pycaffe's order: a class of it derives from Net while it is imported.
CAFFE = {
    "__init__.py": """
        from .pycaffe import Net
        from .modes import set_mode_cpu, set_mode_gpu, set_device, done
        from .classifier import Classifier
        TEST = 1
        """,
    "modes.py": """
        done = []
        def set_mode_cpu(): done.append('cpu')
        def set_mode_gpu(): done.append('gpu')
        def set_device(device): done.append(device)
        """,
    "pycaffe.py": """
        import io
        class Net(object):
            def __init__(self, *arguments, **keywords):
                self.arguments, self.keywords = arguments, keywords
                self.path = arguments[0] if arguments else keywords.pop('network_file')
                self.bytes = io.open(self.path, 'rb').read()
                if b'broken' in self.bytes: raise RuntimeError('no net')
        """,
    "classifier.py": """
        import caffe
        class Classifier(caffe.Net):
            pass
        """,
}
SCRIPT = """
    from __future__ import print_function
    import json, os, sys
    sys.path.insert(0, 'tools')
    import uses_caffe
    import caffe
    given, broken = sys.argv[1:]
    caffe.set_mode_gpu()
    caffe.set_device(0)
    nets = [
        caffe.Net(given, caffe.TEST, weights='w'),
        caffe.Net(given, 'w', caffe.TEST),
        caffe.Net(network_file=given, phase=caffe.TEST),
    ]
    try:
        caffe.Net(broken, caffe.TEST)
    except RuntimeError as error:
        failed = str(error)
    print(json.dumps({
        'name': __name__, 'file': __file__, 'argv': sys.argv, 'path': sys.path[1], 'done': caffe.done, 'failed': failed,
        'rest': [[list(net.arguments[1:]), net.keywords] for net in nets],
        'same': [net.path == given for net in nets], 'left': [os.path.exists(net.path) for net in nets],
        'bytes': [net.bytes.decode('latin-1') for net in nets], 'used': uses_caffe.caffe is caffe,
    }))
    sys.exit(3)
    """


class Scripts(unittest.TestCase):
    def setUp(self):
        self.place = os.path.realpath(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.place)
        for name, text in CAFFE.items():
            self.write(os.path.join("tools", "caffe", name), text)
        self.write(os.path.join("tools", "uses_caffe.py"), "import caffe")

    def write(self, name, text):
        path = os.path.join(self.place, name)
        if not os.path.isdir(os.path.dirname(path)):
            os.makedirs(os.path.dirname(path))
        with io.open(path, "wb") as file:
            file.write(textwrap.dedent(text).encode("latin-1"))
        return path

    def run_script(self, script, *arguments):
        command = [sys.executable, MODULE, self.write(os.path.join("scripts", "extract.py"), script)] + list(arguments)
        running = subprocess.Popen(command, cwd=self.place, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = running.communicate()
        return running.returncode, out.decode(), err.decode()

    def test_a_script_runs_as_by_itself_but_on_the_processor(self):
        net = self.write("net.prototxt", u'# caf\xe9\r\nlayer { type: "ReLU" }\r\n')
        code, out, err = self.run_script(SCRIPT, net, self.write("broken.prototxt", u"name: 'broken'"))
        self.assertEqual(code, 3, err)
        told = json.loads(out)
        script = os.path.join(self.place, "scripts", "extract.py")
        self.assertEqual((told["name"], told["file"], told["argv"][0]), ("__main__", script, script))
        self.assertEqual((told["path"], len(told["argv"])), (os.path.dirname(script), 3))
        self.assertEqual((told["done"], told["failed"], told["used"]), (["cpu", "cpu"], "no net", True))
        self.assertEqual(told["rest"], [[[1], {"weights": "w"}], [["w", 1], {}], [[], {"phase": 1}]])
        self.assertEqual((told["same"], told["left"]), ([False] * 3, [False] * 3))
        changed = u'# caf\xe9\r\nlayer { type: "ReLU"  relu_param { engine: CAFFE } }\r\n'
        self.assertEqual(told["bytes"], [changed] * 3)
        self.assertIn("run_on_cpu: 1 layers compute with Caffe's own engine", err)

    def test_other_imports_and_failures_are_pythons_own(self):
        code, _, err = self.run_script("import caffe")
        self.assertEqual(code, 1)
        self.assertIn("No module named", err)
        self.write(os.path.join("scripts", "caffe.py"), "raise ValueError('a broken caffe')")
        code, _, err = self.run_script("import caffe")
        self.assertEqual(code, 1)
        self.assertIn("ValueError: a broken caffe", err)


if __name__ == "__main__":
    unittest.main()
