//! Walks a net of Caffe: its layers, one at a time, and their blobs.

use std::collections::HashMap;
use std::ops::Range;

use super::blob::BlobPlan;
use super::wire::{Field, Fields, LARGEST_MESSAGE, Payload};
use crate::error::damage_error;
use base::error::{Error, Result};

/// Maximum number of layers; ResNet-101 has 506.
const MOST_LAYERS: usize = 10_000;
/// Maximum number of blobs of a layer; a batch norm has three.
const MOST_BLOBS: usize = 100;
/// Maximum number of blobs of a net.
const MOST_TENSORS: usize = 20_000;
/// Maximum length of a layer's name in bytes.
const LONGEST_NAME: usize = 256;

/// Numbers of the fields of `NetParameter` and `LayerParameter`.
mod fields {
    pub(super) const NET_NAME: u32 = 1;
    /// Layers of the older type `V1LayerParameter`.
    pub(super) const V1_LAYERS: u32 = 2;
    pub(super) const LAYER: u32 = 100;
    pub(super) const LAYER_NAME: u32 = 1;
    pub(super) const BLOBS: u32 = 7;
}

/// A blob with the name of its tensor.
pub(super) struct NamedBlob {
    /// `<layer>/<blob>`.
    pub name: String,
    /// The blob.
    pub blob: BlobPlan,
}

/// Returns all blobs of the net in a file, in its order. All of the file is checked before anything is copied.
///
/// # Errors
/// Data if it is not a net, is damaged, or is larger than nets are.
pub(super) fn blobs(content: &[u8]) -> Result<Vec<NamedBlob>> {
    if content.len() > LARGEST_MESSAGE {
        return Err(Error::data(format!("it has {} bytes; protobuf's limit is {LARGEST_MESSAGE}", content.len()))
            .next("pass a .caffemodel that Caffe wrote"));
    }
    let mut net = Net::default();
    for field in Fields::new(content, &(0..content.len()), "the file") {
        let Field { number, at, payload } = field?;
        match (number, payload) {
            (fields::LAYER, Payload::Bytes(message)) => net.layer(content, message, at)?,
            (fields::V1_LAYERS, Payload::Bytes(_)) => return Err(v1_error(at)),
            (fields::NET_NAME, Payload::Varint(_)) => {
                return Err(Error::data(
                    "it is not a net of Caffe, but another of its files: a .solverstate or a mean image",
                )
                .next("pass the .caffemodel that was written beside it"));
            }
            (fields::NET_NAME, Payload::Bytes(_)) => {}
            (fields::NET_NAME | fields::V1_LAYERS | fields::LAYER, _) => {
                return Err(damage_error(format!("the field {number} at byte {at} does not have the type of Caffe")));
            }
            _ => {}
        }
    }
    if net.blobs.is_empty() {
        return Err(Error::data(format!("none of its {} layers holds weights", net.layers))
            .next("pass the .caffemodel of a trained net; if this one should be, download or write it again"));
    }
    Ok(net.blobs)
}

fn v1_error(at: usize) -> Error {
    Error::data("its layers are in Caffe's older format (V1LayerParameter, the field `layers`), which is not supported")
        .because(format!("the first of them is at byte {at}"))
        .next("convert it with Caffe's own tool: upgrade_net_proto_binary OLD.caffemodel NEW.caffemodel")
}

/// What is known of a net so far.
#[derive(Default)]
struct Net {
    /// Number of layers.
    layers: usize,
    /// The byte of each layer that has weights.
    named: HashMap<String, usize>,
    blobs: Vec<NamedBlob>,
}

impl Net {
    /// Adds the blobs of the layer in `message`, whose field is at byte `at`.
    fn layer(&mut self, content: &[u8], message: Range<usize>, at: usize) -> Result<()> {
        self.layers += 1;
        if self.layers > MOST_LAYERS {
            return Err(too_many(format!("it has more than {MOST_LAYERS} layers")));
        }
        let cannot = |e: Error| e.while_doing(format!("the layer at byte {at} is wrong"));
        let (name, count) = name_and_count(content, &message).map_err(cannot)?;
        if count == 0 {
            return Ok(());
        }
        let name = name_of(content, name).map_err(cannot)?;
        if let Some(first) = self.named.insert(name.to_owned(), at) {
            return Err(damage_error(format!("two layers with weights have the name {name:?}"))
                .because(format!("they are at bytes {first} and {at}")));
        }
        let mut index = 0;
        for field in Fields::new(content, &message, "the layer") {
            let Field { number: fields::BLOBS, at, payload: Payload::Bytes(blob) } = field? else { continue };
            if self.blobs.len() == MOST_TENSORS {
                return Err(too_many(format!("it has more than {MOST_TENSORS} blobs")));
            }
            let blob = BlobPlan::of(content, blob)
                .map_err(|e| e.while_doing(format!("blob {index} of the layer {name:?}, at byte {at}, is wrong")))?;
            self.blobs.push(NamedBlob { name: format!("{name}/{index}"), blob });
            index += 1;
        }
        Ok(())
    }
}

/// Returns the place of a layer's name and the number of its blobs. The name may follow the blobs.
fn name_and_count(content: &[u8], message: &Range<usize>) -> Result<(Option<Range<usize>>, usize)> {
    let (mut name, mut count) = (None, 0);
    for field in Fields::new(content, message, "the layer") {
        let Field { number, at, payload } = field?;
        match (number, payload) {
            (fields::LAYER_NAME, Payload::Bytes(text)) if name.is_none() => name = Some(text),
            (fields::LAYER_NAME, Payload::Bytes(_)) => {
                return Err(damage_error(format!("it has a second name, at byte {at}")));
            }
            (fields::BLOBS, Payload::Bytes(_)) => {
                count += 1;
                if count > MOST_BLOBS {
                    return Err(too_many(format!("it has more than {MOST_BLOBS} blobs")));
                }
            }
            (fields::LAYER_NAME | fields::BLOBS, _) => {
                return Err(damage_error(format!("its field {number} at byte {at} does not have the type of Caffe")));
            }
            _ => {}
        }
    }
    Ok((name, count))
}

/// Returns the name of a layer with weights.
fn name_of(content: &[u8], name: Option<Range<usize>>) -> Result<&str> {
    let name = name.filter(|name| !name.is_empty()).ok_or_else(|| damage_error("it has weights, but no name"))?;
    if name.len() > LONGEST_NAME {
        return Err(damage_error(format!("its name has {} bytes; at most {LONGEST_NAME} are supported", name.len())));
    }
    let start = name.start;
    std::str::from_utf8(&content[name])
        .map_err(|e| damage_error(format!("its name, at byte {start}, is not UTF-8")).because(e))
}

fn too_many(what: String) -> Error {
    Error::data(what).next("do not trust this file: no net of Caffe is so large")
}
