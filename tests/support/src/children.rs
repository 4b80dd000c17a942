//! Child processes that never outlive the one that started them.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A program and everything that it starts in turn, in a process group of their own.
///
/// They end when this value is dropped, so also when the test panics, and when this process ends in any other way (a kill,
/// an abort): a shell at the head of the group waits for the end of its standard input, which is a pipe that only this
/// process holds open. Then the program is asked to leave, and when it has left or a few seconds are over, the group is
/// killed.
#[derive(Debug)]
pub struct Children {
    shell: Child,
}

impl Children {
    /// Starts the command. Its standard input is empty; the other two are as told here.
    ///
    /// # Panics
    ///
    /// If the shell cannot be started.
    #[must_use]
    pub fn start(command: &Command, stdout: Stdio, stderr: Stdio) -> Self {
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(SUPERVISE).arg("sh");
        shell.arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.process_group(0).stdin(Stdio::piped()).stdout(stdout).stderr(stderr);
        Self { shell: shell.spawn().expect("there is a shell") }
    }

    /// The pipe from the program's standard output, once, if it was asked for.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.shell.stdout.take()
    }

    /// The processor time that they have taken, those that have ended left out.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
        let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
        let ticks = stats.filter_map(|stat| {
            // Behind the name, which may hold anything: state, parent, group, …, and the 14th and 15th of all are ticks.
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
            (number(2)? == u64::from(self.shell.id())).then_some(number(11)? + number(12)?)
        });
        Duration::from_millis(ticks.sum::<u64>() * TICK)
    }

    /// Sends all of them a signal: `KILL`, and they vanish without a word; `STOP`, and they hang until `CONT`.
    ///
    /// # Panics
    ///
    /// If it cannot be sent.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -s \"$0\" -- \"-$1\"", name]).arg(self.shell.id().to_string());
        assert!(kill.status().is_ok_and(|status| status.success()), "no signal {name} to {}", self.shell.id());
    }

    /// The resident memory of the whole group, in bytes; what they share counts once for each. Linux only: 0 elsewhere.
    #[must_use]
    pub fn memory_of_all(&self) -> usize {
        let group = self.shell.id().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pages = processes.filter_map(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            // Behind the name, which may hold anything, and its bracket: state, parent, group, …, resident pages.
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            (*fields.get(2)? == group).then(|| fields.get(21)?.parse::<usize>().ok())?
        });
        pages.sum::<usize>() * PAGE
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        if self.shell.try_wait().is_ok_and(|ended| ended.is_none()) {
            // One that hangs could not leave.
            self.signal("CONT");
        }
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Fails the test, and says why, if no program of this name is in the `PATH`.
///
/// # Panics
///
/// If so.
pub fn must_be_installed(program: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    assert!(installed, "{program} is not installed (not in the PATH)");
}

/// In milliseconds: Linux counts hundredths of a second, on all common processors.
const TICK: u64 = 10;

/// Of x86-64 and of most others.
const PAGE: usize = 4096;
const SUPERVISE: &str = r#"
"$@" </dev/null &
program=$!
exec >/dev/null
cat
exec 2>/dev/null
(sleep 3; kill -KILL 0) &
kill $program
wait $program
kill -KILL 0
"#;

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn ends_grandchildren() {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 1000 & echo up; sleep 1000"]);
        let mut children = Children::start(&command, Stdio::piped(), Stdio::inherit());
        let mut stdout = children.stdout().unwrap();
        stdout.read_exact(&mut [0; 3]).unwrap();
        drop(children);
        // The pipe ends when the last process that holds it is gone.
        assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn detects_exit_by_end_of_output() {
        let mut children = Children::start(Command::new("echo").arg("ended"), Stdio::piped(), Stdio::inherit());
        let mut output = String::new();
        children.stdout().unwrap().read_to_string(&mut output).unwrap();
        assert_eq!(output, "ended\n");
    }

    #[test]
    fn ends_hanging_child() {
        let mut children = Children::start(Command::new("sleep").arg("1000"), Stdio::piped(), Stdio::inherit());
        let mut stdout = children.stdout().unwrap();
        children.signal("STOP");
        drop(children);
        assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    fn counts_memory_of_children() {
        let busy =
            Children::start(Command::new("sh").args(["-c", "while :; do :; done"]), Stdio::null(), Stdio::null());
        std::thread::sleep(Duration::from_secs(1));
        assert!(busy.cpu() > Duration::from_millis(100), "{:?}", busy.cpu());
    }

    #[test]
    fn killed_child_is_gone_at_once() {
        let mut children = Children::start(Command::new("sleep").arg("1000"), Stdio::piped(), Stdio::inherit());
        let mut stdout = children.stdout().unwrap();
        children.signal("KILL");
        assert_eq!(stdout.read(&mut [0]).unwrap(), 0);
    }

    #[test]
    #[should_panic(expected = "no-such-browser is not installed")]
    fn names_missing_program() {
        must_be_installed("no-such-browser");
    }
}
