"""Stands for the original's extraction scripts: the same arguments, places, file names, and habits, with images that say
what goes wrong. Words behind an image's header:

  swallow      the image cannot be read: a message without its name, no row, and on it goes
  half         killed in the middle of the row
  exit         the script ends with 1 before the image
  sigfpe       dies of SIGFPE, as the original does of thin images
  hang         says and does nothing any more
  memory       uses all memory that there is
  wrong        a row whose number of boxes is not that of its columns
  few          a row of 22 boxes
  company      the word before it holds only where there are other images
"""

import argparse
import csv
import os
import random
import signal
import sys
import time

sys.path.insert(0, '/opt/butd/tools')
import _init_paths  # noqa: E402, F401
from detector import detect, read  # noqa: E402
import caffe  # noqa: E402

PROTOTXT = '/opt/butd/models/vg/ResNet-101/faster_rcnn_end2end_final/test.prototxt'

FOLDERS = {'train': 'train2014', 'valid': 'val2014', 'test': 'test2015'}

parser = argparse.ArgumentParser()
parser.add_argument('--imgroot', default='/workspace/images/')
parser.add_argument('--split', default='valid')
parser.add_argument('--caffemodel', default='./weights')
args = parser.parse_args()
print('Called with args:')
print(args)

folder = os.path.join(args.imgroot, FOLDERS[args.split])
names = os.listdir(folder)
random.shuffle(names)
# Where nothing else has gone well, an exit says that nothing works.
names.sort(key=lambda name: b'exit' in open(os.path.join(folder, name), 'rb').read())
output = '%s_obj36.tsv' % args.split
done = set()
if os.path.exists(output):
    with open(output, newline='') as file:
        done = {line.split('\t')[0] for line in file}
wanted = [(os.path.join(folder, name), name.split('.')[0]) for name in names]
missing = {one for _, one in wanted} - done
print('missing %d/%d' % (len(missing), len(wanted)) if missing else 'already completed %d' % len(wanted))
if missing:
    caffe.set_mode_gpu()
    caffe.set_device(0)
    net = caffe.Net(PROTOTXT, caffe.TEST, weights=args.caffemodel)


def row(path, one, writer, file):
    height, width, words = read(path)
    if words and (words[-1] != 'company' or len(wanted) > 1):
        misbehave(words[0], one, height, width, writer, file)
        return
    net.forward()
    writer.writerow([one] + detect(one, height, width))


def misbehave(word, one, height, width, writer, file):
    columns = [one] + detect(one, height, width, 22 if word == 'few' else 36)
    if word == 'swallow':
        raise ValueError('this image is %dx%d' % (width, height))
    if word == 'half':
        file.write('\t'.join(map(str, columns))[:100000])
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    if word == 'exit':
        file.flush()
        sys.exit('Check failed: error == cudaSuccess')
    if word == 'sigfpe':
        os.kill(os.getpid(), signal.SIGFPE)
    if word == 'hang':
        file.flush()
        time.sleep(3600)
    if word == 'memory':
        hoard = []
        while True:
            hoard.append(bytearray(os.urandom(1 << 20)) * 16)
    if word == 'wrong':
        columns[7] = 35
    writer.writerow(columns)


with open(output, 'a', newline='') as file:
    writer = csv.writer(file, delimiter='\t')
    for count, (path, one) in enumerate(wanted):
        sys.stderr.write('\r%3d%%| %d/%d' % (100 * count // len(wanted), count, len(wanted)))
        sys.stderr.flush()
        if one in missing:
            try:
                row(path, one, writer, file)
            except Exception as error:
                print(error)
sys.stderr.write('\n')
