//! The start of an hourly run with ten plugins: a working directory, and the time to the first request.

use std::io::Read as _;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};

use crate::{Simulator, Workdir, repository};

/// Plugins of the rules, each in a separate file.
pub const PLUGINS: usize = 10;

/// A working directory with ten plugins that differ by name, a rule for each, an embedded store, and the listener as
/// the billing API.
///
/// # Errors
/// The bundled detectors are missing.
pub fn workdir(listener: &TcpListener) -> anyhow::Result<Workdir> {
    let endpoint = format!("http://{}", listener.local_addr()?);
    let config = format!(
        "state_dir = \"state\"\n[source]\nkind = \"kakao\"\nendpoint = {endpoint:?}\ncredential_id = \"id\"\n\
         credential_secret = \"env:{}\"\n[archive]\nkind = \"directory\"\ndirectory = \"archive\"\n[store]\n\
         kind = \"embedded\"\n[plugins]\ndirectory = \"plugins\"\n[rules]\ndirectory = \"rules\"\n",
        Simulator::ENV.0
    );
    let workdir = Workdir::new(&config);
    std::fs::create_dir(workdir.path().join("plugins"))?;
    let original = "daily-level";
    let module = std::fs::read(repository().join(format!("plugins/dist/{original}.wasm")))
        .context("the bundled detectors are not there: run make build first")?;
    let mut rules = String::new();
    for number in 0..PLUGINS {
        let name = format!("daily-lev{number:02}");
        let renamed = renamed(&module, original, &name)?;
        std::fs::write(workdir.path().join(format!("plugins/{name}.wasm")), renamed)?;
        rules.push_str(&format!(
            "[[rule]]\nid = \"rule-{number}\"\nwhy = \"To be loaded.\"\ndetector = \"{name}\"\nseries = \"daily\"\n\
             history_days = 90\nseverity = \"warning\"\n"
        ));
    }
    workdir.write("rules/ten.toml", &rules);
    Ok(workdir)
}

/// Replaces the name of a module.
fn renamed(module: &[u8], old: &str, new: &str) -> anyhow::Result<Vec<u8>> {
    let mut renamed = module.to_vec();
    let mut places = 0;
    for place in 0..=module.len() - old.len() {
        if module[place..].starts_with(old.as_bytes()) {
            renamed[place..place + new.len()].copy_from_slice(new.as_bytes());
            places += 1;
        }
    }
    ensure!(old.len() == new.len() && places > 0, "{old} cannot be called {new}");
    Ok(renamed)
}

/// The time from the start of the process to the first bytes of its first request. Then the process is killed.
///
/// # Errors
/// The run cannot be started or sends no request.
pub fn first_request(program: &Path, workdir: &Workdir, listener: &TcpListener) -> anyhow::Result<Duration> {
    let environment = [(Simulator::ENV.0, Simulator::ENV.1)];
    let mut command = workdir.command_of(program, &["hourly", "--at", "2026-11-23T10:10"], &environment);
    let started = Instant::now();
    let mut child = command.spawn()?;
    let (mut stream, _) = listener.accept()?;
    let read = stream.read(&mut [0; 16])?;
    let took = started.elapsed();
    child.kill()?;
    child.wait()?;
    ensure!(read > 0, "the run connected and asked nothing");
    Ok(took)
}
