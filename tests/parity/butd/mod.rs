//! Compares the detector with Caffe's results, over every file in the folder `butd` of the fixtures. Steps on the host are compared bit
//! for bit, the network within five times the noise of Caffe itself (the largest difference between its builds for other processors).

mod inputs;
mod networks;
mod steps;
