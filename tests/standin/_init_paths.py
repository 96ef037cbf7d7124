"""Stands for the original's module of this name: makes Caffe and the detector's code importable."""

import os
import sys

ROOT = os.path.join(os.path.dirname(__file__), '..')
for folder in ['caffe/python', 'lib']:
    sys.path.insert(0, os.path.join(ROOT, folder))
