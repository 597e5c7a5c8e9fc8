//! A running worker, seen from costwarden: sends requests, receives messages, and ends the worker at its limits.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::param::page_size;
use serde::de::DeserializeOwned;

use super::fault::WorkerFault;
use super::starter::StartedProcess;
use super::time_account::TimeAccount;
use crate::compile::processor_time;
use crate::protocol::{HEADER_BYTES, decode, payload_bytes, split};
use crate::stop::is_stopped;

/// Pause between two readings of the memory of a worker at work.
const READING_PAUSE: Duration = Duration::from_millis(50);
/// Attempts and pause while a process that closed its socket ends.
const END_ATTEMPTS: u32 = 200;
const END_PAUSE: Duration = Duration::from_millis(5);
/// Bytes read at once from the socket.
const BUFFER_BYTES: usize = 128 * 1024;

/// The limits of costwarden on a worker.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkerLimits {
    /// Bytes of the memory of the process.
    pub(super) memory_bytes: u64,
    /// Bytes of a message.
    pub(super) message_bytes: usize,
}

/// A running worker. Dropping the worker ends the process.
pub(super) struct Worker {
    socket: BufReader<UnixStream>,
    /// Nothing for a worker on a thread of this process.
    process: Option<StartedProcess>,
    limits: WorkerLimits,
    time: BookedTime,
    /// The last reading of the memory and the time.
    watched_at: Instant,
}

/// The processor time of a worker.
#[derive(Debug, Clone, Copy, Default)]
struct BookedTime {
    /// Time before the calls that are not booked.
    booked: Duration,
    /// Allowance of the calls that are not booked.
    allowed: Duration,
    /// Time at which the account of the plugin ends; nothing between calls.
    end: Option<Duration>,
    /// Time at which the call ends, for a call with a limit of its own.
    call_end: Option<Duration>,
}

impl Worker {
    /// Takes over the parent's end of the socket and the process.
    pub(super) fn new(socket: UnixStream, process: Option<StartedProcess>, limits: WorkerLimits) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self {
            socket: BufReader::with_capacity(BUFFER_BYTES, socket),
            process,
            limits,
            time: BookedTime::default(),
            watched_at: Instant::now(),
        })
    }

    /// Limits the processor time until the account starts: the load of the plugin.
    pub(super) fn begin_setup(&mut self, limit: Duration) {
        self.time.call_end = self.processor_time().map(|now| now + limit);
    }

    /// Leaves the processor time until now out of account: the start of the worker.
    pub(super) fn start_account(&mut self) {
        self.time = BookedTime { booked: self.processor_time().unwrap_or_default(), ..BookedTime::default() };
    }

    /// Limits the processor time of a call to the rest of the account, and to the given time.
    pub(super) fn begin_call(&mut self, account: &TimeAccount, limit: Option<Duration>) {
        let BookedTime { booked, allowed, .. } = self.time;
        self.time.end = Some(booked + allowed + account.left());
        self.time.call_end = limit.and_then(|limit| Some(self.processor_time()? + limit));
    }

    /// Books the processor time of the last calls. A call that was shorter by the clock than its allowance is booked later.
    pub(super) fn end_call(&mut self, account: &TimeAccount, elapsed: Duration, allowance: Duration) {
        self.time.end = None;
        self.time.call_end = None;
        self.time.allowed += allowance;
        if elapsed > allowance
            && let Some(now) = self.processor_time()
        {
            account.book(now.saturating_sub(self.time.booked), self.time.allowed);
            self.time = BookedTime { booked: now, ..BookedTime::default() };
        }
    }

    fn processor_time(&self) -> Option<Duration> {
        processor_time(&read_again(self.process.as_ref()?.time.as_ref()?)?)
    }

    /// Sends an encoded message.
    pub(super) fn send(&mut self, message: &[u8], deadline: Instant) -> Result<(), WorkerFault> {
        let mut left = message;
        while !left.is_empty() {
            match self.socket.get_mut().write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.wait(PollFlags::OUT, deadline)?,
                Err(_) => return Err(self.ended()),
            }
        }
        Ok(())
    }

    /// Receives a payload of a single message.
    pub(super) fn receive<T: DeserializeOwned>(&mut self, deadline: Instant) -> Result<T, WorkerFault> {
        let payload = self.receive_payload(deadline)?;
        decode(&payload).map_err(|error| WorkerFault::Message(error.to_string()))
    }

    /// Receives a message and the bytes behind the message in its payload.
    pub(super) fn receive_with_rest<T: DeserializeOwned>(
        &mut self,
        deadline: Instant,
    ) -> Result<(T, Vec<u8>), WorkerFault> {
        let mut payload = self.receive_payload(deadline)?;
        let (message, rest) = split(&payload).map_err(|error| WorkerFault::Message(error.to_string()))?;
        let start = payload.len() - rest.len();
        payload.drain(..start);
        Ok((message, payload))
    }

    fn receive_payload(&mut self, deadline: Instant) -> Result<Vec<u8>, WorkerFault> {
        let mut header = [0; HEADER_BYTES];
        self.fill(&mut header, deadline)?;
        let bytes = payload_bytes(header);
        if bytes > self.limits.message_bytes {
            return Err(WorkerFault::Message(format!("of {bytes} bytes")));
        }
        let mut payload = vec![0; bytes];
        self.fill(&mut payload, deadline)?;
        Ok(payload)
    }

    fn fill(&mut self, bytes: &mut [u8], deadline: Instant) -> Result<(), WorkerFault> {
        let mut filled = 0;
        while filled < bytes.len() {
            if self.socket.buffer().is_empty() {
                self.wait(PollFlags::IN, deadline)?;
            }
            match self.socket.read(&mut bytes[filled..]) {
                Ok(0) => return Err(self.ended()),
                Ok(read) => filled += read,
                Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::WouldBlock) => {}
                Err(_) => return Err(self.ended()),
            }
        }
        Ok(())
    }

    /// Waits until the socket is ready, and watches the clock and the memory of the worker.
    fn wait(&mut self, ready: PollFlags, deadline: Instant) -> Result<(), WorkerFault> {
        loop {
            if is_stopped() {
                return Err(WorkerFault::Stopped);
            }
            // By the clock, because a worker that always sends is always ready.
            if self.watched_at.elapsed() >= READING_PAUSE {
                self.watched_at = Instant::now();
                self.check_memory()?;
                self.check_time()?;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WorkerFault::TimedOut);
            }
            let timeout = Timespec::try_from(left.min(READING_PAUSE)).expect("a short time");
            let socket = self.socket.get_ref().as_fd();
            match poll(&mut [PollFd::from_borrowed_fd(socket, ready)], Some(&timeout)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => return Ok(()),
                Err(error) => return Err(WorkerFault::Ended(format!("cannot be waited for: {error}"))),
            }
        }
    }

    fn check_memory(&self) -> Result<(), WorkerFault> {
        let memory = self.process.as_ref().and_then(|started| started.memory.as_ref());
        let used = memory.and_then(resident_bytes);
        let limit = self.limits.memory_bytes;
        if used.is_some_and(|used| used > limit) { Err(WorkerFault::Memory(limit)) } else { Ok(()) }
    }

    fn check_time(&self) -> Result<(), WorkerFault> {
        let BookedTime { end, call_end, .. } = self.time;
        if end.or(call_end).is_none() {
            return Ok(());
        }
        match self.processor_time() {
            Some(now) if end.is_some_and(|end| now > end) => Err(WorkerFault::AllTime),
            Some(now) if call_end.is_some_and(|end| now > end) => Err(WorkerFault::CallTime),
            _ => Ok(()),
        }
    }

    /// Returns the fault of a worker that closed the socket.
    fn ended(&mut self) -> WorkerFault {
        let Some(StartedProcess { process, .. }) = &mut self.process else {
            return WorkerFault::Ended("ended".to_owned());
        };
        for _ in 0..END_ATTEMPTS {
            match process.try_wait() {
                Ok(Some(status)) => return WorkerFault::Ended(end_text(status)),
                Ok(None) => thread::sleep(END_PAUSE),
                Err(error) => return WorkerFault::Ended(format!("cannot be waited for: {error}")),
            }
        }
        WorkerFault::Ended("closed its socket".to_owned())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if let Some(StartedProcess { process, .. }) = &mut self.process {
            // An error means that the process has ended.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn end_text(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) => format!("was ended by signal {signal}"),
        None => format!("ended with exit code {}", status.code().unwrap_or_default()),
    }
}

/// Returns the resident memory in an open `statm` of a process, in bytes. A process that has ended has none.
fn resident_bytes(statm: &File) -> Option<u64> {
    let resident: u64 = read_again(statm)?.split(' ').nth(1)?.parse().ok()?;
    Some(resident.saturating_mul(page_size() as u64))
}

/// Reads an open file of `/proc` from its start.
fn read_again(mut file: &File) -> Option<String> {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text)).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use std::os::fd::OwnedFd;
    use std::path::Path;
    use std::process::Command;

    use super::*;

    const LIMITS: WorkerLimits = WorkerLimits { memory_bytes: 1 << 30, message_bytes: 100 };

    /// Returns a shell script in place of a worker, with the socket as standard input and output.
    fn worker(script: &str, limits: WorkerLimits) -> Worker {
        let (ours, theirs) = UnixStream::pair().expect("a socket pair");
        let output = theirs.try_clone().expect("a clone");
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdin(OwnedFd::from(theirs)).stdout(OwnedFd::from(output));
        let started = StartedProcess::new(command.spawn().expect("started"));
        Worker::new(ours, Some(started), limits).expect("a worker")
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn fault(script: &str) -> String {
        worker(script, LIMITS).receive::<String>(soon()).expect_err("a fault").to_string()
    }

    #[test]
    fn a_worker_that_ends_is_reported_with_the_reason() {
        insta::assert_snapshot!(fault("exit 3"), @"ended with exit code 3");
        insta::assert_snapshot!(fault("kill -SEGV $$"), @"was ended by signal 11");
        insta::assert_snapshot!(fault(r"printf '\377\0\0\0'; exec sleep 1000"), @"sent a message outside the protocol (of 255 bytes)");
        insta::assert_snapshot!(fault(r"printf '\3\0\0\0\5ab'; exec sleep 1000"), @"sent a message outside the protocol (Hit the end of buffer, expected more data)");
        assert_eq!(worker(r"printf '\3\0\0\0\2ab'", LIMITS).receive::<String>(soon()).expect("a message"), "ab");
    }

    #[test]
    fn a_worker_without_an_answer_is_ended() {
        let deadline = Instant::now() + Duration::from_millis(200);
        let mut silent = worker(r"printf '\3\0'; exec sleep 1000", LIMITS);
        let process = silent.process.as_ref().expect("a process").process.id();
        assert!(matches!(silent.receive::<String>(deadline), Err(WorkerFault::TimedOut)));
        drop(silent);
        assert!(!Path::new(&format!("/proc/{process}")).exists(), "the process has ended");
        // A worker that does not read: the socket is full before the message ends.
        let mut deaf = worker("exec sleep 1000", LIMITS);
        let deadline = Instant::now() + Duration::from_millis(200);
        assert!(matches!(deaf.send(&vec![0; 64 << 20], deadline), Err(WorkerFault::TimedOut)));
    }

    #[test]
    fn a_worker_without_time_in_the_account_is_ended() {
        let mut endless = worker("while :; do :; done", LIMITS);
        endless.begin_call(&TimeAccount::new(0), None);
        let fault = endless.receive::<String>(soon()).expect_err("a fault");
        insta::assert_snapshot!(fault, @"used up the time of all calls");
    }

    #[test]
    fn a_call_without_processor_time_is_ended() {
        let mut endless = worker("while :; do :; done", LIMITS);
        endless.begin_call(&TimeAccount::new(60), Some(Duration::from_millis(100)));
        let fault = endless.receive::<String>(soon()).expect_err("a fault");
        insta::assert_snapshot!(fault, @"used up its processor time");
    }

    #[test]
    fn the_time_of_a_call_is_booked() {
        let account = TimeAccount::new(10);
        let mut endless = worker("while :; do :; done", LIMITS);
        while endless.processor_time().expect("shown") < Duration::from_millis(100) {
            thread::yield_now();
        }
        endless.end_call(&account, Duration::ZERO, Duration::from_millis(10));
        assert_eq!(account.left(), Duration::from_secs(10), "the call was short by the clock");
        endless.end_call(&account, Duration::from_secs(1), Duration::from_millis(10));
        assert!(account.left() <= Duration::from_millis(9_920), "{:?}", account.left());
    }

    #[test]
    fn a_worker_with_too_much_memory_is_ended() {
        let limits = WorkerLimits { memory_bytes: 1 << 10, ..LIMITS };
        let fault = worker("exec sleep 1000", limits).receive::<String>(soon()).expect_err("a fault");
        insta::assert_snapshot!(fault, @"used more than 1024 bytes of memory");
    }
}
