//! Child processes that end with their parent.

use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A program and all its descendants in a separate process group.
///
/// They end when this value is dropped, which includes a panic of the test, and when this process ends in any other way
/// (a kill, an abort): a shell at the head of the group waits for the end of its standard input, a pipe that only this
/// process holds open. The shell then terminates the program, and kills the group after its exit or a few seconds.
#[derive(Debug)]
pub struct Children {
    shell: Child,
}

impl Children {
    /// Starts the command with an empty standard input and the given outputs.
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
        Self { shell: shell.spawn().expect("a shell") }
    }

    /// Takes the pipe of the program's standard output, if it was requested.
    pub fn stdout(&mut self) -> Option<ChildStdout> {
        self.shell.stdout.take()
    }

    /// Returns the processor time of all running processes of the group.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        let processes = std::fs::read_dir("/proc").expect("Linux").flatten();
        let stats = processes.filter_map(|process| std::fs::read_to_string(process.path().join("stat")).ok());
        let ticks = stats.filter_map(|stat| {
            // After the name, which can contain anything: state, parent, group, …; fields 14 and 15 of the line are
            // ticks.
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
            (number(2)? == u64::from(self.shell.id())).then_some(number(11)? + number(12)?)
        });
        Duration::from_millis(ticks.sum::<u64>() * TICK)
    }

    /// Sends a signal to the group: `KILL` ends it without cleanup, `STOP` suspends it until `CONT`.
    ///
    /// # Panics
    ///
    /// If the signal cannot be sent.
    pub fn signal(&self, name: &str) {
        let mut kill = Command::new("sh");
        kill.args(["-c", "kill -s \"$0\" -- \"-$1\"", name]).arg(self.shell.id().to_string());
        assert!(kill.status().is_ok_and(|status| status.success()), "cannot send {name} to {}", self.shell.id());
    }

    /// Returns the resident memory of the group in bytes. Shared memory counts once for each process. 0 except on
    /// Linux.
    #[must_use]
    pub fn memory_of_all(&self) -> usize {
        let group = self.shell.id().to_string();
        let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pages = processes.filter_map(|process| {
            let stat = std::fs::read_to_string(process.path().join("stat")).ok()?;
            // After the name, which can contain anything, and its bracket: state, parent, group, …, resident pages.
            let fields: Vec<_> = stat.rsplit_once(')')?.1.split_whitespace().collect();
            (*fields.get(2)? == group).then(|| fields.get(21)?.parse::<usize>().ok())?
        });
        pages.sum::<usize>() * PAGE
    }
}

impl Drop for Children {
    fn drop(&mut self) {
        if self.shell.try_wait().is_ok_and(|ended| ended.is_none()) {
            // A suspended process could not exit.
            self.signal("CONT");
        }
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

/// Checks that a program is installed.
///
/// # Panics
///
/// If no program of this name is in the `PATH`.
pub fn must_be_installed(program: &str) {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&path).any(|directory| directory.join(program).is_file());
    assert!(installed, "{program} is not installed (not in the PATH)");
}

/// Milliseconds of a tick. Linux counts hundredths of a second on all common processors.
const TICK: u64 = 10;

/// The page size of x86-64 and of most others.
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
        // The pipe ends when the last process that holds it exits.
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
    fn counts_processor_time() {
        let busy =
            Children::start(Command::new("sh").args(["-c", "while :; do :; done"]), Stdio::null(), Stdio::null());
        let counted =
            crate::eventually(Duration::from_secs(10), || Some(busy.cpu()).filter(|cpu| cpu.as_millis() > 100));
        assert!(counted.is_some(), "{:?}", busy.cpu());
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
