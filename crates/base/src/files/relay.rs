//! One stream read in one thread and handed to others in shared blocks: each gets every byte once, none waits for the
//! others by more than a few blocks, and memory does not grow with the stream.

use std::io::{self, ErrorKind, Read};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};

use crate::error::Error;

/// Bytes of a block.
const BLOCK: usize = 1 << 20;
/// Blocks that one of the takers may be ahead of another.
const AHEAD: usize = 8;

type Block = Arc<Vec<u8>>;

/// Why a thread ended early.
#[derive(Debug)]
pub enum Stop {
    /// Another one failed: its error is the one to show.
    Elsewhere,
    /// This one failed.
    Failed(Error),
}

/// The reading side.
pub struct Relay {
    /// No block means that the stream has ended well.
    takers: Vec<SyncSender<Option<Block>>>,
    used: Receiver<Vec<u8>>,
}

/// What one of the takers gets. It must be read to its end or dropped: until then the others wait for its taker.
pub struct Feed {
    blocks: Receiver<Option<Block>>,
    used: Sender<Vec<u8>>,
    current: Option<(Block, usize)>,
    ended: bool,
}

/// A relay to `N` takers.
pub fn relay<const N: usize>() -> (Relay, [Feed; N]) {
    let (give_back, used) = channel();
    let mut takers = Vec::with_capacity(N);
    let feeds = std::array::from_fn(|_| {
        let (give, blocks) = sync_channel(AHEAD);
        takers.push(give);
        Feed { blocks, used: give_back.clone(), current: None, ended: false }
    });
    (Relay { takers, used }, feeds)
}

impl Relay {
    /// Reads `source` to its end.
    ///
    /// # Errors
    /// That reading failed, or that one of the takers stopped.
    pub fn run(self, mut source: impl Read) -> Result<(), Broken> {
        loop {
            let mut block = self.used.try_recv().unwrap_or_default();
            let ended = fill(&mut source, &mut block).map_err(Broken::Source)?;
            if !block.is_empty() {
                self.hand_out(&Some(Arc::new(block)))?;
            }
            if ended {
                return self.hand_out(&None);
            }
        }
    }

    fn hand_out(&self, block: &Option<Block>) -> Result<(), Broken> {
        self.takers.iter().try_for_each(|taker| taker.send(block.clone())).map_err(|_| Broken::Taker)
    }
}

/// Why [`Relay::run`] ended early.
#[derive(Debug)]
pub enum Broken {
    /// The source failed.
    Source(io::Error),
    /// Nobody takes the blocks any more.
    Taker,
}

/// Fills a block; true at the end of the source.
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
    /// The next block; none at the end of the stream.
    pub fn next_block(&mut self) -> Result<Option<Block>, Stop> {
        if self.ended {
            return Ok(None);
        }
        let block = self.blocks.recv().map_err(|_| Stop::Elsewhere)?;
        self.ended = block.is_none();
        Ok(block)
    }

    /// Gives a block back, to be filled again once nobody else needs it.
    pub fn done_with(&self, block: Block) {
        if let Some(buffer) = Arc::into_inner(block) {
            let _ = self.used.send(buffer);
        }
    }
}

/// For those who want a stream. That another thread failed is an error of kind `BrokenPipe`.
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
    fn everybody_gets_everything_once() {
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
    fn nobody_takes_a_broken_stream_for_its_end() {
        struct Fails(usize);
        impl Read for Fails {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.0 = self.0.checked_sub(1).ok_or(ErrorKind::InvalidData)?;
                Ok(buffer.len())
            }
        }
        let (failing, [mut a, b]) = relay();
        // Before anything is read: `a` takes nothing meanwhile, and would be waited for once it is a few blocks behind.
        drop(b);
        assert!(matches!(failing.run(io::repeat(1)), Err(Broken::Taker)));
        let error = io::copy(&mut a, &mut io::sink()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        let (failing, [mut a]) = relay();
        assert!(matches!(failing.run(Fails(2)), Err(Broken::Source(_))));
        assert!(a.next_block().unwrap().is_some() && a.next_block().unwrap().is_some());
        assert!(matches!(a.next_block(), Err(Stop::Elsewhere)));
    }
}
