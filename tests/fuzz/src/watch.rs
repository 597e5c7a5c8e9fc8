//! The watcher: one worker per target, killed at the deadline, and replaced after a crash or hang.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Target, repository};

/// Time limit for one input, with a margin for a busy machine.
const HANG: Duration = Duration::from_secs(20);
/// Number of anomalies after which a target stops.
const ENOUGH: usize = 10;

/// A process that tries inputs.
struct Worker {
    child: Child,
    /// Receives the seed of each input before the trial.
    seeds: Receiver<u64>,
}

/// The end of a worker.
enum End {
    Time,
    Crash(String),
    Hang,
}

/// The result of a target.
struct Tried {
    inputs: u64,
    anomalies: Vec<PathBuf>,
}

/// Runs all targets for the given time; returns the number of anomalies.
pub(crate) fn run(time: Duration, seed: u64) -> Result<usize, String> {
    let folder = repository("target/fuzz");
    std::fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let until = Instant::now() + time;
    let tried = thread::scope(|scope| {
        let folder = &folder;
        let watchers = Target::ALL.map(|target| scope.spawn(move || watch(target, seed, until, folder)));
        watchers.map(|watcher| watcher.join().map_err(|_| "a watcher panicked".to_owned()).flatten())
    });
    let mut anomalies = 0;
    for (target, tried) in Target::ALL.into_iter().zip(tried) {
        let Tried { inputs, anomalies: found } = tried?;
        eprintln!("fuzz: {}: {inputs} inputs from seed {seed}, {} anomalies", target.as_str(), found.len());
        for file in &found {
            eprintln!("fuzz: try it again with: fuzz replay {} {}", target.as_str(), file.display());
        }
        if inputs == 0 {
            return Err(format!("{}: not one input was tried", target.as_str()));
        }
        anomalies += found.len();
    }
    Ok(anomalies)
}

fn watch(target: Target, seed: u64, until: Instant, folder: &Path) -> Result<Tried, String> {
    let current = folder.join(format!("{}-current", target.as_str()));
    let mut tried = Tried { inputs: 0, anomalies: Vec::new() };
    let mut next = seed;
    while tried.anomalies.len() < ENOUGH {
        let mut worker = Worker::start(target, next, &current)?;
        let (end, last) = worker.follow(until, &mut tried.inputs);
        let how = match end {
            End::Time => break,
            End::Crash(words) => {
                // A crash before the first input is not the fault of an input.
                let last = last.ok_or_else(|| format!("{} cannot be tried: {words}", target.as_str()))?;
                eprintln!("fuzz: {}: the input of seed {last} fails: {words}", target.as_str());
                "crash"
            }
            End::Hang => {
                eprintln!("fuzz: {}: an input takes longer than {} seconds", target.as_str(), HANG.as_secs());
                "hang"
            }
        };
        let last = last.unwrap_or(next);
        let kept = folder.join(format!("{}-{how}-{last}", target.as_str()));
        std::fs::rename(&current, &kept).map_err(|error| format!("{}: {error}", kept.display()))?;
        tried.anomalies.push(kept);
        next = last + 1;
    }
    Ok(tried)
}

impl Worker {
    fn start(target: Target, seed: u64, current: &Path) -> Result<Self, String> {
        let program = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut child = Command::new(program)
            .args(["work", target.as_str(), &seed.to_string()])
            .arg(current)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("a worker cannot be started: {error}"))?;
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (sender, seeds) = mpsc::channel();
        thread::spawn(move || {
            for seed in lines.map_while(Result::ok).filter_map(|line| line.parse().ok()) {
                if sender.send(seed).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, seeds })
    }

    /// Waits for the end of the worker or the deadline, then kills the worker. Returns the seed of the last input.
    fn follow(&mut self, until: Instant, inputs: &mut u64) -> (End, Option<u64>) {
        let mut last = None;
        let end = loop {
            let left = until.saturating_duration_since(Instant::now());
            match self.seeds.recv_timeout(left.min(HANG)) {
                Ok(seed) => {
                    last = Some(seed);
                    *inputs += 1;
                }
                // Less time is left than the limit of a hang, so the current input may still be valid.
                Err(RecvTimeoutError::Timeout) if left < HANG => break End::Time,
                Err(RecvTimeoutError::Timeout) => break End::Hang,
                Err(RecvTimeoutError::Disconnected) => break End::Crash(String::new()),
            }
        };
        let _ = self.child.kill();
        let status = self.child.wait();
        let end = match end {
            End::Crash(_) => {
                let mut words = String::new();
                if let Some(mut errors) = self.child.stderr.take() {
                    let _ = errors.read_to_string(&mut words);
                }
                End::Crash(format!("{} {}", status.map_or_else(|e| e.to_string(), |s| s.to_string()), words.trim()))
            }
            end => end,
        };
        (end, last)
    }
}
