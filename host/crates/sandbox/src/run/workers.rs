//! The running workers of a sandbox. All of them serve the same plugin: the workers of a plugin end before a worker of
//! another plugin starts.

use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::fault::WorkerFault;
use super::starter::Starter;
use super::worker::{Worker, WorkerLimits};
use crate::compile::pool;
use crate::compile::{AddressSpace, MachineCode, SandboxError};
use crate::core_module::NoCoreModule;
use crate::inspection::InspectedFile;
use crate::isolation::Isolation;
use crate::jail::Jail;
use crate::limits::Limits;
use crate::manifest::packed::PackedError;
use crate::protocol::{LoadedPlugin, Message, PluginSetup, Setup, SetupFault, encode};
use crate::worker::{HOST_STACK_BYTES, serve};

/// The code of a plugin, for the start of workers. Workers of the same image are equal.
pub(crate) struct Image(MachineCode);

/// The running workers.
pub(crate) struct Workers {
    limits: Arc<Limits>,
    isolation: Isolation,
    state: Mutex<State>,
    returned: Condvar,
    /// The last field: the workers end before the thread that started them.
    starter: Starter,
}

#[derive(Default)]
struct State {
    idle: Vec<(Arc<Image>, Worker)>,
    /// Workers that make a call.
    busy: usize,
    jail: Option<Jail>,
}

/// A worker during a call. The worker returns to the idle workers, or ends if the call ended the protocol.
pub(super) struct BusyWorker<'a> {
    workers: &'a Workers,
    image: Arc<Image>,
    worker: Option<Worker>,
}

/// Bytes of a worker besides the memories and the code of the plugin.
const PROCESS_BYTES: u64 = 64 << 20;
/// Bytes of a message besides the values that the plugin returns.
const MESSAGE_BYTES: usize = 64 * 1024;
/// Seconds for the start of a worker.
const START_SECONDS: u64 = 30;

impl Image {
    pub(crate) fn new(code: MachineCode) -> Self {
        Self(code)
    }

    pub(crate) fn code(&self) -> &MachineCode {
        &self.0
    }
}

impl Workers {
    pub(crate) fn new(limits: Arc<Limits>, isolation: Isolation) -> Result<Self, SandboxError> {
        let starter = Starter::new().map_err(|error| SandboxError::Thread(error.to_string()))?;
        Ok(Self { limits, isolation, state: Mutex::default(), returned: Condvar::new(), starter })
    }

    /// Starts a first worker of a plugin. Returns the properties of the plugin.
    pub(crate) fn load(&self, image: &Arc<Image>) -> Result<LoadedPlugin, SetupFault> {
        self.state().idle.clear();
        let (worker, loaded) = self.start(image)?;
        self.state().idle.push((Arc::clone(image), worker));
        Ok(loaded)
    }

    /// Adds an idle worker behind a socket, without a process.
    pub(crate) fn add_idle(&self, image: &Arc<Image>, socket: UnixStream) -> io::Result<()> {
        let worker = Worker::new(socket, None, self.worker_limits(0))?;
        self.state().idle.push((Arc::clone(image), worker));
        Ok(())
    }

    /// Returns a worker of a plugin. If no further worker can be started, waits for a worker at work.
    pub(super) fn take(&self, image: &Arc<Image>) -> Result<BusyWorker<'_>, SetupFault> {
        loop {
            if let Some(worker) = self.idle_worker(image) {
                return Ok(BusyWorker { workers: self, image: Arc::clone(image), worker: Some(worker) });
            }
            match self.start(image) {
                Ok((worker, _)) => {
                    self.state().busy += 1;
                    return Ok(BusyWorker { workers: self, image: Arc::clone(image), worker: Some(worker) });
                }
                Err(fault) => {
                    let state = self.state();
                    match (state.busy, state.idle.is_empty()) {
                        (0, true) => return Err(fault),
                        (_, true) => drop(self.returned.wait(state)),
                        (_, false) => {}
                    }
                }
            }
        }
    }

    /// Returns the jail of worker processes. Starts a process if none was started before. Returns nothing if workers are
    /// no processes or cannot be started.
    pub(crate) fn jail(&self) -> Option<Jail> {
        let known = self.state().jail;
        known.or_else(|| {
            drop(self.start_empty(0).ok()?);
            self.state().jail
        })
    }

    /// Checks a required jail with a worker, unless an earlier worker was in the jail.
    ///
    /// # Errors
    /// The kernel does not enforce a required jail, or the worker cannot be started.
    pub(crate) fn check_required_jail(&self) -> Result<(), SetupFault> {
        if matches!(self.isolation, Isolation::Processes { requires_jail: true, .. }) && self.state().jail.is_none() {
            drop(self.start_empty(0)?);
        }
        Ok(())
    }

    /// Takes an idle worker of the plugin. Ends the idle workers of other plugins.
    fn idle_worker(&self, image: &Arc<Image>) -> Option<Worker> {
        let mut state = self.state();
        state.idle.retain(|(idle, _)| Arc::ptr_eq(idle, image));
        let (_, worker) = state.idle.pop()?;
        state.busy += 1;
        Some(worker)
    }

    fn start(&self, image: &Image) -> Result<(Worker, LoadedPlugin), SetupFault> {
        let code = image.0.bytes();
        let mut worker = self.start_empty(code.len() as u64)?;
        let setup = Setup::Serve(PluginSetup { limits: (*self.limits).clone(), code });
        match self.set_up(&mut worker, &setup, START_SECONDS)? {
            Message::Ready(ready) => {
                worker.start_account();
                ready.map(|loaded| (worker, loaded))
            }
            _ => Err(WorkerFault::Message("instead of the end of the start".to_owned()).into()),
        }
    }

    /// Inspects a plugin file in a worker of its own.
    ///
    /// # Errors
    /// The worker cannot be started, or has a fault.
    pub(crate) fn inspect(&self, bytes: &[u8]) -> Result<Result<InspectedFile, PackedError>, SetupFault> {
        let mut worker = self.start_empty(bytes.len() as u64)?;
        match self.set_up(&mut worker, &Setup::Inspect(bytes), self.limits.call_seconds)? {
            Message::Inspected(inspected) => Ok(inspected),
            _ => Err(WorkerFault::Message("instead of an inspection".to_owned()).into()),
        }
    }

    /// Searches the core module of a plugin file in a worker of its own.
    ///
    /// # Errors
    /// The worker cannot be started, or has a fault.
    pub(crate) fn core_module(&self, bytes: &[u8]) -> Result<Result<Range<usize>, NoCoreModule>, SetupFault> {
        let mut worker = self.start_empty(bytes.len() as u64)?;
        match self.set_up(&mut worker, &Setup::CoreModule(bytes), self.limits.call_seconds)? {
            Message::CoreModule(place) => Ok(place),
            _ => Err(WorkerFault::Message("instead of the place of a module".to_owned()).into()),
        }
    }

    /// Sends the work to a worker and returns the answer. The worker has the processor time of `describe`.
    fn set_up(&self, worker: &mut Worker, setup: &Setup<'_>, seconds: u64) -> Result<Message, SetupFault> {
        let setup = encode(setup, None::<()>).map_err(|error| SetupFault::Host(error.to_string()))?;
        worker.begin_setup(Duration::from_secs(self.limits.describe_seconds()));
        let deadline = Instant::now() + Duration::from_secs(seconds);
        Ok(worker.send(&setup, deadline).and_then(|()| worker.receive(deadline))?)
    }

    /// Starts a worker without work. The worker may hold the given bytes twice.
    fn start_empty(&self, bytes: u64) -> Result<Worker, SetupFault> {
        match &self.isolation {
            Isolation::Processes { program, requires_jail } => self.start_process(program, *requires_jail, bytes),
            Isolation::InProcess => self.start_thread().map_err(|error| start_fault(&error)),
        }
    }

    fn start_process(&self, program: &Path, requires_jail: bool, bytes: u64) -> Result<Worker, SetupFault> {
        let memory_bytes = self.worker_memory(bytes);
        let (ours, theirs) = UnixStream::pair().map_err(|error| start_fault(&error))?;
        let mut command = Command::new(program);
        command
            .arg("run-plugin")
            .args(["--stack-bytes", &self.limits.stack_bytes.to_string()])
            .args(["--data-bytes", &memory_bytes.saturating_add(pool::data_bytes(&self.limits)).to_string()])
            .env_clear()
            .current_dir("/")
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = self.starter.start(command).map_err(|error| start_fault(&error))?;
        let worker = Worker::new(ours, Some(process), self.worker_limits(memory_bytes));
        let mut worker = worker.map_err(|error| start_fault(&error))?;
        let jail: Jail = worker.receive(Instant::now() + Duration::from_secs(START_SECONDS))?;
        if let Some(missing) = jail.missing().filter(|_| requires_jail) {
            return Err(SetupFault::Host(missing));
        }
        self.state().jail = Some(jail);
        Ok(worker)
    }

    fn start_thread(&self) -> io::Result<Worker> {
        let (ours, theirs) = UnixStream::pair()?;
        let space = AddressSpace::of_this_process();
        let thread = thread::Builder::new().name("worker".to_owned());
        // The thread ends when this side closes the socket.
        thread.stack_size(self.limits.stack_bytes + HOST_STACK_BYTES).spawn(move || serve(theirs, space))?;
        Worker::new(ours, None, self.worker_limits(0))
    }

    fn worker_limits(&self, memory_bytes: u64) -> WorkerLimits {
        WorkerLimits { memory_bytes, message_bytes: self.limits.output_bytes.saturating_add(MESSAGE_BYTES) }
    }

    /// Returns the memory of a worker: the memories of an instance, the returned values before and after their encoding,
    /// the code before and after its mapping, and the process.
    fn worker_memory(&self, code_bytes: u64) -> u64 {
        let limits = &self.limits;
        (limits.memory_bytes as u64)
            .saturating_add((limits.output_bytes as u64).saturating_mul(2))
            .saturating_add(code_bytes.saturating_mul(2))
            .saturating_add(PROCESS_BYTES)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // The lists stay consistent even if another thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BusyWorker<'_> {
    pub(super) fn worker(&mut self) -> &mut Worker {
        self.worker.as_mut().expect("present until the end of the call")
    }

    /// Ends the worker after a fault.
    pub(super) fn end(mut self) {
        self.worker = None;
    }
}

impl Drop for BusyWorker<'_> {
    fn drop(&mut self) {
        let mut state = self.workers.state();
        state.busy -= 1;
        if let Some(worker) = self.worker.take()
            && !thread::panicking()
        {
            state.idle.push((Arc::clone(&self.image), worker));
        }
        drop(state);
        self.workers.returned.notify_one();
    }
}

impl From<WorkerFault> for SetupFault {
    fn from(fault: WorkerFault) -> Self {
        Self::Host(format!("the worker process {fault}"))
    }
}

fn start_fault(error: &io::Error) -> SetupFault {
    SetupFault::Host(format!("a worker process cannot be started: {error}"))
}
