//! Reads a stream in one thread and passes it to several others in shared blocks. Each receiver gets every byte once, may be at
//! most a few blocks ahead of another, and memory does not grow with the stream.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::error::Error;

/// Bytes of a block.
const BLOCK: usize = 1 << 20;
/// Blocks that one receiver may be ahead of another.
const AHEAD: usize = 8;

type Block = Arc<Vec<u8>>;

/// Why a receiving thread ended early.
#[derive(Debug)]
pub enum FeedError {
    /// Another thread failed; its error is the one to show.
    Elsewhere,
    /// This thread failed.
    Failed(Error),
}

/// The side that reads the stream.
pub struct Relay {
    /// Receive blocks; `None` means that the stream ended without an error.
    receivers: Vec<SyncSender<Option<Block>>>,
    used: Receiver<Vec<u8>>,
}

/// The stream as one receiver gets it. It must be read to its end or dropped: until then the other receivers wait for it.
pub struct Feed {
    blocks: Receiver<Option<Block>>,
    used: Sender<Vec<u8>>,
    current: Option<(Block, usize)>,
    ended: bool,
}

/// Creates a relay to `N` receivers.
pub fn relay<const N: usize>() -> (Relay, [Feed; N]) {
    let (give_back, used) = channel();
    let mut receivers = Vec::with_capacity(N);
    let feeds = std::array::from_fn(|_| {
        let (send, blocks) = sync_channel(AHEAD);
        receivers.push(send);
        Feed { blocks, used: give_back.clone(), current: None, ended: false }
    });
    (Relay { receivers, used }, feeds)
}

impl Relay {
    /// Reads `source` to its end.
    ///
    /// # Errors
    /// If reading failed, or a receiver stopped.
    pub fn run(self, mut source: impl Read) -> Result<(), RelayError> {
        loop {
            let mut block = self.used.try_recv().unwrap_or_default();
            let ended = fill(&mut source, &mut block).map_err(RelayError::Source)?;
            if !block.is_empty() {
                self.hand_out(&Some(Arc::new(block)))?;
            }
            if ended {
                return self.hand_out(&None);
            }
        }
    }

    fn hand_out(&self, block: &Option<Block>) -> Result<(), RelayError> {
        self.receivers.iter().try_for_each(|receiver| receiver.send(block.clone())).map_err(|_| RelayError::Receiver)
    }
}

/// Why [`Relay::run`] ended early.
#[derive(Debug)]
pub enum RelayError {
    /// The source failed.
    Source(io::Error),
    /// A receiver is gone.
    Receiver,
}

/// Fills a block; returns true at the end of the source.
fn fill(source: &mut impl Read, block: &mut Vec<u8>) -> io::Result<bool> {
    block.resize(BLOCK, 0);
    let mut filled = 0;
    while filled < BLOCK {
        match source.read(&mut block[filled..]) {
            Ok(0) => {
                block.truncate(filled);
                return Ok(true);
            }
            Ok(read) => filled += read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(false)
}

impl Feed {
    /// Returns the next block; `None` at the end of the stream.
    pub fn next_block(&mut self) -> Result<Option<Block>, FeedError> {
        if self.ended {
            return Ok(None);
        }
        let block = self.blocks.recv().map_err(|_| FeedError::Elsewhere)?;
        self.ended = block.is_none();
        Ok(block)
    }

    /// Returns a block for reuse; it is filled again once no other receiver needs it.
    pub fn done_with(&self, block: Block) {
        if let Some(buffer) = Arc::into_inner(block) {
            let _ = self.used.send(buffer);
        }
    }
}

/// Reads the blocks as a stream. If another thread failed, the error has the kind `BrokenPipe`.
impl Read for Feed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some((block, at)) = &mut self.current {
                let rest = &block[*at..];
                if !rest.is_empty() || buffer.is_empty() {
                    let count = rest.len().min(buffer.len());
                    buffer[..count].copy_from_slice(&rest[..count]);
                    *at += count;
                    return Ok(count);
                }
            }
            if let Some((block, _)) = self.current.take() {
                self.done_with(block);
            }
            match self.next_block() {
                Ok(Some(block)) => self.current = Some((block, 0)),
                Ok(None) => return Ok(0),
                Err(_) => return Err(ErrorKind::BrokenPipe.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_receiver_gets_every_byte_once() {
        let text: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
        let (relay, [mut a, mut b]) = relay();
        std::thread::scope(|scope| {
            let read = scope.spawn(|| relay.run(text.as_slice()));
            let other = scope.spawn(move || {
                let mut all = Vec::new();
                while let Some(block) = b.next_block().unwrap() {
                    all.extend_from_slice(&block);
                    b.done_with(block);
                }
                all
            });
            let mut all = Vec::new();
            a.read_to_end(&mut all).unwrap();
            assert!(all == text && other.join().unwrap() == text && read.join().unwrap().is_ok());
        });
    }

    #[test]
    fn a_broken_stream_is_never_taken_for_its_end() {
        struct Fails(usize);
        impl Read for Fails {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or(ErrorKind::InvalidData)?;
                Ok(buffer.len())
            }
        }
        let (failing, [mut a, b]) = relay();
        // Dropped before anything is read: `a` receives nothing meanwhile, and the relay would wait for it after a few blocks.
        drop(b);
        assert!(matches!(failing.run(io::repeat(1)), Err(RelayError::Receiver)));
        let error = io::copy(&mut a, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let (failing, [mut a]) = relay();
        assert!(matches!(failing.run(Fails(2)), Err(RelayError::Source(_))));
        assert!(a.next_block().unwrap().is_some() && a.next_block().unwrap().is_some());
        assert!(matches!(a.next_block(), Err(FeedError::Elsewhere)));
    }
}
