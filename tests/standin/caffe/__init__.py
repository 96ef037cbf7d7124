"""Stands for pycaffe of a build with cuDNN. Without a GPU (STANDIN_GPU=no) it aborts where the original does: when a device is chosen,
when a net has a layer that would be cuDNN's, and when it computes in GPU mode.
"""

import os
import re
import sys

TEST = 1
# Types of layers that cuDNN has, which the engine DEFAULT means.
OF_CUDNN = {'Convolution', 'ReLU', 'Pooling', 'Softmax'}

_mode = 'cpu'


def _need_gpu(place):
    if os.environ['STANDIN_GPU'] == 'yes':
        return
    sys.stdout.flush()
    sys.stderr.write('F1201 12:00:00.000000     7 %s] Check failed: error == cudaSuccess (35 vs. 0)  CUDA driver version is '
                     'insufficient for CUDA runtime version\n*** Check failure stack trace: ***\n' % place)
    sys.stderr.flush()
    os.abort()


def set_mode_cpu():
    global _mode
    _mode = 'cpu'


def set_mode_gpu():
    global _mode
    _mode = 'gpu'


def set_device(device):
    _need_gpu('common.cpp:152')


class Net(object):
    def __init__(self, network_file, phase, level=0, stages=None, weights=None):
        assert phase == TEST
        with open(network_file) as file:
            text = re.sub('#.*', '', file.read())
        layers = re.split(r'(?m)^layer\b', text)[1:]
        assert len(layers) == 8
        for layer in layers:
            if OF_CUDNN.intersection(re.findall(r'''\btype:\s*["'](\w+)''', layer)):
                if re.findall(r'\bengine:\s*(\w+)', layer) != ['CAFFE']:
                    _need_gpu('cudnn_conv_layer.cpp:52')
        with open(weights, 'rb') as file:
            assert file.read(7) == b'weights'

    def forward(self):
        if _mode == 'gpu':
            _need_gpu('math_functions.cu:28')
