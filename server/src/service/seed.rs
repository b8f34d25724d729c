//! Ids of requests that may come again.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::{Builder, Uuid};

use super::Service;

/// After so long a key stands for another request, as the store has it.
const REPEATABLE: TimeDelta = TimeDelta::hours(24);

/// How many ids one seed gives over the years.
const GENERATIONS: u8 = 100;

/// What the ids follow from that a request gives: the same seed is the same request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub [u8; 32]);

/// An id for what a request makes.
pub(super) enum Given<T> {
    /// Nothing bears it yet.
    New(Uuid),
    /// The request came before, and this is what it made.
    Before(T),
}

impl Seed {
    /// The ids that follow from the seed; the first that nothing older than a day bears is the one.
    pub(super) fn ids(self) -> impl Iterator<Item = Uuid> {
        (0..GENERATIONS).map(move |generation| self.id(generation))
    }

    /// The id of what is made once and for all.
    pub(super) fn first(self) -> Uuid {
        self.id(0)
    }

    fn id(self, generation: u8) -> Uuid {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.0[..16]);
        bytes[15] ^= generation;
        Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// Whether what was made then, under an id that follows from a seed, was made by the same request.
pub(super) fn is_repetition(made: DateTime<Utc>) -> bool {
    Utc::now() - made < REPEATABLE
}

impl Service {
    /// A new id, or the one that follows from the request's seed with what bears it already.
    /// `find` tells that and when it was made.
    pub(super) fn give_id<T>(&self, find: impl Fn(Uuid) -> Option<(T, DateTime<Utc>)>) -> Given<T> {
        for id in self.seed.into_iter().flat_map(Seed::ids) {
            match find(id) {
                None => return Given::New(id),
                Some((made, at)) if is_repetition(at) => return Given::Before(made),
                Some(_) => {}
            }
        }
        Given::New(Uuid::now_v7())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_a_seed_are_uuids_that_differ() {
        let seed = Seed([0xff; 32]);
        let ids: std::collections::BTreeSet<_> = (0..GENERATIONS).map(|n| seed.id(n)).collect();
        assert_eq!(ids.len(), usize::from(GENERATIONS));
        assert!(ids.iter().all(|id| id.get_version_num() == 8));
    }
}
