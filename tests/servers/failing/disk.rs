//! A small disk under the state directory, visible to the test and its runs only.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use costwarden_tests::{Run, Workdir, binary, run, skipped};

/// A mounted tmpfs, unmounted with the value.
pub(crate) struct Disk {
    holder: Child,
    workdir: PathBuf,
}

impl Disk {
    /// Mounts a disk with a size like `2m`; `None` without the right to mount.
    pub(crate) fn new(workdir: &Workdir, size: &str) -> Option<Self> {
        fs::create_dir_all(workdir.path().join("state")).expect("a folder");
        let mut command = Command::new("unshare");
        let script = "mount -t tmpfs -o size=$0 tmpfs state && echo ready && exec cat";
        command.args(["--mount", "--propagation", "private", "sh", "-c", script, size]).current_dir(workdir.path());
        // It lives until its input ends, which this process holds.
        let mut holder = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().expect("piped")).read_line(&mut line).expect("read");
        let disk = Self { holder, workdir: workdir.path().to_owned() };
        if line != "ready\n" {
            skipped("a small disk of one's own needs root");
            return None;
        }
        Some(disk)
    }

    /// Runs the binary in the mount namespace of the disk.
    pub(crate) fn run(&self, args: &[&str]) -> Run {
        let mut command = Command::new("nsenter");
        command.args(["--mount", "--target"]).arg(self.holder.id().to_string());
        command.args(["sh", "-c", r#"cd "$0" && exec "$@""#]).arg(&self.workdir).arg(binary()).args(args);
        command.env("COSTWARDEN_CONFIG", self.workdir.join("costwarden.toml")).stdin(Stdio::null());
        command.env("COSTWARDEN_LOG", "error,costwarden=warn,costwarden::run=off");
        run(&mut command)
    }

    /// The path of a file of the state directory, outside the namespace.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        let inside = self.workdir.strip_prefix("/").expect("an absolute path");
        PathBuf::from(format!("/proc/{}/root", self.holder.id())).join(inside).join("state").join(name)
    }

    /// Fills the disk to the last byte.
    pub(crate) fn fill(&self) {
        let mut file = File::create(self.path("filler")).expect("a file");
        for block in [[0; 4_096].as_slice(), &[0]] {
            while file.write_all(block).is_ok() {}
        }
    }

    pub(crate) fn make_room(&self) {
        fs::remove_file(self.path("filler")).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Where it could not be had, its holder has ended.
        let _ = self.holder.kill();
        self.holder.wait().expect("ended");
    }
}
