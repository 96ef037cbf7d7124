//! The convolutions of the network alone: what the detector's time is compared with.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use super::convolution::{Block, Convolution, channels_last};
use super::detector::Detector;
use super::head::REGIONS_AT_A_TIME;
use super::roi_bins::BINS;
use super::trunk::first_pooling;

/// Inputs of convolutions by their shapes, made once.
struct Floor {
    device: Device,
    inputs: HashMap<[i64; 4], Tensor>,
    spent: Duration,
}

impl Detector {
    /// Computes each convolution once for every time that the network does, in the same shapes and layout, on inputs that exist before
    /// its time is taken. The picture has `height` x `width` pixels, resized, and `regions` regions.
    pub fn convolutions_alone(&self, height: usize, width: usize, regions: usize) -> Duration {
        let _guard = tch::no_grad_guard();
        let mut floor = Floor { device: self.device, inputs: HashMap::new(), spent: Duration::ZERO };
        let conv1 = floor.measure(&self.trunk.conv1, [1, 3, height as i64, width as i64]);
        let [_, _, mut height, mut width] = shape(&first_pooling(&Tensor::zeros(conv1, (Kind::Float, self.device))));
        for block in &self.trunk.blocks {
            [height, width] = floor.measure_block(block, [1, height, width]);
        }
        let inputs = self.rpn.hidden.inputs();
        let hidden = floor.measure(&self.rpn.hidden, [1, inputs, height, width]);
        floor.measure(&self.rpn.score, hidden);
        floor.measure(&self.rpn.delta, hidden);
        let bins = BINS as i64;
        for first in (0..regions).step_by(REGIONS_AT_A_TIME) {
            let count = REGIONS_AT_A_TIME.min(regions - first) as i64;
            for block in &self.head.blocks {
                floor.measure_block(block, [count, bins, bins]);
            }
        }
        floor.spent
    }
}

impl Floor {
    /// Computes a convolution on an input of this shape, and returns the shape of its output.
    fn measure(&mut self, layer: &Convolution, input: [i64; 4]) -> [i64; 4] {
        let device = self.device;
        let input =
            self.inputs.entry(input).or_insert_with(|| channels_last(&Tensor::rand(input, (Kind::Float, device))));
        wait_for(device);
        let started = Instant::now();
        let output = layer.forward(input);
        wait_for(device);
        self.spent += started.elapsed();
        shape(&output)
    }

    /// Computes the convolutions of a block on `[n, height, width]`; returns height and width of its output.
    fn measure_block(&mut self, block: &Block, [n, height, width]: [i64; 3]) -> [i64; 2] {
        let input = |layer: &Convolution, height, width| [n, layer.inputs(), height, width];
        if let Some(shortcut) = &block.shortcut {
            self.measure(shortcut, input(shortcut, height, width));
        }
        let [_, _, height, width] = self.measure(&block.reduce, input(&block.reduce, height, width));
        self.measure(&block.square, input(&block.square, height, width));
        self.measure(&block.expand, input(&block.expand, height, width));
        [height, width]
    }
}

/// Waits until a GPU has done what it was given.
fn wait_for(device: Device) {
    if let Device::Cuda(index) = device {
        tch::Cuda::synchronize(index as i64);
    }
}

fn shape(tensor: &Tensor) -> [i64; 4] {
    let size = tensor.size();
    [size[0], size[1], size[2], size[3]]
}
