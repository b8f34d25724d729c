//! The place that a person gives a task in the queue.
//!
//! A place is a time: a task is put before another by being taken for one that waits for longer. So it
//! ages like the tasks around it, and the order needs no numbers that would have to be given anew.

use chrono::{DateTime, TimeDelta, Utc};

use super::decide::Decision;
use super::{Action, Refusal, Status, Task, TaskEvent};
use crate::domain::id::TaskId;

/// Places are told apart to the microsecond, as the databases keep them.
const STEP: TimeDelta = TimeDelta::microseconds(1);

/// A task and the place it has, or is to get.
pub type Placed = (TaskId, DateTime<Utc>);

impl Task {
    pub(super) fn rank(&self, place: DateTime<Utc>) -> Decision {
        self.allow(Action::Edit)?;
        if !matches!(self.status, Status::Queued { .. }) {
            return Err(Refusal::NotQueued);
        }
        if self.place == Some(place) {
            return Ok(Vec::new());
        }
        Ok(vec![TaskEvent::TaskRanked { place }])
    }
}

/// The new places that put `task` before `next`, or at the end without one: its own, and those of tasks
/// behind it for which there was no room. `line` is in order, by place and then by id.
pub fn moved(line: &[Placed], task: TaskId, next: Option<TaskId>) -> Vec<Placed> {
    if next == Some(task) {
        return Vec::new();
    }
    let rest: Vec<Placed> = line.iter().filter(|(id, _)| *id != task).copied().collect();
    let index = next.map_or(Some(rest.len()), |next| {
        rest.iter().position(|(id, _)| *id == next)
    });
    let Some(index) = index else {
        return Vec::new();
    };
    let (before, behind) = rest.split_at(index);
    let before = before.last().map(|(_, place)| *place);
    let place = match (before, behind.first().map(|(_, place)| *place)) {
        (None, None) => return Vec::new(),
        (None, Some(behind)) => behind - TimeDelta::milliseconds(1),
        (Some(before), None) => before + TimeDelta::milliseconds(1),
        (Some(before), Some(behind)) => between(before, behind),
    };
    let mut places = vec![(task, place)];
    let mut last = place;
    for (id, place) in behind {
        if *place > last {
            break;
        }
        last += STEP;
        places.push((*id, last));
    }
    places
}

/// In the middle, but later than the first.
fn between(first: DateTime<Utc>, second: DateTime<Utc>) -> DateTime<Utc> {
    first + ((second - first) / 2).max(STEP)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(number: usize) -> TaskId {
        TaskId::from_uuid(Uuid::from_u128(number as u128))
    }

    fn ordered(mut line: Vec<Placed>) -> Vec<Placed> {
        line.sort_by_key(|(id, place)| (*place, *id));
        line
    }

    /// Places that are close together or the same.
    fn lines() -> impl Strategy<Value = Vec<Placed>> {
        prop::collection::vec(0..4_i64, 1..12).prop_map(|micros| {
            let placed = micros.into_iter().enumerate().map(|(number, micros)| {
                (id(number), DateTime::from_timestamp_micros(micros).unwrap())
            });
            ordered(placed.collect())
        })
    }

    proptest! {
        #[test]
        fn a_task_gets_the_place_it_is_given_and_the_others_keep_their_order(
            line in lines(),
            task in 0..12_usize,
            next in prop::option::of(0..12_usize),
        ) {
            let (task, next) = (id(task % line.len()), next.map(|next| id(next % line.len())));
            let mut expected: Vec<TaskId> = line.iter().map(|(id, _)| *id).collect();
            if next != Some(task) {
                expected.retain(|id| *id != task);
                let index = next.and_then(|next| expected.iter().position(|id| *id == next));
                expected.insert(index.unwrap_or(expected.len()), task);
            }
            let mut places: BTreeMap<_, _> = line.iter().copied().collect();
            places.extend(moved(&line, task, next));
            let after = ordered(places.into_iter().collect());
            let after: Vec<TaskId> = after.into_iter().map(|(id, _)| id).collect();
            prop_assert_eq!(after, expected);
        }
    }

    #[test]
    fn where_there_is_room_only_the_task_itself_is_moved() {
        let at = |seconds| DateTime::from_timestamp_secs(seconds).unwrap();
        let line = [(id(1), at(10)), (id(2), at(20)), (id(3), at(30))];
        assert_eq!(moved(&line, id(3), Some(id(2))), [(id(3), at(15))]);
        assert_eq!(moved(&line, id(9), Some(id(8))), []);
    }
}
