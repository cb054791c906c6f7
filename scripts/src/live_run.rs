//! A run of the built program that serves its live page. Neighbours: `page.rs` looks at it in Chromium, `bench_page.rs` at what it costs,
//! `demo.rs` finds its address in a terminal. Invariant: it ends with its `LiveRun`, whatever happened.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

/// A run that serves its live page. It is ended with this.
pub(crate) struct LiveRun {
    process: Child,
    /// Where its page is, the token included.
    pub(crate) url: String,
}

impl LiveRun {
    /// Starts the run and waits until it says where its page is.
    pub(crate) fn start(command: &mut Command) -> Result<LiveRun, String> {
        command.stdin(Stdio::null()).stderr(Stdio::piped());
        let mut process = command
            .spawn()
            .map_err(|error| format!("loadforge could not be started: {error}"))?;
        let said = process.stderr.take().expect("it was asked for a pipe");
        let mut said = BufReader::new(said).lines().map_while(Result::ok);
        let url = said.by_ref().find_map(|line| url_in(&line));
        // A pipe that nobody reads would stop it one day.
        std::thread::spawn(move || said.for_each(drop));
        let mut run = LiveRun {
            process,
            url: String::new(),
        };
        match url {
            Some(url) => {
                run.url = url;
                Ok(run)
            }
            None => Err(format!("no live page: {:?}", run.process.wait())),
        }
    }

    /// The supervisor's number.
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end, which may be one with thresholds that were not met: how fast a busy machine answers is no finding.
    pub(crate) fn ended(&mut self) -> Result<(), String> {
        match self.process.wait() {
            Ok(status) if matches!(status.code(), Some(0 | 3)) => Ok(()),
            Ok(status) => Err(format!("the run ended with {status}")),
            Err(error) => Err(format!("the run cannot be waited for: {error}")),
        }
    }
}

impl Drop for LiveRun {
    fn drop(&mut self) {
        // One that has ended needs nothing.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The address of a page in a line: with its token, or alone in its line where none is needed.
pub(crate) fn url_in(line: &str) -> Option<String> {
    let is_alone = line.trim().ends_with('/');
    let words = line.split_whitespace();
    let mut urls = words.filter(|word| word.starts_with("http://"));
    let url = urls.find(|word| word.contains("#token=") || (is_alone && *word == line.trim()));
    url.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_of_a_run_is_found_in_what_it_says() {
        let line = "  live page  http://127.0.0.1:40123/#token=ab12";
        assert_eq!(
            url_in(line).as_deref(),
            Some("http://127.0.0.1:40123/#token=ab12")
        );
        let alone = "http://127.0.0.1:40253/";
        assert_eq!(url_in(&format!("{alone}\n")).as_deref(), Some(alone));
        assert_eq!(url_in("report  results/x/report.html"), None);
        assert_eq!(url_in("http://127.0.0.1:8080 is at 127.0.0.1:8080"), None);
    }
}
