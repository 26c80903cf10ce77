//! Whose connections are kept: those of the hosts that were asked last, as far as open files go.
//!
//! A client closes what is idle when nobody holds it any more. How many connections it has is not told, but
//! no more than it had requests at once; the sum over all hosts stays within a bound, and whoever has been
//! idle the longest goes first. Pure but for what dropping a client does.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;

/// Most clients that are kept: each takes some memory, and a list may name any number of hosts.
const MOST_CLIENTS: usize = 1_000;

/// Clients by what they are for.
#[derive(Debug)]
pub(super) struct Warm<K, C> {
    /// Most connections, idle or not.
    most: usize,
    current: HashMap<K, u64>,
    /// By number: the current ones, and those that only wait for the end of their last request.
    clients: HashMap<u64, Counted<C>>,
    next: u64,
    /// Connections of all clients, at most.
    open: usize,
    /// Of these, those of clients that are not current any more.
    leaving: usize,
}

#[derive(Debug)]
struct Counted<C> {
    client: C,
    in_use: usize,
    /// The most requests that it had at once.
    peak: usize,
    /// When it was last taken, in numbers of takings.
    taken: u64,
    is_current: bool,
}

impl<K: Clone + Eq + Hash, C: Clone> Warm<K, C> {
    /// None so far; connections are to be at most so many.
    pub(super) fn new(most: usize) -> Self {
        Self { most, current: HashMap::new(), clients: HashMap::new(), next: 0, open: 0, leaving: 0 }
    }

    /// The client for `key`, for one request; its number gives it back.
    ///
    /// # Errors
    /// Those of `make`.
    pub(super) fn take<E>(&mut self, key: &K, make: impl FnOnce() -> Result<C, E>) -> Result<(C, u64), E> {
        self.next += 1;
        let taken = self.next;
        let number = self.current.get(key).copied().unwrap_or(taken);
        let counted = match self.clients.entry(number) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let client = Counted { client: make()?, in_use: 0, peak: 0, taken, is_current: true };
                self.current.insert(key.clone(), number);
                new.insert(client)
            }
        };
        counted.in_use += 1;
        counted.taken = taken;
        if counted.in_use > counted.peak {
            counted.peak = counted.in_use;
            self.open += 1;
        }
        Ok((counted.client.clone(), number))
    }

    /// A request through the client with this number has ended.
    pub(super) fn give_back(&mut self, number: u64) {
        let Some(counted) = self.clients.get_mut(&number) else { return };
        counted.in_use = counted.in_use.saturating_sub(1);
        if counted.in_use == 0 && !counted.is_current {
            self.leaving = self.leaving.saturating_sub(counted.peak);
            self.remove(number);
        }
    }

    /// The bound on connections.
    pub(super) const fn most(&self) -> usize {
        self.most
    }

    /// Whether more connections may be open than should be.
    pub(super) const fn is_over(&self) -> bool {
        self.open.saturating_sub(self.leaving) > self.most
    }

    /// Lets go of clients until what is open is within the bound, but not of the one with the number
    /// `but`.
    pub(super) fn shed(&mut self, but: u64) {
        while self.is_over() || self.current.len() > MOST_CLIENTS {
            let others = self.current.iter().filter(|(_, number)| **number != but);
            // One that is idle closes its connections now; one that is busy, with its last request.
            let order = |number| {
                self.clients.get(number).map(|counted| match counted.in_use {
                    0 => (0, 0, counted.taken),
                    busy => (1, usize::MAX - (counted.peak - busy), counted.taken),
                })
            };
            let oldest = others.min_by_key(|(_, number)| order(number)).map(|(key, _)| key.clone());
            let Some(key) = oldest else { break };
            if !self.let_go(&key) {
                break;
            }
        }
    }

    /// Lets go of all: there is no file left to open.
    pub(super) fn shed_all(&mut self) {
        let keys: Vec<_> = self.current.keys().cloned().collect();
        for key in keys {
            self.let_go(&key);
        }
    }

    /// False if that would close nothing.
    fn let_go(&mut self, key: &K) -> bool {
        let Some(number) = self.current.get(key).copied() else { return false };
        let Some(counted) = self.clients.get_mut(&number) else { return false };
        if counted.in_use == counted.peak {
            return false;
        }
        self.current.remove(key);
        if counted.in_use == 0 {
            self.remove(number);
        } else {
            counted.is_current = false;
            self.leaving += counted.peak;
        }
        true
    }

    fn remove(&mut self, number: u64) {
        if let Some(counted) = self.clients.remove(&number) {
            self.open = self.open.saturating_sub(counted.peak);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;

    type Clients = Warm<u32, Arc<u32>>;

    fn take(warm: &mut Clients, key: u32) -> u64 {
        let Ok((_, number)) = warm.take(&key, || Ok::<_, Infallible>(Arc::new(key)));
        warm.shed(number);
        number
    }

    fn kept(warm: &Clients) -> Vec<u32> {
        let mut keys: Vec<_> = warm.current.keys().copied().collect();
        keys.sort_unstable();
        keys
    }

    #[test]
    fn hosts_that_were_idle_the_longest_lose_their_connections_first() {
        let mut warm = Clients::new(3);
        for key in [1, 2, 3, 1, 4] {
            let number = take(&mut warm, key);
            warm.give_back(number);
        }
        assert_eq!((kept(&warm), warm.open), (vec![1, 3, 4], 3));
    }

    #[test]
    fn connections_are_counted_by_the_most_requests_at_once() {
        let mut warm = Clients::new(4);
        let numbers: Vec<_> = (0..3).map(|_| take(&mut warm, 1)).collect();
        assert!(numbers.iter().all(|number| *number == numbers[0]), "{numbers:?}");
        numbers.into_iter().for_each(|number| warm.give_back(number));
        let one = take(&mut warm, 2);
        assert_eq!(kept(&warm), [1, 2], "three and one are four");
        take(&mut warm, 2);
        assert_eq!((kept(&warm), warm.open), (vec![2], 2));
        warm.give_back(one);
        assert_eq!(warm.open, 2, "a connection that is idle is open");
    }

    #[test]
    fn a_busy_host_closes_what_is_idle_when_its_last_request_ends() {
        let mut warm = Clients::new(3);
        let numbers: Vec<_> = (0..3).map(|_| take(&mut warm, 1)).collect();
        numbers[1..].iter().for_each(|number| warm.give_back(*number));
        take(&mut warm, 2);
        assert_eq!((kept(&warm), warm.open), (vec![2], 4), "its three are closed with its last request");
        let other = take(&mut warm, 1);
        assert_ne!(other, numbers[0], "and new requests get a new client");
        warm.give_back(numbers[0]);
        assert_eq!((kept(&warm), warm.open, warm.leaving), (vec![1, 2], 2, 0));
    }

    #[test]
    fn where_all_connections_are_in_use_nobody_loses_any() {
        let mut warm = Clients::new(2);
        for key in 1..=5 {
            take(&mut warm, key);
        }
        assert_eq!((kept(&warm), warm.open), (vec![1, 2, 3, 4, 5], 5));
    }

    #[test]
    fn the_number_of_clients_is_bounded_too() {
        let mut warm = Clients::new(usize::MAX);
        for key in 0..3_000 {
            let number = take(&mut warm, key);
            warm.give_back(number);
        }
        assert_eq!((warm.current.len(), warm.clients.len()), (MOST_CLIENTS, MOST_CLIENTS));
    }

    proptest! {
        #[test]
        fn counts_add_up_whatever_happens(
            most in 0usize..20,
            events in prop::collection::vec((0u32..8, 0u8..10), 0..300),
        ) {
            let mut warm = Clients::new(most);
            let mut out = Vec::new();
            for (key, event) in events {
                match event {
                    0..5 => out.push(take(&mut warm, key)),
                    5..9 if !out.is_empty() => warm.give_back(out.swap_remove(key as usize % out.len())),
                    5..9 => {}
                    _ => warm.shed_all(),
                }
                let peaks: usize = warm.clients.values().map(|counted| counted.peak).sum();
                let gone = warm.clients.values().filter(|counted| !counted.is_current);
                prop_assert_eq!(warm.open, peaks);
                prop_assert_eq!(warm.leaving, gone.map(|counted| counted.peak).sum::<usize>());
                let in_use: usize = warm.clients.values().map(|counted| counted.in_use).sum();
                prop_assert_eq!(in_use, out.len());
            }
            out.into_iter().for_each(|number| warm.give_back(number));
            prop_assert_eq!(warm.clients.len(), warm.current.len());
        }
    }
}
