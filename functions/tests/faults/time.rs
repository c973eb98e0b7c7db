//! Time as the SDK has it, in which nobody waits: it moves on when nothing else can happen.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use aws_sdk_dynamodb::config::{AsyncSleep, Sleep};

/// The SDK's clock. A sleep is over when its moment has come; it comes at once where no request is under way (a wait before
/// the next try), and where each one that is will not be answered.
#[derive(Debug, Clone, Default)]
pub(crate) struct Time(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    now: Duration,
    /// Requests that are under way.
    open: usize,
    /// Those of them that nobody answers.
    silent: usize,
    /// Who looks again when something has happened.
    waiting: Vec<Waker>,
    /// The ends of the sleeps that there are.
    ends: BTreeMap<u64, Duration>,
    next: u64,
}

impl Time {
    /// Since the beginning.
    pub(crate) fn now(&self) -> Duration {
        self.0.lock().unwrap().now
    }

    /// A request is under way until this is dropped.
    pub(crate) fn request(&self) -> Open {
        self.0.lock().unwrap().open += 1;
        Open(self.clone())
    }

    /// Nobody answers this request: when that is so of all that are under way, time goes on to the first end of a sleep.
    pub(crate) fn silence(&self) -> impl Future<Output = ()> + use<> {
        self.0.lock().unwrap().silent += 1;
        let silent = Silent(self.clone());
        std::future::poll_fn(move |context| {
            let mut state = silent.0.0.lock().unwrap();
            let end = state.ends.values().min().copied().filter(|end| *end > state.now && state.silent == state.open);
            if let Some(end) = end {
                state.now = end;
                state.wake();
            }
            state.waiting.push(context.waker().clone());
            Poll::Pending
        })
    }
}

impl State {
    fn wake(&mut self) {
        self.waiting.drain(..).for_each(Waker::wake);
    }
}

struct Silent(Time);

impl Drop for Silent {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().silent -= 1;
    }
}

/// A request under way.
pub(crate) struct Open(Time);

impl Drop for Open {
    fn drop(&mut self) {
        let mut state = self.0.0.lock().unwrap();
        state.open -= 1;
        state.wake();
    }
}

impl AsyncSleep for Time {
    fn sleep(&self, duration: Duration) -> Sleep {
        let mut state = self.0.lock().unwrap();
        let (id, end) = (state.next, state.now + duration);
        state.next += 1;
        state.ends.insert(id, end);
        Sleep::new(Nap { time: self.clone(), id, end })
    }
}

struct Nap {
    time: Time,
    id: u64,
    end: Duration,
}

impl Future for Nap {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.time.0.lock().unwrap();
        if state.open == 0 {
            state.now = state.now.max(self.end);
        }
        if state.now >= self.end {
            return Poll::Ready(());
        }
        state.waiting.push(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Nap {
    fn drop(&mut self) {
        self.time.0.lock().unwrap().ends.remove(&self.id);
    }
}
