//! Whose turn it is.

/// Goes round the streams. Each has one connection, whose sends are in order: over two, events of a stream
/// could overtake each other without anybody's fault.
pub(super) struct Turns {
    /// The next stream of each connection.
    next: Vec<u32>,
    streams: u32,
}

impl Turns {
    pub(super) fn new(connections: u32, streams: u32) -> Self {
        Self { next: (0..connections).collect(), streams }
    }

    /// Goes round more streams from here on.
    pub(super) fn widen(&mut self, streams: u32) {
        self.streams = streams;
    }

    /// The next stream of a connection.
    pub(super) fn next(&mut self, connection: u32) -> u32 {
        let connections = self.next.len() as u32;
        let next = &mut self.next[connection as usize];
        let stream = if *next < self.streams { *next } else { connection };
        *next = stream + connections;
        stream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_stream_has_its_turn_on_one_connection() {
        let mut turns = Turns::new(2, 5);
        let of_first: Vec<_> = (0..5).map(|_| turns.next(0)).collect();
        let of_second: Vec<_> = (0..3).map(|_| turns.next(1)).collect();
        assert_eq!((of_first, of_second), (vec![0, 2, 4, 0, 2], vec![1, 3, 1]));
    }
}
